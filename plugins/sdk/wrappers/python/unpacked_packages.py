"""Packages that came in an archive beside this file, unpacked once for all processes of the machine."""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

ARCHIVE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "packages.zip")


def folder():
    """The folder of the unpacked packages, to be put on sys.path."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        entries = archive.infolist()
    goal = os.path.join(tempfile.gettempdir(), f"packages-{_digest(entries)}")
    if _is_ours(goal):
        return goal
    # Others wait for who is first; the lock ends with its process.
    with open(f"{goal}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_ours(goal):
            _unpack(entries, goal)
    return goal


def _digest(entries):
    """Of what the archive says of its entries, checksums among it: to read all of it takes long."""
    said = [(entry.filename, entry.CRC, entry.file_size, entry.external_attr) for entry in entries]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _is_ours(goal):
    try:
        found = os.lstat(goal)
    except FileNotFoundError:
        return False
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise RuntimeError(f"{goal} is somebody else's: the packages of this function cannot be unpacked there")
    return True


def _unpack(entries, goal):
    """Beside the goal, which appears when everything is there."""
    unfinished = f"{goal}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    # Each once, before there are threads that would meet in making them.
    folders = {entry.filename if entry.is_dir() else os.path.dirname(entry.filename) for entry in entries}
    entries = [entry for entry in entries if not entry.is_dir()]
    workers = os.cpu_count() or 1
    # The largest first, each to the one with the least to do.
    shares = [[0, []] for _ in range(workers)]
    for entry in sorted(entries, key=lambda entry: -entry.file_size):
        share = min(shares, key=lambda share: share[0])
        share[0] += entry.file_size + 1000
        share[1].append(entry)
    try:
        os.mkdir(unfinished, 0o700)
        for folder in folders:
            os.makedirs(os.path.join(unfinished, folder), exist_ok=True)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda share: _extract(share[1], unfinished), shares))
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        size = sum(entry.file_size for entry in entries) / (1 << 20)
        raise RuntimeError(
            f"the packages of this function take {size:.0f} MiB in {tempfile.gettempdir()}, "
            f"and cannot be unpacked there: {error}"
        ) from error
    os.rename(unfinished, goal)


def _extract(entries, folder):
    with zipfile.ZipFile(ARCHIVE) as archive:
        for entry in entries:
            path = archive.extract(entry, folder)
            if entry.external_attr >> 16 & 0o111:
                os.chmod(path, 0o700)
