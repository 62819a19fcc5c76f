"""Function images beside `docker build` and `docker push`, and a suite of many targets."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from run import ENVIRONMENT, FNPACK, PROJECT, UV, add, alternately, make_suite, run, show, with_cache

sys.path.insert(0, str(PROJECT / "tests"))

from support import docker  # noqa: E402
from support.registry import Registry  # noqa: E402

REQUIREMENTS = "numpy==1.26.4\npandas==2.2.3\n"


def peak_mib(command: list, env: dict) -> float:
    """The largest memory that a command had, in MiB. Looked at while it runs: what the system says at its end counts what
    this program had when it began the other."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([str(word) for word in command], env=env, stdout=subprocess.DEVNULL, stderr=said)
        peak = 0
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
            peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM"))])
            time.sleep(0.0005)
        if process.returncode != 0:
            said.seek(0)
            sys.exit(said.read().decode())
    return peak / 1024


def many_targets(folder: Path) -> None:
    """The same 20 benchmarks for all platforms, unchanged."""
    for number in range(20):
        benchmark = folder / f"suite/{number:03}.small"
        for language, name, text in [
            ("python", "function.py", "def handler(event):\n    return {'result': 0}\n"),
            ("nodejs", "function.js", "exports.handler = async () => ({ result: 0 });\n"),
        ]:
            (benchmark / language).mkdir(parents=True)
            (benchmark / language / name).write_text(text)
        (benchmark / "nodejs/package.json").write_text('{"name": "small", "version": "1.0.0"}')
        (benchmark / "config.json").write_text('{"timeout": 10, "memory": 128, "languages": ["python", "nodejs"]}')
    command = [FNPACK, "build", "--suite", folder / "suite", "--out", folder / "out", "--executor", "host", "--format", "json"]
    env = with_cache(folder / "cache")
    everything = [*command, "--architecture", "x64,arm64"]
    run(*everything, env=env)
    count = len(run.output.splitlines())
    one = [*command, "000.small", "--platform", "aws", "--language", "python", "--language-version", "3.11"]
    few, many = alternately(9, lambda: run(*one, env=env), lambda: run(*everything, env=env))
    assert all(json.loads(line)["status"] == "cached" for line in run.output.splitlines())
    each = (many - few) / (count - 1)
    add(f"nothing changed, each of {count} targets on four platforms", show(each), "1 ms", each <= 0.001)
    small, large = peak_mib(one, env), peak_mib(everything, env)
    add(f"memory of {count} targets, and of one", f"{large:.0f} MiB, {small:.0f} MiB", "16 MiB more", large <= small + 16)


@contextmanager
def registries(folder: Path, count: int):
    started = []
    try:
        for number in range(count):
            started.append(Registry(folder / f"registry-{number}"))
        yield started
    finally:
        for registry in started:
            registry.stop()
            for name in docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split():
                if name.startswith(registry.host):
                    docker.docker("rmi", "--force", name, check=False)


def image_edits(folder: Path) -> None:
    """One line edited, until the image is in a registry."""
    subprocess.run([PROJECT / "tests/engine.sh", "start"], check=True, capture_output=True)
    with registries(folder, 2) as (registry, other):
        base = make_base(folder / "base", registry)
        suite = make_suite(folder, "numbers", REQUIREMENTS)
        key = "python-3.11-x64"
        (suite / "fnpack.toml").write_text(
            f'[platform.aws]\nrepository = "{registry.host}/ours"\n[platform.aws.base-images]\n"{key}" = "{base}"\n'
        )
        function = suite / "numbers/python/function.py"
        command = [
            FNPACK, "build", "--suite", suite, "--out", folder / "out", "--platform", "aws", "--language", "python",
            "--language-version", "3.11", "--executor", "host", "--deployment", "container", "--push", "--overwrite",
            "--format", "json",
        ]
        env = with_cache(folder / "cache")
        run(*command, env=env)
        usual = usual_folder(folder / "usual", function, base)
        theirs_name = f"{registry.host}/theirs:1"

        def edit(file: Path) -> None:
            file.write_text(file.read_text() + f"# edited at {time.time_ns()}\n")

        def ours() -> float:
            edit(function)
            seconds = run(*command, env=env)
            assert json.loads(run.output)["status"] == "built"
            return seconds

        def theirs() -> float:
            edit(usual / "function.py")
            seconds = run("docker", "build", "--quiet", "--tag", theirs_name, usual)
            return seconds + run("docker", "push", "--quiet", theirs_name)

        theirs()
        mine, usually = alternately(5, ours, theirs)
        size = int(docker.docker("image", "inspect", "--format", "{{.Size}}", base)) >> 20
        dependencies = sum(path.stat().st_size for path in (folder / "installed").rglob("*") if path.is_file()) >> 20
        add(
            f"one line edited, image pushed; base of {size} MiB, dependencies of {dependencies} MiB", show(mine), "500 ms", mine <= 0.5,
        )
        add("the same by `docker build` and `docker push`", f"{show(usually)}, {usually / mine:.0f} times", "10 times", usually >= 10 * mine)
        [unchanged] = alternately(9, lambda: run(*command, env=env))
        assert json.loads(run.output)["status"] == "cached"
        add("nothing changed, the registry asked", show(unchanged), "50 ms", unchanged <= 0.05)
        peak = peak_mib([*command, "--registry", f"{other.host}/ours"], env)
        add("memory of pushing all of it from one registry to another", f"{peak:.0f} MiB", "100 MiB", peak < 100)


def make_base(folder: Path, registry: Registry) -> str:
    """A base of 200 MiB."""
    folder.mkdir()
    (folder / "data").write_bytes(os.urandom(125 << 20))
    (folder / "Dockerfile").write_text(f"FROM {docker.PYTHON_IMAGE}\nCOPY data /opt/data\n")
    name = f"{registry.host}/base:1"
    docker.docker("build", "--quiet", "--tag", name, folder)
    docker.docker("push", "--quiet", name)
    return name


def usual_folder(folder: Path, function: Path, base: str) -> Path:
    """What most write: the code is copied, and what it needs is installed. The packages are at hand in the base."""
    wheels = folder.parent / "wheels"
    run(UV.parent / "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", wheels, *REQUIREMENTS.split(), env=ENVIRONMENT)
    run(UV, "pip", "install", "--quiet", "--no-index", "--find-links", wheels, "--target", folder.parent / "installed",
        "--python-version", "3.11", *REQUIREMENTS.split())
    with_wheels = f"{base}-wheels"
    (folder.parent / "Dockerfile.wheels").write_text(f"FROM {base}\nCOPY wheels /opt/wheels\n")
    (folder.parent / ".dockerignore").write_text("*\n!wheels\n")
    docker.docker("build", "--quiet", "--file", folder.parent / "Dockerfile.wheels", "--tag", with_wheels, folder.parent)
    folder.mkdir()
    shutil.copy(function, folder)
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "Dockerfile").write_text(
        f"FROM {with_wheels}\nWORKDIR /var/task\nCOPY . .\n"
        "RUN python3 -m pip install --quiet --no-index --find-links /opt/wheels --target . --requirement requirements.txt\n"
        'CMD ["function.handler"]\n'
    )
    return folder
