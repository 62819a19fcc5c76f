"""The command line and its JSON are a contract."""

import os
import pty
import re
import shutil
import signal
import subprocess
import time

import pytest

from support import processes, zips
from support.command import Fnpack
from support.places import BENCHMARKS, BINARY

FIELDS = {
    "benchmark", "platform", "language", "version", "variant", "architecture", "deployment",
    "status", "archive", "image", "seconds", "reasons", "error",
}
ARCHIVE_FIELDS = {"path", "bytes", "unpacked_bytes", "sha256"}
PYTHON = ("--language", "python", "--language-version", "3.11")


def test_a_json_line_has_exactly_the_fields_of_the_contract(fnpack, suite):
    suite.benchmark(files={"python/value.txt": "x" * 5000})
    for status in ("built", "cached"):
        target = fnpack.python(suite).target
        assert set(target) == FIELDS
        assert set(target["archive"]) == ARCHIVE_FIELDS
        assert target["status"] == status and target["error"] is None and target["image"] is None
        assert [target[field] for field in ("benchmark", "platform", "language", "version", "variant", "architecture", "deployment")] == [
            "010.hello", "aws", "python", "3.11", "default", "x64", "package"]
        archive = target["archive"]
        assert isinstance(target["seconds"], (int, float)) and target["seconds"] >= 0
        assert isinstance(target["reasons"], list)
        assert re.fullmatch("[0-9a-f]{64}", archive["sha256"]) and archive["sha256"] == zips.sha256(archive["path"])
        assert archive["bytes"] == os.path.getsize(archive["path"]) < archive["unpacked_bytes"]


def test_a_failure_in_json_has_an_error_and_no_archive(fnpack, suite):
    suite.benchmark(files={"init.sh": "exit 3\n"})
    target = fnpack.python(suite, status=1).target
    assert set(target) == FIELDS
    assert target["status"] == "failed" and target["archive"] is None and target["error"]


def test_standard_output_holds_nothing_but_json_in_json_mode(fnpack, suite):
    suite.benchmark("010.one", files={"init.sh": "echo noise; echo noise >&2\n", "python/package.sh": "echo noise\n"})
    suite.benchmark("020.two", config={"unknown": 1})
    run = fnpack.build(suite, "--language-version", "3.11,20", "--force")
    assert len(run.lines) == 4 and all(set(line) == FIELDS for line in run.lines)


def test_in_text_mode_words_are_for_people(fnpack, suite):
    suite.benchmark()
    run = fnpack.python(suite, "--format", "text")
    run.says("010.hello", "python-3.11", "built")
    assert not run.stdout.lstrip().startswith("{")
    assert any(str(path) in run.said for path in fnpack.finished_files())


def test_artifacts_land_in_the_documented_place(fnpack, suite):
    suite.benchmark()
    run = fnpack.build(suite, "--language", "python", "--language-version", "3.11,3.12", "--architecture", "x64,arm64")
    folders = {line["archive"]["path"] for line in run.lines}
    assert {os.path.dirname(path) for path in folders} == {
        str(fnpack.out / "aws/010.hello" / f"python-{version}-{architecture}")
        for version in ("3.11", "3.12") for architecture in ("x64", "arm64")
    }


def test_left_out_filters_mean_all_that_benchmark_and_platform_support(fnpack, suite):
    suite.benchmark("010.both")
    suite.benchmark("020.python", config={"languages": ["python"]})
    run = fnpack.build(suite)
    targets = {(line["benchmark"], line["language"]) for line in run.lines}
    assert targets == {("010.both", "python"), ("010.both", "nodejs"), ("020.python", "python")}
    assert {line["architecture"] for line in run.lines} == {"x64"}
    assert {line["variant"] for line in run.lines} == {"default"}
    versions = {line["version"] for line in run.lines if line["language"] == "python"}
    assert {"3.11", "3.12"} <= versions


def test_benchmarks_are_found_in_category_folders(fnpack, suite):
    suite.benchmark("000.category/010.deep")
    assert fnpack.python(suite, "010.deep").target["benchmark"] == "010.deep"


def test_the_suite_is_found_from_a_folder_below_it(fnpack, suite):
    benchmark = suite.benchmark()
    suite.settings("")
    run = fnpack.run("build", *PYTHON, "--platform", "aws", "--executor", "host", "--out", fnpack.out, "--format", "json",
                     cwd=benchmark / "python")
    assert run.target["benchmark"] == "010.hello"


def test_list_benchmarks_and_platforms(fnpack, suite):
    suite.benchmark("010.hello")
    suite.benchmark("020.other", config={"languages": ["nodejs"], "modules": ["storage"]})
    run = fnpack.run("list", "benchmarks", "--suite", suite.root)
    assert "010.hello" in run.stdout and "020.other" in run.stdout and "nodejs" in run.stdout
    run = fnpack.run("list", "platforms")
    for word in ("aws", "python", "3.12", "nodejs", "22", "arm64"):
        assert word in run.stdout


def test_the_projects_benchmarks_are_listed(fnpack):
    run = fnpack.run("list", "benchmarks", "--suite", BENCHMARKS)
    names = [folder.name for folder in BENCHMARKS.iterdir() if (folder / "config.json").exists()]
    assert len(names) >= 12
    for name in names:
        assert name in run.stdout


def test_plugins_are_listed_and_inspected(fnpack):
    assert "aws" in fnpack.run("plugin", "list").stdout
    run = fnpack.run("plugin", "inspect", "aws")
    for word in ("aws", "python", "3.12", "0.1"):
        assert word in run.stdout
    fnpack.run("plugin", "inspect", "asw", status=None).says("asw", "aws")


def test_doctor_tells_what_is_there(fnpack):
    run = fnpack.run("doctor", status=None, env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert run.status in (0, 1)
    run.says("uv", "npm", "docker", str(fnpack.cache))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions_are_of_their_shell(shell, fnpack):
    script = fnpack.run("completions", shell).stdout
    assert "fnpack" in script and "executor" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completions_of_an_unknown_shell_are_wrong_usage(fnpack):
    fnpack.run("completions", "tcl", status=2).says("tcl", "bash")


def test_version_and_help(fnpack):
    assert re.match(r"fnpack \d+\.\d+\.\d+", fnpack.run("--version").stdout)
    assert "--executor" in fnpack.run("build", "--help").stdout
    for command in ("build", "list", "plugin", "cache", "doctor", "completions"):
        assert command in fnpack.run("--help").stdout


# --- dry run and explanations


def test_a_dry_run_builds_nothing_and_tells_steps_and_keys(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n", "init.sh": 'echo ran > "$1/ran.txt"\n'})
    run = fnpack.python(suite, "--dry-run", "--format", "text")
    run.says("install", "init.sh")
    assert re.search("[0-9a-f]{12,64}", run.said), "no key is told"
    assert fnpack.finished_files() == []
    assert not (fnpack.cache / "builds").exists() or not any((fnpack.cache / "builds").rglob("*.*"))
    fnpack.python(suite).status_is("built")
    fnpack.python(suite, "--dry-run", "--format", "text").says("cached")


def test_explain_names_the_changed_file_and_setting(fnpack, suite):
    benchmark = suite.benchmark()
    fnpack.python(suite)
    benchmark.write("python/function.py", "def handler(event):\n    return {}\n")
    benchmark.config(memory=999)
    run = fnpack.python(suite, "--explain", "--format", "text")
    run.says("function.py", "memory", "999")
    assert "config.json timeout" not in run.said


def test_the_first_build_of_a_target_says_that_it_is_the_first(fnpack, suite):
    suite.benchmark()
    assert fnpack.python(suite).target["reasons"], "no reason for a build"


def test_force_builds_what_is_cached(fnpack, suite):
    suite.benchmark()
    fnpack.python(suite)
    assert fnpack.python(suite, "--force").status_is("built").target["reasons"]


# --- terminal


def on_a_terminal(fnpack, args, env=None) -> str:
    """What a person sees."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(BINARY), *map(str, args)], stdin=slave, stdout=slave, stderr=slave,
        env=fnpack.environment({"TERM": "xterm-256color", **(env or {})}), cwd=fnpack.home / "cwd", start_new_session=True,
    )
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 65536):
            seen += chunk
    except OSError:
        pass  # the other end is closed
    assert process.wait(timeout=60) == 0, seen.decode()
    os.close(master)
    return seen.decode()


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_no_color_is_honoured_on_a_terminal(fnpack, suite):
    suite.benchmark()
    args = fnpack.build_args(suite, *PYTHON, "--format", "text", "--force")
    assert COLOUR.search(on_a_terminal(fnpack, args, env={"NO_COLOR": None})), "no colour at all: the next line proves nothing"
    assert not COLOUR.search(on_a_terminal(fnpack, args, env={"NO_COLOR": "1"}))


def test_without_a_terminal_there_are_plain_lines(fnpack, suite):
    suite.benchmark()
    run = fnpack.python(suite, "--format", "text", env={"NO_COLOR": None})
    assert "\x1b" not in run.stdout + run.stderr and "\r" not in run.stderr


def test_json_on_a_closed_pipe_is_no_panic(fnpack, suite):
    suite.benchmark()
    process = fnpack.start(*fnpack.build_args(suite, *PYTHON))
    process.stdout.close()
    stderr = process.stderr.read()
    process.wait(timeout=60)
    assert b"panicked" not in stderr, stderr.decode()


@pytest.mark.parametrize("stream", ["2>&-", "2>/dev/full"])
def test_a_build_ends_well_when_nobody_can_be_told_of_it(stream, fnpack, suite):
    suite.benchmark()
    suite.benchmark("020.other")
    run = fnpack.python(suite, "--force", before=redirected(stream))
    assert [line["status"] for line in run.lines] == ["built", "built"]


def test_a_standard_error_that_nobody_reads_any_more_keeps_nothing_from_being_built(fnpack, suite):
    suite.benchmark()
    process = fnpack.start(*fnpack.build_args(suite, *PYTHON))
    process.stderr.close()
    stdout = process.stdout.read()
    assert process.wait(timeout=60) == 0
    assert b'"built"' in stdout


@pytest.mark.parametrize("args", [("build", "--format", "json"), ("list", "benchmarks"), ("completions", "bash")], ids=lambda args: args[0])
def test_results_that_cannot_be_written_are_a_failure(args, fnpack, suite):
    suite.benchmark()
    args = fnpack.build_args(suite, *PYTHON) if args[0] == "build" else args
    args = [*args, "--suite", suite.root] if args[0] == "list" else args
    run = fnpack.run(*args, before=redirected(">/dev/full"), status=1)
    run.says("standard output", "no space left")
    assert "panicked" not in run.said


def redirected(how: str) -> list[str]:
    """What runs a command with a stream that goes elsewhere."""
    return ["sh", "-c", f'exec "$@" {how}', "sh"]


# --- interrupts


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_and_leaves_nothing(interrupt, fnpack, suite):
    benchmark = suite.benchmark(files={"init.sh": f'trap "" INT TERM; touch "{fnpack.home}/started"; sleep 1000\n'})
    process = fnpack.start(*fnpack.build_args(suite, *PYTHON))
    processes.wait_for((fnpack.home / "started").exists, 20, "the start of init.sh")
    began = time.monotonic()
    process.send_signal(interrupt)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 128 + interrupt, stderr.decode()
    assert time.monotonic() - began < 15
    assert fnpack.finished_files() == []
    processes.assert_none_using(fnpack.cache)
    scratch = fnpack.cache / "scratch"
    assert not scratch.exists() or not list(scratch.iterdir())
    benchmark.write("init.sh", "true\n")
    fnpack.python(suite).status_is("built")


def test_a_time_limit_ends_a_script_and_is_told(fnpack, suite):
    suite.benchmark(files={"init.sh": "echo started; sleep 1000 & wait\n"})
    suite.settings("[build]\ntime-limit-seconds = 2\n")
    fnpack.python(suite, status=1, timeout=60).says("init.sh", "time", "2", "time-limit-seconds")
    processes.assert_none_using(fnpack.cache)


# --- the cache


def test_cache_info_tells_the_place_and_the_size(fnpack, suite):
    suite.benchmark()
    fnpack.python(suite)
    run = fnpack.run("cache", "info")
    assert str(fnpack.cache) in run.stdout and "blobs" in run.stdout


def test_cache_verify_finds_damage_and_the_next_build_mends_it(fnpack, suite):
    suite.benchmark()
    first = fnpack.python(suite)
    fnpack.verify()
    blob = max((path for path in (fnpack.cache / "blobs").rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    blob.chmod(0o644)
    blob.write_bytes(b"damaged" + blob.read_bytes()[7:])
    fnpack.run("cache", "verify", status=1).says(blob.name)
    fnpack.verify()
    assert fnpack.python(suite, "--force").sha256 == first.sha256


def test_cache_clear_removes_all_and_spares_artifacts(tmp_path, suite):
    fnpack = Fnpack(tmp_path / "own")  # with downloads of its own, as they go too
    suite.benchmark()
    first = fnpack.python(suite)
    fnpack.run("cache", "clear")
    assert first.archive.exists()
    left = [path for path in fnpack.cache.rglob("*") if path.is_file() and "lock" not in str(path)]
    assert left == []
    assert fnpack.python(suite).sha256 == first.sha256


def test_cache_gc_keeps_what_fits_and_removes_what_does_not(tmp_path, suite):
    fnpack = Fnpack(tmp_path / "own")
    suite.benchmark(files={"python/data.bin": os.urandom(3_000_000)})
    first = fnpack.python(suite)
    fnpack.run("cache", "gc")
    fnpack.python(suite).status_is("cached")
    fnpack.run("cache", "gc", "--max-size", "0", "--max-age", "0")
    size = sum(path.stat().st_size for path in (fnpack.cache / "blobs").rglob("*") if path.is_file())
    assert size < 3_000_000
    fnpack.verify()
    assert fnpack.python(suite).sha256 == first.sha256


def test_the_cache_is_in_the_xdg_folder_without_a_variable(fnpack, suite):
    suite.benchmark()
    fnpack.python(suite, env={"FNPACK_CACHE": None})
    assert (fnpack.home / "user/cache/fnpack/blobs").is_dir()
    fnpack.python(suite, env={"FNPACK_CACHE": None, "XDG_CACHE_HOME": None})
    assert (fnpack.home / "user/.cache/fnpack/blobs").is_dir()


def test_secrets_of_an_index_are_told_nowhere(fnpack, suite):
    """A password in the address of an index enters no key, log, artifact or message."""
    secret = "hunter2secret"
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    suite.settings(f'[indexes]\npython-index = "http://user:{secret}@127.0.0.1:1/simple"\n')
    run = fnpack.python(suite, status=1)
    assert secret not in run.said
    told = [path for path in fnpack.cache.rglob("*") if path.is_file() and not path.is_relative_to(fnpack.downloads)
            and secret.encode() in path.read_bytes()]
    assert told == []
