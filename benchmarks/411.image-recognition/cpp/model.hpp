// A network of convolutions, as a file of the safetensors format describes it.
#pragma once

#include <string>
#include <vector>

#include <ATen/ATen.h>

struct Layer {
  at::Tensor weight, bias;
};

class Network {
public:
  /// Reads a file: convolutions conv0, conv1, ... and a last layer, classify. Throws
  /// std::invalid_argument for one that has no such network.
  explicit Network(const std::string& contents);

  /// The score of every class, for pictures with three channels.
  at::Tensor scores(at::Tensor pictures) const;

private:
  std::vector<Layer> convolutions_;
  Layer classify_;
};
