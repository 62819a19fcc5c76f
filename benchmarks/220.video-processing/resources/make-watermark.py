#!/usr/bin/env python3
"""Writes watermark.png: an orange square with a white frame, beside this script."""

import pathlib
import struct
import zlib

SIDE, FRAME = 32, 2
ORANGE, WHITE = bytes((240, 120, 20, 255)), bytes((255, 255, 255, 255))


def row(y):
    """The pixels of a row, after the number of their filter."""
    inside = range(FRAME, SIDE - FRAME)
    return b"\0" + b"".join(ORANGE if x in inside and y in inside else WHITE for x in range(SIDE))


def chunk(name, data):
    """A part of a PNG."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
pixels = zlib.compress(b"".join(map(row, range(SIDE))), 9)
picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
pathlib.Path(__file__).with_name("watermark.png").write_bytes(picture)
