"""Every failure says what failed, for which target, why, and what to do; it leaves no half-written
artifact, and the cache whole."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from support import components, processes, zips
from support.command import Run
from support.suite import Benchmark

PYTHON = ("--language", "python", "--language-version", "3.11")


def failed(fnpack, run: Run, *words: str) -> None:
    """A build that failed as one should."""
    assert run.status == 1, str(run)
    assert "panicked" not in run.said and "RUST_BACKTRACE" not in run.said, str(run)
    run.says(*words)
    for line in run.lines:
        if line["status"] == "failed":
            assert line["error"], f"no error in {line}"
            assert line["archive"] is None
    assert fnpack.finished_files() == [], "an artifact of a failed build"
    fnpack.verify()


def refused(fnpack, run: Run, *words: str) -> None:
    """A command that was wrong."""
    assert run.status == 2, str(run)
    assert "panicked" not in run.said
    run.says(*words)
    assert fnpack.finished_files() == []


CONFIGS = {
    "no JSON": ('{\n  "timeout": 10,\n  "memory" 128\n}', ["line 3", "not JSON"]),
    "a comment": ('{\n  // seconds\n  "timeout": 10}', ["line 2", "not JSON", "no comments"]),
    "no object": ("[]", ["must be a JSON object"]),
    "the end is missing": ('{\n  "timeout": 10', ["line 2"]),
    "empty": ("", ["config.json"]),
    "a missing timeout": ('{"memory": 128, "languages": ["python"]}', ["timeout"]),
    "a missing memory": ('{"timeout": 10, "languages": ["python"]}', ["memory"]),
    "missing languages": ('{"timeout": 10, "memory": 128}', ["languages"]),
    "a timeout that is text": ('{\n"timeout": "ten",\n"memory": 128, "languages": ["python"]}', ["timeout", "line 2", "whole number above 0 (seconds)"]),
    "a negative memory": ('{"timeout": 10, "memory": -1,\n "languages": ["python"]}', ["memory", "line 1", "whole number above 0 (MiB)"]),
    "an unknown language": (
        '{"timeout": 10, "memory": 128,\n "languages": ["pyhton"]}', ["languages", "pyhton", "python", "nodejs", "line 2"]),
    "an unknown module": (
        '{"timeout": 10, "memory": 128, "languages": ["python"],\n\n "modules": ["queue"]}',
        ["modules", "queue", "storage", "nosql", "line 3"]),
    "an unknown C++ dependency": (
        '{"timeout": 10, "memory": 128, "languages": ["python"], "cpp_dependencies": ["qt"]}',
        ["cpp_dependencies", "qt", "opencv"]),
    "a variant that is a path": (
        '{"timeout": 10, "memory": 128, "languages": [{"language": "python", "variants": ["../x"]}]}', ["../x"]),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_malformed_config_json_names_file_line_and_field(what, fnpack, suite):
    text, words = CONFIGS[what]
    suite.benchmark("010.bad").write("config.json", text)
    failed(fnpack, fnpack.build(suite, "010.bad", status=None), "010.bad/config.json", *words)


def test_an_unknown_key_of_config_json_is_a_warning(fnpack, suite):
    suite.benchmark(config={"timout": 10})
    fnpack.python(suite).status_is("built")
    assert "timout" in fnpack.python(suite, "--force").said


def test_an_unknown_key_of_a_language_is_a_warning(fnpack, suite):
    suite.benchmark(config={"languages": [{"language": "python", "variant": ["pypy"]}]})
    fnpack.python(suite).status_is("built")
    assert "`languages[0]`: unknown key `variant`" in fnpack.python(suite).said


@pytest.mark.parametrize("name", ["010.hello/config.json", "fnpack.toml", "fnpack.lock", "010.hello/python/.fnpackignore", "010.hello/.fnpackignore"])
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(name, fnpack, suite):
    suite.benchmark()
    (suite.root / name).unlink(missing_ok=True)
    os.mkfifo(suite.root / name)
    run = fnpack.python(suite, status=None, timeout=20)
    assert run.status in (1, 2), str(run)
    run.says(name, "no file")


def test_a_name_with_control_characters_is_shown_escaped(fnpack, suite):
    suite.benchmark("010.\x1b[31mred")
    run = fnpack.python(suite, "--format", "text", status=1)
    assert "\x1b" not in run.stdout + run.stderr, repr(run.stderr)
    run.says("010.\\u{1b}[31mred", "control characters")
    listed = fnpack.run("list", "benchmarks", "--suite", suite.root, status=1)
    assert "\x1b" not in listed.stderr


def test_an_out_folder_that_is_a_file_is_named(fnpack, suite, tmp_path):
    suite.benchmark()
    (tmp_path / "taken").write_text("")
    fnpack.python(suite, "--out", tmp_path / "taken", status=2).says("taken is a file; name a folder")


def test_an_image_for_no_runtime_of_the_platform_is_a_warning(fnpack, suite):
    suite.benchmark()
    suite.settings('[platform.aws.build-images]\n"pyton-3.11-x64" = "image:1"\n')
    fnpack.python(suite).says("warning", "`pyton-3.11-x64`", "`python-3.11-x64`")


def test_one_bad_benchmark_does_not_keep_others_from_being_built(fnpack, suite):
    suite.benchmark("010.bad", files={"init.sh": "exit 7\n"})
    suite.benchmark("020.good")
    run = fnpack.python(suite, status=1)
    assert {line["benchmark"]: line["status"] for line in run.lines} == {"010.bad": "failed", "020.good": "built"}


UNKNOWN = {
    "a platform": (("--platform", "asw"), ["asw", "aws"]),
    "a language": (("--language", "cobol"), ["cobol", "python", "nodejs"]),
    "a version": (("--language", "python", "--language-version", "2.7"), ["2.7", "3.11", "3.12"]),
    "a variant": ((*PYTHON, "--variant", "jython"), ["jython", "default"]),
    "an architecture": ((*PYTHON, "--architecture", "riscv64"), ["riscv64", "x64", "arm64"]),
    "a deployment": ((*PYTHON, "--deployment", "pigeon"), ["pigeon", "package"]),
    "an executor": (("--executor", "cloud"), ["cloud", "docker", "host"]),
    "a benchmark": (("020.none",), ["020.none", "010.hello"]),
    "a flag": (("--platfrom", "aws"), ["--platfrom", "--platform"]),
    "a format": (("--format", "yaml"), ["yaml", "json", "text"]),
    "no number of jobs": (("--jobs", "0"), ["--jobs"]),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_unknown_is_refused_with_what_there_is(what, fnpack, suite):
    suite.benchmark()
    args, words = UNKNOWN[what]
    refused(fnpack, fnpack.build(suite, *args, status=None), *words)


class TestWhatAPlatformDoesNotTake:
    """It is said before anything is built, with what the platform takes; the other platforms go on."""

    def test_of_a_named_benchmark_it_is_a_failure(self, fnpack, suite):
        suite.benchmark()
        run = fnpack.run("build", "010.hello", "--suite", suite.root, "--out", fnpack.out, "--executor", "host", "--format", "json",
                         "--platform", "aws,openwhisk", "--language", "python", "--language-version", "3.14", status=1)
        assert {line["platform"]: line["status"] for line in run.lines} == {"aws": "built", "openwhisk": "failed"}
        assert run.lines[0]["platform"] == "openwhisk" and "there is 3.9, 3.10, 3.11, 3.12" in run.lines[0]["error"]
        assert re.search(r"1 built, 0 cached, 1 failed\n +failed: 010.hello on openwhisk", run.stderr)

    def test_of_a_suite_it_is_a_failure_where_nothing_is_left(self, fnpack, suite):
        suite.benchmark("010.one")
        suite.benchmark("020.two")
        run = fnpack.run("build", "--suite", suite.root, "--out", fnpack.out, "--executor", "host", "--format", "json",
                         "--platform", "aws,azure", "--language-version", "3.11", "--architecture", "arm64", status=1)
        assert [(line["benchmark"], line["platform"], line["status"]) for line in run.lines[:2]] == [
            ("010.one", "azure", "failed"), ("020.two", "azure", "failed")]
        run.says("nothing can be built for azure", "has no architecture `arm64`; there is x64", "2 built, 0 cached, 1 failed")

    def test_a_language_that_a_platform_never_runs_is_told(self, fnpack, suite):
        suite.benchmark("010.one")
        suite.benchmark("020.cpp", config={"languages": ["cpp"]})
        run = fnpack.run("build", "--suite", suite.root, "--platform", "azure", "--dry-run")
        run.says("warning: 020.cpp is written in cpp, which Azure Functions does not run; it runs java, nodejs, python")
        run = fnpack.run("build", "020.cpp", "--suite", suite.root, "--platform", "azure", status=2)
        run.says("020.cpp is written in cpp, which Azure Functions does not run")

    @pytest.mark.parametrize("benchmark", [[], ["010.hello"]])
    def test_containers_are_refused_with_the_reason(self, benchmark, fnpack, suite):
        suite.benchmark()
        run = fnpack.run("build", *benchmark, "--suite", suite.root, "--platform", "azure", "--deployment", "container", status=2)
        run.says("no deployment `container`", "there is package", "run from packages alone")


def test_two_benchmarks_of_one_name_do_not_land_in_one_place(fnpack, suite, tmp_path):
    suite.benchmark("one/same")
    suite.benchmark("two/same")
    same = [suite.root / "one/same", suite.root / "two/same"]
    fnpack.run("build", *same, "--platform", "aws", status=2).says("one/same", "two/same", "the same name", "--out")
    run = fnpack.run("build", same[0], same[0], "--platform", "aws", "--language-version", "3.11", "--dry-run")
    assert run.said.count("aws/same/python-3.11-x64:\n") == 1


def test_a_suite_that_is_not_there_is_named(fnpack, tmp_path):
    refused(fnpack, fnpack.build(tmp_path / "nothing-here", status=None), "nothing-here")


def test_a_suite_without_benchmarks_is_named(fnpack, suite):
    refused(fnpack, fnpack.build(suite, status=None), str(suite.root), "config.json")


SETTINGS = {
    "an unknown key": ("[docker]\n\nimagse = 1\n", ["imagse", "line 3"]),
    "an unknown table": ("[bild]\n", ["bild", "line 1"]),
    "a wrong type": ('[build]\njobs = "many"\n', ["jobs", "line 2"]),
    "no TOML": ("[build\n", ["line 1"]),
    "a setting that the platform does not know": ('[platform.aws]\ncolour = "red"\n', ["colour", "aws"]),
    "a platform that is not there": ('[platform.asw]\nx = "y"\n', ["asw", "aws"]),
    "an executor that is not there": ('[build]\nexecutor = "cloud"\n', ["cloud", "docker", "host"]),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_a_wrong_fnpack_toml_names_file_line_and_key(what, fnpack, suite):
    suite.benchmark()
    text, words = SETTINGS[what]
    suite.settings(text)
    args = ["build", "--suite", suite.root, "--out", fnpack.out, "--platform", "aws", "--format", "json"]
    refused(fnpack, fnpack.run(*args, status=None), "fnpack.toml", *words)


def test_a_language_without_a_folder_is_named(fnpack, suite):
    benchmark = suite.benchmark()
    for file in (benchmark / "python").iterdir():
        file.unlink()
    (benchmark / "python").rmdir()
    failed(fnpack, fnpack.python(suite, status=None), "python", "010.hello")


def test_a_missing_node_manifest_is_named(fnpack, suite):
    benchmark = suite.benchmark()
    (benchmark / "nodejs/package.json").unlink()
    run = fnpack.nodejs(suite, status=None)
    if run.status == 0:
        # A function without dependencies may do without; then it must be packaged.
        assert "function/function.js" in zips.names(run.archive)
    else:
        failed(fnpack, run, "package.json")


def test_a_missing_entry_point_is_named(fnpack, suite):
    benchmark = suite.benchmark()
    (benchmark / "python/function.py").unlink()
    failed(fnpack, fnpack.python(suite, status=None), "function.py")


@pytest.mark.parametrize("text, words", [
    ('{"name": "x", "dependencies": {"ms": }}', ["package.json", "line 1"]),
    ('{"name": "x", "dependencies": ["ms"]}', ["package.json", "dependencies"]),
])
def test_a_malformed_package_json_is_named(text, words, fnpack, suite):
    suite.benchmark().write("nodejs/package.json", text)
    failed(fnpack, fnpack.nodejs(suite, status=None), *words)


@pytest.mark.parametrize("script", ["init.sh", "python/init.sh", "python/package.sh"])
def test_a_script_that_fails_is_shown_with_its_output_and_status(script, fnpack, suite):
    suite.benchmark(files={script: "echo out-of-it\necho the-reason >&2\nexit 7\n"})
    failed(fnpack, fnpack.python(suite, status=None), script.split("/")[-1], "7", "out-of-it", "the-reason", "010.hello")


@pytest.mark.parametrize("name, text", [
    ("python/requirements.txt", "--index-url https://me:s3cr3t@host.example/simple\nsix\n"),
    ("nodejs/package.json", '{"name": "x", "version": "1.0.0", "dependencies": {"x": "https://me:s3cr3t@host.example/x.tgz"}}'),
])
def test_a_login_in_a_manifest_is_refused_and_not_shown(name, text, fnpack, suite):
    suite.benchmark(files={name: text})
    run = (fnpack.python if name.startswith("python") else fnpack.nodejs)(suite, status=None)
    failed(fnpack, run, "login", "[indexes]", name.split("/")[1])
    assert "s3cr3t" not in run.said


def test_an_npmrc_cannot_have_packages_installed_elsewhere(fnpack, suite, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    suite.benchmark(files={
        "nodejs/package.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}',
        "nodejs/.npmrc": f"prefix={elsewhere}\nglobal=true\nlocation=global\nlogs-dir={elsewhere}\ndry-run=true\n",
    })
    assert any("node_modules/ms/" in name for name in zips.names(fnpack.nodejs(suite).archive))
    assert not elsewhere.exists()


def test_a_functions_own_install_script_that_is_not_run_is_told(fnpack, suite):
    suite.benchmark(files={"nodejs/package.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}, '
                                                  '"scripts": {"postinstall": "echo made > made.txt"}}'})
    fnpack.nodejs(suite).says("warning", "postinstall", "not run")


def test_an_empty_manifest_among_those_of_other_versions_is_told(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "", "python/requirements.txt.3.9": "six==1.16.0\n"})
    fnpack.python(suite).says("warning", "requirements.txt.3.9", "requirements.txt.3.11 missing")


def test_an_unsatisfiable_requirement_is_named(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==99.99.99\n"})
    failed(fnpack, fnpack.python(suite, status=None), "six", "99.99.99", "010.hello")


def test_a_malformed_requirement_is_named(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n==what is this\n"})
    failed(fnpack, fnpack.python(suite, status=None), "what is this")


def test_an_unsatisfiable_node_package_is_named(fnpack, suite):
    suite.benchmark(files={"nodejs/package.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "99.99.99"}}'})
    failed(fnpack, fnpack.nodejs(suite, status=None), "ms@99.99.99")


@pytest.mark.parametrize("with_uv", [True, False], ids=["uv", "pip"])
def test_a_requirement_without_a_wheel_for_the_target_is_named_with_the_way_out(with_uv, fnpack, suite):
    # Published as source alone.
    suite.benchmark(files={"python/requirements.txt": "docopt==0.6.2\n"})
    path = None if with_uv else {"PATH": without_uv(fnpack)}
    run = fnpack.python(suite, "--architecture", "arm64", status=None, env=path)
    failed(fnpack, run, "docopt", "wheel", "docker")


def without_uv(fnpack) -> str:
    """The PATH less every folder that has uv."""
    folders = fnpack.environment()["PATH"].split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not os.path.exists(os.path.join(folder, "uv")))


def test_missing_installers_are_named_with_how_to_get_one(fnpack, suite, tmp_path):
    suite.benchmark(files={
        "python/requirements.txt": "six==1.16.0\n",
        "nodejs/package.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}',
    })
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "bash", "env"):
        (tools / tool).symlink_to(f"/bin/{tool}")
    failed(fnpack, fnpack.python(suite, status=None, env={"PATH": str(tools)}), "uv", "pip", "install")
    failed(fnpack, fnpack.nodejs(suite, status=None, env={"PATH": str(tools)}), "npm", "install")


# --- files that cannot be taken


def dangling(benchmark: Benchmark):
    (benchmark / "python/lost.txt").symlink_to("nowhere.txt")
    return "lost.txt"


def looping(benchmark: Benchmark):
    (benchmark / "python/ring.txt").symlink_to("gnir.txt")
    (benchmark / "python/gnir.txt").symlink_to("ring.txt")
    return "ring.txt"


def looping_folder(benchmark: Benchmark):
    (benchmark / "python/again").symlink_to(".")
    return "again"


def leaving(benchmark: Benchmark):
    secret = benchmark.folder.parent.parent / "secret.txt"
    secret.write_text("a secret outside of the benchmark")
    (benchmark / "python/inside.txt").symlink_to("../../../secret.txt")
    return "inside.txt"


def leaving_absolutely(benchmark: Benchmark):
    (benchmark / "python/hosts.txt").symlink_to("/etc/hostname")
    return "hosts.txt"


def fifo(benchmark: Benchmark):
    os.mkfifo(benchmark / "python/queue")
    return "queue"


def unix_socket(benchmark: Benchmark):
    here = os.getcwd()
    os.chdir(benchmark / "python")  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("plug")
    finally:
        os.chdir(here)
    return "plug"


UNUSABLE = [dangling, looping, looping_folder, leaving, leaving_absolutely, fifo, unix_socket]


@pytest.mark.parametrize("make", UNUSABLE, ids=lambda make: make.__name__)
def test_a_source_that_cannot_be_read_is_named(make, fnpack, suite):
    name = make(suite.benchmark())
    run = fnpack.python(suite, status=None, timeout=20)
    failed(fnpack, run, name)
    assert "a secret outside" not in run.said


@pytest.mark.parametrize("make", [dangling, leaving], ids=lambda make: make.__name__)
def test_another_languages_unusable_file_is_no_matter(make, fnpack, suite):
    benchmark = suite.benchmark()
    name = make(benchmark)
    (benchmark / "python" / name).rename(benchmark / "nodejs" / name)
    fnpack.python(suite).status_is("built")


# Root reads everything; root without capabilities does not.
MORTAL = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.getuid() == 0 else []


@pytest.mark.parametrize("name", ["private.txt", "private"])
def test_a_source_without_permission_is_named(name, fnpack, suite):
    benchmark = suite.benchmark()
    if name == "private":
        benchmark.write("python/private/inside.txt", "")
    else:
        benchmark.write("python/private.txt", "")
    (benchmark / "python" / name).chmod(0)
    failed(fnpack, fnpack.python(suite, status=None, before=MORTAL), name, "permission")
    (benchmark / "python" / name).chmod(0o755)
    fnpack.python(suite, before=MORTAL).status_is("built")


def test_a_cache_without_permission_to_write_is_told(fnpack, suite):
    suite.benchmark()
    fnpack.cache.chmod(0o500)
    failed(fnpack, fnpack.python(suite, status=None, before=MORTAL), "permission", str(fnpack.cache))


def test_a_source_that_changes_while_it_is_read_is_named_or_taken_whole(fnpack, suite):
    benchmark = suite.benchmark()
    size = 96_000_000
    big = benchmark.write("python/big.bin", b"0" * size)
    # The whole file holds one digit at a time for nobody who reads it in the middle of a round.
    writer = subprocess.Popen([sys.executable, "-c", (
        "import itertools, sys\n"
        "with open(sys.argv[1], 'r+b', buffering=0) as file:\n"
        "    for digit in itertools.cycle(b'123456789'):\n"
        "        file.seek(0)\n"
        f"        for _ in range({size // 1_000_000}): file.write(bytes([digit]) * 1_000_000)\n"
    ), str(big)])
    try:
        time.sleep(0.3)
        run = fnpack.python(suite, status=None, timeout=120)
    finally:
        writer.kill()
        writer.wait()
    failed(fnpack, run, "big.bin", "changed")
    after = fnpack.python(suite).status_is("built")
    assert zips.read(after.archive, "function/big.bin") == big.read_bytes()


def test_a_file_that_vanishes_while_a_folder_is_read_harms_nothing(fnpack, suite):
    benchmark = suite.benchmark()
    for number in range(300):
        benchmark.write(f"python/many/{number}.txt", "x")
    coming_and_going = subprocess.Popen([sys.executable, "-c", (
        "import pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "while True:\n"
        "    for number in range(300):\n"
        "        file = folder / f'{number}.txt'; file.unlink(); file.write_text('x')\n"
    ), str(benchmark / "python/many")])
    try:
        for _ in range(8):
            run = fnpack.python(suite, status=None)
            assert run.status in (0, 1) and "panicked" not in run.said, str(run)
            if run.status == 1:
                run.says("many")
    finally:
        coming_and_going.kill()
        coming_and_going.wait()
    (benchmark / "python/many").mkdir(exist_ok=True)
    for number in range(300):
        benchmark.write(f"python/many/{number}.txt", "x")
    run = fnpack.python(suite)
    assert len([name for name in zips.names(run.archive) if name.startswith("function/many/")]) == 300
    fnpack.verify()


# --- disks


def incompressible(suite) -> Benchmark:
    return suite.benchmark(files={"python/data.bin": os.urandom(6_000_000)})


def test_a_full_disk_of_the_cache_is_told_and_leaves_the_cache_whole(fnpack, suite, mounts):
    incompressible(suite)
    fnpack.downloads = None
    (fnpack.cache / "downloads").unlink()
    mounts.small(fnpack.cache, "4m")
    run = fnpack.python(suite, status=None, before=mounts.enter)
    assert run.status == 1, str(run)
    run.says("no space left", str(fnpack.cache))
    assert fnpack.finished_files() == []
    fnpack.run("cache", "verify", before=mounts.enter)
    mounts.grow(fnpack.cache, "64m")
    after = fnpack.python(suite, before=mounts.enter).status_is("built")
    assert after.sha256 == fnpack.elsewhere("fresh").python(suite).sha256


def test_a_full_disk_of_the_artifacts_is_told_and_leaves_no_half_file(fnpack, suite, mounts):
    incompressible(suite)
    mounts.small(fnpack.out, "4m")
    run = fnpack.python(suite, status=None, before=mounts.enter)
    assert run.status == 1, str(run)
    run.says("no space left", str(fnpack.out))
    left = [path for path in mounts.inside(fnpack.out).rglob("*") if path.is_file()]
    assert left == []
    fnpack.verify()
    mounts.grow(fnpack.out, "64m")
    after = fnpack.python(suite, before=mounts.enter)
    assert zips.sha256(mounts.inside(after.archive)) == after.sha256


def test_a_read_only_cache_is_told(fnpack, suite, mounts):
    suite.benchmark()
    fnpack.cache.mkdir(exist_ok=True)
    mounts.read_only(fnpack.cache)
    run = fnpack.python(suite, status=None, before=mounts.enter)
    failed(fnpack, run, "read-only", str(fnpack.cache), "FNPACK_CACHE")


def test_a_read_only_out_folder_is_told(fnpack, suite, mounts):
    suite.benchmark()
    fnpack.out.mkdir(parents=True)
    mounts.read_only(fnpack.out)
    run = fnpack.python(suite, status=None, before=mounts.enter)
    failed(fnpack, run, "read-only", str(fnpack.out))
    fnpack.python(suite)


def test_a_cache_that_is_a_file_is_told(fnpack, suite, tmp_path):
    suite.benchmark()
    (tmp_path / "file").write_text("")
    run = fnpack.python(suite, status=None, env={"FNPACK_CACHE": str(tmp_path / "file")})
    assert run.status in (1, 2) and "panicked" not in run.said, str(run)
    run.says(str(tmp_path / "file"), "set FNPACK_CACHE to a folder")


def test_a_function_over_the_platforms_limit_fails_with_its_largest_folders(fnpack, suite):
    """Lambda takes 262,144,000 bytes unpacked."""
    suite.benchmark(files={
        "python/model/weights.bin": b"\0" * 200_000_000,
        "python/assets/video.bin": b"\0" * 63_000_000,
    })
    failed(fnpack, fnpack.python(suite, status=None), "250", "function/model", "function/assets")


def test_an_archive_over_a_soft_limit_is_built_and_told(fnpack, suite):
    """Lambda takes 50 MiB in the call itself, and more from a bucket."""
    suite.benchmark(files={"python/data.bin": os.urandom(54_000_000)})
    fnpack.python(suite).status_is("built").says("50", "S3")


# --- plugins and engines


def test_a_plugin_that_is_no_component_is_named(fnpack, suite, tmp_path):
    suite.benchmark()
    for name, contents in (("text.wasm", b"hello"), ("empty.wasm", b""), ("module.wasm", b"\0asm\1\0\0\0"),
                           ("cut.wasm", components.component()[:-5])):
        plugin = components.write(tmp_path / name, contents)
        run = fnpack.build(suite, "--plugin", plugin, status=None)
        assert run.status in (1, 2), str(run)
        assert "panicked" not in run.said
        run.says(name)
        assert fnpack.finished_files() == []


def test_a_plugin_that_is_not_there_is_named(fnpack, suite, tmp_path):
    suite.benchmark()
    run = fnpack.build(suite, "--plugin", tmp_path / "missing.wasm", status=None)
    assert run.status in (1, 2), str(run)
    run.says("missing.wasm")


@pytest.mark.parametrize("host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_does_not_answer_is_told(host, fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    run = fnpack.python(suite, "--executor", "docker", status=None, env={"DOCKER_HOST": host}, timeout=60)
    assert run.status == 1, str(run)
    run.says("docker", host.split("//")[1], "--executor host")
    assert fnpack.finished_files() == []
    processes.assert_none_using(fnpack.cache)


def test_auto_takes_the_host_where_no_engine_answers_and_says_why(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    run = fnpack.python(suite, "--executor", "auto", env={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    run.status_is("built").says("host", "docker")


# --- what people are told


def test_a_failure_names_its_target_and_tells_it_in_text_too(fnpack, suite):
    suite.benchmark(files={"init.sh": "echo the-reason; exit 3\n"})
    run = fnpack.python(suite, "--format", "text", status=1)
    run.says("aws", "010.hello", "python-3.11", "init.sh", "the-reason", "3")
