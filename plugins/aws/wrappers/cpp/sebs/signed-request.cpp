#include "signed-request.hpp"

#include <memory>
#include <stdexcept>

#include <unistd.h>

#include <curl/curl.h>

#include "environment.hpp"
#include "sha256.hpp"

#if LIBCURL_VERSION_NUM < 0x075800
#error "libcurl 7.88 or newer is needed: it signs the headers of requests too"
#endif

namespace sebs {

namespace {

std::string required(const std::string& name) {
  const std::string value = environment(name);
  if (value.empty()) throw std::runtime_error("the environment variable " + name + " is not set");
  return value;
}

/// The system's certificates: the library was built for a system that has them elsewhere.
const char* certificates() {
  static const std::string chosen = [] {
    for (const char* variable : {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
      if (const std::string file = environment(variable); !file.empty()) return file;
    }
    for (const char* file : {"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"}) {
      if (access(file, R_OK) == 0) return std::string(file);
    }
    return std::string();
  }();
  return chosen.empty() ? nullptr : chosen.c_str();
}

std::size_t append(char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

} // namespace

Connection::Connection() {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_ALL);
  handle_ = initialised == CURLE_OK ? curl_easy_init() : nullptr;
  if (!handle_) throw std::runtime_error("libcurl does not start");
}

Connection::~Connection() { curl_easy_cleanup(handle_); }

ServiceAnswer Connection::send(const ServiceRequest& request) {
  CURL* curl = handle_;
  curl_easy_reset(curl);
  ServiceAnswer answer;
  char words[CURL_ERROR_SIZE] = "";
  const std::string signature = "aws:amz:" + region() + ":" + request.service;
  const std::string key = required("AWS_ACCESS_KEY_ID"), secret = required("AWS_SECRET_ACCESS_KEY");

  curl_slist* list = nullptr;
  const auto add = [&list](const std::string& header) { list = curl_slist_append(list, header.c_str()); };
  for (const std::string& header : request.headers) add(header);
  if (const std::string token = environment("AWS_SESSION_TOKEN"); !token.empty()) add("X-Amz-Security-Token: " + token);
  // Not every release of libcurl tells S3 the digest that it has signed.
  add("X-Amz-Content-Sha256: " + sha256(request.body ? request.body : "", request.body_size));
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(list, curl_slist_free_all);

  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, signature.c_str());
  curl_easy_setopt(curl, CURLOPT_USERNAME, key.c_str());
  curl_easy_setopt(curl, CURLOPT_PASSWORD, secret.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  if (request.body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body_size));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body);
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words);
  // Not waited for long: a header that forbids the question would be signed, and not sent.
  curl_easy_setopt(curl, CURLOPT_EXPECT_100_TIMEOUT_MS, 200L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 60L);
  if (const char* file = certificates()) curl_easy_setopt(curl, CURLOPT_CAINFO, file);

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    throw std::runtime_error(request.service + " does not answer: " + (*words ? words : curl_easy_strerror(code)));
  }
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
  return answer;
}

std::string region() {
  const std::string region = environment("AWS_REGION");
  return region.empty() ? required("AWS_DEFAULT_REGION") : region;
}

std::string own_endpoint(const std::string& variable) {
  std::string endpoint = environment(variable);
  if (endpoint.empty()) endpoint = environment("AWS_ENDPOINT_URL");
  while (!endpoint.empty() && endpoint.back() == '/') endpoint.pop_back();
  return endpoint;
}

std::string domain() { return region().rfind("cn-", 0) == 0 ? "amazonaws.com.cn" : "amazonaws.com"; }

std::string percent_encoded(const std::string& text) {
  static const char* digits = "0123456789ABCDEF";
  static const std::string plain = "-._~/";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || plain.find(c) != std::string::npos) {
      encoded += c;
    } else {
      encoded += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return encoded;
}

} // namespace sebs
