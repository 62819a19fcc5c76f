"""A function in C++ that is linked with torch: too large for a package, and answering from an image."""

import importlib.util
import uuid

import pytest

from conftest import lacking
from support import cpp
from support.aws import Aws
from support.docker import CPP_TORCH_IMAGE, docker
from support.places import BENCHMARKS
from support.runtime_api import LambdaFunction, body_of
from support.suite import Suite
from test_run_images import LAMBDA, Container, base, registry  # noqa: F401 (a fixture)

pytestmark = pytest.mark.docker

NAME = "411.image-recognition"
RUNTIME = "cpp-all-x64"


@pytest.fixture(autouse=True)
def image(engine):
    if not docker("images", "--quiet", CPP_TORCH_IMAGE):
        lacking(f"the image {CPP_TORCH_IMAGE} is missing: run tests/setup.sh")


@pytest.fixture
def suite(tmp_path):
    copied = Suite(BENCHMARKS).copy(tmp_path / "suite")
    copied.settings(cpp.settings(CPP_TORCH_IMAGE))
    return copied


@pytest.fixture
def aws():
    service = Aws()
    yield service
    service.close()


def inputs():
    spec = importlib.util.spec_from_file_location("input", BENCHMARKS / NAME / "input.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_package_with_torch_is_over_lambdas_limit(fnpack, suite):
    """Stripped, too, as its config.json says."""
    run = fnpack.build(suite, NAME, "--language", "cpp", "--executor", "docker", status=1, timeout=300)
    run.says("shrink: strip", "250.0 MiB", "Lambda", "lib")


def test_an_image_with_torch_classifies_pictures(fnpack, registry, suite, aws, tmp_path):  # noqa: F811
    folder = f'[platform.aws]\nrepository = "{registry.host}/functions"\n'
    folder += f'[platform.aws.base-images]\n"{RUNTIME}" = "{base("aws", RUNTIME, registry)}"\n'
    suite.settings(folder + cpp.settings(CPP_TORCH_IMAGE))
    run = fnpack.build(suite, NAME, "--language", "cpp", "--executor", "docker", "--deployment", "container",
                       "--image-builder", "engine", timeout=300)
    built = run.status_is("built").target["image"]["name"]

    module, bucket = inputs(), aws.bucket(f"torch-{uuid.uuid4()}")
    prefixes = ["model", "input"]

    def upload(number, key, path):
        aws.s3.upload_file(path, bucket, f"{prefixes[number]}/{key}")

    events = [module.generate_input(None, size, bucket, prefixes, [], upload, None) for size in ("test", "small")]
    environment = aws.environment
    words = [word for name in [*LAMBDA, *environment] for word in ("--env", name)]
    with Container(built, *words) as container:
        command = {"PATH": "/usr/local/bin:/usr/bin:/bin", **environment}
        with LambdaFunction(tmp_path / "suite", container.command, command) as function:
            bodies = [body_of(function.invoke(event)) for event in [events[0], events[0], events[1]]]
            outcome = function.outcome({"bucket": {"bucket": bucket}})
            aws.s3.put_object(Bucket=bucket, Key="input/none.ppm", Body=b"P6\n9 9\n255\n...")
            broken = function.outcome({**events[0], "object": {**events[0]["object"], "input": "none.ppm"}})
    for event, body in zip([events[0], events[0], events[1]], bodies):
        assert module.validate_output(None, event, body["result"], "cpp") is None
    assert [body["is_cold"] for body in bodies] == [True, False, False]
    # A network is downloaded once.
    times = [body["result"]["measurement"]["model_download_time"] for body in bodies]
    assert times[0] > 0 and times[1] == 0 and times[2] > 0
    assert outcome.kind == "error" and "`object`" in outcome.payload["errorMessage"]
    assert broken.kind == "error" and "cut off" in broken.payload["errorMessage"]
