// SHA-256, as FIPS 180-4 defines it: S3 wants to be told the digest of what it is sent.
#pragma once

#include <cstddef>
#include <string>

namespace sebs {

/// The digest in hexadecimal digits.
std::string sha256(const char* data, std::size_t size);

} // namespace sebs
