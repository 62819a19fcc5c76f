#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "function.hpp"
#include "storage.hpp"
#include "utils.hpp"

namespace {

const rapidjson::Value& member(const rapidjson::Value& object, const char* name) {
  if (!object.IsObject() || !object.HasMember(name)) {
    throw std::invalid_argument(std::string("the event has no `") + name + "`");
  }
  return object[name];
}

std::string text(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value& value = member(object, name);
  if (!value.IsString()) throw std::invalid_argument(std::string("`") + name + "` is no text");
  return {value.GetString(), value.GetStringLength()};
}

int length(const rapidjson::Value& object, const char* name) {
  const rapidjson::Value& value = member(object, name);
  if (!value.IsInt() || value.GetInt() < 1) throw std::invalid_argument(std::string("`") + name + "` is no length");
  return value.GetInt();
}

/// `stem.<8 hexadecimal digits>.extension`, so that no two uploads meet.
std::string unique_name(const std::string& name) {
  static boost::uuids::random_generator generate;
  const std::string part = "." + boost::uuids::to_string(generate()).substr(0, 8);
  const auto slash = name.rfind('/'), dot = name.rfind('.');
  const bool has_extension = dot != std::string::npos && (slash == std::string::npos || dot > slash + 1) && dot > 0;
  return has_extension ? name.substr(0, dot) + part + name.substr(dot) : name + part;
}

/// The extension of a picture's own format.
std::string format_of(const std::string& picture) {
  const auto begins = [&](const std::string& mark) { return picture.compare(0, mark.size(), mark) == 0; };
  if (begins("\x89PNG")) return ".png";
  if (begins("\xff\xd8")) return ".jpg";
  throw std::invalid_argument("the picture is neither PNG nor JPEG");
}

/// The picture made to fit into a size; it keeps its shape, and is never made larger.
std::vector<unsigned char> resize(const std::string& picture, int width, int height) {
  const std::string format = format_of(picture);
  const std::vector<unsigned char> bytes(picture.begin(), picture.end());
  const cv::Mat image = cv::imdecode(bytes, cv::IMREAD_UNCHANGED);
  if (image.empty()) throw std::invalid_argument("the picture cannot be read");
  const double scale = std::min({1.0, double(width) / image.cols, double(height) / image.rows});
  const auto scaled = [scale](int length) { return std::max(1, static_cast<int>(std::lround(length * scale))); };
  cv::Mat thumbnail;
  cv::resize(image, thumbnail, cv::Size(scaled(image.cols), scaled(image.rows)), 0, 0, cv::INTER_AREA);
  std::vector<unsigned char> encoded;
  if (!cv::imencode(format, thumbnail, encoded)) throw std::runtime_error("the thumbnail cannot be written");
  return encoded;
}

} // namespace

/// Makes a thumbnail of a picture, at most `width` by `height`, in the picture's own format.
rapidjson::Document function(const rapidjson::Value& request) {
  static sebs::Storage client = sebs::Storage::get_client();
  const rapidjson::Value &place = member(request, "bucket"), &object = member(request, "object");
  const std::string bucket = text(place, "bucket"), key = text(object, "key");

  std::vector<unsigned char> thumbnail;
  std::size_t size = 0;
  const auto [download_time, compute_time] =
      client.download_stream(bucket, text(place, "input") + "/" + key, [&](std::istream& stream) {
        const std::string picture(std::istreambuf_iterator<char>(stream), {});
        size = picture.size();
        thumbnail = resize(picture, length(object, "width"), length(object, "height"));
      });
  const std::string uploaded = unique_name(text(place, "output") + "/thumbnail-" + key);
  const auto upload_time =
      client.upload_random_file(bucket, uploaded, true, reinterpret_cast<char*>(thumbnail.data()), thumbnail.size());

  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  rapidjson::Value result(rapidjson::kObjectType), measurement(rapidjson::kObjectType);
  result.AddMember("bucket", rapidjson::Value(bucket.c_str(), allocator), allocator);
  result.AddMember("key", rapidjson::Value(uploaded.c_str(), allocator), allocator);
  measurement.AddMember("download_time", download_time, allocator);
  measurement.AddMember("download_size", static_cast<std::uint64_t>(size), allocator);
  measurement.AddMember("compute_time", compute_time, allocator);
  measurement.AddMember("upload_time", upload_time, allocator);
  measurement.AddMember("upload_size", static_cast<std::uint64_t>(thumbnail.size()), allocator);
  answer.AddMember("result", result, allocator);
  answer.AddMember("measurement", measurement, allocator);
  return answer;
}
