"""File systems that are full or read-only, seen only by what is run in them.

The mounts are in a mount namespace of their own, held by one sleeping process: nothing of them is
left when it ends, and no root is needed where the kernel lets users have namespaces.
"""

import os
import subprocess
from pathlib import Path


class Mounts:
    def __init__(self):
        self._user = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", *self._user, "--mount", "sh", "-c", "echo ready; exec sleep 3600"],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout.readline() == b"ready\n", "unshare gives no mount namespace here"

    @property
    def enter(self) -> list[str]:
        """The words before a command that is to see the mounts."""
        user = ["--user", "--preserve-credentials"] if self._user else []
        return ["nsenter", f"--target={self._holder.pid}", *user, "--mount", "--"]

    def run(self, *command: str | Path) -> None:
        subprocess.run([*self.enter, *map(str, command)], check=True)

    def small(self, folder: Path, size: str) -> None:
        """A file system of that size on the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "none", folder)

    def grow(self, folder: Path, size: str) -> None:
        self.run("mount", "-o", f"remount,size={size}", folder)

    def read_only(self, folder: Path) -> None:
        """The folder as it is, but nobody may write to it, root neither."""
        self.run("mount", "--bind", folder, folder)
        self.run("mount", "-o", "remount,bind,ro", folder)

    def inside(self, path: Path) -> Path:
        """A path as it is seen with the mounts."""
        return Path(f"/proc/{self._holder.pid}/root", *Path(path).parts[1:])

    def close(self) -> None:
        self._holder.kill()
        self._holder.wait()
