"""Runs the real command, each time with a home, a cache and settings of the test's own."""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from .places import BINARY, TOOLS

# Variables of the person who runs the tests that would change what fnpack does.
_PRIVATE = ("FNPACK_", "XDG_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "PYENV_VERSION", "UV_", "CLICOLOR", "RUST_")


@dataclass
class Run:
    """What one run of the command gave."""

    args: list[str]
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def lines(self) -> list[dict]:
        """The JSON objects of standard output: a line that is none fails the test."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def target(self) -> dict:
        """The one target of the run."""
        lines = self.lines
        assert len(lines) == 1, f"one target expected, not {len(lines)}:\n{self}"
        return lines[0]

    @property
    def archive(self) -> Path:
        return Path(self.target["archive"]["path"])

    @property
    def sha256(self) -> str:
        return self.target["archive"]["sha256"]

    @property
    def said(self) -> str:
        """Everything that the run told, for people and programs."""
        return self.stderr + "\n" + self.stdout.replace("\\n", "\n").replace('\\"', '"')

    def says(self, *words: str) -> "Run":
        """Fails unless every word was said, in whatever case."""
        said = self.said.lower()
        missing = [word for word in words if word.lower() not in said]
        assert not missing, f"{missing} not said in\n{self}"
        return self

    def status_is(self, status: str) -> "Run":
        assert self.target["status"] == status, str(self)
        return self

    def __str__(self) -> str:
        return (
            f"fnpack {' '.join(self.args)}\nexit status {self.status} after {self.seconds:.2f} s\n"
            f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"
        )


@dataclass
class Fnpack:
    """The command with its own world below `home`."""

    home: Path
    downloads: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)
    cache: Path = None
    out: Path = None

    def __post_init__(self):
        self.cache = self.cache or self.home / "cache"
        self.out = self.out or self.home / "out"
        for name in ("user", "tmp", "cwd"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        if self.downloads:
            # What uv, pip, npm and Maven downloaded once is lent to every cache of the session.
            self.cache.mkdir(parents=True, exist_ok=True)
            if not (self.cache / "downloads").exists():
                (self.cache / "downloads").symlink_to(self.downloads)

    def elsewhere(self, name: str, **changes) -> "Fnpack":
        """The same with a fresh cache, out folder and home."""
        return Fnpack(self.home / name, downloads=self.downloads, variables=dict(self.variables), **changes)

    def environment(self, extra: dict[str, str | None] | None = None) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
        user = self.home / "user"
        kept |= {
            "HOME": str(user),
            "XDG_CACHE_HOME": str(user / "cache"),
            "XDG_CONFIG_HOME": str(user / "config"),
            "XDG_DATA_HOME": str(user / "data"),
            "XDG_STATE_HOME": str(user / "state"),
            "TMPDIR": str(self.home / "tmp"),
            "FNPACK_CACHE": str(self.cache),
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
            "PATH": f"{TOOLS / 'bin'}:{path_without_environments()}",
        }
        changes = self.variables | (extra or {})
        kept |= {name: value for name, value in changes.items() if value is not None}
        return {name: value for name, value in kept.items() if changes.get(name, "") is not None}

    def start(self, *args: str | Path, env=None, cwd=None, before=(), **popen) -> subprocess.Popen:
        """Starts the command in a process group of its own. `before` is a command to run it by."""
        return subprocess.Popen(
            [*map(str, before), str(BINARY), *map(str, args)],
            env=self.environment(env),
            cwd=cwd or self.home / "cwd",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **popen,
        )

    def run(self, *args: str | Path, status: int | None = 0, timeout: float = 120, **start) -> Run:
        """Runs the command to its end, which must be with `status` (None: any)."""
        began = time.monotonic()
        process = self.start(*args, **start)
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            raise AssertionError(
                f"fnpack {' '.join(map(str, args))} did not end within {timeout} s\n"
                f"{stdout.decode(errors='replace')}\n{stderr.decode(errors='replace')}"
            ) from None
        run = finished(args, process.returncode, stdout, stderr, time.monotonic() - began)
        if status is not None:
            assert run.status == status, f"exit status {status} expected\n{run}"
        return run

    def build_args(self, suite, *args: str | Path) -> list[str | Path]:
        """The arguments of a build for AWS on this machine; a flag of the caller's wins."""
        given = [str(arg) for arg in args]
        defaults = {"--out": self.out, "--platform": "aws", "--executor": "host", "--format": "json"}
        command = ["build", "--suite", suite if isinstance(suite, Path) else suite.root]
        for flag, value in defaults.items():
            if flag not in given:
                command += [flag, value]
        return command + list(args)

    def build(self, suite, *args: str | Path, status: int | None = 0, **run) -> Run:
        """Builds for AWS on this machine, in JSON."""
        return self.run(*self.build_args(suite, *args), status=status, **run)

    def python(self, suite, *args: str | Path, **run) -> Run:
        """Builds for Python 3.11."""
        return self.build(suite, "--language", "python", "--language-version", "3.11", *args, **run)

    def nodejs(self, suite, *args: str | Path, **run) -> Run:
        """Builds for Node.js 20."""
        return self.build(suite, "--language", "nodejs", "--language-version", "20", *args, **run)

    def java(self, suite, *args: str | Path, **run) -> Run:
        """Builds for Java 17."""
        return self.build(suite, "--language", "java", "--language-version", "17", *args, timeout=300, **run)

    def verify(self) -> None:
        """Fails unless the cache is whole."""
        self.run("cache", "verify")

    def finished_files(self) -> list[Path]:
        """The files in the out folder."""
        return sorted(path for path in self.out.rglob("*") if path.is_file()) if self.out.exists() else []


def finished(args, status: int, stdout: bytes, stderr: bytes, seconds: float = 0) -> Run:
    return Run([str(arg) for arg in args], status, stdout.decode(), stderr.decode(errors="replace"), seconds)


def path_without_environments() -> str:
    """PATH less the virtual environment that runs the tests: its tools are not the machine's."""
    own = str(TOOLS.parent / ".venv")
    return os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(own))
