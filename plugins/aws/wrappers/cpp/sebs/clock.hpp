#pragma once

#include <chrono>
#include <cstdint>

/// Microseconds since 1970.
inline std::uint64_t timeSinceEpochMicrosec() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}
