"""Events of three sizes, with a picture that is made here, and whether an answer is right."""

import os
import struct
import tempfile
import zlib

# Twice as wide as high, as is what they are to fit into not.
WIDTHS = {"test": 400, "small": 1_600, "large": 6_400}
THUMBNAIL = 200
SIGNATURE = b"\x89PNG\r\n\x1a\n"
# One for each quarter: above left, above right, below left, below right.
COLOURS = [(200, 30, 30), (30, 160, 60), (40, 60, 190), (230, 200, 40)]


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 1, 1


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Uploads a picture; an event that makes a thumbnail of it."""
    key = f"quarters-{size}.png"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, key)
        with open(path, "wb") as file:
            file.write(picture(WIDTHS[size], WIDTHS[size] // 2))
        upload_func(0, key, path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "input": input_paths[0], "output": output_paths[0]},
        "object": {"key": key, "width": THUMBNAIL, "height": THUMBNAIL},
    }


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    key = output["result"]["key"]
    if not key.startswith(f"{input_config['bucket']['output']}/") or not key.endswith(".png"):
        return f"the key of the thumbnail is {key}"
    if storage is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "thumbnail.png")
        storage.download(input_config["bucket"]["bucket"], key, path)
        with open(path, "rb") as file:
            contents = file.read()
    if len(contents) != output["measurement"]["upload_size"]:
        return f"{key} has {len(contents)} bytes, not {output['measurement']['upload_size']}"
    try:
        width, height, pixel = read(contents)
    except (ValueError, KeyError, IndexError, struct.error, zlib.error) as error:
        return f"{key} is no picture like the one that was sent: {error}"
    if (width, height) != (THUMBNAIL, THUMBNAIL // 2):
        return f"{key} is {width} by {height}, not {THUMBNAIL} by {THUMBNAIL // 2}"
    for quarter, colour in enumerate(COLOURS):
        found = pixel(width * (1 + quarter % 2 * 2) // 4, height * (1 + quarter // 2 * 2) // 4)
        if max(abs(one - other) for one, other in zip(found, colour)) > 12:
            return f"{key} has the colour {found} in its quarter {quarter}, not {colour}"
    return None


def picture(width, height):
    """A PNG of four quarters, each of its own colour with a pattern on it."""
    halves = []
    for left, right in (COLOURS[:2], COLOURS[2:]):
        row = b"".join(bytes((left if x < width // 2 else right)[c] ^ (x & 3) for c in range(3)) for x in range(width))
        halves.append((b"\0" + row) * (height // 2))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(halves), 6)), (b"IEND", b"")]
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def read(contents):
    """Width and height of a PNG of eight bits and three or four channels, and a function for its pixels."""
    if not contents.startswith(SIGNATURE):
        raise ValueError("it is no PNG")
    at, data = len(SIGNATURE), {b"IDAT": b""}
    while at < len(contents):
        size, name = struct.unpack_from(">I4s", contents, at)
        data[name] = data.get(name, b"") + contents[at + 8 : at + 8 + size]
        at += size + 12
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[b"IHDR"])
    if depth != 8 or kind not in (2, 6) or interlaced:
        raise ValueError(f"{depth} bits, colour type {kind}")
    channels = 3 if kind == 2 else 4
    rows = unfiltered(zlib.decompress(data[b"IDAT"]), width * channels, height, channels)
    return width, height, lambda x, y: tuple(rows[y][x * channels : x * channels + 3])


def unfiltered(data, length, height, step):
    """The rows of a PNG, from the differences that it stores."""
    rows, above = [], bytearray(length)
    for number in range(height):
        start = number * (length + 1)
        method, row = data[start], bytearray(data[start + 1 : start + 1 + length])
        for x in range(length):
            left, up, corner = (row[x - step], above[x], above[x - step]) if x >= step else (0, above[x], 0)
            row[x] = (row[x] + (0, left, up, (left + up) // 2, nearest(left, up, corner))[method]) & 255
        rows.append(row)
        above = row
    return rows


def nearest(left, up, corner):
    """Of three neighbours, the one nearest to left + up - corner, as PNG defines it."""
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))
