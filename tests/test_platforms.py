"""The table of docs/platforms.md: it says what the plugins say, and every cell of it is built."""

import shutil

import pytest

import platforms
from conftest import lacking
from support import docker
from support.places import BENCHMARKS
from support.registry import Registry
from support.suite import Suite

# In every language; it asks for no package of its own.
BENCHMARK = "010.sleep"


def cells(platform: dict, in_container: bool, with_image: bool = False) -> set[tuple]:
    """What is to be built of a platform: every row for every processor, and every deployment with or without an image."""
    images = {deployment["name"] for deployment in platform["deployments"] if deployment["image"]}
    return {
        (row["language"], row["version"], row["variant"], architecture, deployment)
        for row in platform["supports"]
        if is_built_in_container(row) == in_container
        for architecture in row["architectures"]
        for deployment in row["deployments"]
        if (deployment in images) == with_image
    }


def is_built_in_container(row: dict) -> bool:
    """Whether a row's packages are compiled: not all that Google's framework needs is to be had ready for PyPy."""
    return row["language"] in ("java", "cpp") or row["variant"] == "pypy"


@pytest.fixture
def build(fnpack, record_property):
    """Builds all of a platform's cells in one command; fails for each that was not built, and reports each."""

    def build(platform: dict, wanted: set[tuple], suite, executor: str, *more):
        ended = build_cells(fnpack, platform["name"], wanted, suite, executor, *more)
        for cell in sorted(wanted):
            record_property("cell", " ".join([platform["name"], *cell, ended.get(cell, "no word of it")]))
        wrong = {cell: word for cell in wanted if (word := ended.get(cell)) not in ("built", "cached")}
        assert not wrong, "\n".join(f"{platform['name']} {cell}: {reason}" for cell, reason in sorted(wrong.items()))

    return build


def build_cells(fnpack, platform: str, wanted: set[tuple], suite, executor: str, *more) -> dict[tuple, str]:
    """How each cell ended: "built", "cached", or why not."""
    def every(part: int) -> str:
        return ",".join(sorted({cell[part] for cell in wanted}))

    run = fnpack.build(
        suite, BENCHMARK, "--platform", platform, "--language", every(0), "--language-version", every(1),
        "--variant", every(2), "--architecture", every(3), "--deployment", every(4), "--executor", executor, *more,
        timeout=900, status=None,
    )
    keys = ("language", "version", "variant", "architecture", "deployment")
    return {tuple(line[key] for key in keys): line["error"] or line["status"] for line in run.lines}


@pytest.fixture
def described(fnpack) -> dict[str, dict]:
    return {platform["name"]: platform for platform in platforms.descriptions(fnpack.environment())}


def test_the_document_says_what_the_plugins_say(described):
    assert platforms.FILE.read_text() == platforms.text(list(described.values())), "run tests/platforms.py"


def test_what_the_document_says_is_executed_is_a_row(described):
    rows = {(name, row["language"], row["version"], row["variant"])
            for name, platform in described.items() for row in platform["supports"]}
    assert set(platforms.EXECUTED) <= rows


@pytest.mark.parametrize("name", ["aws", "azure", "gcp", "openwhisk"])
def test_every_cell_of_prebuilt_packages_is_built(name, described, build):
    platform = described[name]
    build(platform, cells(platform, in_container=False), Suite(BENCHMARKS), "host")


@pytest.mark.docker
@pytest.mark.parametrize("name", ["aws", "azure", "gcp", "openwhisk"])
def test_every_cell_of_compiled_packages_is_built(name, described, build, tmp_path):
    """In containers of a JDK that compiles for each version, of a compiler for C++, and of PyPy."""
    platform = described[name]
    wanted = cells(platform, in_container=True)
    suite = Suite(BENCHMARKS).copy(tmp_path / "suite")
    suite.settings(compilers(name, wanted))
    build(platform, wanted, suite, "docker")


def compilers(name: str, wanted: set[tuple]) -> str:
    """The settings by which packages are compiled in the tests' images."""
    images = {f"java-{version}-x64": docker.NEW_JAVA_IMAGE for language, version, *_ in wanted if language == "java"}
    images["cpp-all-x64"] = docker.CPP_IMAGE
    images["python-3.11-pypy-x64"] = docker.PYPY_IMAGE
    lines = [f"[platform.{name}.build-images]", *(f'"{key}" = "{image}"' for key, image in images.items()), "[docker]"]
    bundle = docker.certificates()
    return "\n".join([*lines, *([f'ca-bundle = "{bundle}"'] if bundle else []), ""])


@pytest.fixture
def bases(tmp_path):
    """The settings that give a platform's images one small base, which a registry has for both processors."""
    if not shutil.which("docker-registry"):
        lacking("docker-registry is missing: run tests/setup.sh")
    registry = Registry(tmp_path / "registry")
    registry.index("base", "1", [registry.base("base", name, "oci", name) for name in ("amd64", "arm64")], "oci")

    def settings(name: str, wanted: set[tuple]) -> str:
        keys = {"-".join([language, version, *([variant] if variant != "default" else []), architecture])
                for language, version, variant, architecture, _ in wanted}
        lines = [f"[platform.{name}.base-images]", *(f'"{key}" = "{registry.host}/base:1"' for key in sorted(keys))]
        return "\n".join([*lines, ""])

    yield settings
    registry.stop()


WITH_IMAGES = ["aws", "gcp", "openwhisk"]


def test_these_have_images(described):
    assert WITH_IMAGES == [name for name, platform in described.items() if cells(platform, in_container=False, with_image=True)]


@pytest.mark.parametrize("name", WITH_IMAGES)
def test_every_image_of_prebuilt_packages_is_built(name, described, build, tmp_path, bases):
    platform = described[name]
    wanted = cells(platform, in_container=False, with_image=True)
    suite = Suite(BENCHMARKS).copy(tmp_path / "suite")
    suite.settings(bases(name, wanted))
    build(platform, wanted, suite, "host", "--image-format", "oci")


@pytest.mark.docker
@pytest.mark.parametrize("name", WITH_IMAGES)
def test_every_image_of_compiled_packages_is_built(name, described, build, tmp_path, bases):
    platform = described[name]
    wanted = cells(platform, in_container=True, with_image=True)
    suite = Suite(BENCHMARKS).copy(tmp_path / "suite")
    suite.settings(bases(name, wanted) + compilers(name, wanted))
    build(platform, wanted, suite, "docker", "--image-format", "oci")
