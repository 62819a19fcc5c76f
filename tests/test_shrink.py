"""Installed packages made smaller, and still what they were: run by the real runtime."""

import base64
import csv
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from conftest import lacking

from support import zips
from support.elf import machine
from support.places import PROJECT
from support.runtime_api import LambdaFunction, body_of

SITE = ".python_packages/lib/site-packages"

# Loads every native module and library among the packages, and uses them.
LOAD_ALL = """\
import ctypes, glob, importlib, io, os, sys

def handler(event):
    import numpy, numpy.linalg, numpy.random, numpy.fft
    import PIL.Image
    root = os.path.dirname(os.path.dirname(numpy.__file__))
    loaded = []
    for path in sorted(glob.glob(root + "/**/*.so*", recursive=True)):
        if ".cpython-" not in path:
            ctypes.CDLL(path)
        elif "test" not in os.path.basename(path) and "_imagingtk" not in path:
            importlib.import_module(os.path.relpath(path, root).split(".cpython-")[0].replace("/", "."))
        loaded.append(os.path.relpath(path, root))
    picture = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), (200, 0, 0)).save(picture, "JPEG")
    pixel = PIL.Image.open(picture).resize((2, 2)).getpixel((0, 0))
    inverse = numpy.linalg.inv(numpy.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    return {"result": {"loaded": loaded, "inverse": inverse, "red": pixel[0]}}
"""
HEAVY = {"python/requirements.txt": "numpy==1.26.4\npillow==10.3.0\n", "python/function.py": LOAD_ALL}


@pytest.fixture
def run(tmp_path):
    """Runs a package as a function; more of these arguments go to the function's process."""
    started = []

    def run(archive, folder="package", **environment):
        if not (tmp_path / folder).exists():
            zips.unpack(archive, tmp_path / folder)
        (tmp_path / "temporary").mkdir(exist_ok=True)
        function = LambdaFunction(tmp_path / folder, "python", {"TMPDIR": str(tmp_path / "temporary")} | environment)
        started.append(function)
        return function

    yield run
    for function in started:
        function.close()


def result(function, event=None):
    return body_of(function.invoke(event or {}))["result"]["result"]


def unpacked_sizes(archive) -> dict[str, int]:
    with zipfile.ZipFile(archive) as opened:
        return {info.filename: info.file_size for info in opened.infolist()}


def compiled(folder: Path, *flags: str) -> bytes:
    """A module of Python in C, with symbols and debug information."""
    if not shutil.which("cc"):
        lacking("cc is not installed")
    (folder / "x.c").write_text("static int unseen(int x) { return x + 1; }\nint seen(int x) { return unseen(x); }\n")
    subprocess.run(["cc", "-g", "-shared", "-fPIC", *flags, "-o", folder / "x.so", folder / "x.c"], check=True)
    return (folder / "x.so").read_bytes()


def with_module(suite, module: bytes, path="pkg/native.so", more=None, **config):
    """A benchmark whose package.sh puts a file among the packages."""
    script = f'mkdir -p "$(dirname "$1/{path}")"\ncp module.bin "$1/{path}"\ntouch "$1/pkg/__init__.py"\nrm module.bin\n'
    files = {"python/requirements.txt": "six==1.16.0\n", "python/module.bin": module, "python/package.sh": script + (more or "")}
    return suite.benchmark(config=config, files=files)


# --- strip


def test_numpy_and_pillow_are_smaller_and_every_native_file_still_loads(fnpack, suite, run):
    suite.benchmark(files=HEAVY)
    before = unpacked_sizes(fnpack.python(suite).archive)
    smaller = fnpack.python(suite, "--shrink", "strip,tests,caches,binaries", timeout=300).status_is("built")
    after = unpacked_sizes(smaller.archive)
    native = [name for name in before if ".so" in name.rsplit("/", 1)[-1]]
    assert all(after[name] <= before[name] for name in native if name in after)
    # It was patched: its symbols are before what a loader reads, and a quarter of a megabyte.
    (blas,) = [name for name in native if "libopenblas" in name]
    assert after[blas] < before[blas] - 200_000
    assert sum(after.values()) < sum(before.values())
    found = result(run(smaller.archive))
    assert found["inverse"] == [[0.5, 0], [0, 0.25]] and found["red"] > 150
    assert len(found["loaded"]) > 20
    assert not [name for name in after if "/numpy/core/tests/" in name]
    assert [name for name in after if "/numpy/testing/" in name]


def test_stripping_gives_the_same_bytes_each_time(fnpack, suite, tmp_path):
    with_module(suite, compiled(tmp_path), shrink=["strip"])
    first = fnpack.python(suite)
    assert fnpack.elsewhere("other").python(suite).sha256 == first.sha256
    fnpack.python(suite, "--force").status_is("built")
    assert fnpack.python(suite).status_is("cached").sha256 == first.sha256


def test_a_stripped_file_has_no_symbols_and_all_that_a_loader_reads(fnpack, suite, tmp_path):
    module = compiled(tmp_path)
    with_module(suite, module, shrink=["strip"])
    stripped = zips.read(fnpack.python(suite).archive, f"{SITE}/pkg/native.so")
    assert len(stripped) < len(module)
    (tmp_path / "stripped.so").write_bytes(stripped)
    if shutil.which("readelf"):
        def read(flag, name):
            return subprocess.run(["readelf", "-W", flag, name], cwd=tmp_path, capture_output=True, text=True, check=True)

        sections = read("-S", "stripped.so")
        assert not sections.stderr and ".debug_info" not in sections.stdout and ".symtab" not in sections.stdout
        assert ".dynsym" in sections.stdout and ".text" in sections.stdout
        for flag in ("-l", "-d", "--dyn-syms", "-r", "-n"):
            assert read(flag, "x.so").stdout == read(flag, "stripped.so").stdout, flag
    code = "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).seen(41))"
    found = subprocess.run(["python3", "-c", code, tmp_path / "stripped.so"], capture_output=True, text=True)
    assert found.stdout == "42\n", found.stderr


def test_a_file_that_stripping_could_break_is_left_alone(fnpack, suite, tmp_path):
    module = compiled(tmp_path)
    sections = struct.unpack_from("<Q", module, 40)[0]
    appended = module + b"data that the program finds at its end"
    cut = module[:-100]
    no_sections = module[:40] + struct.pack("<Q", 0) + module[48:60] + b"\0\0\0\0" + module[64:]
    wild = bytearray(module)
    wild[sections + 64 + 24:sections + 64 + 32] = struct.pack("<Q", 1 << 62)
    odd = {"appended": appended, "cut": cut, "without": no_sections, "wild": bytes(wild), "head": module[:100]}
    suite.benchmark(config={"shrink": ["strip"]}, files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/package.sh": 'mkdir "$1/pkg"; mv odd/* "$1/pkg"; rmdir odd\n',
        **{f"python/odd/{name}.so": contents for name, contents in odd.items()},
    })
    archive = fnpack.python(suite).archive
    for name, contents in odd.items():
        assert zips.read(archive, f"{SITE}/pkg/{name}.so") == contents, name


def test_files_for_arm64_are_stripped_on_this_machine(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "numpy==1.26.4\n"})
    whole = fnpack.python(suite, "--architecture", "arm64")
    sizes = unpacked_sizes(whole.archive)
    smaller = fnpack.python(suite, "--architecture", "arm64", "--shrink", "strip")
    native = [name for name in sizes if ".so" in name.rsplit("/", 1)[-1]]
    after = unpacked_sizes(smaller.archive)
    assert native and sum(after[name] for name in native) < sum(sizes[name] for name in native)
    assert {machine(zips.read(smaller.archive, name)) for name in native} == {"arm64"}


def test_the_record_of_a_package_tells_what_there_is(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "numpy==1.26.4\n"}, config={"shrink": ["strip", "tests"]})
    contents = zips.contents(fnpack.python(suite).archive)
    rows = list(csv.reader(contents[f"{SITE}/numpy-1.26.4.dist-info/RECORD"].decode().splitlines()))
    for path, digest, size in rows:
        data = contents[f"{SITE}/{path}"]
        if digest:
            assert digest == "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            assert int(size) == len(data)


# --- tests, caches, binaries


def test_tests_that_somebody_imports_stay(fnpack, suite):
    package = {
        "a/__init__.py": "from .core.tests import helper\n", "a/core/tests/helper.py": "", "a/tests/test_a.py": "",
        "b/__init__.py": "", "b/test/data.txt": "", "b/testing/x.py": "",
    }
    suite.benchmark(config={"shrink": ["tests"]}, files={
        "python/requirements.txt": "six==1.16.0\n", "python/package.sh": 'mv packages/* "$1"; rmdir packages\n',
        **{f"python/packages/{path}": text for path, text in package.items()},
    })
    names = zips.names(fnpack.python(suite).archive)
    left = {path for path in package if f"{SITE}/{path}" in names}
    assert left == {"a/__init__.py", "a/core/tests/helper.py", "b/__init__.py", "b/testing/x.py"}


def test_node_modules_lose_types_maps_documents_and_binaries_of_other_platforms(fnpack, suite):
    package = {
        "index.js": "module.exports = 1;\n", "index.d.ts": "", "index.js.map": "{}", "README.md": "", "LICENSE.md": "x",
        "package.json": '{"name": "x", "version": "1.0.0"}', "prebuilds/linux-x64/node.napi.glibc.node": "x",
        "prebuilds/linux-x64/node.napi.musl.node": "x", "prebuilds/darwin-arm64/node.napi.node": "x", "a.dll": "x",
    }
    suite.benchmark(config={"shrink": ["tests", "binaries"]}, files={
        "nodejs/package.json": json.dumps({"name": "f", "version": "1.0.0", "dependencies": {"x": "file:./x"}}),
        **{f"nodejs/x/{path}": text for path, text in package.items()},
    })
    names = zips.names(fnpack.nodejs(suite).archive)
    left = {name.split("/node_modules/x/")[1] for name in names if "/node_modules/x/" in name}
    assert left == {"index.js", "LICENSE.md", "package.json", "prebuilds/linux-x64/node.napi.glibc.node"}


# --- archive


PACKAGES = {
    "python/requirements.txt": "numpy==1.26.4\npillow==10.3.0\n",
    "python/function.py": (
        "import os, numpy, numpy.linalg, PIL.Image, importlib.metadata\n"
        "def handler(event):\n"
        "    inverse = numpy.linalg.inv(numpy.array([[2.0]])).tolist()\n"
        "    return {'result': {'numpy': numpy.__file__, 'pillow': PIL.Image.__file__, 'inverse': inverse,\n"
        "            'version': importlib.metadata.version('numpy'), 'process': os.getpid()}}\n"),
}
ARCHIVED = {"shrink": ["strip", "tests", {"archive": ["numpy"]}]}


def test_an_archived_package_is_unpacked_when_the_function_starts(fnpack, suite, run, tmp_path):
    suite.benchmark(config=ARCHIVED, files=PACKAGES)
    archive = fnpack.python(suite).says("shrink: archive", "MiB ->").archive
    names = zips.names(archive)
    assert ".python_packages/packages.zip" in names
    assert not [name for name in names if name.startswith((f"{SITE}/numpy/", f"{SITE}/numpy.libs/"))]
    cold = run(archive)
    first = result(cold)
    assert first["inverse"] == [[0.5]] and first["version"] == "1.26.4"
    assert first["numpy"].startswith(f"{tmp_path}/temporary/packages-") and f"/{SITE}/PIL/" in first["pillow"]
    assert result(cold)["process"] == first["process"]
    # Another process on the machine finds it.
    (folder,) = [entry for entry in (tmp_path / "temporary").iterdir() if entry.is_dir()]
    made = folder.stat().st_ctime_ns
    assert result(run(archive))["inverse"] == [[0.5]]
    assert folder.stat().st_ctime_ns == made


def test_functions_that_start_at_once_unpack_once(fnpack, suite, run, tmp_path):
    suite.benchmark(config=ARCHIVED, files=PACKAGES)
    archive = fnpack.python(suite).archive
    zips.unpack(archive, tmp_path / "package")
    functions = [run(archive) for _ in range(3)]
    results = []
    threads = [threading.Thread(target=lambda f=f: results.append(result(f))) for f in functions]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len({found["numpy"] for found in results}) == 1 and len(results) == 3
    left = sorted(entry.name.rpartition(".")[2] for entry in (tmp_path / "temporary").iterdir())
    assert len(left) == 2 and "lock" in left, left


def test_what_a_killed_start_left_is_unpacked_again(fnpack, suite, run, tmp_path):
    suite.benchmark(config=ARCHIVED, files=PACKAGES)
    archive = fnpack.python(suite).archive
    whole = Path(result(run(archive))["numpy"]).parents[1]
    (whole / "numpy/version.py").unlink()
    (whole / "numpy/linalg/linalg.py").write_text("half of a fi")
    whole.rename(f"{whole}.unfinished")
    assert result(run(archive))["inverse"] == [[0.5]]
    assert not list((tmp_path / "temporary").glob("*.unfinished"))


def test_a_full_temporary_folder_is_said_with_what_is_needed(fnpack, suite, tmp_path):
    suite.benchmark(config=ARCHIVED, files=PACKAGES)
    package = zips.unpack(fnpack.python(suite).archive, tmp_path / "package")
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)); import unpacked_packages; unpacked_packages.folder()"
    failed = subprocess.run(["python3", "-c", code], cwd=package / ".python_packages", env={
        "PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PYTHONPATH": ".",
    }, capture_output=True, text=True)
    assert "MiB in" in failed.stderr and "cannot be unpacked there: [Errno 27]" in failed.stderr, failed.stderr
    assert not list(tmp_path.glob("packages-*/")), "a part was left"


def test_a_folder_of_somebody_else_is_not_taken_for_the_packages(fnpack, suite, run, tmp_path):
    suite.benchmark(config=ARCHIVED, files=PACKAGES)
    archive = fnpack.python(suite).archive
    folder = Path(result(run(archive))["numpy"]).parents[1]
    folder.rename(f"{folder}.moved")
    folder.symlink_to(f"{folder}.moved")
    failed = run(archive).outcome({})
    assert failed.kind in ("error", "init-error") and "somebody else" in json.dumps(failed.payload)


def test_nothing_of_the_archive_is_in_other_packages(fnpack, suite):
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    names = zips.names(fnpack.python(suite).archive)
    assert not [name for name in names if "packages.zip" in name or "unpacked_packages" in name]


def test_an_archive_of_what_is_not_installed_names_what_is(fnpack, suite):
    suite.benchmark(config={"shrink": [{"archive": ["torch"]}]}, files={"python/requirements.txt": "six==1.16.0\n"})
    fnpack.python(suite, status=1).says("`torch`", "not installed", "six")


def test_an_archive_is_for_python_and_is_refused_before_anything_is_installed(fnpack, suite):
    suite.benchmark(config={"languages": ["nodejs"], "shrink": [{"archive": ["x"]}]}, files={"init.sh": "exit 1\n"})
    fnpack.nodejs(suite, status=1).says("archive", "Python")


# --- what counts


def test_the_steps_are_an_input_of_the_build_and_are_told(fnpack, suite, tmp_path):
    with_module(suite, compiled(tmp_path))
    plain = fnpack.python(suite)
    shrunk = fnpack.python(suite, "--shrink", "strip", "--explain").status_is("built")
    shrunk.says("shrink: strip", "->", "new: shrink")
    assert shrunk.sha256 != plain.sha256
    fnpack.python(suite, "--shrink", "strip", "--explain").status_is("cached").says("shrink: strip")
    with_module(suite, compiled(tmp_path), shrink=["strip"])
    fnpack.python(suite).status_is("cached")
    fnpack.python(suite, "--shrink", "strip,strip").status_is("cached")
    fnpack.python(suite, "--shrink", "tests", "--dry-run").says("shrink (tests, strip): to do")


def test_an_unknown_step_is_an_error_that_lists_the_known(fnpack, suite):
    suite.benchmark(config={"shrink": ["stripp"]})
    fnpack.python(suite, status=1).says("config.json", "stripp", "binaries", "caches", "tests", "strip")
    suite.benchmark()
    fnpack.python(suite, "--shrink", "small", status=2).says("small", "binaries", "caches", "tests", "strip")


def test_threads_that_unpack_into_the_same_new_folders_do_not_meet(tmp_path):
    """What unpacks is run by itself: a package of a benchmark has too few folders to show it."""
    unpacker = tmp_path / "unpacked_packages.py"
    unpacker.write_bytes((PROJECT / "plugins/sdk/wrappers/python/unpacked_packages.py").read_bytes())
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        for number in range(600):
            archive.writestr(f"package/{number // 6}/deep/er/{number}.py", f"VALUE = {number}\n")
    program = (
        "import os, sys, tempfile\n"
        "os.cpu_count = lambda: 8\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "import unpacked_packages\n"
        "for number in range(10):\n"
        f"    tempfile.tempdir = tempfile.mkdtemp(dir={str(tmp_path)!r})\n"
        "    folder = unpacked_packages.folder()\n"
        "    assert sum(len(files) for _, _, files in os.walk(folder)) == 600\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
