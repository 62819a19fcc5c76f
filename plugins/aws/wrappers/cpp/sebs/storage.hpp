// Object storage: Amazon S3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>

#include "signed-request.hpp"
#include "clock.hpp"

namespace sebs {

/// What benchmarks call. Copies share a connection; it is not for several threads at once.
class Storage {
public:
  static Storage get_client();

  /// An object's contents and the microseconds that it took; empty and 0 on failure.
  std::tuple<std::string, std::uint64_t> download_file(const std::string& bucket, const std::string& key);

  /// Writes an object to a stream. `retries` gets the number of attempts that failed. The
  /// microseconds of the last attempt if `report_time` is set; 0 on failure.
  std::uint64_t download_file(const std::string& bucket, const std::string& key, int& retries, bool report_time,
                              std::iostream& out);

  /// Calls `f` with an object as a stream; the microseconds of the download and those of `f`.
  /// Throws std::runtime_error on failure.
  template <typename F>
  std::tuple<std::uint64_t, std::uint64_t> download_stream(const std::string& bucket, const std::string& key, F&& f) {
    const std::uint64_t began = timeSinceEpochMicrosec();
    std::stringstream stream(contents(bucket, key));
    const std::uint64_t downloaded = timeSinceEpochMicrosec();
    std::iostream& given = stream;
    std::forward<F>(f)(given);
    return {downloaded - began, timeSinceEpochMicrosec() - downloaded};
  }

  /// Uploads under exactly this key; the microseconds that it took if `report_time` is set, else 0.
  /// Throws std::runtime_error on failure.
  std::uint64_t upload_random_file(const std::string& bucket, const std::string& key, bool report_time, char* data,
                                   std::size_t size);

  /// Uploads under exactly this key. Throws std::runtime_error on failure.
  void upload(const std::string& bucket, const std::string& key, const char* data, std::size_t size);

  /// An object's contents. Throws std::runtime_error on failure.
  std::string contents(const std::string& bucket, const std::string& key);

private:
  explicit Storage(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  ServiceAnswer ask(ServiceRequest request, const std::string& bucket, const std::string& key, int& retries);

  std::shared_ptr<Connection> connection_;
};

} // namespace sebs
