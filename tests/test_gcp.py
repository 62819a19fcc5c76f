"""Packages for Google Cloud Functions, built and then run by the real Functions Framework over HTTP.

Cloud Storage is fake-gcs-server, which speaks the JSON API; both client libraries find it by
STORAGE_EMULATOR_HOST. Both libraries of Datastore speak gRPC; they find runtimes/gcp-datastore/server.py, a small
Datastore that refuses wrong requests and logs all, by DATASTORE_EMULATOR_HOST.
"""

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
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import lacking
from support import zips
from support.command import Fnpack
from support.conformance import check_nosql, check_storage, nosql_benchmark, storage_benchmark
from support.places import BENCHMARKS, PROJECT
from support.servers import Server, free_port
from support.suite import Suite

TOOLS = PROJECT / ".tools"
LANGUAGES = ["python", "nodejs"]
PROJECT_ID = "fnpack-tests"
DATABASE = "carts"
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
# Any of these in the root makes Google's buildpacks install anew.
MANIFESTS = {
    "requirements.txt", "pyproject.toml", "uv.lock", "poetry.lock", "Pipfile",
    "package.json", "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock",
}


class Function(Server):
    """An unpacked package, run by the Functions Framework as Google's buildpacks start it."""

    def __init__(self, folder, language, environment):
        port = free_port()
        if language == "python":
            command = [TOOLS / "gcp/python/bin/functions-framework", "--host", "127.0.0.1"]
        else:
            command = [shutil.which("node"), TOOLS / "runtime-gcp-nodejs/node_modules/.bin/functions-framework"]
        variables = {
            "FUNCTION_TARGET": "handler",
            "FUNCTION_SIGNATURE_TYPE": "http",
            "PORT": str(port),
            "K_SERVICE": "tested",
            "K_REVISION": "1",
            "GOOGLE_CLOUD_PROJECT": PROJECT_ID,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder.parent),
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if language == "nodejs" and (folder / "node_modules").exists():
            variables["NODE_PATH"] = str(folder / "node_modules")
        super().__init__(command, port, folder.parent / f"{folder.name}.log", cwd=folder, env=variables | environment)

    def post(self, body, headers=None) -> tuple[int, object]:
        """The status and the body, read as JSON where it says so, of the answer to a request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(f"http://{self.address}/", data=data, headers=given, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
            is_json = answer.headers["Content-Type"].startswith("application/json")
            return answer.status, json.loads(text) if is_json else text

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
    """Cloud Storage: the emulator, behind a server that logs requests and answers lists three objects at a time."""

    def __init__(self, folder):
        port = free_port()
        self._front = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(port))
        self._front.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._front.server_address[1]}"
        self.requests = []
        self._server = Server(
            [
                TOOLS / "gcp/storage/fake-gcs-server", "-scheme", "http", "-host", "127.0.0.1", "-port", port,
                "-backend", "memory", "-external-url", self.address, "-public-host", self.address.removeprefix("http://"),
            ],
            port, folder / "storage.log",
        )
        threading.Thread(target=self._front.serve_forever, daemon=True).start()

    def _handler(self, port):
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _forward(self):
                # The library for JavaScript leaves this prefix out where it speaks to an emulator.
                target = f"/storage/v1{self.path}" if self.path.startswith("/b/") else self.path
                path = urllib.parse.urlsplit(target)
                query = urllib.parse.parse_qs(path.query)
                storage.requests.append((self.command, path.path, query))
                is_list = self.command == "GET" and re.fullmatch(r"/storage/v1/b/[^/]+/o", path.path)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "transfer-encoding"}
                request = urllib.request.Request(
                    f"http://127.0.0.1:{port}{target}", data=self._body(), headers=headers, method=self.command
                )
                try:
                    answer = urllib.request.urlopen(request, timeout=60)
                except urllib.error.HTTPError as error:
                    answer = error
                with answer:
                    data = answer.read()
                    if is_list and answer.status == 200:
                        data = page(data, int(query.get("pageToken", ["0"])[0]))
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = _forward

            def _body(self):
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    size = int(self.headers.get("Content-Length") or 0)
                    return self.rfile.read(size) if self.command in ("POST", "PUT") else None
                chunks = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return b"".join(chunks)

            def log_message(self, *_):
                pass

        return Handler

    def _call(self, method, path, data=None, content_type="application/json") -> bytes:
        request = urllib.request.Request(
            f"{self.address}{path}", data=data, headers={"Content-Type": content_type}, method=method
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def bucket(self) -> str:
        """A new one; its name."""
        name = f"benchmarks-{uuid.uuid4()}"
        self._call("POST", f"/storage/v1/b?project={PROJECT_ID}", json.dumps({"name": name}).encode())
        return name

    def write(self, bucket, key, data):
        name = urllib.parse.quote(key, safe="")
        self._call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data, "text/plain")

    def read(self, bucket, key) -> bytes:
        return self._call("GET", f"/storage/v1/b/{bucket}/o/{urllib.parse.quote(key, safe='')}?alt=media")

    def keys(self, bucket) -> list[str]:
        found, token = [], "0"
        while token:
            answer = json.loads(self._call("GET", f"/storage/v1/b/{bucket}/o?pageToken={token}"))
            found += [item["name"] for item in answer["items"]]
            token = answer.get("nextPageToken")
        return found

    def close(self):
        self._server.close()
        self._front.shutdown()
        self._front.server_close()


def page(listed: bytes, start: int) -> bytes:
    """Three objects of a list, which the emulator answers whole."""
    answer = json.loads(listed)
    items = answer.pop("items", [])
    answer["items"] = items[start : start + 3]
    if start + 3 < len(items):
        answer["nextPageToken"] = str(start + 3)
    return json.dumps(answer).encode()


class Datastore:
    """runtimes/gcp-datastore/server.py."""

    def __init__(self, folder):
        self._log = folder / "datastore.jsonl"
        self._process = subprocess.Popen(
            [TOOLS / "gcp/datastore/bin/python", PROJECT / "tests/runtimes/gcp-datastore/server.py", DATABASE, self._log],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )
        self.address = f"127.0.0.1:{int(self._process.stdout.readline())}"

    @property
    def requests(self) -> list[tuple[str, dict]]:
        """The method and the message of every request, from the first on."""
        lines = map(json.loads, self._log.read_text().splitlines())
        return [(line["method"], line["request"]) for line in lines]

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture(scope="module", autouse=True)
def runtimes():
    for part in ("gcp/python", "runtime-gcp-nodejs", "gcp/datastore"):
        if not (TOOLS / part).exists():
            lacking(f"{TOOLS.name}/{part} is missing: run tests/setup.sh")


@pytest.fixture(scope="module")
def storage(tmp_path_factory):
    if not (TOOLS / "gcp/storage/fake-gcs-server").exists():
        lacking("the emulator of Cloud Storage is missing: run tests/setup.sh where Go is installed")
    service = Storage(tmp_path_factory.mktemp("storage"))
    yield service
    service.close()


@pytest.fixture(scope="module")
def datastore(tmp_path_factory):
    service = Datastore(tmp_path_factory.mktemp("datastore"))
    yield service
    service.close()


@pytest.fixture
def bucket(storage):
    return storage.bucket()


def build(fnpack, suite, benchmark, language, *args, **run):
    command = {"python": fnpack.python, "nodejs": fnpack.nodejs}[language]
    return command(suite, benchmark, "--platform", "gcp", *args, timeout=170, **run)


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
    """Starts a benchmark's package as a function, with the services that are given."""
    started = []

    def start(benchmark, language, suite=Suite(BENCHMARKS), storage=None, datastore=None, **environment):
        if storage:
            environment["STORAGE_EMULATOR_HOST"] = storage.address
        if datastore:
            environment |= {"DATASTORE_EMULATOR_HOST": datastore.address, "NOSQL_STORAGE_DATABASE": DATABASE}
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


def uploads(storage, since, bucket) -> list[str]:
    """The kind of each upload's first request."""
    path = f"/upload/storage/v1/b/{bucket}/o"
    return [query["uploadType"][0] for method, at, query in storage.requests[since:] if (method, at) == ("POST", path)]


class TestPackage:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_nothing_in_the_root_makes_google_install_anew(self, language, package):
        for benchmark in ("110.dynamic-html", "130.crud-api"):
            names = zips.names(package(Suite(BENCHMARKS), benchmark, language))
            root = {name.split("/")[0] for name in names}
            entry = {"python": {"main.py", ".python_packages"}, "nodejs": {"index.js", "node_modules"}}[language]
            assert root == entry | {"function"} and not root & MANIFESTS
            manifest = {"python": "requirements.txt", "nodejs": "package.json"}[language]
            assert f"function/{manifest}" in names

    def test_the_syntax_checks_of_googles_buildpacks_pass(self, unpacked):
        for benchmark in ("110.dynamic-html", "120.uploader", "130.crud-api"):
            check = [TOOLS / "gcp/python/bin/python", "-m", "compileall", "-f", "-q", "."]
            done = subprocess.run(check, cwd=unpacked(benchmark, "python"), capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            check = ["node", "--check", "index.js"]
            subprocess.run(check, cwd=unpacked(benchmark, "nodejs"), check=True)

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_both_generations_take_the_same_archive(self, language, fnpack, suite):
        suite.benchmark("010.hello")
        built = build(fnpack, suite, "010.hello", language)
        assert built.archive.name == "010.hello.zip"
        for generation in ("gen1", "gen2"):
            deployment = f"function-{generation}"
            other = build(fnpack, suite, "010.hello", language, "--deployment", deployment)
            assert other.archive.name == f"010.hello-{deployment}.zip"
            assert zips.contents(other.archive) == zips.contents(built.archive)

    def test_only_the_first_generation_refuses_what_is_too_large(self, fnpack, suite):
        suite.benchmark("900.large").write("python/data.bin", os.urandom(101 << 20))
        build(fnpack, suite, "900.large", "python").status_is("built")
        refused = build(fnpack, suite, "900.large", "python", "--deployment", "function-gen1", status=None)
        assert refused.status != 0
        refused.says("first generation", "100")

    def test_runtimes_of_the_newest_system_have_no_first_generation(self, fnpack, suite):
        suite.benchmark("010.hello")
        for language, version in (("python", "3.14"), ("nodejs", "24")):
            args = ["--platform", "gcp", "--language", language, "--language-version", version]
            refused = fnpack.build(suite, "010.hello", *args, "--deployment", "function-gen1", "--dry-run", status=None)
            assert refused.status != 0
            refused.says("function-gen1", "function-gen2")

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
        assert uploads(storage, since, bucket) == ["multipart"]
        assert storage.read(bucket, result["key"]) == website.contents
        assert measured["download_size"] == measured["upload_size"] == len(website.contents)

    def test_uploader_fails_for_a_file_that_is_not_there(self, language, start, storage, bucket, website):
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": f"{website.address}/nothing"}}
        error = start("120.uploader", language, storage=storage).error(given)
        assert "404" in error["message"] and storage.keys(bucket) == []

    def test_crud_api_keeps_a_cart(self, language, start, datastore):
        function = start("130.crud-api", language, datastore=datastore)
        cart = f"cart of {language}"

        def put(product, price, quantity, cart=cart):
            body = {"cart": cart, "product_id": product, "name": product.title(), "price": price, "quantity": quantity}
            return {"route": "PUT /cart", "body": body}

        def at(method, product, **body):
            return {"route": f"{method} /cart/{{id}}", "path": {"id": product}, "body": {"cart": cart, **body}}

        whole = {"route": "GET /cart", "body": {"cart": cart}}
        requests = [
            put("pen", 2.5, 4), put("book", 10, 1), put("x", 1, 1, cart=f"other {language}"), at("GET", "pen"), whole,
            at("POST", "pen", quantity=2), at("GET", "pen"), at("DELETE", "book"), whole,
        ]
        since = len(datastore.requests)
        answers = function.returned({"requests": requests})["result"]
        pen = {"cart_id": cart, "product_id": "pen", "name": "Pen", "price": 2.5, "quantity": 4}
        assert answers == [
            {}, {}, {}, pen, {"products": ["Book", "Pen"], "total_cost": 20, "avg_price": 4},
            {}, pen | {"quantity": 2}, {}, {"products": ["Pen"], "total_cost": 5, "avg_price": 2.5},
        ]
        # Numbers of different kinds are not one type's words: JSON has both.
        assert isinstance(answers[3]["quantity"], int) and isinstance(answers[3]["price"], float)
        error = function.error({"requests": [at("GET", "book")]})
        assert "book" in error["message"]

        # What went over the wire.
        seen = datastore.requests[since:]
        assert [method for method, _ in seen] == [
            "Commit", "Commit", "Commit", "Lookup", "RunQuery", "BeginTransaction", "Lookup", "Commit",
            "Lookup", "Commit", "RunQuery", "Lookup",
        ]
        assert {(request["projectId"], request["databaseId"]) for _, request in seen} == {(PROJECT_ID, DATABASE)}
        written = seen[0][1]["mutations"][0]["upsert"]
        assert written["key"]["path"] == [{"kind": "cart_id", "name": cart}, {"kind": "shopping_cart", "name": "pen"}]
        assert {name: property["excludeFromIndexes"] for name, property in written["properties"].items()} == {
            "name": True, "price": True, "quantity": True,
        }
        assert seen[6][1]["readOptions"]["transaction"] == seen[7][1]["transaction"]
        assert seen[9][1]["mutations"][0]["delete"]["path"][1]["name"] == "book"

    def test_crud_api_reads_a_cart_of_many_pages_and_long_texts(self, language, start, datastore):
        function = start("130.crud-api", language, datastore=datastore)
        cart = f"large cart of {language}"
        products = [
            {"route": "PUT /cart", "body": {
                "cart": cart, "product_id": str(number), "name": f"{number}{'x' * 30_000}", "price": 3, "quantity": 1}}
            for number in range(5)
        ]
        since = len(datastore.requests)
        *_, read = function.returned({"requests": [*products, {"route": "GET /cart", "body": {"cart": cart}}]})["result"]
        assert (len(read["products"]), read["total_cost"], read["avg_price"]) == (5, 15, 3)
        assert [method for method, _ in datastore.requests[since:]].count("RunQuery") == 3

    def test_compression_packs_a_folder_of_many_pages(self, language, start, storage, bucket, tmp_path):
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
        listed = [query for method, path, query in storage.requests[since:] if path == f"/storage/v1/b/{bucket}/o"]
        assert [query["prefix"] for query in listed] == [["in/test/"]] * 2 and "pageToken" in listed[1]
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
        assert [body["is_cold"] for body in bodies] == [True, False]
        assert bodies[0]["container_id"] == bodies[1]["container_id"]
        assert bodies[0]["request_id"] != bodies[1]["request_id"]

    def test_the_request_id_is_that_of_the_trace_or_the_execution(self, language, start):
        function = start("010.sleep", language)
        trace, execution = "105445aa7843bc8bf206b12000100000", "k3v9x2"
        both = {"X-Cloud-Trace-Context": f"{trace}/1;o=1", "Function-Execution-Id": execution}
        for headers, expected in (
            (both, trace),
            ({"X-Cloud-Trace-Context": trace}, trace),
            ({"Function-Execution-Id": execution}, execution),
        ):
            assert function.body({"sleep": 0}, headers)["request_id"] == expected

    def test_a_body_is_json_whatever_its_type_says(self, language, start):
        function = start("010.sleep", language)
        for kind in ("application/json", "text/plain", "application/octet-stream"):
            assert function.body({"sleep": 0.01}, {"Content-Type": kind})["result"]["result"] == 0.01

    def test_an_error_is_status_500_and_says_what_it_was(self, language, start, datastore):
        function = start("130.crud-api", language, datastore=datastore)
        error = function.error({"requests": [{"route": "FETCH /cart", "body": {"cart": "1"}}]})
        assert error == {
            "type": {"python": "ValueError", "nodejs": "Error"}[language], "message": "unknown route: FETCH /cart",
        }
        assert "unknown route" in function.output()

    @pytest.mark.parametrize("text", [b"{", b"[1]", b"null", b"\xff"])
    def test_a_body_that_is_no_json_object_is_status_400(self, text, language, start):
        function = start("010.sleep", language)
        # Sent as JSON, what is none is refused by the framework of Node.js itself, in its own words.
        status, body = function.post(text, {"Content-Type": "text/plain"})
        assert status == 400 and "JSON" in body["error"]["message"] and body["request_id"]
        assert function.post(text)[0] == 400

    def test_no_body_is_an_empty_event(self, language, start, suite):
        echo(suite)
        event = start("900.echo", language, suite).returned(b"")["result"]
        assert sorted(event) == ["income-timestamp", "request-id"]

    def test_a_request_for_logs_writes_the_result_to_the_bucket(self, language, start, suite, storage, bucket):
        echo(suite, modules=["storage"])
        body = start("900.echo", language, suite, storage=storage).body({"logs": {"bucket": bucket}})
        assert storage.keys(bucket) == [f"{body['request_id']}.json"]
        log = json.loads(storage.read(bucket, storage.keys(bucket)[0]))
        assert log == body["result"] | {"time": body["compute_time"]}
        assert body["results_time"] > 0

    def test_the_event_tells_the_request_and_when_it_came(self, language, start, suite):
        echo(suite)
        body = start("900.echo", language, suite).body({"a": 1})
        event = body["result"]["result"]
        assert event["a"] == 1 and event["request-id"] == body["request_id"]
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

    def test_the_database_has_to_be_named(self, language, start):
        error = start("130.crud-api", language).error({"requests": [{"route": "GET /cart", "body": {"cart": "1"}}]})
        assert MISSING.format("nosql") in error["message"] and "NOSQL_STORAGE_DATABASE" in error["message"]


def echo(suite, modules=()):
    """A benchmark that returns its event."""
    suite.benchmark("900.echo", config={"modules": list(modules)}, files={
        "python/function.py": "def handler(event):\n    return {'result': event}\n",
        "nodejs/function.js": "exports.handler = async (event) => ({ result: event });\n",
    })


def test_an_es_module_is_a_benchmark_too(start, suite):
    suite.benchmark("900.module", files={
        "nodejs/function.js": "export const handler = async (event) => ({ result: event.n + 1 });\n",
        "nodejs/package.json": json.dumps({"name": "module", "version": "1.0.0", "type": "module", "dependencies": {}}),
    })
    assert start("900.module", "nodejs", suite).returned({"n": 1})["result"] == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_storage_is_what_benchmarks_call(language, start, suite, storage, bucket, tmp_path):
    since, function = len(storage.requests), start(storage_benchmark(suite), language, suite, storage=storage)
    check_storage(function.returned, bucket, storage.read, tmp_path / "files")
    # What is large, or of unknown length, goes in parts.
    assert "resumable" in uploads(storage, since, bucket)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nosql_is_what_benchmarks_call(language, start, suite, datastore):
    check_nosql(start(nosql_benchmark(suite), language, suite, datastore=datastore).returned, f"owner in {language}")


def test_archived_packages_are_found_where_they_are_unpacked(start, suite, tmp_path):
    (tmp_path / "temporary").mkdir()
    suite.benchmark("900.archived", config={"shrink": [{"archive": ["six"]}]}, files={
        "python/requirements.txt": "six==1.16.0\n",
        "python/function.py": "import six\ndef handler(event):\n    return {'result': six.__file__}\n",
    })
    found = start("900.archived", "python", suite, TMPDIR=str(tmp_path / "temporary")).returned({})["result"]
    assert found.startswith(f"{tmp_path}/temporary/packages-"), found
