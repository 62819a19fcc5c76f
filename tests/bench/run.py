"""The measurements of docs/performance.md: everything that is compared runs in turn, in one run.

    run.py             prints the figures
    run.py --write     also writes them into docs/performance.md
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FNPACK = PROJECT / "target/release/fnpack"
MEASURE = PROJECT / "target/release/examples/measure"
TOOLS = PROJECT / ".tools"
UV = PROJECT / ".venv/bin/uv"
DOCUMENT = PROJECT / "docs/performance.md"
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("FNPACK_", "VIRTUAL_ENV", "PYTHON"))}
ENVIRONMENT |= {"PATH": f"{UV.parent}:{os.environ['PATH']}", "SAM_CLI_TELEMETRY": "0"}

rows: list[tuple[str, str, str, str]] = []


def run(*command, **options) -> float:
    """Seconds that a command took; its failure ends the run."""
    options.setdefault("env", ENVIRONMENT)
    # What others have left to be written is not this command's to wait for.
    os.sync()
    began = time.perf_counter()
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    seconds = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
    run.output = done.stdout
    return seconds


def alternately(rounds: int, *measured) -> list[float]:
    """The medians of several measurements, taken in turn."""
    taken = [[each() for each in measured] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*taken)]


def show(seconds: float) -> str:
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def add(what: str, figure: str, aim: str, met: bool) -> None:
    rows.append((what, figure, aim, "yes" if met else "no"))
    print(f"{what}: {figure} (aim: {aim}) {'' if met else '  NOT MET'}", flush=True)


def make_suite(folder: Path, name: str, requirements: str) -> Path:
    python = folder / "suite" / name / "python"
    python.mkdir(parents=True)
    (python.parent / "config.json").write_text('{"timeout": 10, "memory": 128, "languages": ["python"]}')
    (python / "function.py").write_text("def handler(event):\n    return {'result': 0}\n")
    (python / "requirements.txt").write_text(requirements)
    return folder / "suite"


def build_command(suite: Path, out: Path) -> list:
    return [
        FNPACK, "build", "--suite", suite, "--out", out, "--platform", "aws", "--language", "python",
        "--language-version", "3.11", "--executor", "host", "--format", "json",
    ]


def with_cache(cache: Path) -> dict:
    return ENVIRONMENT | {"FNPACK_CACHE": str(cache)}


def nothing_changed(folder: Path) -> None:
    suite = make_suite(folder, "small", "jinja2==3.1.6\n")
    command, env = build_command(suite, folder / "out"), with_cache(folder / "cache")
    run(*command, env=env)
    sam = sam_project(folder, suite / "small/python")
    sam_build = [TOOLS / "sam/bin/sam", "build", "--cached"]
    run(*sam_build, cwd=sam)
    for _ in range(10):
        run(*command, env=env)
    ours, theirs = alternately(9, lambda: min(run(*command, env=env) for _ in range(3)), lambda: run(*sam_build, cwd=sam))
    assert json.loads(subprocess.run([str(w) for w in command], env=env, capture_output=True, text=True).stdout)["status"] == "cached"
    add("nothing changed, one target, whole process", show(ours), "15 ms", ours <= 0.015)
    add("the same by `sam build --cached`", f"{show(theirs)}, {theirs / ours:.0f} times", "100 times", theirs >= 100 * ours)


def sam_project(folder: Path, source: Path) -> Path:
    if not (TOOLS / "sam").exists():
        print("installing sam into .tools/sam ...", flush=True)
        subprocess.run([UV, "venv", "-q", "--seed", "--python", PROJECT / ".venv/bin/python", TOOLS / "sam"], check=True)
        subprocess.run([UV, "pip", "install", "-q", "--python", TOOLS / "sam/bin/python", "aws-sam-cli"], check=True)
    project = folder / "sam"
    shutil.copytree(source, project / "function")
    (project / "template.yaml").write_text(
        "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\nResources:\n  Small:\n"
        "    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: function\n      Handler: function.handler\n"
        "      Runtime: python3.11\n"
    )
    return project


def one_line_edited(folder: Path) -> None:
    suite = make_suite(folder, "numbers", "numpy==1.26.4\n")
    command, env = build_command(suite, folder / "out"), with_cache(folder / "cache")
    run(*command, env=env)
    size = json.loads(run.output)["archive"]["unpacked_bytes"]
    function = suite / "numbers/python/function.py"

    def edited() -> float:
        function.write_text(function.read_text() + f"# edited at {time.time_ns()}\n")
        seconds = run(*command, env=env)
        assert json.loads(run.output)["status"] == "built"
        return seconds

    seconds = alternately(7, edited)[0]
    add(f"one line edited, {size >> 20} MiB of dependencies", show(seconds), "200 ms", seconds <= 0.2)


def cold(folder: Path) -> None:
    suite = make_suite(folder, "small", "jinja2==3.1.6\nrequests==2.32.3\n")
    source, count = suite / "small/python", iter(range(1000))
    downloads = folder / "downloads"
    downloads.mkdir()

    def ours() -> float:
        cache = folder / f"cache-{next(count)}"
        cache.mkdir()
        (cache / "downloads").symlink_to(downloads)
        return run(*build_command(suite, cache / "out"), env=with_cache(cache))

    def theirs() -> float:
        target = folder / f"target-{next(count)}"
        seconds = run(
            UV, "pip", "install", "--target", target, "--python-platform", "x86_64-manylinux2014", "--python-version", "3.11",
            "--only-binary", ":all:", "-r", source / "requirements.txt", env=ENVIRONMENT | {"UV_CACHE_DIR": str(downloads / "uv")},
        )
        shutil.copy(source / "function.py", target)
        return seconds + run("zip", "-q", "-r", folder / f"{target.name}.zip", ".", cwd=target)

    ours(), theirs()
    # What a cache learns of plugins and tools at their first use: it is not this function's.
    learnt = [folder / "cache-0" / part for part in ("plugins", "descriptions", "tools")]

    def with_what_was_learnt() -> float:
        cache = folder / f"cache-{next(count)}"
        cache.mkdir()
        (cache / "downloads").symlink_to(downloads)
        for part in learnt:
            shutil.copytree(part, cache / part.name)
        return run(*build_command(suite, cache / "out"), env=with_cache(cache))

    first, again, other = alternately(9, ours, with_what_was_learnt, theirs)
    add("cold, small function, downloads at hand", f"{show(again)}, {again / other:.2f} times", "1.2 times", again <= 1.2 * other)
    add("the same by `uv pip install --target` and `zip`", show(other), "", True)
    add("the same as the first build in a new cache", show(first), "", True)


def large_zip(folder: Path) -> None:
    packages = folder / "packages"
    run(
        UV, "pip", "install", "--target", packages, "--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.12",
        "--only-binary", ":all:", "--link-mode", "copy", "numpy==2.2.6", "scipy==1.15.3", "pandas==2.2.3", "scikit-learn==1.6.1",
        "boto3==1.38.0",
    )
    rounds = 3
    for number in range(rounds):
        shutil.copytree(packages, folder / f"packages-{number}")
    theirs, ours = [], []
    for number in range(rounds):
        theirs.append(run("zip", "-q", "-r", "-6", folder / f"{number}.zip", ".", cwd=packages))
        run(MEASURE, "zip", folder / f"packages-{number}", folder / f"cache-{number}", folder / f"ours-{number}.zip", "2")
        ours.append(json.loads(run.output))
    seconds = statistics.median(each["cold"] for each in ours)
    peak = max(each["peak_mib"] for each in ours)
    other = statistics.median(theirs)
    size = ours[0]["unpacked"] >> 20
    add(
        f"zip of {size} MiB of Python packages, level 6, 2 threads", f"{show(seconds)}, {other / seconds:.1f} times as fast", "4 times",
        seconds * 4 <= other,
    )
    add("the same by Info-ZIP", show(other), "", True)
    add("the same again, deflated forms kept", show(statistics.median(each["kept"] for each in ours)), "", True)
    add("memory of it", f"{peak} MiB", "200 MiB", peak < 200)


def plugin(folder: Path) -> None:
    run(MEASURE, "plugin", "aws", folder / "cache")
    run(MEASURE, "plugin", "aws", folder / "cache")
    seconds = json.loads(run.output)["seconds"]
    add("AWS plugin after its first use: load and all answers", show(seconds), "2 ms", seconds < 0.002)


def main() -> None:
    subprocess.run(["cargo", "build", "--release", "--locked", "-q", "-p", "fnpack", "--example", "measure"], cwd=PROJECT, check=True)
    wanted = [word for word in sys.argv[1:] if not word.startswith("--")]
    # Of its own file, which needs what is defined here.
    from images import image_edits, many_targets

    for measurement in (nothing_changed, many_targets, one_line_edited, cold, plugin, large_zip, image_edits):
        if wanted and measurement.__name__ not in wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="fnpack-bench-") as folder:
            measurement(Path(folder))
    machine = f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}"
    table = "\n".join(["| what | measured | aim | met |", "|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)])
    if "--write" in sys.argv:
        before, rest = DOCUMENT.read_text().split(BEGIN)
        after = rest.split(END)[1]
        DOCUMENT.write_text(f"{before}{BEGIN}Medians on {machine}.\n\n{table}\n{END}{after}")


if __name__ == "__main__":
    # What images.py imports is this module, not another one of the same file.
    sys.modules["run"] = sys.modules["__main__"]
    main()
