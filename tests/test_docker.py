"""Installing in the platform's build image, by a container engine."""

import json
import os
import signal
import subprocess
import time

import pytest

from support import docker, elf, processes, zips
from support.engine_proxy import EngineProxy
from support.suite import Benchmark

pytestmark = pytest.mark.docker

REQUIREMENTS = "six==1.16.0\n"
NODE = {"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}


@pytest.fixture(autouse=True)
def no_containers_left(engine):
    """Whatever a test does, it leaves as many containers as there were."""
    before = docker.containers()
    yield
    left = docker.containers() - before
    for container in left:
        docker.docker("rm", "--force", container)
    assert not left, f"{len(left)} containers were left"


@pytest.fixture
def packages(suite) -> Benchmark:
    """A benchmark with a package in both languages, to be installed in the tests' images."""
    suite.settings(docker.settings())
    return suite.benchmark(files={"python/requirements.txt": REQUIREMENTS, "nodejs/package.json": json.dumps(NODE)})


def in_docker(fnpack, suite, language="python", *args, **run):
    return getattr(fnpack, language)(suite, "--executor", "docker", *args, **run)


@pytest.mark.parametrize("language, inside", [
    ("python", ".python_packages/lib/site-packages/six.py"),
    ("nodejs", "function/node_modules/ms/index.js"),
])
def test_packages_are_installed_in_the_build_image(language, inside, fnpack, suite, packages):
    run = in_docker(fnpack, suite, language).status_is("built")
    assert inside in zips.names(run.archive)
    zips.assert_normalised(run.archive)
    in_docker(fnpack, suite, language).status_is("cached")
    fnpack.verify()


def test_all_files_belong_to_the_caller(fnpack, suite, packages):
    """On this machine too, where the engine is root's."""
    run = in_docker(fnpack, suite)
    for path in [run.archive, *fnpack.cache.rglob("*")]:
        stat = path.lstat()
        assert (stat.st_uid, stat.st_gid) == (os.getuid(), os.getgid()), path


def test_a_container_has_the_callers_ids_and_few_rights(fnpack, suite, packages):
    packages.write("python/package.sh", (
        'printf "uid=%s\\ngid=%s\\n" "$(id -u)" "$(id -g)" > told.txt\n'
        'sed -n "s/^CapEff:\\t/capabilities=/p; s/^NoNewPrivs:\\t/new=/p" /proc/self/status >> told.txt\n'
    ))
    text = zips.read(in_docker(fnpack, suite).archive, "function/told.txt").decode()
    told = dict(line.split("=") for line in text.splitlines())
    assert (told["uid"], told["gid"]) == (str(os.getuid()), str(os.getgid()))
    assert told["new"] == "1", "new privileges can be had"
    # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL ... SYS_CHROOT, MKNOD: what engines give by default is
    # too much already; what is more (SYS_ADMIN, bit 21) never.
    assert int(told["capabilities"], 16) & ~0xA80425FB == 0


def test_package_sh_runs_in_the_image_by_its_contract(fnpack, suite, packages):
    packages.write("python/package.sh", (
        'printf "here=%s\\npackages=%s\\nsix=%s\\nfunction=%s\\napp=%s\\nplatform=%s\\narchitecture=%s\\nversion=%s\\nos=%s\\n" '
        '"$PWD" "$1" "$(test -e "$1/six.py" && echo there)" "$(test -e function.py && echo there)" '
        '"$APP" "$PLATFORM" "$TARGET_ARCHITECTURE" "$PYTHON_VERSION" "$(test -e /usr/bin/docker && echo host)" > told.txt\n'
    ))
    text = zips.read(in_docker(fnpack, suite).archive, "function/told.txt").decode()
    told = dict(line.split("=", 1) for line in text.splitlines())
    assert told.pop("here").startswith("/")
    assert told == {
        "packages": ".python_packages/lib/site-packages", "six": "there", "function": "there", "app": "010.hello",
        "platform": "AWS", "architecture": "x64", "version": "3.11", "os": "",
    }


def test_a_function_of_pure_python_is_the_same_from_docker_and_host(fnpack, suite, packages):
    host = fnpack.python(suite, "--executor", "host").status_is("built")
    # What is cached of one is none of the other's.
    container = in_docker(fnpack, suite).status_is("built")
    assert "docker" in json.dumps(container.target["reasons"]).lower() or "image" in json.dumps(container.target["reasons"])
    assert container.sha256 == host.sha256
    fnpack.python(suite, "--executor", "host").status_is("cached")
    in_docker(fnpack, suite).status_is("cached")


def test_a_failing_install_shows_the_installers_words(fnpack, suite, packages):
    packages.write("python/requirements.txt", "six==99.99.99\n")
    in_docker(fnpack, suite, status=1).says("six", "99.99.99", "010.hello")
    assert fnpack.finished_files() == []


def test_what_a_container_prints_is_shown_and_kept_in_the_log(fnpack, suite, packages):
    packages.write("python/package.sh", "echo first words; echo last words >&2; exit 5\n")
    run = in_docker(fnpack, suite, status=1).says("first words", "last words", "5", "package.sh")
    logs = "".join(path.read_text() for path in (fnpack.cache / "logs").iterdir())
    assert "first words" in logs and "last words" in logs
    assert "panicked" not in run.said


def test_output_reaches_the_log_while_the_container_runs(fnpack, suite, packages):
    packages.write("python/package.sh", "echo early words; sleep 60\n")
    process = fnpack.start(*fnpack.build_args(suite, "--executor", "docker", "--language", "python", "--language-version", "3.11"))
    try:
        logs = fnpack.cache / "logs"
        processes.wait_for(
            lambda: logs.exists() and any("early words" in path.read_text() for path in logs.iterdir()), 30, "the log's line"
        )
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_removes_the_container(interrupt, fnpack, suite, packages):
    packages.write("python/package.sh", "trap '' INT TERM; echo started; sleep 1000\n")
    before = docker.containers()
    process = fnpack.start(*fnpack.build_args(suite, "--executor", "docker", "--language", "python", "--language-version", "3.11"))
    logs = fnpack.cache / "logs"
    processes.wait_for(lambda: logs.exists() and any("started" in path.read_text() for path in logs.iterdir()), 30, "the start")
    assert docker.containers() > before
    process.send_signal(interrupt)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + interrupt, stderr.decode()
    assert docker.containers() == before
    assert fnpack.finished_files() == []
    packages.write("python/package.sh", "true\n")
    in_docker(fnpack, suite).status_is("built")
    fnpack.verify()


def test_a_time_limit_removes_the_container_and_is_told(fnpack, suite, packages):
    packages.write("python/package.sh", "echo started; sleep 1000\n")
    suite.settings("[build]\ntime-limit-seconds = 5\n" + docker.settings())
    in_docker(fnpack, suite, status=1, timeout=60).says("time", "5", "time-limit-seconds", "package.sh")


def test_a_killed_build_leaves_no_container_after_the_next(fnpack, suite, packages):
    packages.write("python/package.sh", "echo started; sleep 1000\n")
    before = docker.containers()
    process = fnpack.start(*fnpack.build_args(suite, "--executor", "docker", "--language", "python", "--language-version", "3.11"))
    logs = fnpack.cache / "logs"
    processes.wait_for(lambda: logs.exists() and any("started" in path.read_text() for path in logs.iterdir()), 30, "the start")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    packages.write("python/package.sh", "true\n")
    in_docker(fnpack, suite).status_is("built")
    processes.wait_for(lambda: docker.containers() == before, 15, "the end of the dead build's container")


def test_without_a_network_an_install_fails_and_says_so(fnpack, suite, packages):
    suite.settings(docker.settings(more='network = "none"'))
    in_docker(fnpack, suite, status=1).says("network", "six")


def test_without_a_network_what_needs_none_is_built(fnpack, suite, packages):
    packages.write("python/requirements.txt", "")
    packages.write("python/package.sh", "echo packaged > packaged.txt\n")
    suite.settings(docker.settings(more='network = "none"'))
    assert zips.read(in_docker(fnpack, suite).archive, "function/packaged.txt") == b"packaged\n"


def test_an_image_that_is_nowhere_is_named(fnpack, suite, packages):
    suite.settings(docker.settings(python="localhost:1/fnpack-test-nothing:1"))
    in_docker(fnpack, suite, status=1).says("fnpack-test-nothing:1", "build-images")


def test_auto_takes_docker_where_the_image_is_and_the_host_else_and_says_why(fnpack, suite, packages):
    first = fnpack.python(suite, "--executor", "auto").status_is("built")
    first.says("docker", docker.PYTHON_IMAGE)
    in_docker(fnpack, suite).status_is("cached")

    suite.settings(docker.settings(python="localhost:1/fnpack-test-nothing:1"))
    second = fnpack.python(suite, "--executor", "auto").status_is("built")
    second.says("host", "fnpack-test-nothing:1")
    fnpack.python(suite, "--executor", "host").status_is("cached")


def test_downloads_are_kept_from_build_to_build(fnpack, suite, packages):
    """npm's, because pip keeps only what the index says may be kept."""
    alone = fnpack.elsewhere("alone")
    (alone.cache / "downloads").unlink()
    in_docker(alone, suite, "nodejs")
    cached = [path for path in (alone.cache / "downloads/npm").rglob("*") if path.is_file()]
    assert cached, "npm's downloads are not kept"


def test_an_engine_that_dies_during_the_build_is_told_and_harms_nothing(fnpack, suite, packages, tmp_path):
    packages.write("python/package.sh", "echo started; sleep 30\n")
    before = docker.containers()
    proxy = EngineProxy(tmp_path / "engine.sock", fatal=b"/start", delay=1.5)
    try:
        run = in_docker(fnpack, suite, status=1, env={"DOCKER_HOST": proxy.host}, timeout=60)
    finally:
        proxy.close()
    assert proxy.died.is_set()
    run.says("docker", "010.hello")
    assert "panicked" not in run.said
    assert fnpack.finished_files() == []
    for container in docker.containers() - before:
        docker.docker("rm", "--force", container)  # the engine that was cut off could not be told
    fnpack.verify()
    packages.write("python/package.sh", "true\n")
    in_docker(fnpack, suite).status_is("built")


def test_eight_processes_install_in_one_container(fnpack, suite, packages):
    packages.write("python/package.sh", "sleep 0.5\n")
    since = f"{time.time():.6f}"
    arguments = fnpack.build_args(suite, "--executor", "docker", "--language", "python", "--language-version", "3.11")
    running = [fnpack.start(*arguments) for _ in range(8)]
    for process in running:
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr.decode()
    time.sleep(1)
    until = f"{time.time():.6f}"
    events = docker.docker(
        "events", "--since", since, "--until", until, "--filter", "event=start", "--filter", "label=fnpack.scratch",
        "--format", "{{.ID}}",
    )
    # One for the packages, one for package.sh.
    assert len(events.split()) == 2, events


def test_a_python_package_for_arm64_is_installed_without_an_arm64_machine(fnpack, suite, packages):
    """By prebuilt packages, in the image that there is."""
    packages.write("python/requirements.txt", "markupsafe==2.1.5\n")
    text = docker.settings().replace("[docker]", f'"python-3.11-arm64" = "{docker.PYTHON_IMAGE}"\n[docker]')
    suite.settings(text)
    contents = zips.contents(in_docker(fnpack, suite, "python", "--architecture", "arm64").archive)
    machines = {elf.machine(data) for data in contents.values()} - {None}
    assert machines == {"arm64"}
