#pragma once

#include <cstddef>
#include <string>

namespace sebs {

std::string base64(const unsigned char* data, std::size_t size);
/// Throws std::invalid_argument for text that is no base64.
std::string from_base64(const std::string& text);

} // namespace sebs
