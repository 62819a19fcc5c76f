"""Build images that no registry has: recipes, made by the engine when a build needs them."""

import threading

import pytest

from support import docker
from support.suite import Suite

pytestmark = pytest.mark.docker

DOCKERFILE = f"FROM {docker.PYTHON_IMAGE}\nCOPY mark.txt /etc/mark.txt\nRUN test -s /etc/mark.txt\n"


@pytest.fixture
def recipe(suite, tmp_path) -> Suite:
    """A suite whose build image for Python 3.11 is a recipe; its image differs from test to test."""
    settings = docker.settings().replace(f'"{docker.PYTHON_IMAGE}"', '{ recipe = "images/python" }')
    suite.settings(settings)
    folder = suite.root / "images/python"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "mark.txt").write_text(str(tmp_path))
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    yield suite
    for image in made():
        docker.docker("rmi", "--force", image)


def made() -> list[str]:
    return docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "fnpack/python").split()


def build(fnpack, suite, *args, **run):
    return fnpack.python(suite, "--executor", "docker", *args, **run)


def test_a_build_makes_a_missing_image_and_says_so(fnpack, recipe):
    run = build(fnpack, recipe).status_is("built").says("making the build image fnpack/python:", "no registry has it")
    [image] = made()
    assert image in run.stderr
    label = docker.docker("image", "inspect", "--format", '{{index .Config.Labels "fnpack.recipe"}}', image)
    assert image.split(":")[1] == label[:20]


def test_a_finished_build_does_not_need_the_image(fnpack, recipe):
    build(fnpack, recipe)
    docker.docker("rmi", *made())
    build(fnpack, recipe).status_is("cached")
    assert made() == []


def test_another_recipe_is_another_build(fnpack, recipe):
    build(fnpack, recipe)
    (recipe.root / "images/python/mark.txt").write_text("changed")
    run = build(fnpack, recipe).status_is("built")
    assert any("build image" in reason for reason in run.target["reasons"]), run
    assert len(made()) == 2


def test_an_image_made_again_gives_the_same_key(fnpack, recipe):
    """No two makings of an image are alike; the recipe counts."""
    first = build(fnpack, recipe).sha256
    docker.docker("rmi", *made())
    elsewhere = fnpack.elsewhere("other")
    run = build(elsewhere, recipe).status_is("built")
    assert run.sha256 == first
    assert build(elsewhere, recipe).status_is("cached").sha256 == first


def test_build_images_makes_what_the_targets_need_and_finds_it_then(fnpack, recipe):
    arguments = ("build-images", "--suite", recipe.root, "--platform", "aws", "--language", "python", "--language-version", "3.11")
    fnpack.run(*arguments).says("made fnpack/python:")
    [image] = made()
    fnpack.run(*arguments).says(f"there {image}")
    build(fnpack, recipe).status_is("built")
    assert made() == [image]


def test_many_builds_at_once_make_it_once(fnpack, recipe):
    for name in ("020.b", "030.c"):
        recipe.benchmark(name)
    others = [fnpack, fnpack.elsewhere("other", cache=fnpack.cache)]
    runs = []
    threads = [threading.Thread(target=lambda one=one: runs.append(build(one, recipe, "--jobs", "3"))) for one in others]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    steps = [line for run in runs for line in run.stderr.splitlines() if "test -s /etc/mark.txt" in line]
    assert len(runs) == 2 and len(made()) == 1
    assert all(target["status"] in ("built", "cached") for run in runs for target in run.lines)
    assert len(steps) <= 1, steps


@pytest.mark.parametrize("dockerfile, words", [
    (f"FROM {docker.PYTHON_IMAGE}\nRUN echo going wrong; exit 7\n", ["going wrong", "exit code: 7"]),
    (f"FROM {docker.PYTHON_IMAGE}\nBUILD it\n", ["unknown instruction", "BUILD"]),
    (f"FROM {docker.PYTHON_IMAGE}\nCOPY missing.txt /\n", ["missing.txt"]),
    (None, ["no file Dockerfile"]),
])
def test_a_recipe_that_fails_is_told_in_the_builders_words(dockerfile, words, fnpack, recipe):
    file = recipe.root / "images/python/Dockerfile"
    file.unlink()
    if dockerfile:
        file.write_text(dockerfile)
    run = build(fnpack, recipe, status=1).says("fnpack/python:", "recipe", *words)
    assert run.target["status"] == "failed"
    assert made() == []
    # Not the platform's missing tools, and not another place either.
    assert fnpack.python(recipe, "--executor", "auto", status=1).target["status"] == "failed"


def test_a_recipe_folder_that_is_not_there_is_named(fnpack, recipe):
    recipe.settings('[platform.aws.build-images]\n"python-3.11-x64" = { recipe = "images/gone" }\n')
    build(fnpack, recipe, status=1).says("images/gone", "recipe")
