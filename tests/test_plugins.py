"""A plugin is a stranger: whatever it does is contained and named, and other targets go on."""

import shutil
import time

import pytest

from support import components
from support.places import HOSTILE
from support.suite import Suite

HOSTILE_PYTHON = ("--platform", "hostile", "--language", "python", "--language-version", "3.11")


@pytest.fixture(scope="module")
def hostile():
    """The plugin that behaves as fnpack.toml tells it."""
    assert HOSTILE.exists(), f"{HOSTILE} is missing: run `make build`"
    return HOSTILE


def behave(suite: Suite, behaviour: str) -> None:
    suite.settings(f'[platform.hostile]\nbehaviour = "{behaviour}"\n')


def contained(fnpack, suite, hostile, *words, seconds: float = 15):
    """Builds for the hostile platform, which fails soon and says why."""
    suite.benchmark()
    began = time.monotonic()
    run = fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", hostile, status=None, timeout=60)
    assert time.monotonic() - began < seconds, "that took too long"
    assert run.status in (1, 2), str(run)
    assert "panicked" not in run.said and "thread 'main'" not in run.said, str(run)
    run.says("hostile", *words)
    assert fnpack.finished_files() == []
    # Others go on.
    fnpack.python(suite).status_is("built")
    fnpack.verify()
    return run


def test_a_plugin_that_behaves_is_used(fnpack, suite, hostile):
    suite.benchmark()
    behave(suite, "none")
    fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", hostile).status_is("built")


# behaviour: words that tell it
BEHAVIOURS = {
    "loop": ["time"],
    "memory": ["memory"],
    "huge-answer": ["wrappers"],
    "trap": ["trap"],
    "path-escape-dotdot": [".."],
    "path-escape-absolute": ["/"],
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_hostile_behaviour_is_contained_and_named(behaviour, fnpack, suite, hostile):
    behave(suite, behaviour)
    contained(fnpack, suite, hostile, *BEHAVIOURS[behaviour])


def test_a_hostile_plugin_keeps_no_other_target_of_the_same_run_from_being_built(fnpack, suite, hostile):
    suite.benchmark()
    behave(suite, "trap")
    run = fnpack.build(suite, "--platform", "aws,hostile", "--language", "python", "--language-version", "3.11",
                       "--plugin", hostile, status=1)
    assert {line["platform"]: line["status"] for line in run.lines} == {"aws": "built", "hostile": "failed"}


# --- components that are wrong before they run

WRONG = {
    "sockets": (components.component(components.SOCKETS), ["wasi:sockets/tcp-create-socket"]),
    "an unknown function of the host": (components.component(components.UNKNOWN_FUNCTION), ["delete-everything"]),
    "an unknown interface of the host": (components.component(components.UNKNOWN_INTERFACE), ["telepathy"]),
    "a newer contract": (components.component(export="fnpack:plugin/platform@9.0.0"), ["9.0.0", "0.1"]),
    "another contract": (components.component(export="other:thing/platform@0.1.0"), ["fnpack:plugin"]),
    "no component but a module": (b"\0asm\1\0\0\0", ["component"]),
    "text": (b"hello", ["component"]),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("way", ["--plugin", "fnpack.toml", "FNPACK_PLUGIN_PATH"])
def test_a_wrong_component_is_refused_by_name(what, way, fnpack, suite, tmp_path):
    contents, words = WRONG[what]
    suite.benchmark()
    folder = tmp_path / "plugins"
    folder.mkdir()
    plugin = components.write(folder / "stranger.wasm", contents)
    args, env = (), {}
    if way == "--plugin":
        args = ("--plugin", plugin)
    elif way == "fnpack.toml":
        suite.settings(f'[plugins]\nfiles = ["{plugin}"]\n')
    else:
        env = {"FNPACK_PLUGIN_PATH": str(folder)}
    run = fnpack.build(suite, "--platform", "stranger", *args, env=env, status=None, timeout=30)
    assert run.status in (1, 2), str(run)
    assert "panicked" not in run.said
    run.says("stranger.wasm", *words)
    assert run.seconds < 10


def test_a_component_that_is_too_large_is_refused_before_it_is_compiled(fnpack, suite, tmp_path, hostile):
    suite.benchmark()
    plugin = tmp_path / "large.wasm"
    padding = 400_000_000
    with open(plugin, "wb") as file:
        file.write(hostile.read_bytes())
        # A custom section of zeros, its length in LEB128.
        length, encoded = padding, b""
        while True:
            length, low = length >> 7, length & 0x7F
            encoded += bytes([low | (0x80 if length else 0)])
            if not length:
                break
        file.write(b"\0" + encoded + b"\1x")
        file.truncate(file.tell() + padding - 2)
    began = time.monotonic()
    run = fnpack.build(suite, "--platform", "hostile", "--plugin", plugin, status=None, timeout=60)
    assert run.status in (1, 2), str(run)
    run.says("large.wasm", "MiB")
    assert time.monotonic() - began < 10


# --- two of one name


def test_two_plugins_of_one_name_are_an_error_that_names_both(fnpack, suite, tmp_path, hostile):
    suite.benchmark()
    one, two = tmp_path / "one.wasm", tmp_path / "two.wasm"
    shutil.copy(hostile, one)
    two.write_bytes(components.with_other_bytes(hostile.read_bytes()))
    run = fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", one, "--plugin", two, status=2)
    run.says("hostile", "one.wasm", "two.wasm", "replace")


def test_a_setting_says_which_of_two_plugins_serves(fnpack, suite, tmp_path, hostile):
    suite.benchmark()
    one, two = tmp_path / "one.wasm", tmp_path / "two.wasm"
    shutil.copy(hostile, one)
    two.write_bytes(components.with_other_bytes(hostile.read_bytes()))
    suite.settings(f'[plugins.replace]\nhostile = "{two}"\n')
    fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", one, "--plugin", two).status_is("built")


@pytest.mark.parametrize("way", ["folder", "path"])
def test_plugins_are_found_in_the_users_folder_and_the_search_path(way, fnpack, suite, tmp_path, hostile):
    suite.benchmark()
    env = {}
    if way == "folder":
        folder = fnpack.home / "user/data/fnpack/plugins"
    else:
        folder = tmp_path / "mine"
        env = {"FNPACK_PLUGIN_PATH": f"{tmp_path / 'nothing'}:{folder}"}
    folder.mkdir(parents=True)
    shutil.copy(hostile, folder / "hostile.wasm")
    assert "hostile" in fnpack.run("plugin", "list", env=env).stdout
    fnpack.build(suite, *HOSTILE_PYTHON, env=env).status_is("built")


def test_compiled_code_that_was_tampered_with_is_not_run(fnpack, suite, hostile):
    """Loading it would be running native code of someone else's."""
    suite.benchmark()
    fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", hostile).status_is("built")
    folder = fnpack.cache / "plugins"
    assert folder.stat().st_mode & 0o077 == 0, "others can write to, or read, the compiled code"
    compiled = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > 10_000]
    assert compiled
    for path in compiled:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run = fnpack.build(suite, *HOSTILE_PYTHON, "--plugin", hostile, "--force", status=None)
    assert run.status == 0, str(run)
