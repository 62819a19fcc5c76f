
find_package(Torch REQUIRED)
separate_arguments(FNPACK_TORCH_FLAGS UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(benchmark PRIVATE ${FNPACK_TORCH_FLAGS})
target_include_directories(benchmark SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
target_link_libraries(benchmark PRIVATE ${TORCH_LIBRARIES} m)
