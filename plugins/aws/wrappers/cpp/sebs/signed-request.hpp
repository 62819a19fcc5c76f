// Requests to services of AWS, signed by libcurl.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sebs {

struct ServiceRequest {
  std::string method;
  /// As the signature names it: "s3", "dynamodb".
  std::string service;
  /// With scheme and host, percent-encoded.
  std::string url;
  /// "Name: value"
  std::vector<std::string> headers;
  const char* body = nullptr;
  std::size_t body_size = 0;
};

struct ServiceAnswer {
  long status = 0;
  std::string body;

  bool is_good() const { return status >= 200 && status < 300; }
  /// Whether the same request may have a better answer later.
  bool is_passing() const { return status == 429 || status >= 500; }
};

/// Keeps its connection from request to request. Not for several threads at once.
class Connection {
public:
  Connection();
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Throws std::runtime_error when there is no answer at all.
  ServiceAnswer send(const ServiceRequest& request);

private:
  void* handle_;
};

/// The region that the function runs in.
std::string region();
/// Where a service answers: what AWS_ENDPOINT_URL_<SERVICE> or AWS_ENDPOINT_URL say; else empty.
std::string own_endpoint(const std::string& variable);
/// The end of the names of AWS's hosts in this region.
std::string domain();
/// As a part of a URL's path; slashes stay.
std::string percent_encoded(const std::string& text);

} // namespace sebs
