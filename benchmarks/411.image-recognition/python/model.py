"""A network of convolutions, as a file of the safetensors format describes it."""

import json
import struct

import torch
from torch import nn


def read(contents):
    """The network in a file: convolutions conv0, conv1, ... and a last layer, classify."""
    tensors = parse(contents)
    layers = []
    while f"conv{len(layers) // 2}.weight" in tensors:
        name = f"conv{len(layers) // 2}"
        channels, inputs, size, _ = tensors[f"{name}.weight"].shape
        layer = nn.Conv2d(inputs, channels, size, stride=2, padding=size // 2)
        layers += [fill(layer, tensors, name), nn.ReLU()]
    classes, inputs = tensors["classify.weight"].shape
    classify = fill(nn.Linear(inputs, classes), tensors, "classify")
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), classify).eval()


def fill(layer, tensors, name):
    """The layer with its weights."""
    layer.load_state_dict({part: tensors[f"{name}.{part}"] for part in ("weight", "bias")})
    return layer


def parse(contents):
    """The tensors of a file by their names."""
    length = struct.unpack_from("<Q", contents)[0]
    header, data = json.loads(contents[8 : 8 + length]), bytearray(contents[8 + length :])
    tensors = {}
    for name, about in header.items():
        if about["dtype"] != "F32":
            raise ValueError(f"{name} is of the type {about['dtype']}, not F32")
        start, end = about["data_offsets"]
        tensors[name] = torch.frombuffer(data[start:end], dtype=torch.float32).reshape(about["shape"])
    return tensors
