
find_path(TURBOJPEG_INCLUDE_DIR turbojpeg.h)
find_library(TURBOJPEG_LIBRARY NAMES libturbojpeg.a turbojpeg)
if(NOT TURBOJPEG_INCLUDE_DIR OR NOT TURBOJPEG_LIBRARY)
  message(FATAL_ERROR "fnpack: not found: libjpeg-turbo")
endif()
target_include_directories(benchmark SYSTEM PRIVATE "${TURBOJPEG_INCLUDE_DIR}")
target_link_libraries(benchmark PRIVATE "${TURBOJPEG_LIBRARY}")
