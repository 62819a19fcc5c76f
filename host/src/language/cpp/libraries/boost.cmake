
find_package(Boost REQUIRED)
target_include_directories(benchmark SYSTEM PRIVATE ${Boost_INCLUDE_DIRS})
target_link_libraries(benchmark PRIVATE ${Boost_LIBRARIES})
