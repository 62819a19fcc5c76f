"""Packages for Azure Functions, built and then run over HTTP by small hosts that follow host.json and function.json.

Between host and function are the real libraries: azure-functions for Python, @azure/functions for Node.js. Blobs are
in Azurite. For Cosmos DB, which cannot be had, stands runtimes/azure-cosmos/server.py, which refuses wrong requests and
logs all.
"""

import base64
import hashlib
import hmac
import http.client
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as xml
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import lacking
from support import zips
from support.command import Fnpack
from support.conformance import check_nosql, check_storage, nosql_benchmark, storage_benchmark
from support.places import BENCHMARKS, PROJECT, TOOLS
from support.servers import Server, free_port
from support.suite import Suite

RUNTIMES = PROJECT / "tests/runtimes"
LANGUAGES = ["python", "nodejs"]
ACCOUNT = "fnpack"
DATABASE = "carts"
TABLES = {"shopping_cart": "cart_id", "things": "owner"}
MISSING = 'add "{}" to "modules"'
FIELDS = {
    "begin": str,
    "end": str,
    "compute_time": int,
    "results_time": int,
    "is_cold": bool,
    "result": dict,
    "request_id": str,
    "container_id": str,
    "cold_start_var": str,
}


def new_key() -> str:
    return base64.b64encode(os.urandom(64)).decode()


class Function(Server):
    """An unpacked package, run as a function app."""

    def __init__(self, folder, language, environment):
        port = free_port()
        runner = RUNTIMES / f"azure-{language}"
        tools = TOOLS / f"runtime-azure-{language}"
        if language == "python":
            command = [tools / "bin/python", runner / "run.py", folder, port]
        else:
            command = [shutil.which("node"), runner / "run.js", folder, port, tools]
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder.parent),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "FUNCTIONS_WORKER_RUNTIME": {"python": "python", "nodejs": "node"}[language],
            "FUNCTIONS_EXTENSION_VERSION": "~4",
        }
        super().__init__(command, port, folder.parent / f"{folder.name}.log", cwd="/", env=variables | environment)

    def call(self, method, body=None, headers=None, path="/api/handler") -> tuple[int, str, object]:
        """The status, the type and the body, read as JSON where it says so, of the answer to a request."""
        url = f"http://{self.address}{path}"
        request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text, kind = answer.read().decode(), answer.headers.get("Content-Type", "")
            return answer.status, kind, json.loads(text) if kind == "application/json" else text

    def post(self, body, headers=None) -> tuple[int, object]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, body = self.call("POST", data, {"Content-Type": "application/json"} | (headers or {}))
        return status, body

    def body(self, event, headers=None) -> dict:
        """The response body of a call that must succeed."""
        status, body = self.post(event, headers)
        assert status == 200, f"{status}: {body}\n{self.output()}"
        return body

    def returned(self, event):
        """What the benchmark's handler returned."""
        return self.body(event)["result"]

    def error(self, event) -> dict:
        """The error of a call that must fail as the benchmark's mistake."""
        status, body = self.post(event)
        assert status == 500 and body["request_id"], f"{status}: {body}\n{self.output()}"
        return body["error"]


class Storage:
    """Azurite, behind a server that logs requests and lets it answer lists three objects at a time."""

    def __init__(self, folder):
        self._key, port = new_key(), free_port()
        self._port = port
        self.requests = []
        self._front = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._front.daemon_threads = True
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={self._key};"
            f"BlobEndpoint=http://127.0.0.1:{self._front.server_address[1]}/{ACCOUNT}"
        )
        self._server = Server(
            [
                shutil.which("node"), TOOLS / "runtime-azure-nodejs/node_modules/.bin/azurite-blob", "--blobPort", port,
                "--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry",
            ],
            port, folder / "azurite.log", cwd=folder,
            env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}", "HOME": str(folder)},
        )
        threading.Thread(target=self._front.serve_forever, daemon=True).start()

    def _handler(self):
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                storage.requests.append((self.command, url.path, query))
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers, target = dict(self.headers.items()), self.path
                if query.get("comp") == "list":
                    # A changed query is not what was signed.
                    headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                    target = f"{url.path}?{urllib.parse.urlencode(query | storage.signature() | {'maxresults': '3'})}"
                status, answered, data = storage.send(self.command, target, headers, body)
                self.send_response(status)
                for name, value in answered.items():
                    if name.lower() not in ("transfer-encoding", "connection", "keep-alive", "content-length"):
                        self.send_header(name, value)
                size = answered.get("Content-Length", "0") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", size)
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _forward

            def log_message(self, *_):
                pass

        return Handler

    def send(self, method, target, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def signature(self) -> dict[str, str]:
        """The query of a request that may do everything: a shared access signature."""
        token = {
            "sp": "rwdlac", "ss": "b", "srt": "sco", "st": "", "se": "2099-01-01T00:00:00Z", "sip": "",
            "spr": "https,http", "sv": "2021-06-08", "ses": "",
        }
        text = "".join(f"{line}\n" for line in (ACCOUNT, *token.values()))
        signature = hmac.digest(base64.b64decode(self._key), text.encode(), hashlib.sha256)
        return {name: value for name, value in token.items() if value} | {"sig": base64.b64encode(signature).decode()}

    def _call(self, method, path, body=b"", headers=None, **query) -> bytes:
        target = f"/{ACCOUNT}/{path}?{urllib.parse.urlencode(query | self.signature())}"
        status, _, data = self.send(method, target, {"x-ms-version": "2021-06-08"} | (headers or {}), body)
        assert status < 300, f"{method} {path}: {status} {data}"
        return data

    def bucket(self) -> str:
        """A new one; its name."""
        name = f"benchmarks-{uuid.uuid4()}"
        self._call("PUT", name, restype="container")
        return name

    def write(self, bucket, key, data):
        self._call("PUT", f"{bucket}/{urllib.parse.quote(key, safe='')}", data, {"x-ms-blob-type": "BlockBlob"})

    def read(self, bucket, key) -> bytes:
        return self._call("GET", f"{bucket}/{urllib.parse.quote(key, safe='')}")

    def keys(self, bucket) -> list[str]:
        listed = xml.fromstring(self._call("GET", bucket, restype="container", comp="list"))
        return [name.text for name in listed.iter("Name")]

    def close(self):
        self._server.close()
        self._front.shutdown()
        self._front.server_close()


class Cosmos:
    """runtimes/azure-cosmos/server.py."""

    def __init__(self, folder):
        self._log = folder / "cosmos.jsonl"
        self.key = new_key()
        tables = [f"{table}=/{primary}" for table, primary in TABLES.items()]
        command = [TOOLS / "runtime-azure-python/bin/python", RUNTIMES / "azure-cosmos/server.py"]
        self._process = subprocess.Popen(
            [*command, DATABASE, self.key, self._log, *tables],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}"

    @property
    def environment(self) -> dict[str, str]:
        return {"NOSQL_STORAGE_DATABASE": DATABASE, "NOSQL_STORAGE_URL": self.url, "NOSQL_STORAGE_CREDS": self.key}

    @property
    def requests(self) -> list[dict]:
        """The requests for items, from the first on; but not those for the plan of a query, which one library makes."""
        lines = map(json.loads, self._log.read_text().splitlines())
        return [
            line for line in lines
            if "/docs" in line["path"] and "x-ms-cosmos-is-query-plan-request" not in line["headers"]
        ]

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def operation(request) -> str:
    """What a request for items asks for."""
    headers = request["headers"]
    if headers.get("x-ms-documentdb-isquery", "").lower() == "true":
        return "query"
    if headers.get("x-ms-documentdb-is-upsert", "").lower() == "true":
        return "upsert"
    return {"GET": "read", "PATCH": "patch", "DELETE": "delete", "POST": "create", "PUT": "replace"}[request["method"]]


@pytest.fixture(scope="module", autouse=True)
def runtimes():
    for language in LANGUAGES:
        if not (TOOLS / f"runtime-azure-{language}").exists():
            lacking(f"{TOOLS.name}/runtime-azure-{language} is missing: run tests/setup.sh")


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    service = Storage(tmp_path_factory.mktemp("storage"))
    yield service
    service.close()


@pytest.fixture(scope="module")
def cosmos(tmp_path_factory):
    service = Cosmos(tmp_path_factory.mktemp("cosmos"))
    yield service
    service.close()


@pytest.fixture
def bucket(storage):
    return storage.bucket()


def build(fnpack, suite, benchmark, language, *args, **run):
    command = {"python": fnpack.python, "nodejs": fnpack.nodejs}[language]
    return command(suite, benchmark, "--platform", "azure", *args, timeout=170, **run)


@pytest.fixture(scope="module")
def package(tmp_path_factory, downloads):
    """Builds a benchmark, unless it was for a test before; its archive."""
    fnpack = Fnpack(tmp_path_factory.mktemp("packages") / "fnpack", downloads=downloads)
    archives = {}

    def package(suite, benchmark, language):
        key = (suite.root, benchmark, language)
        if key not in archives:
            # Apart, so that two suites' benchmarks of one name do not meet.
            out = fnpack.out / str(len(archives))
            archives[key] = build(fnpack, suite, benchmark, language, "--out", out).archive
        return archives[key]

    return package


@pytest.fixture
def unpacked(package, tmp_path):
    def unpacked(benchmark, language, suite=Suite(BENCHMARKS)):
        return zips.unpack(package(suite, benchmark, language), tmp_path / f"{benchmark}-{language}")

    return unpacked


@pytest.fixture
def start(unpacked):
    """Starts a benchmark's package as a function app, with the services that are given."""
    started = []

    def start(benchmark, language, suite=Suite(BENCHMARKS), storage=None, cosmos=None, **environment):
        if storage:
            environment["STORAGE_CONNECTION_STRING"] = storage.connection_string
        if cosmos:
            environment = cosmos.environment | environment
        function = Function(unpacked(benchmark, language, suite), language, environment)
        started.append(function)
        return function

    yield start
    for function in started:
        function.close()


@pytest.fixture
def website():
    """A web server with one file; its address."""
    contents = bytes(range(256)) * 4096

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path.startswith("/files/a%20picture.png")
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


def inputs(benchmark):
    """The benchmark's input.py."""
    spec = importlib.util.spec_from_file_location("input", BENCHMARKS / benchmark / "input.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def writes(storage, since, bucket) -> list[str]:
    """What each writing request into a bucket was: a whole blob, or a part of its upload."""
    path = f"/{ACCOUNT}/{bucket}/"
    requests = storage.requests[since:]
    return [query.get("comp", "whole") for method, at, query in requests if method == "PUT" and at.startswith(path)]


class TestPackage:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_the_function_is_a_folder_and_what_is_installed_is_in_the_root(self, language, package):
        installed = {"python": {".python_packages", "requirements.txt"}, "nodejs": {"node_modules", "package.json"}}
        ending = {"python": "py", "nodejs": "js"}[language]
        code = {f"handler/{name}.{ending}" for name in ("handler", "function", "storage", "nosql")}
        for benchmark in ("120.uploader", "130.crud-api"):
            names = zips.names(package(Suite(BENCHMARKS), benchmark, language))
            assert {name.split("/")[0] for name in names} == installed[language] | {"host.json", "handler"}
            assert {name for name in names if name.startswith("handler/")} == code | {"handler/function.json"}
        names = zips.names(package(Suite(BENCHMARKS), "110.dynamic-html", language))
        assert any(name.startswith("handler/templates/") for name in names)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_azure_is_told_of_the_function_and_its_time_limit(self, language, package):
        archive = package(Suite(BENCHMARKS), "010.sleep", language)
        assert json.loads(zips.read(archive, "host.json")) == {
            "version": "2.0",
            "functionTimeout": "00:02:00",
            "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.0.0, 5.0.0)"},
        }
        assert json.loads(zips.read(archive, "handler/function.json")) == {
            "scriptFile": {"python": "handler.py", "nodejs": "handler.js"}[language],
            "bindings": [
                {
                    "authLevel": "anonymous", "type": "httpTrigger", "direction": "in", "name": "req",
                    "methods": ["get", "post"],
                },
                {"type": "http", "direction": "out", "name": "$return"},
            ],
        }

    def test_func_publishes_no_python_without_requirements_so_there_always_are_some(self, package, suite):
        assert not (suite.benchmark() / "python/requirements.txt").exists()
        assert zips.read(package(suite, "010.hello", "python"), "requirements.txt") == b""

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_azure_is_told_the_runtime_and_the_size_of_an_instance(self, language, fnpack, suite):
        suite.benchmark(config={"memory": 513})
        built = build(fnpack, suite, "010.hello", language)
        assert built.archive.name == "010.hello.zip"
        runtime = {"python": "runtime python, runtime-version 3.11", "nodejs": "runtime node, runtime-version 20"}[language]
        built.says(f"to be deployed with {runtime}, functions-version 4, instance-memory 2048")

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_two_builds_give_the_same_bytes(self, language, fnpack, suite):
        suite.benchmark(config={"modules": ["storage", "nosql"]})
        first, second = (build(fnpack.elsewhere(name), suite, "010.hello", language) for name in ("a", "b"))
        assert first.sha256 == second.sha256 == zips.sha256(second.archive)
        zips.assert_normalised(first.archive)
        zips.assert_whole(first.archive)

    def test_what_azure_has_not_is_refused_before_anything_is_built(self, fnpack, suite):
        suite.benchmark()
        for args, words in (
            (("--language", "python", "--architecture", "arm64"), ("arm64", "x64")),
            (("--language", "python", "--deployment", "container"), ("container", "package")),
            (("--language", "nodejs", "--language-version", "18"), ("18", "24")),
        ):
            refused = fnpack.build(suite, "010.hello", "--platform", "azure", *args, status=None)
            assert refused.status != 0
            refused.says(*words)
        assert fnpack.finished_files() == []

    def test_a_benchmark_without_its_function_is_told_what_is_missing(self, fnpack, suite):
        (suite.benchmark("900.none") / "python/function.py").rename(suite.root / "900.none/python/other.py")
        failed = build(fnpack, suite, "900.none", "python", status=None)
        assert failed.status != 0
        failed.says("900.none has no function.py", "python/function.py")


@pytest.mark.parametrize("language", LANGUAGES)
class TestBenchmarks:
    def test_sleep_waits_as_long_as_it_is_told(self, language, start):
        body = start("010.sleep", language).body({"sleep": 0.3})
        assert body["result"]["result"] == 0.3
        assert 290_000 <= body["result"]["measurement"]["sleep_time"] <= body["compute_time"]

    def test_dynamic_html_renders_its_template(self, language, start):
        page = start("110.dynamic-html", language).returned({"username": "<Ada>", "random_len": 7})["result"]
        assert "Hello, &lt;Ada&gt;!" in page and "<Ada>" not in page
        numbers = re.findall(r"<li>(\d+)</li>", page)
        assert len(set(numbers)) == len(numbers) == 7

    def test_uploader_puts_a_file_of_the_web_into_the_bucket(self, language, start, storage, bucket, website):
        url = f"{website.address}/files/a%20picture.png?size=full"
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": url}}
        since = len(storage.requests)
        answer = start("120.uploader", language, storage=storage).returned(given)
        result, measured = answer["result"], answer["measurement"]
        assert re.fullmatch(r"uploads/a picture\.[0-9a-f]{8}\.png", result["key"])
        assert result == {"bucket": bucket, "url": url, "key": result["key"]}
        # A file of 1 MiB is one request.
        assert writes(storage, since, bucket) == ["whole"]
        assert storage.read(bucket, result["key"]) == website.contents
        assert measured["download_size"] == measured["upload_size"] == len(website.contents)

    def test_uploader_fails_for_a_file_that_is_not_there(self, language, start, storage, bucket, website):
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": f"{website.address}/nothing"}}
        error = start("120.uploader", language, storage=storage).error(given)
        assert "404" in error["message"] and storage.keys(bucket) == []

    def test_crud_api_keeps_a_cart(self, language, start, cosmos):
        function = start("130.crud-api", language, cosmos=cosmos)
        cart = f"cärt of {language}"

        def put(product, price, quantity, cart=cart):
            body = {"cart": cart, "product_id": product, "name": product.title(), "price": price, "quantity": quantity}
            return {"route": "PUT /cart", "body": body}

        def at(method, product, **body):
            return {"route": f"{method} /cart/{{id}}", "path": {"id": product}, "body": {"cart": cart, **body}}

        whole = {"route": "GET /cart", "body": {"cart": cart}}
        requests = [
            put("a pen", 2.5, 4), put("book", 10, 1), put("x", 1, 1, cart=f"other {language}"), at("GET", "a pen"), whole,
            at("POST", "a pen", quantity=2), at("GET", "a pen"), at("DELETE", "book"), whole,
        ]
        since = len(cosmos.requests)
        answers = function.returned({"requests": requests})["result"]
        pen = {"cart_id": cart, "product_id": "a pen", "name": "A Pen", "price": 2.5, "quantity": 4}
        assert answers == [
            {}, {}, {}, pen, {"products": ["A Pen", "Book"], "total_cost": 20, "avg_price": 4},
            {}, pen | {"quantity": 2}, {}, {"products": ["A Pen"], "total_cost": 5, "avg_price": 2.5},
        ]
        # Numbers of different kinds are not one type's words: JSON has both.
        assert isinstance(answers[3]["quantity"], int) and isinstance(answers[3]["price"], float)
        error = function.error({"requests": [at("GET", "book")]})
        assert "book" in error["message"] and "shopping_cart" in error["message"]
        # To delete what is not there is no error.
        assert function.returned({"requests": [at("DELETE", "book")]})["result"] == [{}]

        # What went over the wire.
        seen = cosmos.requests[since:]
        assert [operation(request) for request in seen] == [
            "upsert", "upsert", "upsert", "read", "query", "patch", "read", "delete", "query", "read", "delete",
        ]
        assert [request["status"] for request in seen] == [201, 201, 201, 200, 200, 200, 200, 204, 200, 404, 404]
        assert json.loads(seen[0]["body"]) == pen | {"id": "a pen"}
        assert {tuple(json.loads(request["headers"]["x-ms-documentdb-partitionkey"])) for request in seen} == {
            (cart,), (f"other {language}",),
        }
        assert urllib.parse.unquote(seen[3]["path"]).rstrip("/") == f"/dbs/{DATABASE}/colls/shopping_cart/docs/a pen"

    def test_crud_api_reads_a_cart_of_many_pages_and_long_texts(self, language, start, cosmos):
        function = start("130.crud-api", language, cosmos=cosmos)
        cart = f"large cart of {language}"
        products = [
            {"route": "PUT /cart", "body": {
                "cart": cart, "product_id": str(number), "name": f"{number}{'x' * 30_000}", "price": 3, "quantity": 1}}
            for number in range(5)
        ]
        since = len(cosmos.requests)
        *_, read = function.returned({"requests": [*products, {"route": "GET /cart", "body": {"cart": cart}}]})["result"]
        assert (len(read["products"]), read["total_cost"], read["avg_price"]) == (5, 15, 3)
        assert [operation(request) for request in cosmos.requests[since:]].count("query") == 3

    def test_crud_api_with_another_key_is_refused(self, language, start, cosmos):
        function = start("130.crud-api", language, cosmos=cosmos, NOSQL_STORAGE_CREDS=new_key())
        error = function.error({"requests": [{"route": "GET /cart", "body": {"cart": "1"}}]})
        assert "signature" in error["message"]

    def test_compression_packs_a_folder_of_many_pages(self, language, start, storage, bucket):
        def upload(_, key, path):
            with open(path, "rb") as file:
                storage.write(bucket, f"in/{key}", file.read())

        event = inputs("311.compression").generate_input(None, "test", bucket, ["in"], ["out"], upload, None)
        storage.write(bucket, "in/test-other/not-of-this-folder.txt", b"other")
        expected = {
            key.removeprefix("in/test/"): storage.read(bucket, key)
            for key in storage.keys(bucket) if key.startswith("in/test/")
        }
        assert len(expected) == 4
        since = len(storage.requests)
        answer = start("311.compression", language, storage=storage).returned(event)
        listed = [query for _, path, query in storage.requests[since:] if query.get("comp") == "list"]
        assert [query["prefix"] for query in listed] == ["in/test/"] * 2 and listed[1]["marker"]
        key = answer["result"]["key"]
        assert re.fullmatch(r"out/test\.[0-9a-f]{8}\.zip", key) and answer["result"]["bucket"] == bucket
        data = storage.read(bucket, key)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")} == expected
        measured = answer["measurement"]
        assert measured["download_size"] == sum(map(len, expected.values())) > measured["upload_size"] == len(data)

    def test_compression_writes_no_object_outside_of_its_folder(self, language, start, storage, bucket, tmp_path):
        storage.write(bucket, "in/bad/../../../../fnpack-escaped.txt", b"out")
        event = {"bucket": {"bucket": bucket, "input": "in", "output": "out"}, "object": {"key": "bad"}}
        error = start("311.compression", language, storage=storage, TMPDIR=str(tmp_path)).error(event)
        assert "outside" in error["message"] and not list(tmp_path.rglob("fnpack-escaped.txt"))


@pytest.mark.parametrize("language", LANGUAGES)
class TestHandler:
    def test_the_response_has_the_same_fields_and_types_in_each_language(self, language, start):
        function = start("010.sleep", language, cold_start="7")
        bodies = [function.body({"sleep": 0.01}) for _ in range(2)]
        for body in bodies:
            assert {name: type(value) for name, value in body.items()} == FIELDS
            assert re.fullmatch(r"\d+\.\d{6}", body["begin"]) and re.fullmatch(r"\d+\.\d{6}", body["end"])
            assert float(body["end"]) - float(body["begin"]) == pytest.approx(body["compute_time"] / 1e6, abs=2e-6)
            assert body["cold_start_var"] == "7" and body["results_time"] == 0
            # The invocation's.
            assert uuid.UUID(body["request_id"])
        assert [body["is_cold"] for body in bodies] == [True, False]
        assert bodies[0]["container_id"] == bodies[1]["container_id"]
        assert bodies[0]["request_id"] != bodies[1]["request_id"]

    def test_a_body_is_json_whatever_its_type_says(self, language, start):
        function = start("010.sleep", language)
        for kind in ("application/json", "text/plain", "application/octet-stream"):
            assert function.body({"sleep": 0.01}, {"Content-Type": kind})["result"]["result"] == 0.01

    def test_an_error_is_status_500_and_says_what_it_was(self, language, start, cosmos):
        function = start("130.crud-api", language, cosmos=cosmos)
        error = function.error({"requests": [{"route": "FETCH /cart", "body": {"cart": "1"}}]})
        assert error == {
            "type": {"python": "ValueError", "nodejs": "Error"}[language], "message": "unknown route: FETCH /cart",
        }
        assert "unknown route" in function.output()

    @pytest.mark.parametrize("text", [b"{", b"[1]", b"null", b"\xff"])
    def test_a_body_that_is_no_json_object_is_status_400(self, text, language, start):
        function = start("010.sleep", language)
        for kind in ("application/json", "text/plain", "application/octet-stream"):
            status, body = function.post(text, {"Content-Type": kind})
            assert status == 400 and "JSON" in body["error"]["message"] and body["request_id"]

    def test_no_body_is_an_empty_event(self, language, start, suite):
        echo(suite)
        function = start("900.echo", language, suite)
        for method in ("GET", "POST"):
            status, kind, body = function.call(method)
            assert (status, kind) == (200, "application/json")
            assert sorted(body["result"]["result"]) == ["income-timestamp", "request-id"]

    def test_only_the_methods_and_the_path_of_the_function_reach_it(self, language, start):
        function = start("010.sleep", language)
        assert function.call("PUT", b"{}")[0] == 404
        assert function.call("POST", b"{}", path="/api/other")[0] == 404

    def test_a_request_for_logs_writes_the_result_to_the_bucket(self, language, start, suite, storage, bucket):
        echo(suite, modules=["storage"])
        body = start("900.echo", language, suite, storage=storage).body({"logs": {"bucket": bucket}})
        assert storage.keys(bucket) == [f"{body['request_id']}.json"]
        log = json.loads(storage.read(bucket, storage.keys(bucket)[0]))
        assert log == body["result"] | {"time": body["compute_time"]}
        assert body["results_time"] > 0

    def test_the_event_tells_the_request_and_when_it_came(self, language, start, suite):
        echo(suite)
        body = start("900.echo", language, suite).body({"a": 1, "é": "ü"})
        event = body["result"]["result"]
        assert event["a"] == 1 and event["é"] == "ü" and event["request-id"] == body["request_id"]
        assert event["income-timestamp"] == pytest.approx(float(body["begin"]), abs=1)

    def test_a_module_that_config_json_lacks_is_named(self, language, start, suite):
        suite.benchmark("900.undeclared", files={
            "python/function.py": (
                "from . import nosql, storage\n"
                "def handler(event):\n"
                "    if event['module'] == 'storage':\n"
                "        return storage.storage.get_instance().download_stream('b', 'k')\n"
                "    return nosql.nosql.get_instance().get('t', ('a', '1'), ('b', '2'))\n"),
            "nodejs/function.js": (
                "const { nosql } = require('./nosql');\nconst { storage } = require('./storage');\n"
                "exports.handler = (event) => event.module === 'storage'\n"
                "  ? storage.get_instance().downloadStream('b', 'k')\n"
                "  : nosql.get_instance().get('t', ['a', '1'], ['b', '2']);\n"),
        })
        function = start("900.undeclared", language, suite)
        for module in ("nosql", "storage"):
            assert MISSING.format(module) in function.error({"module": module})["message"]

    def test_the_account_has_to_be_named(self, language, start):
        error = start("130.crud-api", language).error({"requests": [{"route": "GET /cart", "body": {"cart": "1"}}]})
        assert MISSING.format("nosql") in error["message"] and "NOSQL_STORAGE_URL" in error["message"]
        given = {"bucket": {"bucket": "b", "input": "in", "output": "out"}, "object": {"key": "k"}}
        assert "STORAGE_CONNECTION_STRING" in start("311.compression", language).error(given)["message"]


def echo(suite, modules=()):
    """A benchmark that returns its event."""
    suite.benchmark("900.echo", config={"modules": list(modules)}, files={
        "python/function.py": "def handler(event):\n    return {'result': event}\n",
        "nodejs/function.js": "exports.handler = async (event) => ({ result: event });\n",
    })


def test_an_es_module_is_a_benchmark_too(start, suite, package):
    suite.benchmark("900.module", files={
        "nodejs/function.js": "export const handler = async (event) => ({ result: event.n + 1 });\n",
        "nodejs/package.json": json.dumps({"name": "module", "version": "1.0.0", "type": "module", "dependencies": {}}),
    })
    assert start("900.module", "nodejs", suite).returned({"n": 1})["result"] == 2
    # Beside a manifest of ES modules, the entry point says that it is none.
    described = json.loads(zips.read(package(suite, "900.module", "nodejs"), "handler/function.json"))
    assert described["scriptFile"] == "handler.cjs"


@pytest.mark.parametrize("language", LANGUAGES)
def test_storage_is_what_benchmarks_call(language, start, suite, storage, bucket, tmp_path):
    function = start(storage_benchmark(suite), language, suite, storage=storage)
    check_storage(function.returned, bucket, storage.read, tmp_path / "files", size=40 << 20)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_call_may_tell_the_storage_account(language, start, suite, storage, bucket):
    suite.benchmark("900.account", config={"modules": ["storage"]}, files={
        "python/function.py": (
            "import io\nfrom . import storage\n"
            "def handler(event):\n"
            "    storage.storage.get_instance(event['account'])\n"
            "    return {'key': storage.storage.get_instance().upload_stream(event['bucket'], 'a', io.BytesIO(b'told'))}\n"),
        "nodejs/function.js": (
            "const { storage } = require('./storage');\n"
            "exports.handler = async (event) => {\n"
            "  storage.get_instance(event.account);\n"
            "  const [stream, uploading, key] = storage.get_instance().uploadStream(event.bucket, 'a');\n"
            "  stream.end('told');\n"
            "  await uploading;\n"
            "  return { key };\n"
            "};\n"),
    })
    given = {"account": storage.connection_string, "bucket": bucket}
    assert storage.read(bucket, start("900.account", language, suite).returned(given)["key"]) == b"told"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nosql_is_what_benchmarks_call(language, start, suite, cosmos):
    returned, owner = start(nosql_benchmark(suite), language, suite, cosmos=cosmos).returned, f"owner in {language}"
    check_nosql(returned, owner)
    # Names that the service has for itself, or a meaning for.
    reserved = {"id": "mine", "_etag": "mine", "_own": "mine", "a/b~c": 1}
    since = len(cosmos.requests)
    got = returned({"owner": owner, "updates": reserved | {f"field {number}": 0 for number in range(20)}})["got"]
    assert {name: got[name] for name in reserved} == reserved
    # The service takes ten changes in one.
    assert [operation(request) for request in cosmos.requests[since:]] == ["patch", "patch", "patch", "read", "query"]
    # What somebody else writes meanwhile stays.
    raced = {"owner": f"{owner} too", "item": "appears"}
    assert returned(raced | {"updates": {"a": 1}})["got"] == raced | {"theirs": 1, "a": 1}


def test_archived_packages_are_found_where_they_are_unpacked(start, suite, tmp_path):
    (tmp_path / "temporary").mkdir()
    suite.benchmark("900.archived", config={"shrink": [{"archive": ["six"]}]}, files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/function.py": "import six\ndef handler(event):\n    return {'result': six.__file__}\n",
    })
    found = start("900.archived", "python", suite, TMPDIR=str(tmp_path / "temporary")).returned({})["result"]
    assert found.startswith(f"{tmp_path}/temporary/packages-"), found
