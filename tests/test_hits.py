"""A hit hands out only what exists and is whole."""

import os
import shutil
import socket

import pytest

from support import zips


def test_an_unchanged_target_is_cached_and_says_no_reason(fnpack, suite):
    suite.benchmark()
    first = fnpack.python(suite).status_is("built")
    second = fnpack.python(suite).status_is("cached")
    assert second.target["archive"] == first.target["archive"]
    assert not second.target["reasons"]


def test_no_engine_is_asked_for_what_is_built_on_this_machine(fnpack, suite, tmp_path):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(tmp_path / "engine.sock"))
        engine.listen()
        engine.setblocking(False)
        for status in ("built", "cached"):
            fnpack.python(suite, env={"DOCKER_HOST": f"unix://{tmp_path}/engine.sock"}).status_is(status)
            with pytest.raises(BlockingIOError):
                engine.accept()


def test_a_removed_artifact_is_there_again(fnpack, suite):
    suite.benchmark()
    first = fnpack.python(suite)
    first.archive.unlink()
    again = fnpack.python(suite)
    assert zips.sha256(again.archive) == first.sha256


@pytest.mark.parametrize("keep_times", [False, True])
def test_a_changed_artifact_is_whole_again(keep_times, fnpack, suite):
    suite.benchmark()
    first = fnpack.python(suite)
    stat = first.archive.stat()
    data = bytearray(first.archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    first.archive.chmod(0o644)
    first.archive.write_bytes(data)
    if keep_times:
        os.utime(first.archive, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = fnpack.python(suite)
    assert zips.sha256(again.archive) == first.sha256


def test_another_out_folder_gets_the_artifact_too(fnpack, suite, tmp_path):
    suite.benchmark()
    first = fnpack.python(suite)
    second = fnpack.python(suite, "--out", tmp_path / "second").status_is("cached")
    assert second.archive.is_relative_to(tmp_path / "second")
    assert zips.sha256(second.archive) == first.sha256


def damage(path):
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [damage, os.unlink], ids=["changed", "removed"])
@pytest.mark.parametrize("folder", ["blobs", "deflated", "actions", "builds", "targets", "stat"])
def test_a_cache_with_files_that_are_changed_or_gone_gives_the_right_archive(folder, harm, fnpack, suite):
    benchmark = suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n", "python/data.txt": "data\n" * 999})
    first = fnpack.python(suite)
    files = [path for path in (fnpack.cache / folder).rglob("*") if path.is_file() and path.stat().st_size]
    assert files, f"the cache has nothing in {folder}/"
    for path in files:
        harm(path)
    shutil.rmtree(fnpack.out)
    again = fnpack.python(suite)
    assert zips.sha256(again.archive) == first.sha256
    # And when something has to be packed anew of what is there.
    benchmark.write("python/new.py", "NEW = 1\n")
    changed = fnpack.python(suite).status_is("built")
    zips.assert_whole(changed.archive)
    expected = fnpack.elsewhere("fresh").python(suite)
    assert changed.sha256 == expected.sha256


def test_a_removed_cache_starts_afresh(fnpack, suite):
    suite.benchmark()
    first = fnpack.python(suite)
    shutil.rmtree(fnpack.cache)
    again = fnpack.python(suite)
    assert again.sha256 == first.sha256


def test_a_one_line_edit_of_the_code_installs_nothing(fnpack, suite, tmp_path):
    """The installer cannot run: it is not there any more, nor can packages be fetched."""
    benchmark = suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    log = tmp_path / "uv.log"
    wrapper = tmp_path / "bin" / "uv"
    wrapper.parent.mkdir()
    real = shutil.which("uv", path=fnpack.environment()["PATH"])
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexec "{real}" "$@"\n')
    wrapper.chmod(0o755)
    path = {"PATH": f"{wrapper.parent}:{fnpack.environment()['PATH']}"}
    fnpack.python(suite, env=path).status_is("built")
    assert "install" in log.read_text()
    log.write_text("")
    benchmark.write("python/function.py", "def handler(event):\n    return {}\n")
    fnpack.python(suite, env=path).status_is("built")
    assert "install" not in log.read_text()
