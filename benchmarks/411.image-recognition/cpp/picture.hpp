// A picture in the PPM format, as a network takes it.
#pragma once

#include <string>

#include <ATen/ATen.h>

/// One picture with three channels, 224 by 224: its middle, when its shorter side is made 256.
/// Throws std::invalid_argument for what is no such picture.
at::Tensor read_picture(const std::string& contents);
