#include "base64.hpp"

#include <cstdint>
#include <stdexcept>

namespace sebs {

namespace {
const std::string DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
}

std::string base64(const unsigned char* data, std::size_t size) {
  std::string text;
  text.reserve((size + 2) / 3 * 4);
  for (std::size_t at = 0; at < size; at += 3) {
    const std::size_t count = size - at < 3 ? size - at : 3;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < count ? data[at + i] : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= count ? DIGITS[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::string from_base64(const std::string& text) {
  const std::size_t end = text.find_last_not_of('=') + 1;
  if (text.size() - end > 2 || end % 4 == 1) throw std::invalid_argument("its base64 is cut off");
  std::string bytes;
  bytes.reserve(end * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (std::size_t at = 0; at < end; ++at) {
    const std::size_t digit = DIGITS.find(text[at]);
    if (digit == std::string::npos) throw std::invalid_argument("it is no base64");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 255);
    }
  }
  return bytes;
}

} // namespace sebs
