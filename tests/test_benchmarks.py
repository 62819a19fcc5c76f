"""The suite's own benchmarks, built and then run as Lambda runs them, with S3 and DynamoDB beside."""

import base64
import importlib.util
import io
import json
import re
import subprocess
import threading
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from support import elf, zips
from support.aws import Aws
from support.command import Fnpack
from support.conformance import check_nosql, check_storage, nosql_benchmark, storage_benchmark
from support.places import BENCHMARKS
from support.runtime_api import LambdaFunction, body_of, http_event
from support.suite import Suite

LANGUAGES = ["python", "nodejs"]
# Those that need nothing but object storage, and are quick.
VALIDATED = [
    ("110.dynamic-html", "python"),
    ("110.dynamic-html", "nodejs"),
    ("210.thumbnailer", "python"),
    ("210.thumbnailer", "nodejs"),
    ("220.video-processing", "python"),
    ("311.compression", "python"),
    ("311.compression", "nodejs"),
    ("501.graph-pagerank", "python"),
    ("502.graph-mst", "python"),
    ("503.graph-bfs", "python"),
    ("504.dna-visualisation", "python"),
]
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


@pytest.fixture(scope="module")
def aws():
    service = Aws()
    yield service
    service.close()


@pytest.fixture
def bucket(aws):
    return aws.bucket(f"benchmarks-{uuid.uuid4()}")


@pytest.fixture(scope="module")
def package(tmp_path_factory, downloads):
    """Builds a benchmark, unless it was for a test before; its archive."""
    fnpack = Fnpack(tmp_path_factory.mktemp("packages") / "fnpack", downloads=downloads)
    archives = {}

    def package(suite, benchmark, language, *flags):
        key = (suite.root, benchmark, language, flags)
        if key not in archives:
            build = {"python": fnpack.python, "nodejs": fnpack.nodejs}[language]
            # Apart, so that two suites' benchmarks of one name do not meet.
            out = fnpack.out / str(len(archives))
            archives[key] = build(suite, benchmark, "--out", out, *flags, timeout=170).status_is("built").archive
        return archives[key]

    return package


@pytest.fixture
def start(package, tmp_path, aws):
    """Starts a benchmark's package as a function."""
    started = []

    def start(benchmark, language, suite=Suite(BENCHMARKS), **environment):
        folder = zips.unpack(package(suite, benchmark, language), tmp_path / f"{benchmark}-{language}")
        function = LambdaFunction(folder, language, aws.environment | environment)
        started.append(function)
        return function

    yield start
    for function in started:
        function.close()


class Storage:
    """Object storage as `generate_input` and `validate_output` of input.py use it."""

    def __init__(self, aws, bucket):
        self._aws = aws
        self.bucket = bucket

    def event(self, benchmark, size):
        """The benchmark's event of a size, and its data where the event says."""

        def upload(number, key, path):
            self._aws.s3.upload_file(path, self.bucket, f"in-{number}/{key}")

        read, written = inputs(benchmark).buckets_count()
        sources, targets = ([f"{name}-{n}" for n in range(count)] for name, count in (("in", read), ("out", written)))
        return inputs(benchmark).generate_input(None, size, self.bucket, sources, targets, upload, None)

    def put(self, key, contents):
        self._aws.s3.put_object(Bucket=self.bucket, Key=key, Body=contents)

    def download(self, bucket, key, path):
        self._aws.s3.download_file(bucket, key, str(path))


@pytest.fixture
def storage(aws, bucket):
    return Storage(aws, bucket)


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


def returned(answer):
    """What the benchmark's handler returned."""
    return body_of(answer)["result"]


@pytest.mark.parametrize("language", LANGUAGES)
class TestBenchmarks:
    def test_sleep_waits_as_long_as_it_is_told(self, language, start):
        body = body_of(start("010.sleep", language).invoke({"sleep": 0.3}))
        assert body["result"]["result"] == 0.3
        validate = inputs("010.sleep").validate_output
        assert validate(None, {"sleep": 0.3}, body["result"], language) is None
        assert "0.4" in validate(None, {"sleep": 0.4}, body["result"], language)
        assert 290_000 <= body["result"]["measurement"]["sleep_time"] <= body["compute_time"]

    def test_dynamic_html_renders_its_template(self, language, start):
        page = returned(start("110.dynamic-html", language).invoke({"username": "<Ada>", "random_len": 7}))["result"]
        assert "Hello, &lt;Ada&gt;!" in page and "<Ada>" not in page
        numbers = re.findall(r"<li>(\d+)</li>", page)
        assert len(set(numbers)) == len(numbers) == 7
        assert "has 7 random numbers" in page

    def test_uploader_puts_a_file_of_the_web_into_the_bucket(self, language, start, aws, bucket, storage, website):
        url = f"{website.address}/files/a%20picture.png?size=full"
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": url}}
        answer = returned(start("120.uploader", language).invoke(given))
        result, measured = answer["result"], answer["measurement"]
        assert re.fullmatch(r"uploads/a picture\.[0-9a-f]{8}\.png", result["key"])
        assert result == {"bucket": bucket, "url": url, "key": result["key"]}
        assert aws.read(bucket, result["key"]) == website.contents
        assert measured["download_size"] == measured["upload_size"] == len(website.contents)
        validate = inputs("120.uploader").validate_output
        assert validate(None, given, answer, language, storage) is None
        storage.put(result["key"], b"cut off")
        assert "sizes" in validate(None, given, answer, language, storage)

    def test_uploader_fails_for_a_file_that_is_not_there(self, language, start, aws, bucket, website):
        url = f"{website.address}/nothing"
        given = {"bucket": {"bucket": bucket, "output": "uploads"}, "object": {"url": url}}
        failed = start("120.uploader", language).outcome(given)
        assert failed.kind == "error" and "404" in failed.payload["errorMessage"]
        assert aws.keys(bucket) == []

    def test_crud_api_keeps_a_cart(self, language, start, aws):
        table = aws.table(f"real-{language}", "cart_id", "product_id")
        function = start("130.crud-api", language, NOSQL_STORAGE_TABLE_shopping_cart=table)

        def put(product, price, quantity):
            body = {"cart": "42", "product_id": product, "name": product.title(), "price": price, "quantity": quantity}
            return {"route": "PUT /cart", "body": body}

        def at(method, product, **body):
            return {"route": f"{method} /cart/{{id}}", "path": {"id": product}, "body": {"cart": "42", **body}}

        whole = {"route": "GET /cart", "body": {"cart": "42"}}
        other = {"route": "PUT /cart", "body": {"cart": "43", "product_id": "x", "name": "X", "price": 1, "quantity": 1}}
        requests = [
            put("pen", 2.5, 4), put("book", 10, 1), other, at("GET", "pen"), whole,
            at("POST", "pen", quantity=2), at("GET", "pen"), at("DELETE", "book"), whole,
        ]
        answers = returned(function.invoke({"requests": requests}))["result"]
        pen = {"cart_id": "42", "product_id": "pen", "name": "Pen", "price": 2.5, "quantity": 4}
        assert answers == [
            {}, {}, {}, pen, {"products": ["Book", "Pen"], "total_cost": 20, "avg_price": 4},
            {}, pen | {"quantity": 2}, {}, {"products": ["Pen"], "total_cost": 5, "avg_price": 2.5},
        ]
        # Numbers of different kinds are not one type's words: JSON has both.
        assert isinstance(answers[3]["quantity"], int) and isinstance(answers[3]["price"], float)
        failed = function.outcome({"requests": [at("GET", "book")]})
        assert failed.kind == "error" and "book" in failed.payload["errorMessage"]

    def test_crud_api_answers_as_input_py_expects(self, language, start, aws):
        table = aws.table(f"expected-{language}", "cart_id", "product_id")
        function = start("130.crud-api", language, NOSQL_STORAGE_TABLE_shopping_cart=table)
        made = inputs("130.crud-api")
        for size in ("test", "small"):
            event = made.generate_input(None, size, None, [], [], None, None)
            answer = returned(function.invoke(event))
            assert made.validate_output(None, event, answer, language) is None
        answer["result"][-1]["total_cost"] += 1
        assert "GET /cart" in made.validate_output(None, event, answer, language)

    def test_crud_api_reads_a_cart_of_many_pages(self, language, start, aws):
        table = aws.table(f"large-{language}", "cart_id", "product_id")
        filling = "x" * 300_000
        for number in range(5):
            aws.dynamodb.put_item(TableName=table, Item={
                "cart_id": {"S": "42"}, "product_id": {"S": str(number)}, "name": {"S": f"{number}{filling}"},
                "price": {"N": "3"}, "quantity": {"N": "1"},
            })
        function = start("130.crud-api", language, NOSQL_STORAGE_TABLE_shopping_cart=table)
        [cart] = returned(function.invoke({"requests": [{"route": "GET /cart", "body": {"cart": "42"}}]}))["result"]
        assert (len(cart["products"]), cart["total_cost"], cart["avg_price"]) == (5, 15, 3)

    def test_compression_packs_a_folder(self, language, start, aws, bucket):
        def upload(_, key, path):
            aws.s3.upload_file(path, bucket, f"in/{key}")

        event = inputs("311.compression").generate_input(None, "test", bucket, ["in"], ["out"], upload, None)
        aws.s3.put_object(Bucket=bucket, Key="in/test-other/not-of-this-folder.txt", Body=b"other")
        expected = {
            key.removeprefix("in/test/"): aws.read(bucket, key)
            for key in aws.keys(bucket) if key.startswith("in/test/")
        }
        answer = returned(start("311.compression", language).invoke(event))
        key = answer["result"]["key"]
        assert re.fullmatch(r"out/test\.[0-9a-f]{8}\.zip", key) and answer["result"]["bucket"] == bucket
        data = aws.read(bucket, key)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")} == expected
        assert len(expected) == 4
        measured = answer["measurement"]
        assert measured["download_size"] == sum(map(len, expected.values())) > measured["upload_size"] == len(data)

    def test_compression_takes_a_folder_of_more_keys_than_one_answer_lists(self, language, start, aws, bucket):
        for number in range(1005):
            aws.s3.put_object(Bucket=bucket, Key=f"in/many/{number}", Body=b"x")
        event = {"bucket": {"bucket": bucket, "input": "in", "output": "out"}, "object": {"key": "many"}}
        key = returned(start("311.compression", language).invoke(event))["result"]["key"]
        with zipfile.ZipFile(io.BytesIO(aws.read(bucket, key))) as archive:
            assert len([name for name in archive.namelist() if not name.endswith("/")]) == 1005

    def test_compression_writes_no_object_outside_of_its_folder(self, language, start, aws, bucket, tmp_path):
        aws.s3.put_object(Bucket=bucket, Key="in/bad/../../../../fnpack-escaped.txt", Body=b"out")
        event = {"bucket": {"bucket": bucket, "input": "in", "output": "out"}, "object": {"key": "bad"}}
        failed = start("311.compression", language, TMPDIR=str(tmp_path)).outcome(event)
        assert failed.kind == "error" and "outside" in failed.payload["errorMessage"]
        assert not list(tmp_path.rglob("fnpack-escaped.txt"))


@pytest.mark.parametrize(("benchmark", "language"), VALIDATED)
def test_the_answer_is_what_input_py_expects(benchmark, language, start, storage):
    function = start(benchmark, language)
    for size in ("test", "small"):
        event = storage.event(benchmark, size)
        answers = [returned(function.invoke(event)) for _ in range(2)]
        for answer in answers:
            wrong = inputs(benchmark).validate_output(None, event, answer, language, storage)
            assert wrong is None, wrong
            assert all(type(number) is int and number >= 0 for number in answer["measurement"].values())
            assert answer["measurement"]["compute_time"] > 0
        first, second = (answer["result"] for answer in answers)
        if benchmark == "110.dynamic-html":
            continue  # a page of random numbers
        # Keys are unique; all else is the same each time.
        assert {**first, "key": 0} == {**second, "key": 0} and ("key" not in first or first["key"] != second["key"])


class TestAnswersThatAreWrong:
    @pytest.mark.parametrize("benchmark", ["501.graph-pagerank", "502.graph-mst", "503.graph-bfs"])
    def test_a_graph_of_another_seed_is_told(self, benchmark, start, storage):
        event = storage.event(benchmark, "small")
        answer = returned(start(benchmark, "python").invoke(event | {"seed": 1}))
        assert inputs(benchmark).validate_output(None, event, answer, "python")

    def test_an_archive_that_lacks_files_is_told(self, storage):
        event = storage.event("311.compression", "test")
        contents = io.BytesIO()
        zipfile.ZipFile(contents, "w").close()
        storage.put("out-0/x.zip", contents.getvalue())
        answer = {"result": {"key": "out-0/x.zip"}}
        assert "other files" in inputs("311.compression").validate_output(None, event, answer, "python", storage)

    def test_a_thumbnail_that_is_the_picture_itself_is_told(self, storage, aws):
        event = storage.event("210.thumbnailer", "test")
        picture = aws.read(storage.bucket, "in-0/quarters-test.png")
        storage.put("out-0/x.png", picture)
        answer = {"result": {"key": "out-0/x.png"}, "measurement": {"upload_size": len(picture)}}
        wrong = inputs("210.thumbnailer").validate_output(None, event, answer, "python", storage)
        assert "400 by 200" in wrong

    def test_a_video_that_is_none_is_told(self, storage):
        event = storage.event("220.video-processing", "test")
        storage.put("out-0/x.mp4", b"no video at all")
        answer = {"result": {"key": "out-0/x.mp4"}, "measurement": {"upload_size": 15}}
        assert "no MP4" in inputs("220.video-processing").validate_output(None, event, answer, "python", storage)

    def test_a_line_of_another_sequence_is_told(self, storage):
        event = storage.event("504.dna-visualisation", "test")
        points = json.dumps({"x": [0], "y": [0]}).encode()
        storage.put("out-0/x.json", points)
        answer = {"result": {"key": "out-0/x.json", "bases": 1000}, "measurement": {"upload_size": len(points)}}
        assert "not the line" in inputs("504.dna-visualisation").validate_output(None, event, answer, "python", storage)

    def test_another_class_of_a_picture_is_told(self, storage):
        event = storage.event("411.image-recognition", "test")
        validate = inputs("411.image-recognition").validate_output
        assert validate(None, event, {"result": {"idx": 3, "class": "yellow"}}, "python", storage) is None
        assert "yellow" in validate(None, event, {"result": {"idx": 0, "class": "red"}}, "python", storage)


class TestVideoProcessing:
    NAME = "220.video-processing"

    def test_every_operation_makes_what_it_says(self, start, storage):
        function, event = start(self.NAME, "python"), storage.event(self.NAME, "test")
        for operation in ("watermark", "transcode", "extract"):
            event["object"]["op"] = operation
            answer = returned(function.invoke(event))
            wrong = inputs(self.NAME).validate_output(None, event, answer, "python", storage)
            assert wrong is None, wrong

    def test_the_watermark_is_in_the_corner(self, start, storage, tmp_path):
        function = start(self.NAME, "python")
        answer = returned(function.invoke(storage.event(self.NAME, "test")))
        video = tmp_path / "video.mp4"
        storage.download(storage.bucket, answer["result"]["key"], video)
        [ffmpeg] = function.folder.glob(".python_packages/lib/site-packages/imageio_ffmpeg/binaries/ffmpeg-*")
        command = [ffmpeg, "-loglevel", "error", "-i", video, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
        pixels = subprocess.run(command, check=True, capture_output=True).stdout
        assert len(pixels) == 160 * 120 * 3

        def pixel(x, y):
            return pixels[(y * 160 + x) * 3 :][:3]

        red, green, blue = pixel(160 - 8 - 16, 120 - 8 - 16)
        assert red > 200 and 90 < green < 150 and blue < 70
        # The rest of it is grey.
        assert max(pixel(40, 40)) - min(pixel(40, 40)) < 12

    def test_what_cannot_be_done_is_an_error_that_says_so(self, start, storage):
        function, event = start(self.NAME, "python"), storage.event(self.NAME, "test")

        def failure(**changes):
            failed = function.outcome(event | {"object": event["object"] | changes})
            assert failed.kind == "error", failed
            return failed.payload["errorMessage"]

        assert "explode" in failure(op="explode")
        assert "not as long" in failure(op="extract", duration=60)
        storage.put("in-0/bars-test.y4m", b"no video")
        assert "ffmpeg ended with status" in failure()


def test_what_dna_visualisation_does_not_need_is_not_packaged(package):
    names = zips.names(package(Suite(BENCHMARKS), "504.dna-visualisation", "python"))
    packages = {name.removeprefix(".python_packages/lib/site-packages/").split("/")[0] for name in names}
    assert {"squiggle", "numpy"} <= packages
    assert not {"bokeh", "box", "PIL", "pillow.libs", "pyfaidx", "tornado", "yaml"} & packages
    assert not [name for name in names if "/numpy/" in name and "/tests/" in name]


@pytest.mark.parametrize("language", LANGUAGES)
def test_native_parts_are_for_the_processor_that_was_asked_for(language, package):
    for architecture, flags in {"x64": (), "arm64": ("--architecture", "arm64")}.items():
        archive = package(Suite(BENCHMARKS), "210.thumbnailer", language, *flags)
        machines = {name: elf.machine(contents) for name, contents in zips.contents(archive).items()}
        native = {name: machine for name, machine in machines.items() if machine}
        assert len(native) >= 2 and set(native.values()) == {architecture}, native


@pytest.mark.parametrize("architecture", ["x64", "arm64"])
def test_image_recognition_is_for_versions_that_its_torch_is_made_for(architecture, fnpack):
    suite, flags = Suite(BENCHMARKS), ("411.image-recognition", "--architecture", architecture, "--dry-run")
    fnpack.python(suite, *flags, "--format", "text").says("411.image-recognition", "install")
    fnpack.build(suite, *flags, "--language-version", "3.13", status=1).says("requirements.txt", "3.13")


@pytest.mark.parametrize("language", LANGUAGES)
class TestHandler:
    def test_the_response_has_the_same_fields_and_types_in_each_language(self, language, start):
        function = start("010.sleep", language, cold_start="7")
        bodies = [body_of(function.invoke({"sleep": 0.01})) for _ in range(2)]
        for body in bodies:
            assert {name: type(value) for name, value in body.items()} == FIELDS
            assert re.fullmatch(r"\d+\.\d{6}", body["begin"]) and re.fullmatch(r"\d+\.\d{6}", body["end"])
            assert float(body["end"]) - float(body["begin"]) == pytest.approx(body["compute_time"] / 1e6, abs=2e-6)
            assert body["cold_start_var"] == "7" and body["results_time"] == 0
        assert [body["is_cold"] for body in bodies] == [True, False]
        assert bodies[0]["container_id"] == bodies[1]["container_id"]
        assert bodies[0]["request_id"] != bodies[1]["request_id"]

    def test_every_kind_of_event_reaches_the_benchmark(self, language, start):
        http = http_event({"sleep": 0.01})
        encoded = http | {"body": base64.b64encode(http["body"].encode()).decode(), "isBase64Encoded": True}
        rest = {
            "resource": "/", "path": "/", "httpMethod": "POST", "headers": {}, "body": http["body"],
            "isBase64Encoded": False, "requestContext": {"httpMethod": "POST", "stage": "prod"},
        }
        function = start("010.sleep", language)
        for event in ({"sleep": 0.01}, {"body": http["body"]}, http, encoded, rest):
            assert returned(function.invoke(event))["result"] == 0.01

    def test_an_error_is_lambdas_to_report_after_a_direct_invocation(self, language, start):
        function = start("010.sleep", language)
        failed = function.outcome({})
        assert failed.kind == "error", failed
        assert returned(function.invoke({"sleep": 0}))["result"] == 0

    def test_an_error_over_http_is_status_500_and_says_what_it_was(self, language, start):
        table = {"NOSQL_STORAGE_TABLE_shopping_cart": "x"}
        event = http_event({"requests": [{"route": "FETCH /cart", "body": {"cart": "1"}}]})
        answer = start("130.crud-api", language, **table).invoke(event)
        body = json.loads(answer["body"])
        assert answer["statusCode"] == 500
        assert body["error"]["type"] == {"python": "ValueError", "nodejs": "Error"}[language]
        assert body["error"]["message"] == "unknown route: FETCH /cart" and body["request_id"]

    @pytest.mark.parametrize("text", ["{", "[1]", "null"])
    def test_a_body_that_is_no_json_object_is_status_400(self, text, language, start):
        answer = start("010.sleep", language).invoke(http_event({}) | {"body": text})
        assert answer["statusCode"] == 400 and "JSON" in json.loads(answer["body"])["error"]["message"]

    def test_a_request_for_logs_writes_the_result_to_the_bucket(self, language, start, aws, bucket):
        event = {"sleep": 0.01, "logs": {"bucket": bucket}}
        body = body_of(start("010.sleep", language).invoke(event))
        assert aws.keys(bucket) == [f"{body['request_id']}.json"]
        log = json.loads(aws.read(bucket, aws.keys(bucket)[0]))
        assert log == body["result"] | {"time": body["compute_time"]}
        assert body["results_time"] > 0

    def test_the_event_tells_the_request_and_when_it_came(self, language, start, suite):
        suite.benchmark("900.echo", files={
            "python/function.py": "def handler(event):\n    return {'result': event}\n",
            "nodejs/function.js": "exports.handler = async (event) => ({ result: event });\n",
        })
        body = body_of(start("900.echo", language, suite).invoke({"a": 1}))
        event = body["result"]["result"]
        assert event["a"] == 1 and event["request-id"] == body["request_id"]
        assert event["income-timestamp"] == pytest.approx(float(body["begin"]), abs=1)

    def test_a_module_that_config_json_lacks_is_named(self, language, start, suite):
        suite.benchmark("900.undeclared", files={
            "python/function.py": (
                "from . import nosql\nclient = nosql.nosql.get_instance()\n"
                "def handler(event):\n    return client.get('t', ('a', '1'), ('b', '2'))\n"),
            "nodejs/function.js": (
                "const { nosql } = require('./nosql');\nconst client = nosql.get_instance();\n"
                "exports.handler = (event) => client.get('t', ['a', '1'], ['b', '2']);\n"),
        })
        failed = start("900.undeclared", language, suite).outcome({})
        assert failed.kind == "error" and MISSING.format("nosql") in failed.payload["errorMessage"]


def test_an_es_module_is_a_benchmark_too(start, suite):
    suite.benchmark("900.module", files={
        "nodejs/function.js": "export const handler = async (event) => ({ result: event.n + 1 });\n",
        "nodejs/package.json": json.dumps({"name": "module", "version": "1.0.0", "type": "module", "dependencies": {}}),
    })
    assert returned(start("900.module", "nodejs", suite).invoke({"n": 1}))["result"] == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_storage_is_what_benchmarks_call(language, start, suite, aws, bucket, tmp_path):
    function = start(storage_benchmark(suite), language, suite)
    check_storage(lambda event: returned(function.invoke(event)), bucket, aws.read, tmp_path / "files")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nosql_is_what_benchmarks_call(language, start, suite, aws):
    table = aws.table(f"things-{language}", "owner", "item")
    function = start(nosql_benchmark(suite), language, suite, NOSQL_STORAGE_TABLE_things=table)
    check_nosql(lambda event: returned(function.invoke(event)), "me")

