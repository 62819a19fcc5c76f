"""A build's key covers everything that can change its output, and nothing else."""

import json
import os
import shutil

import pytest

from support import components, docker, zips
from support.places import HOSTILE, TOOLS
from support.suite import Benchmark

RESULT = "010.rich"


@pytest.fixture
def rich(suite) -> Benchmark:
    """A benchmark with every kind of input."""
    return suite.benchmark(RESULT, files={
        "init.sh": 'cp "$(dirname "$0")/resources/data.txt" "$1/from-init.txt"\n',
        "resources/data.txt": "data",
        "python/init.sh": 'echo language > "$1/from-language-init.txt"\n',
        "python/package.sh": "echo packaged > packaged.txt\n",
        "python/helper.py": "HELP = 1\n",
        "python/lib/deep.py": "DEEP = 1\n",
        "python/data.bin": b"\x00\x01\x02",
        "python/a.txt": "xy",
        "python/b.txt": "z",
        "python/requirements.txt": "six==1.16.0\n",
        "python/requirements.txt.3.9": "six==1.15.0\n",
        "nodejs/package.json": json.dumps({"name": "rich", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}),
        "nodejs/package.json.22": json.dumps({"name": "rich", "version": "1.0.0", "dependencies": {"ms": "2.1.1"}}),
        "nodejs/init.sh": "true\n",
    })


def same_size_and_time(rich):
    file = rich / "python/helper.py"
    before = file.stat()
    file.write_text("HELP = 2\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def rename(rich):
    (rich / "python/helper.py").rename(rich / "python/renamed.py")


def move_text(rich):
    """The bytes of the two files one after the other stay what they were."""
    rich.write("python/a.txt", "x")
    rich.write("python/b.txt", "yz")


def remove(rich):
    (rich / "python/b.txt").unlink()


def replace_by_link(rich):
    (rich / "python/b.txt").unlink()
    (rich / "python/b.txt").symlink_to("a.txt")


PYTHON_INPUTS = {
    # what changes: (the change, a word that its reason holds)
    "a file's contents": (lambda rich: rich.write("python/function.py", "def handler(event):\n    return {}\n"), "function.py"),
    "contents of the same size and time": (same_size_and_time, "helper.py"),
    "a file's name": (rename, "renamed.py"),
    "a file's executable bit": (lambda rich: (rich / "python/data.bin").chmod(0o755), "data.bin"),
    "a file in a sub-directory": (lambda rich: rich.write("python/lib/deep.py", "DEEP = 2\n"), "deep.py"),
    "text moved between neighbouring files": (move_text, "a.txt"),
    "a new file": (lambda rich: rich.write("python/new.py", ""), "new.py"),
    "a removed file": (remove, "b.txt"),
    "a file that became a link": (replace_by_link, "b.txt"),
    "the requirements": (lambda rich: rich.write("python/requirements.txt", "six==1.17.0\n"), "requirements.txt"),
    "a versioned manifest for this version": (
        lambda rich: rich.write("python/requirements.txt.3.11", "six==1.17.0\n"), "requirements.txt"),
    "the benchmark's init.sh": (lambda rich: rich.write("init.sh", 'echo other > "$1/from-init.txt"\n'), "init.sh"),
    "a file that init.sh may read": (lambda rich: rich.write("resources/data.txt", "other data"), "resources/data.txt"),
    "the language's init.sh": (
        lambda rich: rich.write("python/init.sh", 'echo other > "$1/from-language-init.txt"\n'), "init.sh"),
    "package.sh": (lambda rich: rich.write("python/package.sh", "echo other > packaged.txt\n"), "package.sh"),
}


@pytest.mark.parametrize("what", PYTHON_INPUTS)
def test_a_changed_source_is_seen_and_changes_the_archive(what, fnpack, suite, rich):
    change, word = PYTHON_INPUTS[what]
    before = fnpack.python(suite).status_is("built")
    change(rich)
    after = fnpack.python(suite).status_is("built")
    assert word in json.dumps(after.target["reasons"]), str(after)
    assert after.sha256 != before.sha256, "the archive is the same"
    fnpack.python(suite).status_is("cached")


@pytest.mark.parametrize("field, value", [("timeout", 99), ("memory", 1024), ("modules", ["storage"])])
def test_a_changed_field_of_config_json_is_seen(field, value, fnpack, suite, rich):
    fnpack.python(suite).status_is("built")
    rich.config(**{field: value})
    after = fnpack.python(suite).status_is("built")
    assert field in json.dumps(after.target["reasons"]), str(after)


def test_the_versioned_node_manifest_in_use_is_seen(fnpack, suite, rich):
    rich.write("nodejs/package.json.20", json.dumps({"name": "rich", "version": "1.0.0", "dependencies": {"ms": "2.1.2"}}))
    before = fnpack.nodejs(suite).status_is("built")
    rich.write("nodejs/package.json.20", json.dumps({"name": "rich", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}))
    after = fnpack.nodejs(suite).status_is("built")
    assert "package.json" in json.dumps(after.target["reasons"]), str(after)
    assert after.sha256 != before.sha256


def test_the_unversioned_manifest_is_none_of_a_version_with_its_own(fnpack, suite, rich):
    """It is not installed; whether it is an input does not matter, what is installed does."""
    rich.write("python/requirements.txt.3.11", "six==1.17.0\n")
    names = "\n".join(zips.names(fnpack.python(suite).archive))
    assert "six-1.17.0.dist-info" in names and "six-1.16.0" not in names
    assert "requirements.txt.3" not in names, "other manifests are not packaged"


@pytest.mark.parametrize("part", ["--language-version", "--architecture"])
def test_each_part_of_the_target_has_an_artifact_of_its_own(part, fnpack, suite):
    suite.benchmark()
    values = {"--language-version": ["3.11", "3.12"], "--architecture": ["x64", "arm64"]}[part]
    base = ["--language", "python"] + ([] if part == "--language-version" else ["--language-version", "3.11"])
    runs = [fnpack.build(suite, *base, part, value).status_is("built") for value in values]
    assert runs[0].archive != runs[1].archive
    assert all(run.archive.exists() for run in runs)
    for value in values:
        fnpack.build(suite, *base, part, value).status_is("cached")


def test_the_version_of_a_host_tool_is_an_input(fnpack, suite, rich, tmp_path):
    fnpack.python(suite).status_is("built")
    wrapper = tmp_path / "bin" / "uv"
    wrapper.parent.mkdir()
    wrapper.write_text(
        '#!/bin/sh\ncase "$*" in\n*--version*) echo "uv 99.1.2" ;;\n'
        f'*) exec "{TOOLS / "bin/uv"}" "$@" ;;\nesac\n'
    )
    wrapper.chmod(0o755)
    path = f"{wrapper.parent}:{fnpack.environment()['PATH']}"
    after = fnpack.python(suite, env={"PATH": path}).status_is("built")
    assert "uv" in json.dumps(after.target["reasons"]), str(after)


def test_a_plugins_bytes_are_an_input(fnpack, suite, tmp_path):
    suite.benchmark()
    assert HOSTILE.exists(), f"{HOSTILE} is missing: run `make build`"
    plugin = tmp_path / "plugin.wasm"
    shutil.copy(HOSTILE, plugin)
    arguments = ("--platform", "hostile", "--plugin", plugin, "--language", "python", "--language-version", "3.11")
    fnpack.build(suite, *arguments).status_is("built")
    fnpack.build(suite, *arguments).status_is("cached")
    plugin.write_bytes(components.with_other_bytes(plugin.read_bytes()))
    after = fnpack.build(suite, *arguments).status_is("built")
    assert "plugin" in json.dumps(after.target["reasons"]), str(after)
    # And where it lies is none.
    moved = tmp_path / "elsewhere.wasm"
    plugin.rename(moved)
    fnpack.python(suite, "--platform", "hostile", "--plugin", moved).status_is("cached")


@pytest.mark.docker
def test_a_build_image_remade_under_its_tag_is_seen(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    image = "fnpack-test-remade:inputs"
    docker.remake(docker.PYTHON_IMAGE, image, "LABEL remade=once")
    try:
        suite.settings(docker.settings(python=image))
        fnpack.python(suite, "--executor", "docker").status_is("built")
        fnpack.python(suite, "--executor", "docker").status_is("cached")
        docker.remake(docker.PYTHON_IMAGE, image, "LABEL remade=twice")
        after = fnpack.python(suite, "--executor", "docker").status_is("built")
        assert "image" in json.dumps(after.target["reasons"]), str(after)
    finally:
        docker.docker("image", "rm", image)


def touch_all(rich):
    for path in [rich.folder, *rich.folder.rglob("*")]:
        os.utime(path, (1, 1))


def other_permissions(rich):
    for path in rich.folder.rglob("*"):
        if path.is_file():
            path.chmod(0o600 | (0o100 if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else 0))


def leftovers(rich):
    """What tools and systems leave in a folder."""
    rich.write("python/__pycache__/function.cpython-311.pyc", b"\x00")
    rich.write("python/.git/config", "")
    rich.write("python/node_modules/x/index.js", "")
    rich.write("python/function.py~", "")


def rewrite(rich):
    """Other inodes, the same contents."""
    for path in rich.folder.rglob("*"):
        if path.is_file():
            contents = path.read_bytes()
            path.unlink()
            path.write_bytes(contents)


NO_INPUTS = {
    "times": touch_all,
    "permissions but the executable bit": other_permissions,
    "inodes": rewrite,
    "another language's file": lambda rich: rich.write("nodejs/function.js", "exports.handler = () => 1;\n"),
    "another language's script": lambda rich: rich.write("nodejs/init.sh", "echo other\n"),
    "another version's manifest": lambda rich: rich.write("python/requirements.txt.3.9", "six==1.14.0\n"),
    "a new manifest of another version": lambda rich: rich.write("python/requirements.txt.3.8", "six==1.14.0\n"),
    "leftovers of tools": leftovers,
}


@pytest.mark.parametrize("what", NO_INPUTS)
def test_what_is_no_input_is_not_seen(what, fnpack, suite, rich):
    before = fnpack.python(suite).status_is("built")
    NO_INPUTS[what](rich)
    after = fnpack.python(suite).status_is("cached")
    assert after.sha256 == before.sha256


@pytest.mark.parametrize("name", ["README.md", "input.py", "resources/data.txt"])
def test_files_beside_the_languages_are_no_input_without_an_init_script(name, fnpack, suite):
    benchmark = suite.benchmark(files={name: "one"})
    fnpack.python(suite).status_is("built")
    benchmark.write(name, "two")
    fnpack.python(suite).status_is("cached")


def test_location_and_listing_order_are_no_input(fnpack, suite, rich, tmp_path):
    fnpack.python(suite).status_is("built")
    moved = suite.copy(tmp_path / "a" / "moved", lambda entries: entries[::-1])
    fnpack.python(moved).status_is("cached")


def test_the_folder_of_the_caller_and_the_environment_are_no_input(fnpack, suite, rich, tmp_path):
    fnpack.python(suite).status_is("built")
    fnpack.python(suite, cwd=tmp_path, env={"SOME_VARIABLE": "x", "TZ": "Asia/Tokyo", "LANG": "C"}).status_is("cached")


@pytest.mark.parametrize("settings", [
    "[cache]\nmax-size-gib = 3\n",
    "[build]\njobs = 2\n",
    '[platform.aws.build-images]\n"python-3.11-x64" = "none:1"\n',
])
def test_settings_that_cannot_change_the_output_are_no_input(settings, fnpack, suite, rich):
    fnpack.python(suite).status_is("built")
    suite.settings(settings)
    fnpack.python(suite).status_is("cached")


def test_a_setting_that_can_change_the_output_is_an_input(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    fnpack.python(suite).status_is("built")
    from pip._internal.models.index import PyPI

    index = fnpack.environment().get("PIP_INDEX_URL", PyPI.simple_url)
    suite.settings(f'[indexes]\npython-index = "{index}"\n')
    after = fnpack.python(suite).status_is("built")
    assert "index" in json.dumps(after.target["reasons"]), str(after)


def test_an_edit_and_its_undoing_are_the_first_build_again(fnpack, suite, rich):
    first = fnpack.python(suite).status_is("built")
    text = (rich / "python/function.py").read_text()
    rich.write("python/function.py", text + "# edited\n")
    second = fnpack.python(suite).status_is("built")
    rich.write("python/function.py", text)
    third = fnpack.python(suite).status_is("cached")
    assert third.sha256 == first.sha256 != second.sha256
    assert third.archive.stat().st_size == third.target["archive"]["bytes"]


def test_a_file_written_right_after_a_build_is_seen(fnpack, suite):
    """Within the clock's grain a new time can be the old one."""
    benchmark = suite.benchmark()
    for number in range(20):
        benchmark.write("python/value.py", f"VALUE = {number:04}\n")
        fnpack.python(suite).status_is("built")
