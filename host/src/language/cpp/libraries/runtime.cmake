
find_package(aws-lambda-runtime REQUIRED)
target_link_libraries(benchmark PRIVATE AWS::aws-lambda-runtime)
