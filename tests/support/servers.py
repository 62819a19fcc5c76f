"""Processes that serve a loopback port."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from .processes import wait_for


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A process that serves a port, and all that it starts."""

    def __init__(self, command, port: int, log: Path, **popen):
        self.address = f"127.0.0.1:{port}"
        self.log = log
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                [*map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **popen
            )
        try:
            wait_for(lambda: answers(port) or self._process.poll() is not None, 30, f"an answer of {command[0]}")
            assert self._process.poll() is None, self.output()
        except BaseException:
            self.close()
            raise

    def output(self) -> str:
        """All that it has said."""
        return self.log.read_text(errors="replace")

    def close(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
