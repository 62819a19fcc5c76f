"""fnpack.lock: an image's name stands for what it stood for when the suite first used it."""

import base64
import json
import os
import shutil

import pytest

from conftest import lacking
from support import docker
from support.registry import PASSWORD, Registry

NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere.sock"}
KEY = "python-3.11-x64"


@pytest.fixture(params=[False], ids=["open"])
def registry(tmp_path, request):
    if not shutil.which("docker-registry"):
        lacking("docker-registry is missing: run tests/setup.sh")
    registry = Registry(tmp_path / "registry", login=request.param)
    try:
        yield registry
    finally:
        registry.stop()


def lock(suite) -> dict[str, str]:
    """The digests by names that the suite has recorded."""
    lines = (suite.root / "fnpack.lock").read_text().splitlines()
    pairs = [line.split(" = ") for line in lines if line.startswith('"')]
    return {name.strip('"'): digest.strip('"') for name, digest in pairs}


class TestBaseImage:
    """Of function images that are made without an engine."""

    @pytest.fixture
    def images(self, suite, registry):
        registry.base()
        suite.settings(f'[platform.aws]\nrepository = "{registry.host}/x"\n'
                       f'[platform.aws.base-images]\n"{KEY}" = "{registry.host}/base:1"\n')
        suite.benchmark()
        return suite

    @staticmethod
    def build(fnpack, suite, *args, **run):
        return fnpack.python(suite, "--deployment", "container", "--push", *args, env=NO_ENGINE, **run)

    def test_its_digest_is_recorded_and_used_when_the_tag_has_moved(self, fnpack, images, registry):
        first = self.build(fnpack, images).target["image"]
        name = f"{registry.host}/base:1"
        recorded = lock(images)
        assert list(recorded) == [name]
        registry.base(extra=b"newer")
        self.build(fnpack, images).status_is("cached")
        elsewhere = self.build(fnpack.elsewhere("other"), images).target["image"]
        assert elsewhere == first and lock(images) == recorded

    def test_an_update_takes_the_newer_one_and_records_it(self, fnpack, images, registry):
        first = self.build(fnpack, images).target["image"]
        recorded = lock(images)
        self.build(fnpack, images, "--update-images").status_is("cached")
        registry.base(extra=b"newer")
        second = self.build(fnpack, images, "--update-images", "--overwrite").status_is("built").target["image"]
        assert second["digest"] != first["digest"] and lock(images) != recorded
        assert self.build(fnpack, images).status_is("cached").target["image"] == second

    def test_what_is_recorded_is_an_input_whoever_wrote_it(self, fnpack, images, registry):
        self.build(fnpack, images)
        old = (images.root / "fnpack.lock").read_text()
        registry.base(extra=b"newer")
        self.build(fnpack, images, "--update-images", "--overwrite")
        (images.root / "fnpack.lock").write_text(old)
        self.build(fnpack, images, "--overwrite").status_is("built")

    def test_a_damaged_file_is_wrong_usage_that_names_it(self, fnpack, images):
        (images.root / "fnpack.lock").write_text("[images]\n\"a\" = \"latest\"\n")
        self.build(fnpack, images, status=2).says("fnpack.lock", "latest", "remove it")

    def test_a_suite_that_cannot_be_written_is_built_with_a_word_about_it(self, fnpack, images, mounts):
        mounts.read_only(images.root)
        self.build(fnpack, images, before=mounts.enter).status_is("built").says("fnpack.lock", "warning")
        assert not (images.root / "fnpack.lock").exists()

    def test_what_has_no_image_records_nothing(self, fnpack, images):
        fnpack.python(images, env=NO_ENGINE).status_is("built")
        assert not (images.root / "fnpack.lock").exists()


@pytest.mark.docker
class TestBuildImage:
    """That dependencies are installed in."""

    @pytest.fixture
    def image(self, registry):
        """A build image that only its registry has."""
        name = f"{registry.host}/build/python:1"
        self.publish(docker.PYTHON_IMAGE, name, registry)
        yield name
        self.forget(registry)

    @staticmethod
    def publish(image: str, name: str, registry) -> None:
        docker.docker("tag", image, name)
        login = registry.folder / "login"
        login.mkdir(exist_ok=True)
        docker.docker("--config", login, *(["login", "--username", "me", "--password", PASSWORD, registry.host]
                                           if registry.authorization else ["version"]))
        docker.docker("--config", login, "push", "--quiet", name)
        docker.docker("rmi", name)

    @staticmethod
    def forget(registry) -> None:
        for form in ("{{.Repository}}:{{.Tag}}", "{{.Repository}}@{{.Digest}}"):
            for name in docker.docker("images", "--digests", "--format", form).split():
                if name.startswith(registry.host) and "<none>" not in name:
                    docker.docker("rmi", "--force", name, check=False)

    @pytest.fixture
    def packages(self, suite, image):
        suite.settings(docker.settings(python=image))
        suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
        return suite

    @staticmethod
    def build(fnpack, suite, *args, **run):
        return fnpack.python(suite, "--executor", "docker", *args, **run)

    def test_its_digest_is_recorded_and_got_when_the_tag_has_moved(self, fnpack, packages, image, registry):
        first = self.build(fnpack, packages).status_is("built")
        recorded = lock(packages)
        assert list(recorded) == [image]
        self.forget(registry)
        docker.remake(docker.PYTHON_IMAGE, f"{image}-newer")
        self.publish(f"{image}-newer", image, registry)
        self.build(fnpack, packages).status_is("cached")
        run = self.build(fnpack, packages, "--force").says(recorded[image])
        assert run.sha256 == first.sha256 and lock(packages) == recorded

    @pytest.mark.parametrize("command", ["build", "build-images"])
    def test_an_update_gets_the_newer_one_and_records_it(self, command, fnpack, packages, image, registry):
        self.build(fnpack, packages)
        recorded = lock(packages)
        docker.remake(docker.PYTHON_IMAGE, f"{image}-newer")
        self.publish(f"{image}-newer", image, registry)
        if command == "build":
            self.build(fnpack, packages, "--update-images", "--explain").status_is("built").says("build image")
        else:
            fnpack.run("build-images", "--suite", packages.root, "--platform", "aws", "--language", "python",
                       "--language-version", "3.11", "--update")
            self.build(fnpack, packages, "--explain").status_is("built").says("build image")
        assert lock(packages) != recorded
        self.build(fnpack, packages).status_is("cached")

    @pytest.mark.parametrize("registry", [True], ids=["login"], indirect=True)
    def test_a_private_one_is_got_by_the_users_login(self, fnpack, packages, registry, tmp_path):
        self.build(fnpack, packages, status=1).says("cannot be pulled", "fnpack.toml")
        logins = tmp_path / "logins"
        logins.mkdir()
        token = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        (logins / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
        run = self.build(fnpack, packages, env={"DOCKER_CONFIG": str(logins)}).status_is("built")
        assert PASSWORD not in run.said and token not in run.said

    @pytest.mark.parametrize("registry", [True], ids=["login"], indirect=True)
    def test_a_private_base_is_got_by_the_users_login_whenever_the_engine_lacks_it(
        self, fnpack, suite, registry, tmp_path
    ):
        # Of layers that no other image has: an engine puts one together from what it has, unasked.
        registry.base(extra=os.urandom(1 << 16))
        image = f"{registry.host}/base:1"
        suite.settings(f'[platform.aws.base-images]\n"{KEY}" = "{image}"\n')
        benchmark = suite.benchmark()
        logins = tmp_path / "logins"
        logins.mkdir()
        token = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        (logins / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
        flags = ("--deployment", "container", "--image-builder", "engine")
        try:
            fnpack.python(suite, *flags, status=1).says(f"the base image {image} cannot be pulled", "base-images")
            fnpack.python(suite, *flags, env={"DOCKER_CONFIG": str(logins)}).status_is("built").says(f"pulling {image}")
            assert list(lock(suite)) == [image]
            self.forget(registry)
            docker.docker("rmi", "--force", *docker.docker("images", "--quiet", "fnpack/functions").split())
            benchmark.write("python/function.py", "def handler(event):\n    return {}\n")
            fnpack.python(suite, *flags, status=1).says(f"the base image {image}@{lock(suite)[image]} cannot be pulled")
            fnpack.python(suite, *flags, env={"DOCKER_CONFIG": str(logins)}).status_is("built").says("pulling")
        finally:
            docker.docker("rmi", "--force", *docker.docker("images", "--quiet", "fnpack/functions").split(), check=False)
            self.forget(registry)

    @pytest.mark.parametrize("registry", [True], ids=["login"], indirect=True)
    def test_an_engine_gets_the_base_for_the_images_processor(self, fnpack, suite, registry, tmp_path):
        """A name stands for images of both in the registry, and for one in the engine."""
        bases = [registry.base("base", name, "oci", name, extra=os.urandom(1 << 12)) for name in ("amd64", "arm64")]
        registry.index("base", "both", bases, "oci")
        logins = tmp_path / "logins"
        logins.mkdir()
        token = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
        (logins / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
        keys = ["python-3.11-x64", "python-3.11-arm64"]
        settings = "[platform.aws.base-images]\n" + "".join(f'"{key}" = "{registry.host}/base:both"\n' for key in keys)
        suite.settings(settings)
        suite.benchmark()
        flags = ("--deployment", "container", "--image-builder", "engine")
        env = {"DOCKER_CONFIG": str(logins)}
        try:
            run = fnpack.python(suite, *flags, "--architecture", "x64,arm64", env=env)
            again = fnpack.python(suite, *flags, "--force", env=env).status_is("built")
            for line in [*run.lines, again.target]:
                assert line["status"] == "built"
                config = json.loads(docker.docker("image", "inspect", line["image"]["digest"]))[0]
                wanted = {"x64": "amd64", "arm64": "arm64"}[line["architecture"]]
                base = registry.config("base", wanted)["rootfs"]["diff_ids"]
                assert config["Architecture"] == wanted and config["RootFS"]["Layers"][:1] == base
            suite.settings(settings.replace("/base:both", "/base:arm64"))
            failed = fnpack.python(suite, *flags, env=env, status=1)
            failed.says(f"{registry.host}/base:arm64", "is not there for linux/amd64, but for linux/arm64", "base-images")
        finally:
            docker.docker("rmi", "--force", *docker.docker("images", "--quiet", "fnpack/functions").split(), check=False)
            self.forget(registry)

    def test_one_that_no_registry_has_is_not_recorded(self, fnpack, suite):
        suite.settings(docker.settings())
        suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
        self.build(fnpack, suite).status_is("built")
        assert not (suite.root / "fnpack.lock").exists()
