"""Function images that fnpack makes itself, in a real registry, a folder or an archive: no engine takes part.

Bases are small images put into the registry by hand; `crane` judges what was pushed.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import zipfile

import pytest

from conftest import lacking
from support.places import BENCHMARKS, TOOLS
from support.registry import Registry
from support.suite import Suite

CRANE = TOOLS / "crane/crane"
NO_ENGINE = {"DOCKER_HOST": "unix:///nowhere.sock"}
TAG = "function.aws.010.hello.python-3.11-x64-"


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    if not (shutil.which("docker-registry") and CRANE.exists()):
        lacking("docker-registry or crane is missing: run tests/setup.sh")
    registry = Registry(tmp_path_factory.mktemp("registry") / "one")
    try:
        entries = [registry.base("base", name, "oci", name) for name in ("amd64", "arm64")]
        registry.index("base", "1", entries, "oci")
        yield registry
    finally:
        registry.stop()


@pytest.fixture
def repository(registry, request) -> str:
    """A repository of the test's own."""
    return f"{registry.host}/test/{abs(hash(request.node.name))}"


@pytest.fixture
def images(suite, registry, repository):
    """A suite with one benchmark, its images' base and repository."""
    base = f"{registry.host}/base:1"
    keys = [f"{runtime}-{architecture}" for runtime in ("python-3.11", "nodejs-20") for architecture in ("x64", "arm64")]
    lines = []
    for platform in ("aws", "gcp", "openwhisk"):
        lines += [f"[platform.{platform}]", f'repository = "{repository}"', f"[platform.{platform}.base-images]"]
        lines += [f'"{key}" = "{base}"' for key in keys]
    suite.settings("\n".join([*lines, ""]))
    suite.benchmark(files={"python/requirements.txt": "six==1.16.0\n"})
    return suite


def build(fnpack, suite, *args, env=None, **run):
    return fnpack.python(suite, "--deployment", "container", *args, env=NO_ENGINE | (env or {}), **run)


def crane(*args) -> str:
    done = subprocess.run([CRANE, *map(str, args)], capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": "/nowhere"})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def blobs(registry) -> set[str]:
    """All blobs of the registry."""
    folder = registry.storage / "docker/registry/v2/blobs/sha256"
    return {path.parent.name for path in folder.glob("*/*/data")}


def test_an_image_is_pushed_and_found_there(fnpack, images, registry, repository):
    run = build(fnpack, images, "--push").status_is("built")
    image = run.target["image"]
    assert run.target["archive"] is None
    assert image["name"].startswith(f"{repository}:{TAG}")
    assert crane("digest", image["name"]) == image["digest"]
    crane("validate", "--remote", image["name"])
    again = build(fnpack, images, "--push").status_is("cached")
    assert again.target["image"] == image


def test_an_image_holds_the_dependencies_below_the_code(fnpack, images, registry, repository, tmp_path):
    image = build(fnpack, images, "--push").target["image"]
    config = json.loads(crane("config", image["name"]))
    assert config["config"]["Cmd"] == ["handler.handler"] and config["config"]["WorkingDir"] == "/var/task"
    assert len(config["rootfs"]["diff_ids"]) == 3
    crane("export", image["name"], tmp_path / "files.tar")
    with tarfile.open(tmp_path / "files.tar") as files:
        names = set(files.getnames())
    assert {"var/task/handler.py", "var/task/function/function.py",
            "var/task/.python_packages/lib/site-packages/six.py"} <= names


def test_an_image_and_a_package_hold_the_same_packages(fnpack, images):
    with zipfile.ZipFile(fnpack.python(images, env=NO_ENGINE).archive) as archive:
        package = {name: archive.read(name) for name in archive.namelist() if name.startswith(".python_packages/lib/")}
    build(fnpack, images, "--image-format", "dockerfile")
    layer = fnpack.out / "aws/010.hello/python-3.11-x64/context/layer-1"
    files = (path for path in layer.rglob("*") if path.is_file())
    assert {str(path.relative_to(layer)): path.read_bytes() for path in files} == package and package


def test_an_edit_sends_the_code_alone(fnpack, images, registry):
    build(fnpack, images, "--push")
    before = blobs(registry)
    function = images.root / "010.hello/python/function.py"
    function.write_text(function.read_text() + "# edited\n")
    build(fnpack, images, "--push", "--overwrite").status_is("built")
    # The layer of the code, the configuration and the manifest.
    assert len(blobs(registry) - before) == 3


def test_data_is_not_sent_with_an_edit_of_the_code(fnpack, images, registry, tmp_path):
    data = os.urandom(2 << 20)
    (images.root / "010.hello/python/data.bin").write_bytes(data)
    image = build(fnpack, images, "--push").target["image"]
    assert len(json.loads(crane("config", image["name"]))["rootfs"]["diff_ids"]) == 4
    before = blobs(registry)
    function = images.root / "010.hello/python/function.py"
    function.write_text(function.read_text() + "# edited beside data\n")
    image = build(fnpack, images, "--push", "--overwrite").status_is("built").target["image"]
    assert len(blobs(registry) - before) == 3
    crane("export", image["name"], tmp_path / "files.tar")
    with tarfile.open(tmp_path / "files.tar") as files:
        assert files.extractfile("var/task/function/data.bin").read() == data
        assert files.extractfile("var/task/function/function.py").read().endswith(b"# edited beside data\n")


def test_equal_inputs_give_an_equal_image_from_cold(fnpack, images):
    digests = {build(one, images, "--image-format", "oci").target["image"]["digest"]
               for one in (fnpack, fnpack.elsewhere("other"))}
    assert len(digests) == 1


def test_the_image_is_the_same_wherever_it_goes(fnpack, images):
    runs = [build(fnpack, images, *place) for place in (["--push"], ["--image-format", "oci"], ["--image-format", "docker-archive"])]
    assert len({run.target["image"]["digest"] for run in runs}) == 1
    folder = fnpack.out / "aws/010.hello/python-3.11-x64"
    crane("validate", "--tarball", folder / "image.tar")
    index = json.loads((folder / "image/index.json").read_text())
    assert index["manifests"][0]["digest"] == runs[0].target["image"]["digest"]


def test_a_dry_run_tells_of_the_image_and_does_nothing(fnpack, images, registry, repository):
    build(fnpack, images, "--push", "--dry-run").says("image: to do")
    assert not (images.root / "fnpack.lock").exists()
    image = build(fnpack, images, "--push").target["image"]
    build(fnpack, images, "--push", "--dry-run").says(f"image {image['name']}", "cached")
    elsewhere = f"{repository}/elsewhere"
    build(fnpack, images, "--push", "--dry-run", "--registry", elsewhere).says(f"image {elsewhere}", "direct builder): to do")
    assert registry.call("GET", f"/v2/{elsewhere.split('/', 1)[1]}/tags/list")[0].status == 404


def test_the_dockerfile_and_its_context_can_be_had(fnpack, images, registry):
    run = build(fnpack, images, "--image-format", "dockerfile")
    context = fnpack.out / "aws/010.hello/python-3.11-x64/context"
    lines = (context / "Dockerfile").read_text().splitlines()
    base = registry.call("GET", "/v2/base/manifests/1", Accept="application/vnd.oci.image.index.v1+json")[0]
    assert lines[0] == f"FROM {registry.host}/base:1@{base.headers['Docker-Content-Digest']}"
    assert 'CMD ["handler.handler"]' in lines
    assert (context / "layer-1/.python_packages/lib/site-packages/six.py").exists()
    assert (context / "layer-2/function/function.py").exists()
    build(fnpack, images, "--image-format", "dockerfile").status_is("cached")
    (context / "layer-2/handler.py").write_text("")
    again = build(fnpack, images, "--image-format", "dockerfile").status_is("built")
    assert again.target["image"] == run.target["image"] and (context / "layer-2/handler.py").read_text()


def test_an_image_that_is_gone_is_brought_there_again_without_installing(fnpack, images, registry, repository):
    first = build(fnpack, images, "--push").target["image"]
    path = repository.split("/", 1)[1]
    answer, _ = registry.call("DELETE", f"/v2/{path}/manifests/{first['digest']}")
    assert answer.status == 202
    run = build(fnpack, images, "--push").status_is("built").says("push image")
    assert run.target["image"] == first and "install (" not in run.stderr
    assert run.target["reasons"] == ["the image is not in its place"]


def test_a_layout_that_lost_a_layer_is_written_again(fnpack, images):
    build(fnpack, images, "--image-format", "oci")
    folder = fnpack.out / "aws/010.hello/python-3.11-x64/image/blobs/sha256"
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    largest.unlink()
    build(fnpack, images, "--image-format", "oci").status_is("built")
    assert largest.exists()
    build(fnpack, images, "--image-format", "oci").status_is("cached")


def flip_a_byte(layout):
    largest = max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    data = largest.read_bytes()
    largest.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def rename_the_image(layout):
    index = json.loads((layout / "index.json").read_text())
    index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = "other"
    (layout / "index.json").write_text(json.dumps(index))


def lose(*names):
    return lambda layout: [(layout / name).unlink() for name in names]


@pytest.mark.parametrize("damage", [flip_a_byte, rename_the_image, lose("oci-layout"), lose("index.json", "oci-layout")])
def test_a_damaged_layout_is_written_again(fnpack, images, damage):
    build(fnpack, images, "--image-format", "oci")
    layout = fnpack.out / "aws/010.hello/python-3.11-x64/image"
    whole = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    build(fnpack, images, "--image-format", "oci").status_is("cached")
    damage(layout)
    build(fnpack, images, "--image-format", "oci").status_is("built")
    assert {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()} == whole
    build(fnpack, images, "--image-format", "oci").status_is("cached")


def test_the_tag_of_another_image_is_taken_only_when_asked(fnpack, images, registry):
    first = build(fnpack, images, "--push").target["image"]
    function = images.root / "010.hello/python/function.py"
    function.write_text(function.read_text() + "# edited\n")
    build(fnpack, images, "--push", status=1).status_is("failed").says("--overwrite", first["digest"])
    assert crane("digest", first["name"]) == first["digest"]
    second = build(fnpack, images, "--push", "--overwrite").target["image"]
    assert second["name"] == first["name"] and second["digest"] != first["digest"]


def test_tags_by_contents_never_meet(fnpack, images):
    settings = (images.root / "fnpack.toml").read_text()
    images.settings(settings + "[registry]\ncontent-tags = true\n")
    first = build(fnpack, images, "--push").target["image"]
    function = images.root / "010.hello/python/function.py"
    function.write_text(function.read_text() + "# edited\n")
    second = build(fnpack, images, "--push").target["image"]
    assert first["name"] != second["name"]
    assert crane("digest", first["name"]) == first["digest"]
    # Another base is another image.
    images.settings(settings.replace("/base:1", "/base:amd64") + "[registry]\ncontent-tags = true\n")
    third = build(fnpack, images, "--push").target["image"]
    assert third["name"] not in (first["name"], second["name"]) and crane("digest", second["name"]) == second["digest"]


def test_arm64_takes_the_base_for_it(fnpack, images):
    image = build(fnpack, images, "--push", "--architecture", "arm64").target["image"]
    config = json.loads(crane("config", image["name"]))
    assert config["architecture"] == "arm64" and "-arm64-" in image["name"]


@pytest.mark.parametrize("language, version, names", [
    ("python", "3.11", ["__main__.py"]),
    ("nodejs", "20", ["index.js", "package.json"]),
])
def test_openwhisk_gets_an_image_and_a_zip_of_the_main_handler(language, version, names, fnpack, images):
    run = fnpack.build(images, "--platform", "openwhisk", "--language", language, "--language-version", version,
                       "--deployment", "container", "--image-format", "oci", env=NO_ENGINE)
    assert run.archive.name == "010.hello-container.zip"
    with zipfile.ZipFile(run.archive) as archive:
        assert sorted(archive.namelist()) == names
    assert run.target["image"]["digest"].startswith("sha256:")
    fnpack.build(images, "--platform", "openwhisk", "--language", language, "--language-version", version,
                 "--deployment", "container", "--image-format", "oci", env=NO_ENGINE).status_is("cached")


class TestPush:
    """`fnpack push`, for what is built."""

    @staticmethod
    def push(fnpack, suite, *args, **run):
        return fnpack.run("push", "--suite", suite.root, "--out", fnpack.out, "--platform", "aws", "--language", "python",
                          "--language-version", "3.11", "--executor", "host", "--format", "json", *args, env=NO_ENGINE, **run)

    def test_what_was_built_is_pushed_without_being_built_again(self, fnpack, images, registry):
        built = build(fnpack, images, "--image-format", "oci").target["image"]
        run = self.push(fnpack, images).says("push image")
        assert run.target["image"]["digest"] == built["digest"] and "install (" not in run.stderr
        assert crane("digest", run.target["image"]["name"]) == built["digest"]
        self.push(fnpack, images).status_is("cached")

    def test_a_layer_that_the_registry_lost_is_pushed_again(self, fnpack, images, registry, repository):
        name = build(fnpack, images, "--push").target["image"]["name"]
        path = repository.split("/", 1)[1]
        layer = json.loads(crane("manifest", name))["layers"][-1]["digest"]
        assert registry.call("DELETE", f"/v2/{path}/blobs/{layer}")[0].status == 202
        self.push(fnpack, images).status_is("built").says("push image")
        crane("validate", "--remote", name)
        self.push(fnpack, images).status_is("cached")

    def test_what_was_not_built_is_not_pushed(self, fnpack, images, registry, repository):
        self.push(fnpack, images, status=1).status_is("failed").says("not built", "fnpack build")
        build(fnpack, images, "--image-format", "oci")
        function = images.root / "010.hello/python/function.py"
        function.write_text(function.read_text() + "# edited\n")
        self.push(fnpack, images, status=1).says("changed: source function.py")
        answer, _ = registry.call("GET", f"/v2/{repository.split('/', 1)[1]}/tags/list")
        assert answer.status == 404

    def test_a_platform_without_images_is_wrong_usage(self, fnpack, images):
        fnpack.run("push", "--suite", images.root, "--platform", "azure", env=NO_ENGINE, status=2).says("no function images", "azure")


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_a_registry_that_is_silent_is_not_waited_for_after_a_signal(fnpack, images, interrupt):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        to = f"127.0.0.1:{silent.getsockname()[1]}/functions"
        process = fnpack.start(*fnpack.build_args(images, "--language", "python", "--language-version", "3.11",
                                                  "--deployment", "container", "--push", "--registry", to), env=NO_ENGINE)
        client, _ = silent.accept()
        assert client.recv(4096).startswith(b"HEAD ")
        process.send_signal(interrupt)
        # It waits two minutes for a registry.
        process.communicate(timeout=20)
        assert process.returncode == 128 + interrupt
        client.close()


def test_a_credential_helper_that_hangs_is_ended_by_a_signal(fnpack, images, tmp_path):
    closed, asked = Registry(tmp_path / "closed", login=True), tmp_path / "asked"
    helper = tmp_path / "bin/docker-credential-hangs"
    helper.parent.mkdir()
    helper.write_text(f"#!/bin/sh\necho $$ > {asked}.new\nmv {asked}.new {asked}\nexec sleep 600\n")
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore": "hangs"}')
    env = NO_ENGINE | {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{helper.parent}:{fnpack.environment()['PATH']}"}
    try:
        process = fnpack.start(*fnpack.build_args(images, "--language", "python", "--language-version", "3.11", "--deployment",
                                                  "container", "--push", "--registry", f"{closed.host}/functions"), env=env)
        deadline = time.monotonic() + 60
        while not asked.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        process.terminate()
        # It has a minute to answer.
        process.communicate(timeout=20)
        assert process.returncode == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):
            os.kill(int(asked.read_text()), 0)
    finally:
        closed.stop()


class TestWrong:
    def test_an_image_over_the_platforms_limit_is_not_pushed(self, fnpack, images, registry, repository):
        """Its base says so in its manifest; it is not that large."""
        manifest = registry.manifest("base", "amd64")
        manifest["layers"][0]["size"] = 11 << 30
        registry.put_manifest("base", "large", manifest, manifest["mediaType"])
        settings = (images.root / "fnpack.toml").read_text()
        images.settings(settings.replace("/base:1", "/base:large"))
        build(fnpack, images, "--push", status=1).says("the image has 11.0 GiB", "10.0 GiB", "Lambda refuses it", ".python_packages")
        assert registry.call("GET", f"/v2/{repository.split('/', 1)[1]}/tags/list")[0].status == 404

    def test_there_is_nowhere_to_push_to(self, fnpack, images):
        images.settings("")
        build(fnpack, images, "--push", status=1).says("no repository", "--registry", "repository")

    def test_the_registry_does_not_answer(self, fnpack, images):
        build(fnpack, images, "--push", "--registry", "127.0.0.1:1/functions", status=1).says("127.0.0.1:1")

    def test_the_base_is_not_there(self, fnpack, images, registry):
        settings = (images.root / "fnpack.toml").read_text()
        images.settings(settings.replace("/base:1", "/base:gone"))
        build(fnpack, images, "--push", status=1).says("base:gone", "base-images", "not there")

    def test_the_base_is_for_another_processor(self, fnpack, images, registry):
        settings = (images.root / "fnpack.toml").read_text()
        images.settings(settings.replace("/base:1", "/base:arm64"))
        build(fnpack, images, "--push", status=1).says("arm64", "amd64")

    def test_a_name_is_none_of_a_tag(self, fnpack, images, registry, repository):
        (images.root / "010.hello").rename(images.root / ("010." + "x" * 130))
        run = build(fnpack, images, "--push", status=1).says("tag", "128", "rename the benchmark's folder")
        assert "install (" not in run.stderr, "it is told before anything is built"
        (images.root / ("010." + "x" * 130)).rename(images.root / "010.with space")
        build(fnpack, images, "--push", "--dry-run", status=1).says("010.with space", "` ` (character", "rename")
        assert "tags" not in registry.call("GET", f"/v2/{repository.split('/', 1)[1]}/tags/list")[1].decode()

    @pytest.mark.parametrize("repository, words", [
        ("registry.example", "registry.example/functions"), ("localhost", "localhost/functions"), ("127.0.0.1:1", "127.0.0.1:1/functions"),
        ("https://registry.example/a", "leave out `https://`"), ("registry.example/Upper", "lower-case"),
    ])
    def test_a_repository_that_is_none_is_wrong_usage(self, repository, words, fnpack, images):
        run = build(fnpack, images, "--push", "--registry", repository, status=2).says(repository, words)
        assert "install (" not in run.stderr

    def test_an_engine_writes_no_files(self, fnpack, images):
        build(fnpack, images, "--image-builder", "engine", "--image-format", "oci", status=2).says("--image-format")

    def test_an_engine_is_asked_for_and_there_is_none(self, fnpack, images):
        build(fnpack, images, "--image-builder", "engine", status=1).says("Docker engine")

    def test_azure_has_no_containers(self, fnpack, images):
        run = fnpack.build(images, "010.hello", "--platform", "azure", "--language", "python", "--deployment", "container", status=2)
        run.says("azure", "container", "package")


def test_a_dry_run_pushes_nothing(fnpack, images, registry):
    before = blobs(registry)
    build(fnpack, images, "--push", "--dry-run")
    assert blobs(registry) == before


def test_the_projects_own_benchmarks_become_images(fnpack, registry, repository, tmp_path):
    suite = Suite(BENCHMARKS).copy(tmp_path / "suite")
    base = f'"python-3.11-x64" = "{registry.host}/base:1"'
    suite.settings(f"[platform.gcp.base-images]\n{base}\n")
    image = build(fnpack, suite, "110.dynamic-html", "--platform", "gcp", "--push", "--registry", repository).target["image"]
    config = json.loads(crane("config", image["name"]))["config"]
    assert "functions_framework" in config["Entrypoint"]
    assert "PYTHONPATH=/workspace/.python_packages/lib/site-packages" in config["Env"]
