#include "picture.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <stdexcept>

namespace {

constexpr std::int64_t SHORTER = 256, MIDDLE = 224, LONGEST = 1 << 15;

[[noreturn]] void refuse(const std::string& words) { throw std::invalid_argument("the picture " + words); }

/// The next number of the header; comments may stand before it.
std::int64_t number(const std::string& contents, std::size_t& at) {
  const auto is = [&](int (*kind)(int)) { return at < contents.size() && kind(static_cast<unsigned char>(contents[at])); };
  while (is(std::isspace) || (at < contents.size() && contents[at] == '#')) {
    at = contents[at] == '#' ? std::min(contents.find('\n', at), contents.size()) : at + 1;
  }
  std::int64_t value = 0;
  if (!is(std::isdigit)) refuse("has no number where its header needs one");
  for (; is(std::isdigit); ++at) value = std::min<std::int64_t>(value * 10 + (contents[at] - '0'), LONGEST + 1);
  return value;
}

} // namespace

at::Tensor read_picture(const std::string& contents) {
  if (contents.compare(0, 2, "P6") != 0) refuse("is no PPM (P6)");
  std::size_t at = 2;
  const std::int64_t width = number(contents, at), height = number(contents, at), most = number(contents, at);
  if (width < 1 || height < 1 || width > LONGEST || height > LONGEST) refuse("has a width or height that cannot be");
  if (most != 255) refuse("has other than a byte for each colour");
  // One space ends the header.
  if (++at > contents.size() || contents.size() - at < static_cast<std::size_t>(width * height * 3)) refuse("is cut off");

  // The tensor is of these bytes until it is made float.
  const auto bytes = at::from_blob(const_cast<char*>(contents.data() + at), {1, height, width, 3}, at::kByte);
  const at::Tensor whole = bytes.permute({0, 3, 1, 2}).to(at::kFloat).contiguous();
  const auto scaled = [&](std::int64_t side) { return SHORTER * side / std::min(width, height); };
  const std::int64_t rows = scaled(height), columns = scaled(width);
  const at::Tensor resized = at::_upsample_bilinear2d_aa(whole, {rows, columns}, false).round().clamp(0, 255);
  const auto before = [](std::int64_t side) { return std::lrint((side - MIDDLE) / 2.0); };
  return resized.narrow(2, before(rows), MIDDLE).narrow(3, before(columns), MIDDLE).div(255).contiguous();
}
