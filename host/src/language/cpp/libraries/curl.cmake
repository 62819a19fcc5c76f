
find_package(CURL REQUIRED)
target_link_libraries(benchmark PRIVATE CURL::libcurl)
