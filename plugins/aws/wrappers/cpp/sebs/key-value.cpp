#include "key-value.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base64.hpp"
#include "clock.hpp"
#include "environment.hpp"

namespace sebs {

namespace {

constexpr int ATTEMPTS = 5;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void write(Writer& writer, const std::string& text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

/// {"NAME": {"KIND": VALUE}} as members of an object that is open.
void attribute(Writer& writer, const char* name, const char* kind, const std::string& value) {
  writer.Key(name);
  writer.StartObject();
  writer.Key(kind);
  write(writer, value);
  writer.EndObject();
}

void open(Writer& writer, const std::string& table) {
  const std::string real = environment("NOSQL_STORAGE_TABLE_" + table);
  writer.StartObject();
  writer.Key("TableName");
  write(writer, real.empty() ? table : real);
  writer.Key("ReturnConsumedCapacity");
  writer.String("TOTAL");
}

rapidjson::Document parsed(const std::string& text) {
  rapidjson::Document document;
  document.Parse(text.data(), text.size());
  if (document.HasParseError() || !document.IsObject()) throw std::runtime_error("DynamoDB answers no JSON object");
  return document;
}

double units_of(const rapidjson::Document& answer) {
  const auto capacity = answer.FindMember("ConsumedCapacity");
  if (capacity == answer.MemberEnd() || !capacity->value.IsObject()) return 0;
  const auto units = capacity->value.FindMember("CapacityUnits");
  return units != capacity->value.MemberEnd() && units->value.IsNumber() ? units->value.GetDouble() : 0;
}

/// DynamoDB tells that it is too busy with status 400.
bool is_throttled(const ServiceAnswer& answer) {
  return answer.status == 400 && (answer.body.find("ProvisionedThroughputExceeded") != std::string::npos ||
                                  answer.body.find("Throttling") != std::string::npos);
}

} // namespace

KeyValue::KeyValue() : connection_(std::make_shared<Connection>()) {}

std::string KeyValue::ask(const std::string& operation, const std::string& body, int& retries, bool backoff) {
  ServiceRequest request;
  request.method = "POST";
  request.service = "dynamodb";
  const std::string endpoint = own_endpoint("AWS_ENDPOINT_URL_DYNAMODB");
  request.url = (endpoint.empty() ? "https://dynamodb." + region() + "." + domain() : endpoint) + "/";
  request.headers = {"Content-Type: application/x-amz-json-1.0", "X-Amz-Target: DynamoDB_20120810." + operation};
  request.body = body.data();
  request.body_size = body.size();
  for (retries = 0;; ++retries) {
    const ServiceAnswer answer = connection_->send(request);
    if (answer.is_good()) return answer.body;
    const bool may_pass = answer.is_passing() || is_throttled(answer);
    if (!may_pass || retries + 1 == ATTEMPTS) {
      throw std::runtime_error("DynamoDB refuses " + operation + ": " + std::to_string(answer.status) + " " +
                               answer.body.substr(0, 500));
    }
    if (backoff) std::this_thread::sleep_for(std::chrono::milliseconds(50 << retries));
  }
}

std::uint64_t KeyValue::download_file(const std::string& table, const std::string& key, int& retries,
                                      double& read_units, bool backoff) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  open(writer, table);
  writer.Key("ConsistentRead");
  writer.Bool(true);
  writer.Key("Key");
  writer.StartObject();
  attribute(writer, "key", "S", key);
  writer.EndObject();
  writer.EndObject();
  const std::uint64_t began = timeSinceEpochMicrosec();
  const auto answer = parsed(ask("GetItem", buffer.GetString(), retries, backoff));
  const std::uint64_t taken = timeSinceEpochMicrosec() - began;
  if (!answer.HasMember("Item")) throw std::runtime_error("the table " + table + " has no item " + key);
  read_units = units_of(answer);
  return taken;
}

std::uint64_t KeyValue::upload_file(const std::string& table, const std::string& key, double& write_units, int size,
                                    unsigned char* data) {
  if (size < 0) throw std::invalid_argument("a size below 0");
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  open(writer, table);
  writer.Key("Item");
  writer.StartObject();
  attribute(writer, "key", "S", key);
  attribute(writer, "data", "B", base64(data, static_cast<std::size_t>(size)));
  writer.EndObject();
  writer.EndObject();
  int retries = 0;
  const std::uint64_t began = timeSinceEpochMicrosec();
  const auto answer = parsed(ask("PutItem", buffer.GetString(), retries, true));
  write_units = units_of(answer);
  return timeSinceEpochMicrosec() - began;
}

} // namespace sebs
