"""Any number of processes may share a cache."""

from pathlib import Path

import pytest

from support import zips
from support.command import Run, finished
from support.places import TOOLS

PROCESSES = 8


@pytest.fixture
def uv_log(fnpack, tmp_path) -> Path:
    """What uv was called with by anything that this test runs: a line a call."""
    log = tmp_path / "uv.log"
    log.touch()
    wrapper = tmp_path / "bin" / "uv"
    wrapper.parent.mkdir()
    # A line is written by one write, so that lines of two processes do not mix.
    wrapper.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\nexec "{TOOLS / "bin/uv"}" "$@"\n')
    wrapper.chmod(0o755)
    fnpack.variables["PATH"] = f"{wrapper.parent}:{fnpack.environment()['PATH']}"
    return log


def installs(log: Path) -> list[str]:
    return [line for line in log.read_text().splitlines() if "install" in line]


def together(starts) -> list[Run]:
    """Starts all, then waits for all."""
    running = [start() for start in starts]
    outputs = [process.communicate(timeout=120) for process in running]
    return [finished(process.args, process.returncode, *output) for process, output in zip(running, outputs)]


def test_eight_processes_build_one_target_and_one_installs(fnpack, suite, uv_log, tmp_path):
    count = tmp_path / "init.log"
    suite.benchmark(files={
        "python/requirements.txt": "six==1.16.0\nmarkupsafe==2.1.5\n",
        "init.sh": f'echo run >> "{count}"; sleep 0.3; echo data > "$1/data.txt"\n',
    })
    arguments = fnpack.build_args(suite, "--language", "python", "--language-version", "3.11")
    runs = together([lambda: fnpack.start(*arguments)] * PROCESSES)
    for run in runs:
        assert run.status == 0, str(run)
        assert run.target["status"] in ("built", "cached")
    assert len({run.sha256 for run in runs}) == 1
    assert zips.sha256(runs[0].archive) == runs[0].sha256
    assert len(installs(uv_log)) == 1, installs(uv_log)
    assert count.read_text().split() == ["run"], "init.sh ran more than once"
    assert fnpack.finished_files() == [runs[0].archive]
    fnpack.verify()


def test_targets_that_need_the_same_packages_install_them_once(fnpack, suite, uv_log):
    for number in range(6):
        suite.benchmark(f"0{number}0.same", files={
            "python/requirements.txt": "six==1.16.0\n",
            "python/value.py": f"VALUE = {number}\n",
        })
    run = fnpack.python(suite, "--jobs", "6")
    assert [line["status"] for line in run.lines] == ["built"] * 6
    assert len(installs(uv_log)) == 1, installs(uv_log)


def test_processes_with_different_targets_do_not_disturb_each_other(fnpack, suite):
    names = [f"0{number}0.other" for number in range(6)]
    for number, name in enumerate(names):
        suite.benchmark(name, files={"python/value.py": f"VALUE = {number}\n", "python/requirements.txt": "six==1.16.0\n"})
    base = fnpack.build_args(suite, "--language", "python", "--language-version", "3.11")
    runs = together([lambda name=name: fnpack.start(*base, name) for name in names])
    for name, run in zip(names, runs):
        assert run.status == 0, str(run)
        assert run.target["benchmark"] == name
        assert zips.sha256(run.archive) == run.sha256
    fnpack.verify()


def test_a_collection_beside_builds_takes_nothing_from_them(fnpack, suite):
    """The cache is collected down to nothing again and again while builds run."""
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    expected = fnpack.elsewhere("reference").python(suite).sha256
    arguments = fnpack.build_args(suite, "--language", "python", "--language-version", "3.11")
    for _ in range(5):
        collector = lambda: fnpack.start("cache", "gc", "--max-size", "0", "--max-age", "0")
        runs = together([lambda: fnpack.start(*arguments), collector, lambda: fnpack.start(*arguments, "--force"), collector])
        assert [run.status for run in runs] == [0] * 4, "\n".join(map(str, runs))
        for run in (runs[0], runs[2]):
            assert run.sha256 == expected
            assert zips.sha256(run.archive) == expected


def test_two_platforms_share_an_out_folder(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    platforms = ["aws", "gcp"]
    alone = [fnpack.elsewhere(name).python(suite, "--platform", name).sha256 for name in platforms]
    base = fnpack.build_args(suite, "--language", "python", "--language-version", "3.11")
    base[base.index("--platform"):base.index("--platform") + 2] = []
    runs = together([lambda name=name: fnpack.start(*base, "--platform", name) for name in platforms])
    assert [run.sha256 for run in runs] == alone and len(set(alone)) == 2
    for run in runs:
        assert zips.sha256(run.archive) == run.sha256


def test_platforms_share_what_they_install(fnpack, suite, uv_log):
    """What is forced is done anew once, too, and not for each target."""
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    for flags, count in (([], 1), (["--force"], 2)):
        run = fnpack.run("build", "--suite", suite.root, "--out", fnpack.out, "--executor", "host", "--format", "json", "--jobs", "4",
                         "--language", "python", "--language-version", "3.12", *flags)
        assert sorted(line["platform"] for line in run.lines) == ["aws", "azure", "gcp", "openwhisk"]
        assert {line["status"] for line in run.lines} == {"built"} and len(installs(uv_log)) == count
