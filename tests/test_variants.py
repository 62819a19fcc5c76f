"""Functions in another engine than their language's usual one, run as Lambda runs them."""

import json
import uuid

import pytest

from support import elf, zips
from support.aws import Aws
from support.places import BENCHMARKS
from support.runtime_api import LambdaFunction, body_of, http_event
from support.suite import Suite

BUN = ("--language", "nodejs", "--variant", "bun")

STORAGE = """\
const { storage } = require('./storage');

exports.handler = async (event) => {
  const client = storage.get_instance ? storage.get_instance() : new storage();
  const [stream, done, key] = client.uploadStream(event.bucket, 'note.txt');
  stream.end('written in ' + (process.versions.bun ? 'Bun' : 'Node.js'));
  await done;
  return { result: { key } };
};
"""


@pytest.fixture
def aws():
    service = Aws()
    yield service
    service.close()


@pytest.fixture
def start(fnpack, tmp_path):
    """Builds a benchmark for Bun and starts it as a function."""
    started = []

    def start(suite, benchmark, environment=None):
        run = fnpack.build(suite, benchmark, *BUN, timeout=170).status_is("built")
        function = LambdaFunction(zips.unpack(run.archive, tmp_path / "function"), "bun", environment)
        started.append(function)
        return function

    yield start
    for function in started:
        function.close()


def test_a_patched_benchmark_runs_in_bun(start):
    function = start(Suite(BENCHMARKS), "010.sleep")
    body = body_of(function.invoke({"sleep": 0.2}))
    assert body["result"]["result"] == 0.2 and body["is_cold"]
    assert not body_of(function.invoke(http_event({"sleep": 0})))["is_cold"]
    # The default variant's timer is not there: what ran is the patched source.
    assert "Bun.sleep" in (function.folder / "function/function.js").read_text()


def test_an_overlaid_benchmark_runs_in_bun(start):
    function = start(Suite(BENCHMARKS), "110.dynamic-html")
    page = body_of(function.invoke({"username": "<Ada>", "random_len": 3}))["result"]["result"]
    assert "Hello, &lt;Ada&gt;!" in page and page.count("<li>") == 3


def test_an_error_of_the_function_is_lambdas_to_report(start):
    outcome = start(Suite(BENCHMARKS), "010.sleep").outcome({"sleep": "long"})
    assert outcome.kind == "error"
    assert outcome.payload["errorType"] == "TypeError" and "sleep" in outcome.payload["errorMessage"]


def test_a_function_in_bun_uses_the_platforms_storage(start, suite, aws):
    bucket = aws.bucket(f"bun-{uuid.uuid4()}")
    suite.benchmark("120.note", config={"languages": [{"language": "nodejs", "variants": ["default", "bun"]}], "modules": ["storage"]}, files={
        "nodejs/function.js": STORAGE,
        "nodejs/package.json": json.dumps({"name": "note", "version": "1.0.0"}),
        "nodejs/bun/more.js": "",
    })
    key = body_of(start(suite, "120.note", aws.environment).invoke({"bucket": bucket}))["result"]["result"]["key"]
    assert aws.read(bucket, key) == b"written in Bun"


def test_the_engine_is_on_top_and_nothing_else_of_its_package_is_there(fnpack):
    run = fnpack.build(Suite(BENCHMARKS), "010.sleep", *BUN, timeout=170)
    assert elf.machine(zips.read(run.archive, "bun")) == "x64"
    assert zips.mode(run.archive, "bun") == zips.mode(run.archive, "bootstrap") == 0o100755
    assert not [name for name in zips.names(run.archive) if "@oven" in name]
    assert run.target["archive"]["unpacked_bytes"] < 200 << 20


def test_a_processor_that_the_engine_cannot_be_had_for_is_refused_before_anything_is_built(fnpack):
    fnpack.build(Suite(BENCHMARKS), "010.sleep", *BUN, "--architecture", "arm64", status=2).says("arm64", "x64")
