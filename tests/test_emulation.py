"""What is built for arm64, executed: by qemu, where this machine is none.

The runtime is Lambda's own client for arm64, in an image of Debian's packages for arm64.
"""

import importlib.util
import os
import subprocess
import uuid
from pathlib import Path

import pytest

from conftest import lacking
from support import docker, zips
from support.aws import Aws
from support.places import BENCHMARKS, TOOLS
from support.runtime_api import LambdaFunction, body_of
from support.suite import Suite
from test_run_images import LAMBDA, Container, base, benchmarks, image, registry  # noqa: F401 (fixtures)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

CLIENT = TOOLS / "runtime-python-arm64"
PATH = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
# Of a package on AWS Lambda, unpacked.
LIMIT = 262_144_000


@pytest.fixture(autouse=True)
def emulated(engine):
    if os.uname().machine != "aarch64" and not os.path.exists("/proc/sys/fs/binfmt_misc/qemu-aarch64"):
        lacking("arm64 is not emulated here: run tests/setup.sh as root")
    if not docker.docker("images", "--quiet", docker.PYTHON_ARM64_IMAGE):
        lacking(f"the image {docker.PYTHON_ARM64_IMAGE} is missing: run tests/setup.sh")


def words(*names: str) -> list[str]:
    return ["--platform", "linux/arm64", *(word for name in [*LAMBDA, *names] for word in ("--env", name))]


@pytest.mark.parametrize("builder", ["direct", "engine"])
def test_a_function_image_for_arm64_answers(builder, fnpack, registry, benchmarks):  # noqa: F811
    built = image(fnpack, registry, benchmarks, "aws", "python-3.11-arm64", builder, "110.dynamic-html")["image"]["name"]
    assert docker.docker("image", "inspect", "--format", "{{.Architecture}}", built) == "arm64"
    with Container(built, *words()) as container:
        with LambdaFunction(benchmarks.root, container.command, PATH) as function:
            body = body_of(function.invoke({"username": "Ada", "random_len": 3}, timeout=120))
    assert "Ada" in str(body["result"]) and body["is_cold"] is True


def test_commands_for_arm64_run_where_the_engine_emulates_it(fnpack, registry, benchmarks):  # noqa: F811
    """The commands are those of a base that has some run in what is made of it."""
    name = f"{base('aws', 'python-3.11-arm64', registry)}-commands"
    text = f"FROM {name.removesuffix('-commands')}\nONBUILD RUN python3 -c 'open(\"/ran\", \"w\")'\n"
    subprocess.run(["docker", "build", "--platform", "linux/arm64", "--tag", name, "-"], input=text.encode(), check=True, capture_output=True)
    benchmarks.settings(f'[platform.aws]\nrepository = "{registry.host}/functions"\n[platform.aws.base-images]\n"python-3.11-arm64" = "{name}"\n')
    flags = ("010.sleep", "--architecture", "arm64", "--deployment", "container", "--image-builder", "engine")
    emulator = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
    if not emulator.exists():
        lacking("this machine needs no emulator")
    emulator.write_text("0")
    try:
        fnpack.python(benchmarks, *flags, status=1).says("no emulation of arm64", "qemu-user-static")
    finally:
        emulator.write_text("1")
    built = fnpack.python(benchmarks, *flags).status_is("built").target["image"]["name"]
    assert docker.docker("run", "--rm", "--platform", "linux/arm64", "--entrypoint", "ls", built, "/ran") == "/ran"


def test_image_recognition_fits_into_a_package_and_classifies(fnpack, tmp_path):
    run = fnpack.python(Suite(BENCHMARKS), "411.image-recognition", "--architecture", "arm64", timeout=600).status_is("built")
    assert run.target["archive"]["unpacked_bytes"] <= LIMIT
    folder = zips.unpack(run.archive, tmp_path / "package")

    spec = importlib.util.spec_from_file_location("input", BENCHMARKS / "411.image-recognition/input.py")
    inputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inputs)
    aws = Aws()
    try:
        bucket = aws.bucket(f"pictures-{uuid.uuid4()}")
        prefixes = ["model", "input"]

        def upload(number, key, path):
            aws.s3.upload_file(path, bucket, f"{prefixes[number]}/{key}")

        event = inputs.generate_input(None, "test", bucket, prefixes, [], upload, None)
        mounts = ["--volume", f"{folder}:/var/task:ro", "--volume", f"{CLIENT}:/opt/client:ro", "--workdir", "/var/task",
                  "--env", "PYTHONPATH=/opt/client", "--env", "LAMBDA_TASK_ROOT=/var/task"]
        with Container(docker.PYTHON_ARM64_IMAGE, *mounts, *words(*aws.environment)) as container:
            command = [*container.command, "python3", "-m", "awslambdaric", "handler.handler"]
            with LambdaFunction(folder, command, PATH | aws.environment) as function:
                bodies = [body_of(function.invoke(event, timeout=600)) for _ in range(2)]
    finally:
        aws.close()
    assert [body["is_cold"] for body in bodies] == [True, False]
    for body in bodies:
        assert inputs.validate_output(None, event, body["result"], "python") is None
