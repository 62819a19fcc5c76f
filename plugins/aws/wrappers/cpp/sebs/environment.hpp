#pragma once

#include <cstdlib>
#include <string>

namespace sebs {

/// An environment variable; empty when it is not set.
inline std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

} // namespace sebs
