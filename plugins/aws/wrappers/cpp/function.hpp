// What a benchmark defines in main.cpp.
#pragma once

#include <rapidjson/document.h>

/// Answers a request. Throw a std::exception to fail.
rapidjson::Document function(const rapidjson::Value& request);
