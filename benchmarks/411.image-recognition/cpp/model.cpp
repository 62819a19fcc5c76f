#include "model.hpp"

#include <cstdint>
#include <cstring>
#include <map>
#include <stdexcept>

#include <rapidjson/document.h>

namespace {

using Tensors = std::map<std::string, at::Tensor>;

[[noreturn]] void refuse(const std::string& words) { throw std::invalid_argument("the network " + words); }

/// A list of numbers in what the header says of a tensor.
std::vector<std::int64_t> numbers(const rapidjson::Value& about, const char* name) {
  if (!about.HasMember(name) || !about[name].IsArray()) refuse(std::string("has a tensor without `") + name + "`");
  std::vector<std::int64_t> found;
  for (const auto& number : about[name].GetArray()) {
    if (!number.IsInt64() || number.GetInt64() < 0) refuse(std::string("has no numbers in `") + name + "`");
    found.push_back(number.GetInt64());
  }
  return found;
}

at::Tensor tensor(const std::string& name, const rapidjson::Value& about, const char* data, std::size_t size) {
  if (!about.IsObject() || !about.HasMember("dtype") || !about["dtype"].IsString()) refuse("has no type of " + name);
  const std::string type = about["dtype"].GetString();
  if (type != "F32") refuse("has " + name + " of the type " + type + ", not F32");
  const auto shape = numbers(about, "shape"), offsets = numbers(about, "data_offsets");
  at::Tensor made = at::empty(shape, at::kFloat);
  const bool fits = offsets.size() == 2 && offsets[0] <= offsets[1] && static_cast<std::size_t>(offsets[1]) <= size &&
                    static_cast<std::size_t>(offsets[1] - offsets[0]) == made.nbytes();
  if (!fits) refuse("has other numbers for " + name + " than its shape takes");
  std::memcpy(made.data_ptr<float>(), data + offsets[0], made.nbytes());
  return made;
}

/// The tensors of a file: the length of a header, the header in JSON, the numbers.
Tensors parse(const std::string& contents) {
  std::uint64_t length = 0;
  if (contents.size() < sizeof length) refuse("is cut off");
  std::memcpy(&length, contents.data(), sizeof length);
  if (length > contents.size() - sizeof length) refuse("is cut off");
  rapidjson::Document header;
  header.Parse(contents.data() + sizeof length, length);
  if (header.HasParseError() || !header.IsObject()) refuse("has no header in JSON");
  const char* data = contents.data() + sizeof length + length;
  Tensors tensors;
  for (const auto& [name, about] : header.GetObject()) {
    tensors[name.GetString()] =
        tensor(name.GetString(), about, data, contents.size() - sizeof length - length);
  }
  return tensors;
}

Layer layer(const Tensors& tensors, const std::string& name, std::int64_t dimensions) {
  const auto weight = tensors.find(name + ".weight"), bias = tensors.find(name + ".bias");
  if (weight == tensors.end() || bias == tensors.end()) refuse("has no " + name);
  if (weight->second.dim() != dimensions) refuse("has a shape of " + name + " that is none of such a layer");
  return {weight->second, bias->second};
}

} // namespace

Network::Network(const std::string& contents) {
  const Tensors tensors = parse(contents);
  for (std::string name = "conv0"; tensors.count(name + ".weight"); name = "conv" + std::to_string(convolutions_.size())) {
    convolutions_.push_back(layer(tensors, name, 4));
  }
  classify_ = layer(tensors, "classify", 2);
}

at::Tensor Network::scores(at::Tensor pictures) const {
  for (const Layer& convolution : convolutions_) {
    const std::int64_t size = convolution.weight.size(2);
    pictures = at::relu(at::conv2d(pictures, convolution.weight, convolution.bias, 2, size / 2));
  }
  const at::Tensor means = pictures.mean(at::IntArrayRef({2, 3}));
  return at::addmm(classify_.bias, means, classify_.weight.t());
}
