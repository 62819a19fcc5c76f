#include <chrono>
#include <stdexcept>
#include <thread>

#include "function.hpp"

/// Waits for `sleep` seconds.
rapidjson::Document function(const rapidjson::Value& request) {
  if (!request.IsObject() || !request.HasMember("sleep") || !request["sleep"].IsNumber()) {
    throw std::invalid_argument("`sleep` is no number of seconds");
  }
  const rapidjson::Value& seconds = request["sleep"];
  const auto began = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds.GetDouble()));
  const auto slept = std::chrono::steady_clock::now() - began;

  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  rapidjson::Value measurement(rapidjson::kObjectType);
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(slept).count();
  measurement.AddMember("sleep_time", static_cast<int64_t>(microseconds), allocator);
  answer.AddMember("result", rapidjson::Value(seconds, allocator), allocator);
  answer.AddMember("measurement", measurement, allocator);
  return answer;
}
