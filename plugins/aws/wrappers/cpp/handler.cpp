// The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <typeinfo>

#include <cxxabi.h>

#include <aws/lambda-runtime/runtime.h>
#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "sebs/base64.hpp"
#include "sebs/clock.hpp"
#include "sebs/environment.hpp"
#include "sebs/storage.hpp"

using aws::lambda_runtime::invocation_request;
using aws::lambda_runtime::invocation_response;
using rapidjson::Document;
using rapidjson::StringBuffer;
using rapidjson::Value;

/// The benchmark's. A file of its own may be called function.hpp, so that it is declared here.
rapidjson::Document function(const rapidjson::Value& request);

namespace {

using Writer = rapidjson::Writer<StringBuffer, rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::CrtAllocator,
                                 rapidjson::kWriteValidateEncodingFlag>;

/// The caller's mistake: HTTP status 400.
class BadRequest : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

Document parsed(const std::string& text) {
  Document document;
  constexpr unsigned flags = rapidjson::kParseFullPrecisionFlag | rapidjson::kParseIterativeFlag;
  document.Parse<flags>(text.data(), text.size());
  if (document.HasParseError()) {
    throw BadRequest(std::string(rapidjson::GetParseError_En(document.GetParseError())) + " (at byte " +
                     std::to_string(document.GetErrorOffset()) + ")");
  }
  return document;
}

const Value* member(const Value& object, const char* name) {
  if (!object.IsObject()) return nullptr;
  const auto found = object.FindMember(name);
  return found == object.MemberEnd() ? nullptr : &found->value;
}

std::string text_of(const Value& value) { return {value.GetString(), value.GetStringLength()}; }

/// Whether it came from an API Gateway (REST or HTTP) or a function URL.
bool is_http(const Value& event) {
  const Value* context = member(event, "requestContext");
  if (!context || !context->IsObject()) return false;
  return member(*context, "http") || member(event, "httpMethod") || member(*context, "httpMethod");
}

Document http_request(const Value& event) {
  const Value* body = member(event, "body");
  if (!body || body->IsNull() || (body->IsString() && body->GetStringLength() == 0)) {
    return Document(rapidjson::kObjectType);
  }
  if (!body->IsString()) throw BadRequest("the request's body is no text");
  Document request;
  try {
    const Value* encoded = member(event, "isBase64Encoded");
    const bool is_encoded = encoded && encoded->IsTrue();
    request = parsed(is_encoded ? sebs::from_base64(text_of(*body)) : text_of(*body));
  } catch (const std::exception& error) {
    throw BadRequest(std::string("the request's body is not JSON: ") + error.what());
  }
  if (!request.IsObject()) throw BadRequest("the request's body is JSON, but not an object");
  return request;
}

/// The event, or the JSON object that is its body's text.
Document direct_request(Document event) {
  const Value* body = member(event, "body");
  if (body && body->IsString()) {
    try {
      return http_request(event);
    } catch (const BadRequest&) {
    }
  }
  return event;
}

/// The bucket that the request wants a log in; empty when it wants none.
std::string log_bucket_of(const Value& request) {
  const Value* logs = member(request, "logs");
  const Value* bucket = logs ? member(*logs, "bucket") : nullptr;
  return bucket && bucket->IsString() ? text_of(*bucket) : "";
}

void write(Writer& writer, const Value& value) {
  if (!value.Accept(writer)) {
    throw std::runtime_error("the function's result is no JSON: it has a number that is not finite, or text that is not UTF-8");
  }
}

void write(Writer& writer, const std::string& text) {
  if (!writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()))) {
    throw std::runtime_error("a text is not UTF-8");
  }
}

void upload_log(const std::string& bucket, [[maybe_unused]] const std::string& request_id, const Value& result,
                std::int64_t compute_time) {
  StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  if (result.IsObject()) {
    for (const auto& field : result.GetObject()) {
      if (text_of(field.name) == "time") continue;
      write(writer, field.name);
      write(writer, field.value);
    }
  } else {
    writer.Key("result");
    write(writer, result);
  }
  writer.Key("time");
  writer.Int64(compute_time);
  writer.EndObject();
  sebs::Storage::get_client().upload(bucket, request_id + ".json", buffer.GetString(), buffer.GetSize());
}

std::string seconds(std::uint64_t microseconds) {
  char text[40];
  std::snprintf(text, sizeof text, "%llu.%06llu", static_cast<unsigned long long>(microseconds / 1000000),
                static_cast<unsigned long long>(microseconds % 1000000));
  return text;
}

/// Eight hexadecimal digits that tell this container from others.
const std::string& container_id() {
  static const std::string id = [] {
    char text[9];
    std::snprintf(text, sizeof text, "%08x", static_cast<unsigned>(std::random_device{}()));
    return std::string(text);
  }();
  return id;
}

class Stopwatch {
public:
  std::int64_t microseconds() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_).count();
  }

private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// Calls the benchmark; the text of the response's body.
std::string run(Document request, const std::string& request_id, std::uint64_t income, bool is_cold) {
  if (request.IsObject()) {
    auto& allocator = request.GetAllocator();
    for (const char* name : {"request-id", "income-timestamp"}) request.RemoveMember(name);
    request.AddMember("request-id", Value(request_id.c_str(), allocator), allocator);
    request.AddMember("income-timestamp", static_cast<double>(income) / 1e6, allocator);
  }
  const std::string log_bucket = log_bucket_of(request);

  const std::uint64_t began = timeSinceEpochMicrosec();
  const Stopwatch computing;
  const Document result = function(request);
  const std::int64_t compute_time = computing.microseconds();

  std::int64_t results_time = 0;
  if (!log_bucket.empty()) {
    const Stopwatch uploading;
    upload_log(log_bucket, request_id, result, compute_time);
    results_time = uploading.microseconds();
  }

  StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("begin");
  write(writer, seconds(began));
  writer.Key("end");
  write(writer, seconds(began + static_cast<std::uint64_t>(compute_time)));
  writer.Key("compute_time");
  writer.Int64(compute_time);
  writer.Key("results_time");
  writer.Int64(results_time);
  writer.Key("is_cold");
  writer.Bool(is_cold);
  writer.Key("result");
  write(writer, result);
  writer.Key("request_id");
  write(writer, request_id);
  writer.Key("container_id");
  write(writer, container_id());
  writer.Key("cold_start_var");
  write(writer, sebs::environment("cold_start"));
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

invocation_response response(int status, const std::string& body) {
  StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  writer.Key("statusCode");
  writer.Int(status);
  writer.Key("headers");
  writer.StartObject();
  writer.Key("Content-Type");
  writer.String("application/json");
  writer.EndObject();
  writer.Key("body");
  write(writer, body);
  writer.EndObject();
  return invocation_response::success({buffer.GetString(), buffer.GetSize()}, "application/json");
}

/// The name of the exception that is being handled.
std::string type_of_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (!type) return "unknown";
  int status = 0;
  char* name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  const std::string readable = status == 0 && name ? name : type->name();
  std::free(name);
  return readable;
}

/// Text with a question mark for each byte that makes it no UTF-8: what an exception says may be anything.
std::string as_utf8(const std::string& text) {
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    std::size_t size = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    StringBuffer buffer;
    Writer writer(buffer);
    if (size == 0 || at + size > text.size() || !writer.String(text.data() + at, static_cast<rapidjson::SizeType>(size))) {
      clean += '?';
      ++at;
    } else {
      clean.append(text, at, size);
      at += size;
    }
  }
  return clean;
}

invocation_response http_failure(int status, const std::string& type, const std::string& message,
                                 const std::string& request_id) {
  Document body(rapidjson::kObjectType);
  auto& allocator = body.GetAllocator();
  Value error(rapidjson::kObjectType);
  error.AddMember("type", Value(type.c_str(), allocator), allocator);
  error.AddMember("message", Value(message.c_str(), allocator), allocator);
  body.AddMember("error", error, allocator);
  body.AddMember("request_id", Value(request_id.c_str(), allocator), allocator);
  StringBuffer buffer;
  Writer writer(buffer);
  write(writer, body);
  return response(status, {buffer.GetString(), buffer.GetSize()});
}

// Some releases of the runtime want a third argument, for X-Ray.
template <typename Response>
auto failed(int, const std::string& message, const std::string& type) -> decltype(Response::failure(message, type)) {
  return Response::failure(message, type);
}
template <typename Response>
auto failed(long, const std::string& message, const std::string& type)
    -> decltype(Response::failure(message, type, message)) {
  return Response::failure(message, type, "");
}

/// Answers a direct invocation, an API Gateway or a function URL. An exception of the benchmark
/// is Lambda's to report after a direct invocation; over HTTP it is a response with status 500.
invocation_response handle(const invocation_request& invocation) {
  static bool next_is_cold = true;
  const bool is_cold = next_is_cold;
  next_is_cold = false;
  const std::uint64_t income = timeSinceEpochMicrosec();
  bool http = false;
  const auto fail = [&](int status, const std::string& words) {
    const std::string message = as_utf8(words);
    const std::string type = status == 400 ? "BadRequest" : type_of_exception();
    std::cerr << type << ": " << message << std::endl;
    return http ? http_failure(status, type, message, invocation.request_id)
                : failed<invocation_response>(0, message, type);
  };
  try {
    Document event = parsed(invocation.payload);
    http = is_http(event);
    Document request = http ? http_request(event) : direct_request(std::move(event));
    return response(200, run(std::move(request), invocation.request_id, income, is_cold));
  } catch (const BadRequest& error) {
    return fail(400, error.what());
  } catch (const std::exception& error) {
    return fail(500, error.what());
  } catch (...) {
    return fail(500, "the function threw what is no std::exception");
  }
}

} // namespace

int main() {
  aws::lambda_runtime::run_handler(handle);
  return 0;
}
