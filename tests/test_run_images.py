"""Function images that an engine built or pulled, run by it, and asked as their platforms ask.

The bases are stand-ins for the platforms' own, from Debian packages: each has the language, and for Lambda the
real runtime interface client of the language. OpenWhisk's action server is a stand-in as well.
"""

import base64
import io
import json
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
import uuid

import pytest

from conftest import lacking
from support import docker
from support.places import BENCHMARKS, PROJECT, TOOLS
from support.registry import Registry
from support.runtime_api import LambdaFunction
from support.suite import Suite

pytestmark = pytest.mark.docker

PYTHON_CLIENT = TOOLS / "runtime-python/lib/python3.11/site-packages"
# What Lambda sets in a container, handed on from the environment of the client.
LAMBDA = ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
          "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_REGION"]
# By platform and runtime: image, Dockerfile after FROM, the folders that are its `client`.
BASES = {
    ("aws", "python-3.11-x64"): (docker.PYTHON_IMAGE, [
        "COPY client /opt/client", "ENV PYTHONPATH=/opt/client", 'ENTRYPOINT ["python3", "-m", "awslambdaric"]'], PYTHON_CLIENT),
    ("aws", "python-3.11-arm64"): (docker.PYTHON_ARM64_IMAGE, [
        "COPY client /opt/client", "ENV PYTHONPATH=/opt/client", 'ENTRYPOINT ["python3", "-m", "awslambdaric"]'],
        TOOLS / "runtime-python-arm64"),
    ("aws", "nodejs-20-x64"): (docker.NODEJS_IMAGE, [
        "COPY client /opt/client", 'ENTRYPOINT ["node", "/opt/client/aws-lambda-ric/bin/index.mjs"]'], TOOLS / "runtime-nodejs/node_modules"),
    ("aws", "java-17-x64"): (docker.JAVA_IMAGE, [
        "COPY client /opt/client",
        'ENTRYPOINT ["java", "-cp", "/opt/client/*:/var/task/lib/*", "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"]',
    ], TOOLS / "runtime-java/lambda"),
    ("aws", "cpp-all-x64"): (docker.PYTHON_IMAGE, []),
    ("gcp", "python-3.11-x64"): (docker.PYTHON_IMAGE, []),
    ("gcp", "python-3.11-pypy-x64"): (docker.PYPY_IMAGE, []),
    ("gcp", "nodejs-20-x64"): (docker.NODEJS_IMAGE, []),
    ("gcp", "java-17-x64"): (docker.JAVA_IMAGE, []),
    ("openwhisk", "python-3.11-x64"): (docker.PYTHON_IMAGE, [
        "COPY client /opt/server", 'ENTRYPOINT ["python3", "/opt/server/server.py"]'], PROJECT / "tests/images/openwhisk-python"),
    ("openwhisk", "java-8-x64"): (docker.JAVA_IMAGE, [
        "COPY client /opt/server", 'ENTRYPOINT ["sh", "-c", "exec java -cp \'/opt/server/*\' /opt/server/Proxy.java $PORT"]',
    ], TOOLS / "runtime-java/openwhisk", PROJECT / "tests/runtimes/java-openwhisk"),
}


def base(platform: str, runtime: str, registry: Registry) -> str:
    """The stand-in for a platform's base, in the engine and in the registry."""
    image, instructions, *clients = BASES[platform, runtime]
    name = f"{registry.host}/base/{platform}:{runtime}"
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        text = "\n".join([f"FROM {image}", *instructions, ""]).encode()
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
        for client in clients:
            tar.add(client, "client")
    platform = "linux/arm64" if runtime.endswith("arm64") else "linux/amd64"
    done = subprocess.run(["docker", "build", "--platform", platform, "--tag", name, "-"], input=context.getvalue(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    docker.docker("push", "--quiet", name)
    return name


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    if not shutil.which("docker-registry"):
        lacking("docker-registry is missing: run tests/setup.sh")
    registry = Registry(tmp_path_factory.mktemp("registry") / "one")
    try:
        yield registry
    finally:
        registry.stop()
        for name in docker.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split():
            if name.startswith(registry.host):
                docker.docker("rmi", "--force", name, check=False)


# Tells what runs it, and for what a compiled package's module is.
ENGINE = """\
import sys
import ujson

def handler(event):
    return {"engine": sys.implementation.name, "tag": ujson.__file__.split(".")[-2]}
"""


@pytest.fixture
def benchmarks(tmp_path):
    """The project's own, with settings to be written."""
    return Suite(BENCHMARKS).copy(tmp_path / "benchmarks")


class Container:
    """A function's container with the machine's network."""

    def __init__(self, image: str, *args: str):
        self.name = f"fnpack-test-{uuid.uuid4().hex[:12]}"
        self.command = ["docker", "run", "--rm", "--network", "host", "--name", self.name, *args, image]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        docker.docker("rm", "--force", self.name, check=False)


def image(fnpack, registry, suite, platform: str, runtime: str, builder: str, benchmark: str) -> dict:
    """The JSON line of a function's image, which the engine has then."""
    lines = [f"[platform.{platform}]", f'repository = "{registry.host}/functions"',
             f"[platform.{platform}.base-images]", f'"{runtime}" = "{base(platform, runtime, registry)}"',
             f"[platform.{platform}.build-images]", f'"cpp-all-x64" = "{docker.CPP_IMAGE}"',
             f'"python-3.11-pypy-x64" = "{docker.PYPY_IMAGE}"', "[docker]"]
    bundle = docker.certificates()
    suite.settings("\n".join([*lines, *([f'ca-bundle = "{bundle}"'] if bundle else []), ""]))
    language, version, *variant, architecture = runtime.split("-")
    # What has to be compiled is so in a container.
    executor = ["--executor", "docker"] if variant or language == "cpp" else []
    place = ["--image-builder", "engine"] if builder == "engine" else ["--push", "--image-builder", "direct"]
    run = fnpack.build(suite, benchmark, "--platform", platform, "--language", language, "--language-version", version,
                       "--variant", *(variant or ["default"]), "--architecture", architecture, "--deployment", "container",
                       *executor, *place, timeout=300)
    target = run.status_is("built").target
    if builder == "direct":
        docker.docker("pull", "--quiet", target["image"]["name"])
    return target


def test_lambda_answers_in_every_language(fnpack, registry, benchmarks, aws_case):
    runtime, builder = aws_case
    target = image(fnpack, registry, benchmarks, "aws", runtime, builder, "010.sleep")
    assert target["archive"] is None
    with Container(target["image"]["name"], *(word for name in LAMBDA for word in ("--env", name))) as container:
        with LambdaFunction(benchmarks.root, container.command, {"PATH": "/usr/local/bin:/usr/bin:/bin"}) as function:
            answers = [function.invoke({"sleep": 0}) for _ in range(2)]
    bodies = [json.loads(answer["body"]) if isinstance(answer["body"], str) else answer["body"] for answer in answers]
    assert [body["is_cold"] for body in bodies] == [True, False]
    assert bodies[0]["result"]["result"] == bodies[1]["result"]["result"]


@pytest.fixture(params=[
    ("python-3.11-x64", "engine"), ("python-3.11-x64", "direct"), ("nodejs-20-x64", "engine"), ("nodejs-20-x64", "direct"),
    ("java-17-x64", "direct"), ("cpp-all-x64", "direct"),
], ids="-".join)
def aws_case(request):
    return request.param


@pytest.mark.parametrize("runtime, builder", [
    ("python-3.11-x64", "engine"), ("python-3.11-x64", "direct"), ("python-3.11-pypy-x64", "direct"), ("nodejs-20-x64", "direct"),
    ("java-17-x64", "direct"),
])
def test_cloud_run_answers_over_http(runtime, builder, fnpack, registry, benchmarks):
    target = image(fnpack, registry, benchmarks, "gcp", runtime, builder, "110.dynamic-html")
    port = free_port()
    with Container(target["image"]["name"], "--env", f"PORT={port}") as container:
        subprocess.Popen(container.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        answer = post(port, "/", {"username": "Ada", "random_len": 3})
    assert "Ada" in json.dumps(answer["result"]) and answer["is_cold"] is True


def test_cloud_run_answers_in_pypy_with_modules_compiled_for_it(fnpack, registry, suite):
    suite.benchmark(config={"languages": [{"language": "python", "variants": ["default", "pypy"]}]}, files={
        "python/function.py": "raise ImportError('this is for CPython')\n", "python/pypy/function.py": ENGINE,
        "python/requirements.txt": "ujson==6.0.0\n",
    })
    target = image(fnpack, registry, suite, "gcp", "python-3.11-pypy-x64", "direct", "010.hello")
    port = free_port()
    with Container(target["image"]["name"], "--env", f"PORT={port}") as container:
        subprocess.Popen(container.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert post(port, "/", {})["result"] == {"engine": "pypy", "tag": "pypy311-pp73-x86_64-linux-gnu"}


@pytest.mark.parametrize("runtime, builder, main", [
    ("python-3.11-x64", "engine", "main"), ("python-3.11-x64", "direct", "main"),
    ("java-8-x64", "direct", "org.serverlessbench.Handler"),
])
def test_openwhisk_runs_the_zip_in_the_image(runtime, builder, main, fnpack, registry, benchmarks):
    target = image(fnpack, registry, benchmarks, "openwhisk", runtime, builder, "110.dynamic-html")
    with open(target["archive"]["path"], "rb") as archive:
        code = base64.b64encode(archive.read()).decode()
    port = free_port()
    with Container(target["image"]["name"], "--env", f"PORT={port}") as container:
        subprocess.Popen(container.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        value = {"name": "tested", "main": main, "binary": True, "code": code}
        post(port, "/init", {"value": value})
        answer = post(port, "/run", {"value": {"username": "Ada", "random_len": 3}, "activation_id": "a1"})
    assert "Ada" in json.dumps(answer["result"]) and answer["is_cold"] is True
    # Java's stand-in does not hand it on.
    assert answer["request_id"] == ("" if runtime.startswith("java") else "a1")


def test_docker_build_makes_the_same_of_the_written_dockerfile(fnpack, registry, benchmarks):
    built = image(fnpack, registry, benchmarks, "openwhisk", "python-3.11-x64", "engine", "110.dynamic-html")["image"]["name"]
    fnpack.build(benchmarks, "110.dynamic-html", "--platform", "openwhisk", "--language", "python", "--language-version", "3.11",
                 "--deployment", "container", "--image-format", "dockerfile")
    own = f"{registry.host}/own:1"
    docker.docker("build", "--tag", own, fnpack.out / "openwhisk/110.dynamic-html/python-3.11-x64/context")
    one, other = (docker.docker("inspect", "--format", "{{json .Config}}", name) for name in (own, built))
    assert one == other
    assert files(own) == files(built)


def files(image: str) -> dict[str, tuple]:
    """What an image holds, by path; without times, which `docker build` takes from the folder."""
    container = docker.docker("create", image, "true")
    try:
        exported = subprocess.run(["docker", "export", container], capture_output=True, check=True).stdout
    finally:
        docker.docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
        return {entry.name: (entry.type, entry.mode, entry.uid, entry.gid, entry.linkname,
                             tar.extractfile(entry).read() if entry.isreg() else b"") for entry in tar}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def post(port: int, path: str, body: object, timeout: float = 60) -> dict:
    """The answer of a server that may still be starting."""
    deadline = time.monotonic() + timeout
    while True:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.code}: {error.read().decode(errors='replace')}") from None
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.2)
