"""Events of three sizes, with a picture and a network that are made here, and whether an answer is right."""

import array
import json
import os
import random
import struct
import sys
import tempfile

# Classes in the order of classes/class-index.json.
COLOURS = {
    "red": (1, 0, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "yellow": (1, 1, 0),
    "cyan": (0, 1, 1),
    "magenta": (1, 0, 1),
}
# The class of the picture, its width and height, and the channels of each convolution.
SIZES = {
    "test": ("yellow", (320, 240), (8, 16)),
    "small": ("blue", (640, 480), (32, 64, 128)),
    "large": ("cyan", (1600, 1200), (64, 128, 256, 512)),
}
MODEL = "colours-{}.safetensors"
PICTURE = "picture-{}.ppm"


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 2, 0


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Uploads a network and a picture; an event that classifies it."""
    colour, shape, channels = SIZES[size]
    files = [(MODEL.format(size), network(channels)), (PICTURE.format(size), picture(COLOURS[colour], *shape))]
    with tempfile.TemporaryDirectory() as folder:
        for number, (key, contents) in enumerate(files):
            path = os.path.join(folder, key)
            with open(path, "wb") as file:
                file.write(contents)
            upload_func(number, key, path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "model": input_paths[0], "input": input_paths[1]},
        "object": {"model": files[0][0], "input": files[1][0]},
    }


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    colour = next(SIZES[size][0] for size in SIZES if input_config["object"]["input"] == PICTURE.format(size))
    expected = {"idx": list(COLOURS).index(colour), "class": colour}
    return None if output["result"] == expected else f"the result is {output['result']}, not {expected}"


def picture(colour, width, height):
    """A picture (PPM) that is mostly of a colour."""
    draw = random.Random(411).random
    row = b"".join(bytes(int(40 + 160 * part + 50 * draw()) for part in colour) for _ in range(width))
    # Each row is the one before, moved.
    rows = b"".join(row[y * 3 % len(row) :] + row[: y * 3 % len(row)] for y in range(height))
    return f"P6\n{width} {height}\n255\n".encode() + rows


def network(channels):
    """A network that tells colours apart, in the safetensors format.

    Its first three channels carry red, green and blue through every convolution. The others compute
    as much, and the last layer gives them no weight.
    """
    draw = random.Random(411).random
    tensors, inputs = [], 3
    for number, outputs in enumerate(channels):
        weights = array.array("f", bytes(4 * outputs * inputs * 9))
        for output in range(3):
            # The middle of three by three.
            weights[(output * inputs + output) * 9 + 4] = 1
        for at in range(3 * inputs * 9, len(weights)):
            weights[at] = (draw() - 0.5) / inputs
        tensors.append((f"conv{number}.weight", [outputs, inputs, 3, 3], weights))
        tensors.append((f"conv{number}.bias", [outputs], array.array("f", bytes(4 * outputs))))
        inputs = outputs
    scores = array.array("f")
    for colour in COLOURS.values():
        # What a class has of its colours, less what it has of others.
        scores.extend(1 / sum(colour) if part else -1 / (3 - sum(colour)) for part in colour)
        scores.extend([0] * (inputs - 3))
    tensors.append(("classify.weight", [len(COLOURS), inputs], scores))
    tensors.append(("classify.bias", [len(COLOURS)], array.array("f", bytes(4 * len(COLOURS)))))
    return safetensors(tensors)


def safetensors(tensors):
    """A file of tensors: the length of a header, the header in JSON, the numbers."""
    header, data = {}, b""
    for name, shape, numbers in tensors:
        if sys.byteorder == "big":
            numbers.byteswap()
        end = len(data) + 4 * len(numbers)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), end]}
        data += numbers.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data
