#include "storage.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

namespace sebs {

namespace {

constexpr int ATTEMPTS = 4;

std::string url_of(const std::string& bucket, const std::string& key) {
  const std::string path = "/" + percent_encoded(key);
  const std::string endpoint = own_endpoint("AWS_ENDPOINT_URL_S3");
  if (!endpoint.empty()) return endpoint + "/" + percent_encoded(bucket) + path;
  const std::string host = "s3." + region() + "." + domain();
  // A dot in a bucket's name makes it a host that S3's certificate is not for.
  if (bucket.find('.') != std::string::npos) return "https://" + host + "/" + percent_encoded(bucket) + path;
  return "https://" + bucket + "." + host + path;
}

std::string failure(const char* what, const std::string& bucket, const std::string& key, const ServiceAnswer& answer) {
  return std::string("cannot ") + what + " " + key + " of the bucket " + bucket + ": S3 answers " +
         std::to_string(answer.status) + " " + answer.body.substr(0, 500);
}

} // namespace

Storage Storage::get_client() {
  static const auto connection = std::make_shared<Connection>();
  return Storage(connection);
}

ServiceAnswer Storage::ask(ServiceRequest request, const std::string& bucket, const std::string& key, int& retries) {
  request.service = "s3";
  request.url = url_of(bucket, key);
  for (retries = 0;; ++retries) {
    const bool is_last = retries + 1 == ATTEMPTS;
    try {
      ServiceAnswer answer = connection_->send(request);
      if (!answer.is_passing() || is_last) return answer;
    } catch (const std::runtime_error&) {
      if (is_last) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100 << retries));
  }
}

std::string Storage::contents(const std::string& bucket, const std::string& key) {
  int retries = 0;
  ServiceRequest request;
  request.method = "GET";
  ServiceAnswer answer = ask(request, bucket, key, retries);
  if (!answer.is_good()) throw std::runtime_error(failure("download", bucket, key, answer));
  return std::move(answer.body);
}

std::tuple<std::string, std::uint64_t> Storage::download_file(const std::string& bucket, const std::string& key) {
  try {
    const std::uint64_t began = timeSinceEpochMicrosec();
    std::string found = contents(bucket, key);
    return {std::move(found), timeSinceEpochMicrosec() - began};
  } catch (const std::runtime_error& error) {
    std::cerr << error.what() << std::endl;
    return {"", 0};
  }
}

std::uint64_t Storage::download_file(const std::string& bucket, const std::string& key, int& retries, bool report_time,
                                     std::iostream& out) {
  try {
    ServiceRequest request;
    request.method = "GET";
    const std::uint64_t began = timeSinceEpochMicrosec();
    const ServiceAnswer answer = ask(request, bucket, key, retries);
    if (!answer.is_good()) throw std::runtime_error(failure("download", bucket, key, answer));
    out.write(answer.body.data(), static_cast<std::streamsize>(answer.body.size()));
    return report_time ? timeSinceEpochMicrosec() - began : 0;
  } catch (const std::runtime_error& error) {
    std::cerr << error.what() << std::endl;
    return 0;
  }
}

std::uint64_t Storage::upload_random_file(const std::string& bucket, const std::string& key, bool report_time,
                                          char* data, std::size_t size) {
  const std::uint64_t began = timeSinceEpochMicrosec();
  upload(bucket, key, data, size);
  return report_time ? timeSinceEpochMicrosec() - began : 0;
}

void Storage::upload(const std::string& bucket, const std::string& key, const char* data, std::size_t size) {
  int retries = 0;
  ServiceRequest request;
  request.method = "PUT";
  request.headers = {"Content-Type: application/octet-stream"};
  request.body = size ? data : "";
  request.body_size = size;
  const ServiceAnswer answer = ask(request, bucket, key, retries);
  if (!answer.is_good()) throw std::runtime_error(failure("upload", bucket, key, answer));
}

} // namespace sebs
