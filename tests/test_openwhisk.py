"""Packages for Apache OpenWhisk, built and run by OpenWhisk's action contract, with S3 and DynamoDB beside.

`Action` stands in for the runtimes' servers: a small one, written by the published
contract: https://github.com/apache/openwhisk/blob/master/docs/actions-new.md. `POST /init` takes the zip as
base64, `POST /run` a call; the code is run by the real interpreter, on the unpacked zip, as the runtimes do:
Python's file __main__.py as the module main__, and Node.js by require() of the folder. The interpreters
have no packages of their own.
"""

import base64
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest

from support.aws import Aws
from support.command import Fnpack
from support.conformance import check_nosql, check_storage, nosql_benchmark, storage_benchmark
from support.places import BENCHMARKS
from support.suite import Suite

LANGUAGES = ["python", "nodejs"]
VERSIONS = {"python": "3.11", "nodejs": "20"}
FIELDS = {
    "begin": str, "end": str, "compute_time": int, "results_time": int, "is_cold": bool, "result": dict,
    "request_id": str, "container_id": str, "cold_start_var": str,
}

PYTHON_LAUNCHER = """\
import json, os, sys
from main__ import main
out = os.fdopen(3, "w")
for line in sys.stdin:
    call = json.loads(line)
    for name, value in call.items():
        if name != "value":
            os.environ["__OW_" + name.upper()] = value
    try:
        answer = main(call["value"])
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), file=out, flush=True)
"""

NODEJS_LAUNCHER = """\
const fs = require('node:fs');
const { main } = require(process.cwd());
(async () => {
  for await (const line of require('node:readline').createInterface({ input: process.stdin })) {
    const { value, ...rest } = JSON.parse(line);
    for (const [name, text] of Object.entries(rest)) process.env[`__OW_${name.toUpperCase()}`] = text;
    let answer;
    try {
      answer = await main(value);
    } catch ({ name, message }) {
      answer = { error: { name, message } };
    }
    fs.writeSync(3, JSON.stringify(answer) + '\\n');
  }
})();
"""


class Action:
    """The server of one action, as OpenWhisk's invoker sees it."""

    def __init__(self, folder, language, environment):
        self.folder, self.language, self.environment = folder, language, environment
        self._process = self._answers = None
        self._log = open(folder.parent / f"{folder.name}.log", "w+b")
        action = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = {"/init": action._init, "/run": action._run}[self.path](body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _init(self, body):
        value = body["value"]
        assert value["binary"] and value["main"] == "main"
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(value["code"]))) as archive:
            archive.extractall(self.folder)
        # What the runtime of Python would install of itself, or run in place of the function.
        assert not any((self.folder / name).exists() for name in ("requirements.txt", "exec", "virtualenv"))
        if self.language == "python":
            (self.folder / "__main__.py").rename(self.folder / "main__.py")
            (self.folder / "exec__.py").write_text(PYTHON_LAUNCHER)
            # The interpreter below this test's environment, without anything that is installed there.
            command = [sys._base_executable, "-S", "-s", "exec__.py"]
        else:
            command = ["node", "--expose-gc", "--eval", NODEJS_LAUNCHER]
        answers, theirs = os.pipe()
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec 3>&{theirs} {theirs}>&-; exec "$@"', "-", *command],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=self._log, stderr=self._log, pass_fds=[theirs],
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **self.environment},
        )
        os.close(theirs)
        self._answers = os.fdopen(answers)
        return 200, {"ok": True}

    def _run(self, body):
        self._process.stdin.write(json.dumps(body).encode() + b"\n")
        self._process.stdin.flush()
        line = self._answers.readline()
        if not line:
            return 502, {"error": f"the action ended: {self.output()}"}
        return 200, json.loads(line)

    def post(self, path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._server.server_address[1]}{path}", json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def call(self, parameters):
        """The action's answer, an object with `error` where it failed."""
        activation = uuid.uuid4().hex
        status, answer = self.post("/run", {"value": parameters, "activation_id": activation, "namespace": "guest"})
        assert status == 200, answer
        return answer

    def invoke(self, parameters):
        """The answer of an action that did not fail."""
        answer = self.call(parameters)
        assert "error" not in answer, f"{answer}\n{self.output()}"
        return answer

    def error(self, parameters):
        """What an action says that failed."""
        error = self.call(parameters)["error"]
        return error if isinstance(error, str) else error["message"]

    def output(self):
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self):
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._answers.close()
        self._server.shutdown()
        self._server.server_close()
        self._log.close()


@pytest.fixture(scope="module")
def aws():
    service = Aws()
    # ScyllaDB has no regions; of DynamoDB, whose tables have one, the tables are those of the wrappers' region.
    service.dynamodb = boto3.client(
        "dynamodb", endpoint_url=service.endpoint, region_name="us-east-1",
        aws_access_key_id="testing", aws_secret_access_key="testing",
    )
    yield service
    service.close()


@pytest.fixture
def settings(aws):
    """The parameters that say where MinIO and ScyllaDB are."""
    address = aws.endpoint.removeprefix("http://")
    return {
        "MINIO_STORAGE_CONNECTION_URL": address,
        "MINIO_STORAGE_ACCESS_KEY": "testing",
        "MINIO_STORAGE_SECRET_KEY": "testing-testing",
        "NOSQL_STORAGE_TYPE": "scylladb",
        "NOSQL_STORAGE_ENDPOINT": address,
    }


@pytest.fixture
def bucket(aws):
    return aws.bucket(f"openwhisk-{uuid.uuid4()}")


@pytest.fixture(scope="module")
def build(tmp_path_factory, downloads):
    """Builds a benchmark, unless it was for a test before."""
    fnpack = Fnpack(tmp_path_factory.mktemp("openwhisk") / "fnpack", downloads=downloads)
    runs = {}

    def build(suite, benchmark, language, *flags):
        key = (suite.root, benchmark, language, flags)
        if key not in runs:
            runs[key] = fnpack.run(
                "build", benchmark, "--suite", suite.root, "--platform", "openwhisk", "--executor", "host",
                "--format", "json", "--out", fnpack.out / str(len(runs)), "--language", language,
                "--language-version", VERSIONS[language], *flags, timeout=170,
            )
        return runs[key]

    return build


@pytest.fixture
def start(build, tmp_path):
    """Starts a benchmark's package as an action."""
    started = []

    def start(benchmark, language, suite=Suite(BENCHMARKS), **environment):
        folder = tmp_path / f"action-{len(started)}"
        folder.mkdir()
        action = Action(folder, language, environment)
        started.append(action)
        code = base64.b64encode(build(suite, benchmark, language).archive.read_bytes()).decode()
        value = {"name": "tested", "main": "main", "binary": True, "code": code}
        assert action.post("/init", {"value": value}) == (200, {"ok": True})
        return action

    yield start
    for action in started:
        action.close()


@pytest.fixture
def website():
    """A web server with one file."""
    contents = bytes(range(256)) * 4096

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/picture.png")
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(contents if found else b"")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.contents = contents
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("language", LANGUAGES)
class TestBenchmarks:
    def test_sleep(self, language, start):
        body = start("010.sleep", language).invoke({"sleep": 0.3})
        assert body["result"]["result"] == 0.3
        assert 290_000 <= body["result"]["measurement"]["sleep_time"] <= body["compute_time"]

    def test_dynamic_html(self, language, start):
        answer = start("110.dynamic-html", language).invoke({"username": "<Ada>", "random_len": 7})
        page = answer["result"]["result"]
        assert "Hello, &lt;Ada&gt;!" in page and len(re.findall(r"<li>(\d+)</li>", page)) == 7

    def test_uploader(self, language, start, aws, settings, bucket, website):
        url = f"{website.address}/picture.png"
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": url}}
        action = start("120.uploader", language)
        answer = action.invoke(given | settings)["result"]["result"]
        assert re.fullmatch(r"uploads/picture\.[0-9a-f]{8}\.png", answer["key"])
        assert aws.read(bucket, answer["key"]) == website.contents
        assert "404" in action.error(given | settings | {"object": {"url": f"{website.address}/nothing"}})

    def test_crud_api(self, language, start, aws, settings):
        settings |= {"NOSQL_STORAGE_TABLE_shopping_cart": aws.table(f"openwhisk-{language}", "cart_id", "product_id")}
        pen = {"cart": "42", "product_id": "pen", "name": "Pen", "price": 2.5, "quantity": 4}
        key = {"path": {"id": "pen"}, "body": {"cart": "42"}}
        whole = {"route": "GET /cart", "body": {"cart": "42"}}
        requests = [
            {"route": "PUT /cart", "body": pen}, {"route": "GET /cart/{id}", **key},
            {"route": "POST /cart/{id}", "path": {"id": "pen"}, "body": {"cart": "42", "quantity": 2}}, whole,
            {"route": "DELETE /cart/{id}", **key}, whole,
        ]
        action = start("130.crud-api", language)
        answers = action.invoke({"requests": requests} | settings)["result"]["result"]
        found = {"cart_id": "42", "product_id": "pen", "name": "Pen", "price": 2.5, "quantity": 4}
        assert answers == [
            {}, found, {}, {"products": ["Pen"], "total_cost": 5, "avg_price": 2.5},
            {}, {"products": [], "total_cost": 0, "avg_price": 0},
        ]
        assert isinstance(answers[1]["quantity"], int) and isinstance(answers[1]["price"], float)
        assert "pen" in action.error({"requests": [{"route": "GET /cart/{id}", **key}]} | settings)

    def test_compression(self, language, start, aws, settings, bucket):
        def upload(_, key, path):
            aws.s3.upload_file(path, bucket, f"in/{key}")

        event = inputs("311.compression").generate_input(None, "test", bucket, ["in"], ["out"], upload, None)
        expected = {key.removeprefix("in/test/"): aws.read(bucket, key) for key in aws.keys(bucket)}
        answer = start("311.compression", language).invoke(event | settings)["result"]
        data = aws.read(bucket, answer["result"]["key"])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")} == expected
        assert len(expected) == 4 and answer["measurement"]["upload_size"] == len(data)

    def test_thumbnailer(self, language, start, aws, settings, bucket):
        def upload(_, key, path):
            aws.s3.upload_file(path, bucket, f"in/{key}")

        class Storage:
            def download(self, name, key, path):
                aws.s3.download_file(name, key, path)

        made = inputs("210.thumbnailer")
        event = made.generate_input(None, "test", bucket, ["in"], ["out"], upload, None)
        answer = start("210.thumbnailer", language).invoke(event | settings)["result"]
        wrong = made.validate_output(None, event, answer, language, Storage())
        assert wrong is None, wrong


def inputs(benchmark):
    """The benchmark's input.py."""
    spec = importlib.util.spec_from_file_location("input", BENCHMARKS / benchmark / "input.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ECHO = {
    "python/function.py": "def handler(event):\n    return {'result': event}\n",
    "nodejs/function.js": "exports.handler = async (event) => ({ result: event });\n",
}


@pytest.mark.parametrize("language", LANGUAGES)
class TestHandler:
    def test_the_response_has_the_fields_and_types_of_every_platform(self, language, start):
        action = start("010.sleep", language, cold_start="7")
        bodies = [action.invoke({"sleep": 0.01}) for _ in range(2)]
        for body in bodies:
            assert {name: type(value) for name, value in body.items()} == FIELDS
            assert float(body["end"]) - float(body["begin"]) == pytest.approx(body["compute_time"] / 1e6, abs=2e-6)
            assert body["cold_start_var"] == "7" and re.fullmatch("[0-9a-f]{32}", body["request_id"])
        assert [body["is_cold"] for body in bodies] == [True, False]
        assert bodies[0]["container_id"] == bodies[1]["container_id"]
        assert bodies[0]["request_id"] != bodies[1]["request_id"]

    def test_settings_are_no_part_of_the_event(self, language, start, suite, settings):
        suite.benchmark("900.echo", files=ECHO)
        action = start("900.echo", language, suite)
        settings |= {"NOSQL_STORAGE_TABLE_carts": "real"}
        body = action.invoke({"a": 1} | settings)
        event = body["result"]["result"]
        assert event.pop("income-timestamp") == pytest.approx(float(body["begin"]), abs=1)
        assert event == {"a": 1, "request-id": body["request_id"]}

    def test_every_kind_of_event_reaches_the_benchmark(self, language, start, suite):
        suite.benchmark("900.echo", files=ECHO)
        action = start("900.echo", language, suite)
        web = {"__ow_method": "post", "__ow_headers": {}, "__ow_path": ""}
        text = json.dumps({"a": 1})
        encoded = base64.b64encode(text.encode()).decode()
        for event in (
            {"a": 1}, {"body": text}, web | {"a": 1}, web | {"__ow_body": text}, web | {"__ow_body": encoded},
            web | {"__ow_body": {"a": 1}},
        ):
            result = action.invoke(event)["result"]["result"]
            assert set(result) == {"a", "request-id", "income-timestamp"} and result["a"] == 1

    def test_a_web_action_fails_with_a_status(self, language, start):
        action = start("130.crud-api", language)
        web = {"__ow_method": "post", "__ow_headers": {}}
        wrong = {"requests": [{"route": "FETCH /cart", "body": {"cart": "1"}}]}
        failed = action.call(web | wrong)["error"]
        assert failed["statusCode"] == 500
        assert failed["body"]["error"]["message"] == "unknown route: FETCH /cart" and failed["body"]["request_id"]
        for text in ("{", "[1]", "null"):
            failed = action.call(web | {"__ow_body": text})["error"]
            assert failed["statusCode"] == 400 and "JSON" in failed["body"]["error"]["message"]
        assert action.error(wrong) == "unknown route: FETCH /cart"

    def test_a_request_for_logs_writes_the_result_to_the_bucket(self, language, start, suite, aws, settings, bucket):
        suite.benchmark("900.logged", config={"modules": ["storage"]})
        body = start("900.logged", language, suite).invoke({"logs": {"bucket": bucket}} | settings)
        assert aws.keys(bucket) == [f"{body['request_id']}.json"]
        log = json.loads(aws.read(bucket, aws.keys(bucket)[0]))
        assert log == body["result"] | {"time": body["compute_time"]} and body["results_time"] > 0

    def test_a_module_that_config_json_lacks_is_named(self, language, start, suite, settings):
        suite.benchmark("900.undeclared", files={
            "python/function.py": (
                "from . import storage\nclient = storage.storage.get_instance()\n"
                "def handler(event):\n    return client.download('b', 'k', '/dev/null')\n"),
            "nodejs/function.js": (
                "const { storage } = require('./storage');\nconst client = storage.get_instance();\n"
                "exports.handler = (event) => client.download('b', 'k', '/dev/null');\n"),
        })
        assert 'add "storage" to "modules"' in start("900.undeclared", language, suite).error(settings)

    def test_storage_is_what_benchmarks_call(self, language, start, suite, aws, settings, bucket, tmp_path):
        action = start(storage_benchmark(suite), language, suite)

        def returned(event):
            return action.invoke(event | settings)["result"]

        check_storage(returned, bucket, aws.read, tmp_path / "files", size=25 << 20)

    def test_nosql_is_what_benchmarks_call(self, language, start, suite, aws, settings):
        settings |= {"NOSQL_STORAGE_TABLE_things": aws.table(f"openwhisk-things-{language}", "owner", "item")}
        action = start(nosql_benchmark(suite), language, suite)
        check_nosql(lambda event: action.invoke(event | settings)["result"], "me")

    def test_a_body_that_is_no_json_object_is_a_bad_request(self, language, start):
        action = start("010.sleep", language)
        for body in ([1], 5, True, "[1]", "{'sleep': 0}"):
            error = action.call({"__ow_method": "post", "__ow_body": body})["error"]
            assert error["statusCode"] == 400, body

    def test_no_object_is_written_outside_of_its_folder(self, language, start, aws, settings, bucket, tmp_path):
        aws.s3.put_object(Bucket=bucket, Key="in/bad/../../../../fnpack-escaped.txt", Body=b"out")
        event = {"bucket": {"bucket": bucket, "input": "in", "output": "out"}, "object": {"key": "bad"}}
        action = start("311.compression", language, TMPDIR=str(tmp_path))
        assert "fnpack-escaped.txt" in action.error(event | settings)
        assert not list(tmp_path.rglob("fnpack-escaped.txt"))


@pytest.mark.parametrize("language", LANGUAGES)
class TestDeployments:
    def test_a_package_has_nothing_at_its_root_that_a_runtime_acts_on(self, language, build):
        with zipfile.ZipFile(build(Suite(BENCHMARKS), "110.dynamic-html", language).archive) as archive:
            roots = {name.split("/")[0] for name in archive.namelist()}
        assert roots == {
            "python": {"__main__.py", ".python_packages", "function"},
            "nodejs": {"index.js", "package.json", "node_modules", "function"},
        }[language]


def test_an_es_module_is_a_benchmark_too(start, suite):
    suite.benchmark("900.module", files={
        "nodejs/function.js": "export const handler = async (event) => ({ result: event.n + 1 });\n",
        "nodejs/package.json": json.dumps({"name": "module", "version": "1.0.0", "type": "module", "dependencies": {}}),
    })
    assert start("900.module", "nodejs", suite).invoke({"n": 1})["result"] == {"result": 2}


def test_archived_packages_are_found_where_they_are_unpacked(start, suite, tmp_path):
    (tmp_path / "temporary").mkdir()
    suite.benchmark("900.archived", config={"shrink": [{"archive": ["six"]}]}, files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/function.py": "import six\ndef handler(event):\n    return {'result': six.__file__}\n",
    })
    action = start("900.archived", "python", suite, TMPDIR=str(tmp_path / "temporary"))
    found = action.invoke({})["result"]["result"]
    assert found.startswith(f"{tmp_path}/temporary/packages-"), found
