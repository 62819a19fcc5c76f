"""What is in a code package."""

import hashlib
import os
import stat
import struct
import zipfile
from pathlib import Path


def sha256(path: Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(name)


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def mode(path: Path, name: str) -> int:
    """The Unix mode of an entry, its kind included."""
    with zipfile.ZipFile(path) as archive:
        return archive.getinfo(name).external_attr >> 16


def unpack(path: Path, to: Path) -> Path:
    """Unpacks as Lambda does: modes kept, links made; refuses a name that leaves the folder."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            target = to / info.filename
            assert target.resolve().is_relative_to(to.resolve()), info.filename
            unix = info.external_attr >> 16
            if info.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if stat.S_ISLNK(unix):
                target.symlink_to(archive.read(info).decode())
            else:
                target.write_bytes(archive.read(info))
                target.chmod(stat.S_IMODE(unix))
    return to


def assert_whole(path: Path) -> None:
    """Every entry's checksum is right."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, path


def assert_normalised(path: Path) -> None:
    """Nothing in it tells when, where, by whom or in which order it was made."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        data = Path(path).read_bytes()
        assert infos, "an empty archive"
        names = [info.filename.encode() for info in infos]
        assert names == sorted(names), "entries are not sorted"
        assert len(set(names)) == len(names), "an entry is there twice"
        assert len({info.date_time for info in infos}) == 1, "entries have different times"
        assert archive.comment == b""
        for info in infos:
            assert info.extra == b"" and info.comment == b"", f"{info.filename} has extra fields"
            assert info.create_system == 3, f"{info.filename} has no Unix mode"
            unix = info.external_attr >> 16
            if stat.S_ISREG(unix):
                assert stat.S_IMODE(unix) in (0o644, 0o755), f"{info.filename} has mode {oct(unix)}"
            # The local header, which zipfile does not show: 26 bytes before the two lengths.
            name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
            assert extra_length == 0, f"{info.filename} has extra fields in its local header"
            assert data[info.header_offset + 30 :][:name_length] == info.filename.encode()


def tree(folder: Path) -> dict[str, tuple]:
    """A folder as a comparable value: kind, executable bit and contents by path."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = ("link", os.readlink(path))
            elif path.is_dir():
                found[key] = ("folder",)
            else:
                found[key] = ("file", bool(path.stat().st_mode & 0o111), sha256(path))
    return found
