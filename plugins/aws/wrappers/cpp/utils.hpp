// Small things that the wrappers and benchmarks share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/// Microseconds since 1970.
std::uint64_t timeSinceEpochMicrosec();

namespace sebs {

/// An environment variable; empty when it is not set.
std::string environment(const std::string& name);

std::string base64(const unsigned char* data, std::size_t size);
/// Throws std::invalid_argument for text that is no base64.
std::string from_base64(const std::string& text);

} // namespace sebs
