"""Events of three sizes, with a video that is made here, and whether an answer is right."""

import os
import struct
import tempfile

# What is done with how many seconds of it; the pictures' width, height, and number.
SIZES = {
    "test": ("watermark", 1, (160, 120, 50)),
    "small": ("transcode", 2, (320, 240, 75)),
    "large": ("watermark", 8, (480, 360, 250)),
}
RATE = 25


def buckets_count():
    """How many buckets are read, and how many are written."""
    return 1, 1


def allocate_nosql():
    """Tables with their keys."""
    return {}


def generate_input(data_dir, size, benchmarks_bucket, input_paths, output_paths, upload_func, nosql_func):
    """Uploads a video; an event that makes another one of it."""
    operation, duration, shape = SIZES[size]
    key = f"bars-{size}.y4m"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, key)
        write_video(path, *shape)
        upload_func(0, key, path)
    return {
        "bucket": {"bucket": benchmarks_bucket, "input": input_paths[0], "output": output_paths[0]},
        "object": {"key": key, "op": operation, "duration": duration},
    }


def validate_output(data_dir, input_config, output, language, storage=None):
    """What is wrong with the answer, or None."""
    asked, key = input_config["object"], output["result"]["key"]
    read = {"watermark": mp4, "transcode": gif, "extract": png}[asked["op"]]
    if not key.startswith(f"{input_config['bucket']['output']}/") or not key.endswith(f".{read.__name__}"):
        return f"the key of what was made is {key}"
    if storage is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made")
        storage.download(input_config["bucket"]["bucket"], key, path)
        with open(path, "rb") as file:
            contents = file.read()
    if len(contents) != output["measurement"]["upload_size"]:
        return f"{key} has {len(contents)} bytes, not {output['measurement']['upload_size']}"
    try:
        width, height, seconds = read(contents)
    except (ValueError, IndexError, struct.error) as error:
        return f"{key} cannot be read: {error!r}"
    shape = next(shape for name, (_, _, shape) in SIZES.items() if asked["key"] == f"bars-{name}.y4m")
    if (width, height) != shape[:2]:
        return f"{key} is {width} by {height}, not {shape[0]} by {shape[1]}"
    expected = 0 if asked["op"] == "extract" else min(asked["duration"], shape[2] / RATE)
    if abs(seconds - expected) > 0.15:
        return f"{key} lasts {seconds} seconds, not {expected}"
    return None


def write_video(path, width, height, pictures):
    """An uncompressed video (YUV4MPEG2, 4:2:0) of grey stripes that move to the right."""
    # A row of the first picture, twice: each picture is a piece of it, further to the left.
    stripes = bytes(40 + (x * 8 // width) % 8 * 24 for x in range(width)) * 2
    colour = bytes([128]) * (width // 2 * (height // 2)) * 2
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(pictures):
            start = width - 1 - number * 2 % width
            file.write(b"FRAME\n" + stripes[start : start + width] * height + colour)


def png(contents):
    """Width, height and 0 seconds of a picture."""
    if contents[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("it is no PNG")
    return *struct.unpack_from(">II", contents, 16), 0


def gif(contents):
    """Width, height and seconds of a GIF."""
    if contents[:6] != b"GIF89a":
        raise ValueError("it is no GIF")
    width, height, flags = struct.unpack_from("<HHB", contents, 6)
    at, hundredths = 13 + colours(flags), 0
    while contents[at] != 0x3B:
        if contents[at] == 0x21:
            # 0xF9 tells how long the next picture is shown.
            if contents[at + 1] == 0xF9:
                hundredths += struct.unpack_from("<H", contents, at + 4)[0]
            at += 2
        elif contents[at] == 0x2C:
            at += 11 + colours(contents[at + 9])
        else:
            raise ValueError(f"a part of the kind {contents[at]}")
        while contents[at]:
            at += contents[at] + 1
        at += 1
    return width, height, hundredths / 100


def colours(flags):
    """How many bytes a table of colours has."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def mp4(contents):
    """Width, height and seconds of an MP4 video."""
    if contents[4:8] != b"ftyp":
        raise ValueError("it is no MP4")
    header = box(contents, b"moov", b"mvhd")
    wide = header[0] == 1
    scale, duration = struct.unpack_from(">IQ" if wide else ">II", header, 20 if wide else 12)
    width, height = struct.unpack(">II", box(contents, b"moov", b"trak", b"tkhd")[-8:])
    return width >> 16, height >> 16, duration / scale


def box(contents, name, *deeper):
    """What is in the first box of a name, in that of the next name in it, and so on."""
    at = 0
    while at + 8 <= len(contents):
        size, found = struct.unpack_from(">I4s", contents, at)
        if size < 8:
            raise ValueError(f"the box {found} has a size of {size}")
        if found == name:
            inside = contents[at + 8 : at + size]
            return box(inside, *deeper) if deeper else inside
        at += size
    raise ValueError(f"it has no {name.decode()}")
