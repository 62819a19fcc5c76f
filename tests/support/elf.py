"""For which processor a native binary is."""

import struct

MACHINES = {62: "x64", 183: "arm64"}


def machine(contents: bytes) -> str | None:
    """"x64", "arm64", another machine's number, or None for what is no ELF file."""
    if contents[:4] != b"\x7fELF":
        return None
    number = struct.unpack_from("<H", contents, 18)[0]
    return MACHINES.get(number, str(number))
