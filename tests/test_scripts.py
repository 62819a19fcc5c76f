"""init.sh, package.sh and the variants of a language, by their contracts."""

import json

import pytest

from support import zips
from support.places import HOSTILE
from support.suite import Benchmark

PYTHON = ("--language", "python", "--language-version", "3.11")


def told(archive, name: str) -> dict[str, str]:
    """What a script wrote into a file of the package: `name=value` lines."""
    return dict(line.split("=", 1) for line in zips.read(archive, f"function/{name}").decode().splitlines())


# --- init.sh


@pytest.mark.parametrize("architecture", ["x64", "arm64"])
def test_init_scripts_get_the_out_folder_false_and_the_architecture(architecture, fnpack, suite):
    script = 'printf "count=%s\\nout=%s\\nverbose=%s\\narchitecture=%s\\nplace=%s\\nhere=%s\\n" "$#" "$1" "$2" "$3" "$PWD" "$(ls | tr "\\n" ,)" > "$1/FILE"\n'
    suite.benchmark(files={
        "init.sh": script.replace("FILE", "benchmark.txt"),
        "python/init.sh": script.replace("FILE", "language.txt"),
        "resources/data.txt": "",
    })
    archive = fnpack.python(suite, "--architecture", architecture).archive
    for name, folder in (("benchmark.txt", "config.json,init.sh"), ("language.txt", "function.py,init.sh")):
        values = told(archive, name)
        assert (values["count"], values["verbose"], values["architecture"]) == ("3", "false", architecture)
        assert values["out"].startswith("/")
        assert folder in values["here"], f"it does not start in its own folder: {values}"
    assert not told(archive, "benchmark.txt")["place"].startswith(str(suite.root)), "it works on the sources themselves"


def test_init_scripts_find_themselves_and_relative_files_alike(fnpack, suite):
    suite.benchmark(files={
        "python/templates/page.html": "<p>",
        "python/init.sh": 'here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)\n'
                          'cp "$here/templates/page.html" "$1/one.html"\ncp templates/page.html "$1/two.html"\n',
    })
    archive = fnpack.python(suite).archive
    assert zips.read(archive, "function/one.html") == zips.read(archive, "function/two.html") == b"<p>"


def test_the_languages_init_script_runs_after_the_benchmarks_and_sees_what_it_made(fnpack, suite):
    suite.benchmark(files={
        "init.sh": 'echo first > "$1/order.txt"\n',
        "python/init.sh": 'test -e "$1/function.py" && echo second >> "$1/order.txt"\n',
    })
    assert zips.read(fnpack.python(suite).archive, "function/order.txt") == b"first\nsecond\n"


def test_what_init_scripts_do_to_their_copy_does_not_reach_the_sources(fnpack, suite):
    benchmark = suite.benchmark(files={
        "init.sh": 'echo changed > python/function.py; echo new > new.txt; rm -f resources/data.txt; chmod 777 config.json\n',
        "python/init.sh": 'echo changed >> function.py; mkdir left\n',
        "resources/data.txt": "data",
    })
    before = zips.tree(benchmark.folder)
    archive = fnpack.python(suite).archive
    assert zips.tree(benchmark.folder) == before
    assert b"changed" not in zips.read(archive, "function/function.py")
    fnpack.python(suite, "--force")
    assert zips.tree(benchmark.folder) == before


def test_scripts_are_not_packaged(fnpack, suite):
    suite.benchmark(files={"init.sh": "true\n", "python/init.sh": "true\n", "python/package.sh": "true\n"})
    assert not [name for name in zips.names(fnpack.python(suite).archive) if name.endswith(".sh")]


def test_init_scripts_run_for_node_too_and_package_scripts_by_the_same_contract(fnpack, suite):
    suite.benchmark(files={
        "init.sh": 'echo benchmark > "$1/benchmark.txt"\n',
        "nodejs/init.sh": 'echo language > "$1/language.txt"\n',
        "nodejs/package.sh": 'printf "app=%s\\n" "$APP" > packaged.txt\n',
    })
    contents = zips.contents(fnpack.nodejs(suite).archive)
    assert contents["function/benchmark.txt"] == b"benchmark\n"
    assert contents["function/language.txt"] == b"language\n"
    assert contents["function/packaged.txt"] == b"app=010.hello\n"


# --- package.sh


def test_package_sh_runs_after_the_install_in_the_tree_with_its_environment(fnpack, suite):
    suite.benchmark(files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/package.sh": (
            'printf "packages=%s\\nsix=%s\\nfunction=%s\\napp=%s\\nplatform=%s\\narchitecture=%s\\nversion=%s\\n" '
            '"$1" "$(test -e "$1/six.py" && echo there)" "$(test -e function.py && echo there)" '
            '"$APP" "$PLATFORM" "$TARGET_ARCHITECTURE" "$PYTHON_VERSION" > packaged.txt\n'
        ),
    })
    assert told(fnpack.python(suite).archive, "packaged.txt") == {
        "packages": ".python_packages/lib/site-packages",
        "six": "there",
        "function": "there",
        "app": "010.hello",
        "platform": "AWS",
        "architecture": "x64",
        "version": "3.11",
    }


def test_package_sh_may_change_and_remove_what_was_installed(fnpack, suite):
    suite.benchmark(files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/package.sh": 'rm -r "$1"/six-*.dist-info\necho "# smaller" > "$1/six.py"\n',
    })
    archive = fnpack.python(suite).archive
    names = zips.names(archive)
    assert not [name for name in names if "dist-info" in name]
    (six,) = [name for name in names if name.endswith("/six.py")]
    assert zips.read(archive, six) == b"# smaller\n"


def test_what_package_sh_does_to_packages_reaches_no_other_build(fnpack, suite):
    """Both are installed from one action's result."""
    requirements = {"python/requirements.txt": "six==1.16.0\n"}
    suite.benchmark("010.rude", files=requirements | {"python/package.sh": 'echo "ruined" > "$1/six.py"\n'})
    suite.benchmark("020.other", files=requirements)
    run = fnpack.python(suite, "--jobs", "1")
    other = next(line["archive"]["path"] for line in run.lines if line["benchmark"] == "020.other")
    (six,) = [name for name in zips.names(other) if name.endswith("/six.py")]
    assert b"Benjamin Peterson" in zips.read(other, six)


def test_a_script_cannot_put_anything_outside_by_a_link(fnpack, suite, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("secret of the machine")
    suite.benchmark(files={"init.sh": f'ln -s "{outside}" "$1/link.txt"\n'})
    run = fnpack.python(suite, status=None)
    assert run.status == 1, str(run)
    run.says("link.txt")
    assert fnpack.finished_files() == []


# --- variants


@pytest.fixture
def variants(suite) -> Benchmark:
    """A function for Node.js with a variant of each kind: the tests' platform runs these engines."""
    languages = [{"language": "nodejs", "variants": ["default", "bun", "llrt"]}, "python"]
    lines = "".join(f"// line {number}\n" for number in range(1, 21))
    benchmark = suite.benchmark(config={"languages": languages}, files={
        "nodejs/function.js": lines + "exports.handler = async () => ({ result: 'default' });\n",
        "nodejs/kept.js": "exports.kept = true;\n",
        "nodejs/package.json": json.dumps({"name": "v", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}),
    })
    return benchmark


VARIANT = "bun"


def nodejs(fnpack, suite, *args, **run):
    """Builds for a platform that runs functions of Node.js in two engines: the tests' own."""
    return fnpack.nodejs(suite, "--platform", "hostile", "--plugin", HOSTILE, *args, **run)


def test_a_variants_folder_is_laid_over_the_sources(fnpack, suite, variants):
    variants.write(f"nodejs/{VARIANT}/function.js", "exports.handler = async () => ({ result: 'other' });\n")
    variants.write(f"nodejs/{VARIANT}/lib/more.js", "")
    names = {}
    for name in ("default", VARIANT):
        run = nodejs(fnpack, suite, "--variant", name)
        names[name] = zips.names(run.archive)
        assert (b"'other'" in zips.read(run.archive, "function.js")) == (name == VARIANT)
        assert not [entry for entry in names[name] if entry.startswith(("bun/", "llrt/"))]
    assert "lib/more.js" in names[VARIANT] and "lib/more.js" not in names["default"]
    assert "kept.js" in names[VARIANT]


PATCH = """\
--- a/function.js
+++ b/function.js
@@ -18,4 +18,4 @@
 // line 18
 // line 19
 // line 20
-exports.handler = async () => ({ result: 'default' });
+exports.handler = async () => ({ result: 'patched' });
"""


@pytest.mark.parametrize("offset", [0, 7])
def test_a_variants_patch_is_applied_where_its_lines_are_now(offset, fnpack, suite, variants):
    variants.write(f"nodejs/{VARIANT}/patch.diff", PATCH)
    text = (variants / "nodejs/function.js").read_text()
    variants.write("nodejs/function.js", "// new\n" * offset + text)
    run = nodejs(fnpack, suite, "--variant", VARIANT)
    assert b"'patched'" in zips.read(run.archive, "function.js")
    assert not [name for name in zips.names(run.archive) if "patch.diff" in name]
    # A changed patch is seen.
    variants.write(f"nodejs/{VARIANT}/patch.diff", PATCH.replace("patched", "patched again"))
    after = nodejs(fnpack, suite, "--variant", VARIANT).status_is("built")
    assert "patch.diff" in json.dumps(after.target["reasons"])


@pytest.mark.parametrize("patch, words", [
    (PATCH.replace("// line 19", "// line nineteen"), ["function.js", "hunk", "1"]),
    (PATCH.replace("function.js", "absent.js"), ["absent.js"]),
    (PATCH.replace("b/function.js", "b/../../../escaped.js").replace("a/function.js", "a/../../../escaped.js"), ["escaped.js"]),
    (PATCH.replace("b/function.js", "b//tmp/escaped.js").replace("a/function.js", "a//tmp/escaped.js"), ["escaped.js"]),
    ("this is no patch\n", ["patch.diff"]),
    (PATCH.replace("\n", "\r\n"), ["CRLF"]),
    ("--- a/function.js\n+++ /dev/null\n@@ -1 +0,0 @@\n-// line 1\n", ["function.js", "more lines"]),
    ("diff --git a/l.js b/l.js\nnew file mode 120000\n--- /dev/null\n+++ b/l.js\n@@ -0,0 +1 @@\n+function.js\n", ["links"]),
], ids=["another text", "an absent file", "leaves the folder", "an absolute path", "no patch", "CRLF", "part of a file removed", "a link"])
def test_a_patch_that_does_not_apply_names_file_and_hunk(patch, words, fnpack, suite, variants):
    variants.write(f"nodejs/{VARIANT}/patch.diff", patch)
    run = nodejs(fnpack, suite, "--variant", VARIANT, status=1)
    run.says("patch.diff", *words)
    assert fnpack.finished_files() == []
    # The default variant has nothing to do with it.
    nodejs(fnpack, suite).status_is("built")


def test_a_patch_changes_modes_and_makes_empty_files(fnpack, suite, variants):
    variants.write("nodejs/run.sh", "#!/bin/sh\n")
    changes = "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n" \
        "diff --git a/empty.js b/empty.js\nnew file mode 100644\nindex 0000000..e69de29\n"
    variants.write(f"nodejs/{VARIANT}/patch.diff", changes + "diff --git a/function.js b/function.js\n" + PATCH)
    archive = nodejs(fnpack, suite, "--variant", VARIANT).archive
    modes = [bool(zips.mode(archive, name) & 0o100) for name in ("run.sh", "function.js", "empty.js")]
    assert modes == [True, False, False]
    assert zips.read(archive, "empty.js") == b""


def test_a_variant_without_a_folder_is_named(fnpack, suite, variants):
    nodejs(fnpack, suite, "--variant", VARIANT, status=1).says(VARIANT, "folder")


def test_a_variant_that_the_benchmark_does_not_declare_lists_those_it_does(fnpack, suite):
    suite.benchmark()
    nodejs(fnpack, suite, "--variant", VARIANT, status=2).says(VARIANT, "default")


# --- manifests


def test_the_manifest_of_the_version_and_architecture_is_installed(fnpack, suite):
    suite.benchmark(files={
        "python/requirements.txt": "six==1.14.0\n",
        "python/requirements.txt.3.11": "six==1.15.0\n",
        "python/requirements.txt.arm.3.11": "six==1.16.0\n",
    })
    for version, architecture, six in (("3.11", "x64", "1.15.0"), ("3.11", "arm64", "1.16.0"), ("3.12", "x64", "1.14.0")):
        run = fnpack.build(suite, "--language-version", version, "--architecture", architecture)
        assert any(f"six-{six}.dist-info" in name for name in zips.names(run.archive)), (version, architecture)


def test_dev_dependencies_are_left_out(fnpack, suite):
    manifest = {"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}, "devDependencies": {"mustache": "4.2.0"}}
    suite.benchmark(files={"nodejs/package.json": json.dumps(manifest)})
    names = zips.names(fnpack.nodejs(suite).archive)
    assert "function/node_modules/ms/index.js" in names
    assert not [name for name in names if name.startswith("function/node_modules/mustache")]


def test_a_package_lock_is_honoured(fnpack, suite):
    """The manifest would take the newest; the lock holds an old one."""
    manifest = {"name": "x", "version": "1.0.0", "dependencies": {"ms": "^2.0.0"}}
    lock = {
        "name": "x", "version": "1.0.0", "lockfileVersion": 3, "requires": True,
        "packages": {
            "": {"name": "x", "version": "1.0.0", "dependencies": {"ms": "^2.0.0"}},
            "node_modules/ms": {
                "version": "2.1.2",
                "integrity": "sha512-sGkPx+VjMtmA6MX27oA4FBFELFCZZ4S4XqeGOXCv68tT+jb3vk/RyaKWP0PTKyWtmLSM0b+adUTEvbs1PEaH2w==",
            },
        },
    }
    suite.benchmark(files={"nodejs/package.json": json.dumps(manifest), "nodejs/package-lock.json": json.dumps(lock)})
    archive = fnpack.nodejs(suite).archive
    assert json.loads(zips.read(archive, "function/node_modules/ms/package.json"))["version"] == "2.1.2"


def test_hashed_requirements_stay_hashed(fnpack, suite):
    right = "six==1.16.0 --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n"
    benchmark = suite.benchmark(files={"python/requirements.txt": right})
    fnpack.python(suite).status_is("built")
    benchmark.write("python/requirements.txt", right.replace("8abb", "0000"))
    fnpack.python(suite, status=1).says("hash", "six")


def test_a_local_package_is_installed_as_a_copy(fnpack, suite):
    suite.benchmark(files={
        "python/requirements.txt": "./mine\n",
        "python/mine/pyproject.toml": '[project]\nname = "mine"\nversion = "1.0"\n'
                                      '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n',
        "python/mine/mine_inside.py": "INSIDE = 1\n",
    })
    run = fnpack.python(suite)
    contents = zips.contents(run.archive)
    assert any(name.endswith("site-packages/mine_inside.py") for name in contents), list(contents)
    assert not [name for name, data in contents.items() if str(fnpack.cache).encode() in data]


# --- what is taken


def test_what_belongs_to_tools_is_left_out_and_sub_folders_are_taken(fnpack, suite):
    suite.benchmark(files={
        "python/package/__init__.py": "",
        "python/package/module.py": "",
        "python/package/__pycache__/module.cpython-311.pyc": b"",
        "python/.git/HEAD": "",
        "python/.venv/pyvenv.cfg": "",
        "python/.env": "SECRET=1",
        "python/node_modules/x.js": "",
        "python/notes.log": "",
        "python/.fnpackignore": "*.log\n",
    })
    run = fnpack.python(suite)
    names = zips.names(run.archive)
    taken = {name.removeprefix("function/") for name in names if name.startswith("function/")}
    assert {"function.py", "package/__init__.py", "package/module.py"} <= taken
    left_out = ("pycache", ".git", ".venv", ".env", "node_modules", ".log", ".fnpackignore")
    assert not [name for name in taken if any(word in name for word in left_out)]
    run.says(".env")
    assert b"SECRET" not in b"".join(zips.contents(run.archive).values())


@pytest.mark.parametrize("name", ["ünïcödé.txt", "with space.txt", "-dash.txt", "new\nline.txt", "quote'\".txt", "*star?.txt"])
def test_odd_names_are_taken_as_they_are_whatever_the_locale(name, fnpack, suite):
    suite.benchmark(files={f"python/{name}": "x", "init.sh": "true\n"})
    archive = fnpack.python(suite, env={"LC_ALL": "C"}).archive
    assert f"function/{name}" in zips.names(archive)


def test_links_inside_the_folder_lead_to_the_same_contents(fnpack, suite, tmp_path):
    benchmark = suite.benchmark(files={"python/real/data.txt": "data"})
    (benchmark / "python/link.txt").symlink_to("real/data.txt")
    (benchmark / "python/linked").symlink_to("real")
    unpacked = zips.unpack(fnpack.python(suite).archive, tmp_path / "unpacked")
    assert (unpacked / "function/link.txt").read_text() == "data"
    assert (unpacked / "function/linked/data.txt").read_text() == "data"


def test_what_fnpack_reads_itself_may_be_a_link(fnpack, suite):
    benchmark = suite.benchmark(files={
        "python/reqs/base.txt": "six==1.16.0\n", "python/more.txt": "-r reqs/link.txt\n",
        "python/scripts/p.sh": "echo packaged > packaged.txt\n",
        "common.sh": 'echo from-init > "$1/init.txt"\n',
        "nodejs/sub/p.json": '{"name": "x", "version": "1.0.0", "dependencies": {"ms": "2.1.3"}}',
    })
    for link, goal in {
        "python/requirements.txt": "more.txt", "python/reqs/link.txt": "base.txt", "python/package.sh": "scripts/p.sh",
        "init.sh": "common.sh", "nodejs/package.json": "sub/p.json",
    }.items():
        (benchmark / link).unlink(missing_ok=True)
        (benchmark / link).symlink_to(goal)
    names = zips.names(fnpack.python(suite).archive)
    assert {"function/init.txt", "function/packaged.txt"} <= set(names)
    assert any(name.endswith("six.py") for name in names)
    assert any("node_modules/ms/" in name for name in zips.names(fnpack.nodejs(suite).archive))


def test_a_languages_folder_may_be_a_link(fnpack, suite):
    benchmark = suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n", "python/init.sh": 'echo x > "$1/init.txt"\n'})
    before = zips.names(fnpack.python(suite).archive)
    (benchmark / "python").rename(benchmark / "py")
    (benchmark / "python").symlink_to("py")
    assert zips.names(fnpack.python(suite).archive) == before


def test_a_variants_folder_and_its_patch_may_be_links(fnpack, suite, variants):
    variants.write("nodejs/patches/one.diff", PATCH)
    variants.write("nodejs/engine/readme.txt", "")
    (variants / f"nodejs/{VARIANT}").symlink_to("engine")
    (variants / "nodejs/engine/patch.diff").symlink_to("../patches/one.diff")
    run = nodejs(fnpack, suite, "--variant", VARIANT)
    assert b"'patched'" in zips.read(run.archive, "function.js")
