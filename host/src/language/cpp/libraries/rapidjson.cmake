
find_path(RAPIDJSON_INCLUDE_DIR rapidjson/document.h)
if(NOT RAPIDJSON_INCLUDE_DIR)
  message(FATAL_ERROR "fnpack: not found: rapidjson")
endif()
target_include_directories(benchmark SYSTEM PRIVATE "${RAPIDJSON_INCLUDE_DIR}")
