#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <tuple>

#include <c10/core/InferenceMode.h>

#include "function.hpp"
#include "model.hpp"
#include "picture.hpp"
#include "storage.hpp"
#include "utils.hpp"

namespace {

const rapidjson::Value& member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject() || !object.HasMember(name)) {
    throw std::invalid_argument(std::string("the event has no `") + name + "`");
  }
  return object[name];
}

std::string text(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value& value = member(object, name);
  if (!value.IsString()) throw std::invalid_argument(std::string("`") + name + "` is no text");
  return {value.GetString(), value.GetStringLength()};
}

struct Loaded {
  const Network& network;
  std::uint64_t download_time, model_time;
};

/// The network, and how many microseconds its download and the making of it took. A request after
/// the first finds it.
Loaded load(sebs::Storage& client, const std::string& bucket, const std::string& key) {
  static std::map<std::tuple<std::string, std::string>, Network> networks;
  const auto found = networks.find({bucket, key});
  if (found != networks.end()) return {found->second, 0, 0};
  const std::uint64_t began = timeSinceEpochMicrosec();
  const std::string contents = client.contents(bucket, key);
  const std::uint64_t downloaded = timeSinceEpochMicrosec();
  const Network& network = networks.emplace(std::tuple{bucket, key}, Network(contents)).first->second;
  return {network, downloaded - began, timeSinceEpochMicrosec() - downloaded};
}

std::string name_of(std::int64_t number) {
  std::ifstream file("class-index.json");
  const std::string contents(std::istreambuf_iterator<char>(file), {});
  rapidjson::Document classes;
  classes.Parse(contents.data(), contents.size());
  const std::string key = std::to_string(number);
  if (classes.HasParseError() || !classes.IsObject() || !classes.HasMember(key.c_str())) {
    throw std::runtime_error("class-index.json has no class " + key);
  }
  const rapidjson::Value& names = classes[key.c_str()];
  if (!names.IsArray() || names.Size() < 2 || !names[1].IsString()) {
    throw std::runtime_error("class-index.json has no name of the class " + key);
  }
  return names[1].GetString();
}

} // namespace

/// Tells of which class a picture is, by a network that is downloaded as well.
rapidjson::Document function(const rapidjson::Value& request) {
  static sebs::Storage client = sebs::Storage::get_client();
  const c10::InferenceMode without_gradients;
  const rapidjson::Value &place = member(request, "bucket"), &object = member(request, "object");
  const std::string bucket = text(place, "bucket");
  const std::string model_key = text(place, "model") + "/" + text(object, "model");
  const std::string picture_key = text(place, "input") + "/" + text(object, "input");

  const std::uint64_t began = timeSinceEpochMicrosec();
  const std::string picture = client.contents(bucket, picture_key);
  const std::uint64_t picture_time = timeSinceEpochMicrosec() - began;
  const Loaded loaded = load(client, bucket, model_key);
  const std::uint64_t computing = timeSinceEpochMicrosec();
  const auto number = loaded.network.scores(read_picture(picture)).argmax().item<std::int64_t>();
  const std::string name = name_of(number);
  const std::uint64_t compute_time = timeSinceEpochMicrosec() - computing;

  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  rapidjson::Value result(rapidjson::kObjectType), measurement(rapidjson::kObjectType);
  result.AddMember("idx", number, allocator);
  result.AddMember("class", rapidjson::Value(name.c_str(), allocator), allocator);
  measurement.AddMember("download_time", picture_time + loaded.download_time, allocator);
  measurement.AddMember("model_download_time", loaded.download_time, allocator);
  measurement.AddMember("model_time", loaded.model_time, allocator);
  measurement.AddMember("compute_time", compute_time, allocator);
  answer.AddMember("result", result, allocator);
  answer.AddMember("measurement", measurement, allocator);
  return answer;
}
