"""Which processes are still there."""

import os
import time
from pathlib import Path


def using(folder: Path) -> dict[int, str]:
    """Processes, but this one, that have the folder in their command, environment or as a place
    to work in."""
    needle = str(folder).encode()
    found = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = Path(entry.path, "cmdline").read_bytes()
            environment = Path(entry.path, "environ").read_bytes()
            place = os.readlink(f"{entry.path}/cwd").encode()
        except OSError:
            continue  # it ended, or is not ours
        if not command and not environment:
            continue  # it ended and only waits to be asked for its status
        if needle in command or needle in environment or place.startswith(needle):
            found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def wait_for(condition, seconds: float = 10, what: str = "it"):
    """The condition's first true value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def assert_none_using(folder: Path, seconds: float = 5) -> None:
    """Fails unless soon no process uses the folder."""
    deadline = time.monotonic() + seconds
    while left := using(folder):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)
