"""The same inputs give the same bytes, wherever, whenever and in whichever order they are built."""

import stat
import json
import os
import random
import shutil
import tempfile
from pathlib import Path

import pytest

from support import zips
from support.suite import Benchmark

PYTHON_REQUIREMENTS = "six==1.16.0\nmarkupsafe==2.1.5\n"
NODEJS_PACKAGES = {"name": "page", "version": "1.0.0", "dependencies": {"mustache": "4.2.0", "ms": "2.1.3"}}


def page(suite) -> Benchmark:
    """A benchmark with dependencies, folders, scripts and an executable."""
    files = {f"python/templates/part{number}.html": f"<p>{number}</p>\n" * 50 for number in range(12)}
    files |= {f"nodejs/templates/part{number}.html": f"<p>{number}</p>\n" * 50 for number in range(12)}
    benchmark = suite.benchmark("110.page", files=files | {
        "python/requirements.txt": PYTHON_REQUIREMENTS,
        "nodejs/package.json": json.dumps(NODEJS_PACKAGES),
        "init.sh": 'mkdir -p "$1/data"; for n in 3 1 2; do date >/dev/null; echo "$n" > "$1/data/$n"; done\n',
        "python/package.sh": 'echo "$APP" > packaged\n',
    })
    for language in ("python", "nodejs"):
        benchmark.write(f"{language}/tool.sh", "#!/bin/sh\n", mode=0o755)
    return benchmark


@pytest.fixture
def memory_folder():
    """A folder on a file system that lists the newest entry first."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.fail("/dev/shm is needed, for listings in another order")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


def shuffled(seed: int):
    def order(entries):
        random.Random(seed).shuffle(entries)
        return entries

    return order


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_fresh_caches_other_folders_listing_orders_and_jobs_give_the_same_bytes(language, fnpack, suite, memory_folder):
    page(suite)
    first = suite.copy(memory_folder / "first", shuffled(1))
    second = suite.copy(memory_folder / "some" / "where" / "else", shuffled(2))
    listed = [os.listdir(each.root / "110.page" / language / "templates") for each in (first, second)]
    assert sorted(listed[0]) == sorted(listed[1]) and listed[0] != listed[1], "the listings are in the same order"

    one = getattr(fnpack.elsewhere("one"), language)(first, "--jobs", "1")
    # Another time zone, language and mask of permissions too.
    other = fnpack.elsewhere("other")
    other.variables = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "LANG": "C"}
    two = getattr(other, language)(second, "--jobs", "4", preexec_fn=lambda: os.umask(0o077))

    assert one.target["status"] == two.target["status"] == "built"
    assert one.sha256 == two.sha256
    assert one.archive.read_bytes() == two.archive.read_bytes()
    assert one.sha256 == zips.sha256(one.archive), "the digest that is told is that of the file"


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_an_archive_tells_neither_time_nor_place_nor_order(language, fnpack, suite):
    page(suite)
    run = getattr(fnpack, language)(suite)
    zips.assert_normalised(run.archive)
    zips.assert_whole(run.archive)
    assert run.target["archive"]["bytes"] == run.archive.stat().st_size
    contents = zips.contents(run.archive)
    assert run.target["archive"]["unpacked_bytes"] == sum(
        len(data) for name, data in contents.items() if not stat.S_ISLNK(zips.mode(run.archive, name))
    )
    for place in (suite.root, fnpack.home, fnpack.cache):
        holders = [name for name, data in contents.items() if str(place).encode() in data]
        assert not holders, f"{place} is told by {holders}"


@pytest.mark.parametrize("language", ["python", "nodejs"])
def test_what_installers_leave_that_varies_is_not_packaged(language, fnpack, suite):
    page(suite)
    names = zips.names(getattr(fnpack, language)(suite).archive)
    noise = [
        name for name in names
        if name.endswith((".pyc", "/.package-lock.json", "direct_url.json", "uv_cache.json", "/.lock"))
        or "__pycache__" in name
    ]
    assert not noise


def test_executable_bits_are_kept_and_all_files_are_readable_by_lambda(fnpack, suite):
    page(suite)
    archive = fnpack.python(suite).archive
    modes = {name: zips.mode(archive, name) for name in zips.names(archive)}
    assert modes["function/tool.sh"] & 0o777 == 0o755
    assert modes["function/function.py"] & 0o777 == 0o644


def test_targets_built_together_and_alone_are_the_same(fnpack, suite):
    page(suite)
    suite.benchmark("010.other", files={"python/requirements.txt": "six==1.16.0\n"})
    together = fnpack.elsewhere("together").build(suite, "--language-version", "3.11,20", "--jobs", "4")
    assert len(together.lines) == 4, str(together)
    for line in together.lines:
        alone = fnpack.elsewhere(f"alone-{line['benchmark']}-{line['language']}")
        run = alone.build(suite, line["benchmark"], "--language", line["language"], "--language-version", line["version"])
        assert run.sha256 == line["archive"]["sha256"]


def test_building_again_by_force_gives_the_same_bytes(fnpack, suite):
    page(suite)
    first = fnpack.python(suite)
    again = fnpack.python(suite, "--force").status_is("built")
    assert again.sha256 == first.sha256
