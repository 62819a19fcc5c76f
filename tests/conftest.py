"""Fixtures that many tests share."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.register_assert_rewrite("support")

from platforms import EXECUTED, EXECUTED_ON_ARM64
from support.command import Fnpack
from support.mounts import Mounts
from support.places import BINARY, PROJECT, TOOLS
from support.suite import Suite

IN_CI = os.environ.get("CI") == "true"


def lacking(what: str) -> None:
    """A part that a test needs is not there: elsewhere that skips the test, in CI it fails."""
    if IN_CI:
        pytest.fail(f"{what}: in CI nothing may be skipped", pytrace=False)
    pytest.skip(what)


def pytest_configure(config):
    for part in (TOOLS / "runtime-python", TOOLS / "runtime-nodejs", TOOLS / "runtime-java/openwhisk"):
        if not part.exists():
            raise pytest.UsageError(f"{part.relative_to(PROJECT)} is missing: run tests/setup.sh")
    if not BINARY.exists():
        raise pytest.UsageError(f"{BINARY} is missing: run `make build`, or set FNPACK_BIN")


def pytest_sessionfinish(session):
    # Only the process that started the others: they may still be using the engine.
    if not hasattr(session.config, "workerinput"):
        subprocess.run([PROJECT / "tests/engine.sh", "stop"], check=False)


def pytest_terminal_summary(terminalreporter):
    """What became of each cell of docs/platforms.md that was built, and what executes its row."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "user_properties")]
    cells = {text for report in reports for name, text in report.user_properties if name == "cell"}
    if not cells:
        return
    terminalreporter.section("platforms")
    for cell in sorted(cells):
        *row, architecture, _deployment = cell.split()[:6]
        executed = EXECUTED.get(tuple(row)) if architecture == "x64" or tuple(row) in EXECUTED_ON_ARM64 else None
        terminalreporter.line(f"{cell}; {f'packages are executed by {executed}' if executed else 'not executed'}")


def pytest_itemcollected(item):
    if item.get_closest_marker("docker"):
        item.fixturenames.insert(0, "engine")


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder of the whole session, the same for all of its processes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def downloads(shared) -> Path:
    """What uv, pip, npm and Maven have downloaded in this session."""
    folder = shared / "downloads"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def fnpack(tmp_path, downloads) -> Fnpack:
    """The command with a cache, an out folder and a home of the test's own."""
    return Fnpack(tmp_path / "fnpack", downloads=downloads)


@pytest.fixture
def suite(tmp_path) -> Suite:
    """An empty suite."""
    return Suite(tmp_path / "suite")


@pytest.fixture
def mounts():
    """File systems that only the commands run by `before=mounts.enter` see."""
    if not shutil.which("unshare"):
        lacking("unshare is not installed")
    found = Mounts()
    yield found
    found.close()


@pytest.fixture
def engine(started_engine, shared):
    """The container engine, for one test at a time: they look at which containers there are."""
    with open(shared / "engine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def started_engine():
    """A container engine that answers and has the tests' images."""
    done = subprocess.run([PROJECT / "tests/engine.sh", "start"], capture_output=True, text=True)
    if done.returncode != 0:
        lacking(f"no container engine: {done.stderr.strip()}")
    images = subprocess.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"], capture_output=True, text=True)
    for image in ("fnpack-test-python:3.11", "fnpack-test-nodejs:18"):
        if image not in images.stdout.split():
            lacking(f"the image {image} is missing: run tests/setup.sh")
