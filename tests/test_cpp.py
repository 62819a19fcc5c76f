"""Functions in C++: built in a container, run as Lambda runs a custom runtime."""

import base64
import importlib.util
import json
import queue
import shutil
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import lacking
from support import cpp, signature, zips
from support.aws import Aws
from support.command import Fnpack
from support.docker import CPP_FULL_IMAGE, CPP_IMAGE, docker
from support.places import BENCHMARKS, PROJECT
from support.runtime_api import LambdaFunction, body_of, http_event
from support.suite import Suite, copy_tree

pytestmark = pytest.mark.docker

FIELDS = {
    "begin", "end", "compute_time", "results_time", "is_cold", "result", "request_id", "container_id", "cold_start_var",
}


@pytest.fixture(autouse=True)
def images(engine):
    for image in (CPP_IMAGE, CPP_FULL_IMAGE):
        if not docker("images", "--quiet", image):
            lacking(f"the image {image} is missing: run tests/setup.sh")


@pytest.fixture
def aws():
    service = Aws()
    yield service
    service.close()


@pytest.fixture
def build(fnpack):
    """Builds in the suite's build image."""

    def build(suite, *args, executor="docker", **run):
        return fnpack.build(suite, "--language", "cpp", "--executor", executor, *args, **({"timeout": 300} | run))

    return build


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A command whose cache is that of all tests here, for builds that are not what is tested."""
    return Fnpack(tmp_path_factory.mktemp("kept"))


@pytest.fixture
def benchmarks(tmp_path):
    """This project's benchmarks, with the settings of an image that has their libraries."""
    copy_tree(BENCHMARKS, tmp_path / "benchmarks")
    suite = Suite(tmp_path / "benchmarks")
    suite.settings(cpp.settings(CPP_FULL_IMAGE))
    return suite


@pytest.fixture
def start(kept, tmp_path):
    """Builds a benchmark and starts it as a function."""
    started = []

    def start(suite, benchmark="010.hello", **environment):
        run = kept.build(suite, benchmark, "--language", "cpp", "--executor", "docker", timeout=300)
        function = LambdaFunction(zips.unpack(run.archive, tmp_path / f"function-{len(started)}"), "cpp", environment, "bootstrap")
        started.append(function)
        return function

    yield start
    for function in started:
        function.close()


def inputs(benchmark):
    """A benchmark's input.py."""
    spec = importlib.util.spec_from_file_location("input", BENCHMARKS / benchmark / "input.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestTheEntryPoint:
    def test_a_response_has_the_fields_of_the_other_languages(self, start, benchmarks):
        function = start(benchmarks, "010.sleep", cold_start="first")
        answer = function.invoke({"sleep": 0.2})
        body = body_of(answer)
        assert set(body) == FIELDS
        assert answer["headers"] == {"Content-Type": "application/json"}
        assert body["result"]["result"] == 0.2 and body["is_cold"] is True and body["cold_start_var"] == "first"
        assert 190_000 <= body["result"]["measurement"]["sleep_time"] <= body["compute_time"]
        assert float(body["end"]) - float(body["begin"]) == pytest.approx(body["compute_time"] / 1e6, abs=2e-6)
        second = body_of(function.invoke(http_event({"sleep": 0})))
        assert second["is_cold"] is False and second["container_id"] == body["container_id"]
        assert second["request_id"] != body["request_id"]

    def test_a_body_may_be_base64_and_a_direct_event_may_have_one(self, start, benchmarks):
        function = start(benchmarks, "010.sleep")
        event = http_event({}) | {"body": base64.b64encode(b'{"sleep": 0.01}').decode(), "isBase64Encoded": True}
        assert body_of(function.invoke(event))["result"]["result"] == 0.01
        assert body_of(function.invoke({"body": '{"sleep": 0}'}))["result"]["result"] == 0

    @pytest.mark.parametrize("body", ["{", "[1]", '"text"', '{"sleep": 1} more'])
    def test_a_body_that_is_no_object_is_the_callers_mistake(self, body, start, benchmarks):
        answer = start(benchmarks, "010.sleep").invoke(http_event({}) | {"body": body})
        assert answer["statusCode"] == 400 and "body" in json.loads(answer["body"])["error"]["message"]

    def test_an_exception_is_lambdas_to_report_and_over_http_a_response(self, start, benchmarks):
        function = start(benchmarks, "010.sleep")
        outcome = function.outcome({"sleep": "long"})
        assert outcome.kind == "error"
        assert outcome.payload["errorType"] == "std::invalid_argument" and "sleep" in outcome.payload["errorMessage"]
        answer = function.invoke(http_event({"sleep": "long"}))
        assert answer["statusCode"] == 500
        assert json.loads(answer["body"])["error"]["type"] == "std::invalid_argument"
        assert body_of(function.invoke({"sleep": 0}))["result"]["result"] == 0

    def test_the_request_tells_its_id_and_when_it_came(self, start, suite):
        cpp.benchmark(suite, {"main.cpp": (
            '#include "function.hpp"\n'
            "rapidjson::Document function(const rapidjson::Value& request) {\n"
            "  rapidjson::Document answer;\n  answer.CopyFrom(request, answer.GetAllocator());\n  return answer;\n}\n"
        )})
        body = body_of(start(suite).invoke({"text": "\u00e9\u4e16\U0001f600\u0000", "number": 0.1, "big": 2**63}))
        assert body["result"].pop("request-id") == body["request_id"]
        assert body["result"].pop("income-timestamp") == pytest.approx(float(body["begin"]), abs=1)
        assert body["result"] == {"text": "\u00e9\u4e16\U0001f600\u0000", "number": 0.1, "big": 2**63}


class TestThePackage:
    def test_it_has_the_program_its_libraries_and_data_and_no_sources(self, build, suite):
        cpp.benchmark(suite, {
            "main.cpp": cpp.HELLO, "sub/greeting.cpp": '#include "greeting.hpp"\nstd::string greeting() { return "hi "; }\n',
            "greeting.hpp": "#pragma once\n#include <string>\nstd::string greeting();\n", "data/words.txt": "words",
        })
        (suite.root / "010.hello/cpp/package.sh").write_text('echo "$1 $PLATFORM $(ls)" > told.txt\n')
        run = build(suite).status_is("built")
        names = set(zips.names(run.archive))
        assert {name for name in names if not name.startswith("lib/")} == {"benchmark", "bootstrap", "data/words.txt", "told.txt"}
        told = zips.read(run.archive, "told.txt").decode().split()
        assert told[:2] == [".", "AWS"] and set(told[2:]) >= {"benchmark", "data", "lib"}
        assert {"lib/ld-linux-x86-64.so.2", "lib/libc.so.6", "lib/libstdc++.so.6"} <= names
        assert zips.mode(run.archive, "bootstrap") == zips.mode(run.archive, "benchmark") == 0o100755
        zips.assert_normalised(run.archive)
        run.says("provided.al2023", "handler bootstrap", "x86_64")

    def test_nothing_tells_where_it_was_built(self, build, suite, tmp_path):
        cpp.benchmark(suite, {"main.cpp": cpp.HELLO.replace('"world"', "__FILE__"), "greeting.hpp": cpp.GREETING})
        program = zips.read(build(suite).archive, "benchmark")
        assert b"/mnt/function" not in program and b".fnpack" not in program and b"main.cpp" in program
        (tmp_path / "program").write_bytes(program)
        dynamic = subprocess.run(["readelf", "-d", "-S", tmp_path / "program"], capture_output=True, text=True, check=True).stdout
        assert "RPATH" not in dynamic and "RUNPATH" not in dynamic and "build-id" not in dynamic and ".symtab" not in dynamic

    def test_two_cold_caches_give_the_same_bytes(self, fnpack, build, suite):
        cpp.benchmark(suite)
        first = build(suite)
        other = fnpack.elsewhere("other").build(suite, "--language", "cpp", "--executor", "docker", timeout=300)
        assert first.status_is("built").sha256 == other.status_is("built").sha256
        build(suite).status_is("cached")

    def test_the_program_is_the_same_wherever_it_is_compiled(self, tmp_path):
        """By the script of the build alone, on this machine: an action's folder is never the same twice there."""
        if not shutil.which("cmake") or not shutil.which("g++"):
            lacking("cmake or g++ is not installed")
        script = (PROJECT / "host/src/language/cpp/build.sh").read_text()
        built = []
        for name in ("one", "another folder"):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "main.cpp").write_text("#include <iostream>\nint main() { std::cout << __FILE__; throw 1; }\n")
            (folder / "CMakeLists.txt").write_text(
                "cmake_minimum_required(VERSION 3.18)\nproject(x CXX)\nadd_executable(benchmark main.cpp)\n"
            )
            subprocess.run(["sh", "-c", script], cwd=folder, check=True, capture_output=True)
            built.append(zips.tree(folder / ".fnpack/package"))
        assert built[0] == built[1] and "lib/libstdc++.so.6" in built[0]

    def test_it_runs_where_there_is_nothing_but_the_package(self, build, suite, tmp_path):
        cpp.benchmark(suite)
        folder = zips.unpack(build(suite).archive, tmp_path / "root")
        command = cpp.in_empty_root(folder)
        if not shutil.which("unshare") or subprocess.run([*command[:3], "true"], capture_output=True).returncode:
            lacking("no user namespaces here")
        with LambdaFunction(folder, command, handler="bootstrap") as function:
            assert body_of(function.invoke({"name": "you"}))["result"] == {"hello": "hello you"}

    def test_an_edit_of_a_header_builds_anew(self, start, build, suite):
        folder = cpp.benchmark(suite)
        build(suite).status_is("built")
        folder.write("cpp/greeting.hpp", cpp.GREETING.replace("hello ", "good day "))
        run = build(suite).status_is("built")
        assert any("greeting.hpp" in reason for reason in run.target["reasons"])
        assert body_of(start(suite).invoke({}))["result"] == {"hello": "good day world"}

    def test_files_of_the_wrappers_names_are_the_functions_own(self, start, suite):
        """As SeBS's folders have them: storage.hpp is included whatever the modules, and function.hpp is private."""
        cpp.benchmark(suite, {
            "main.cpp": '#include <rapidjson/document.h>\n#include "storage.hpp"\n#include "key-value.hpp"\n' + cpp.HELLO,
            "greeting.hpp": '#pragma once\n#include "sha256.hpp"\n#include "utils.hpp"\n#define greeting() (HELLO + digest())\n',
            "function.hpp": "#pragma once\nint helper(int x) { return x; }\n",
            "utils.hpp": '#pragma once\n#include <string>\n#define HELLO std::string("own ")\n',
            "sha256.hpp": "#pragma once\n#include <string>\nstd::string digest();\n",
            "sha256.cpp": '#include "sha256.hpp"\nstd::string digest() { return "digest "; }\n',
        })
        assert body_of(start(suite).invoke({}))["result"] == {"hello": "own digest world"}

    def test_an_own_cmakelists_wins(self, start, suite):
        cpp.benchmark(suite, {
            "main.cpp": cpp.HELLO, "greeting.hpp": cpp.GREETING.replace('"hello "', "GREETING"), "broken.cpp": "not C++",
            "CMakeLists.txt": (
                "cmake_minimum_required(VERSION 3.18)\nproject(own LANGUAGES CXX)\nset(CMAKE_CXX_STANDARD 17)\n"
                "find_package(aws-lambda-runtime REQUIRED)\nfind_package(CURL REQUIRED)\n"
                "file(GLOB WRAPPERS sebs/*.cpp)\nadd_executable(benchmark handler.cpp ${WRAPPERS} main.cpp)\n"
                'target_compile_definitions(benchmark PRIVATE "GREETING=\\"own \\"")\n'
                "target_link_libraries(benchmark PRIVATE AWS::aws-lambda-runtime CURL::libcurl)\n"
            ),
        })
        assert body_of(start(suite).invoke({}))["result"] == {"hello": "own world"}


class TestMistakes:
    def test_a_compilers_error_is_told_with_file_and_line(self, build, suite):
        cpp.benchmark(suite, {"main.cpp": cpp.HELLO, "greeting.hpp": cpp.GREETING, "sub/wrong.cpp": "\nint x = unknown_name;\n"})
        run = build(suite, status=1).says("sub/wrong.cpp:2:9", "unknown_name", "010.hello")
        assert "the compiler refuses the sources: sub/wrong.cpp:2:9" in run.said

    @pytest.mark.parametrize("files, config, words", [
        ({"main.cpp": "#include <igraph.h>\n"}, {"cpp_dependencies": ["igraph"]}, ["igraph", "cpp_dependencies", CPP_IMAGE]),
        ({"main.cpp": "\n"}, {"cpp_dependencies": ["torch"]}, ["Torch", "cpp_dependencies", CPP_IMAGE]),
        ({"main.cpp": "#include <opencv2/core.hpp>\n"}, {}, ["main.cpp:1", 'add "opencv" to `cpp_dependencies`']),
        ({"main.cpp": "\n"}, {}, ["main.cpp is to define"]),
        ({"main.cpp": cpp.HELLO, "greeting.hpp": cpp.GREETING, "tests/try.cpp": "int main() {}\n"}, {}, ["two `main`", ".fnpackignore"]),
        ({"notes.txt": ""}, {}, ["main.cpp is to define"]),
    ])
    def test_what_is_missing_is_told_in_words_of_config_json(self, files, config, words, build, suite):
        cpp.benchmark(suite, files, **config)
        build(suite, status=1).says(*words)

    def test_an_image_without_a_compiler_is_named(self, build, suite):
        cpp.benchmark(suite, image="fnpack-test-python:3.11")
        build(suite, status=1).says("no cmake", "fnpack-test-python:3.11", "build-images")

    def test_this_machine_builds_only_what_runs_on_lambda(self, build, suite):
        if cpp.libc() <= (2, 34):
            lacking("this machine's glibc is not newer than Lambda's")
        cpp.benchmark(suite)
        build(suite, executor="host", status=1).says("glibc-2.34", "this machine", "--executor docker")

    def test_another_processor_is_refused_before_anything_is_built(self, build, suite):
        cpp.benchmark(suite)
        build(suite, "--architecture", "arm64", status=2).says("arm64", "x64")


STORAGE = """\
#include "function.hpp"
#include "storage.hpp"

rapidjson::Document function(const rapidjson::Value& request) {
  auto client = sebs::Storage::get_client();
  const std::string bucket = request["bucket"].GetString(), key = request["key"].GetString();
  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  const auto [contents, time] = client.download_file(bucket, key);
  answer.AddMember("contents", rapidjson::Value(contents.c_str(), allocator), allocator);
  answer.AddMember("took_time", time > 0, allocator);
  int retries = -1;
  std::stringstream out;
  answer.AddMember("again", client.download_file(bucket, key, retries, true, out) > 0 && out.str() == contents, allocator);
  answer.AddMember("retries", retries, allocator);
  std::string streamed;
  if (!contents.empty()) client.download_stream(bucket, key, [&](std::istream& stream) { std::getline(stream, streamed, '\\0'); });
  answer.AddMember("streamed", rapidjson::Value(streamed.c_str(), allocator), allocator);
  std::string changed = contents + std::string("\\0changed", 8);
  client.upload_random_file(bucket, key + ".copy", true, changed.data(), changed.size());
  return answer;
}
"""

DATABASE = """\
#include "function.hpp"
#include "key-value.hpp"

rapidjson::Document function(const rapidjson::Value& request) {
  KeyValue client;
  double written = -1, read = -1;
  int retries = -1;
  unsigned char data[] = {0, 255, 'x'};
  client.upload_file("tests", "one", written, sizeof data, data);
  client.download_file("tests", request["key"].GetString(), retries, read, true);
  rapidjson::Document answer(rapidjson::kObjectType);
  answer.AddMember("units", written > 0 && read > 0, answer.GetAllocator());
  answer.AddMember("retries", retries, answer.GetAllocator());
  return answer;
}
"""


class Recorder:
    """Answers every request, and keeps it."""

    def __init__(self):
        self.requests = queue.Queue()
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                recorder.requests.put((self.command, self.path, headers, body))
                self.send_response(200)
                contents = b"{}" if self.command == "POST" else b"contents"
                self.send_header("Content-Length", str(len(contents)))
                self.end_headers()
                self.wfile.write(contents)

            do_GET = do_PUT = do_POST = _answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class TestServices:
    def test_storage_reads_and_writes_objects(self, start, suite, aws):
        cpp.benchmark(suite, {"main.cpp": STORAGE}, modules=["storage"])
        key = "a folder/k\u00e9y+=&?.txt"
        bucket = aws.bucket(f"cpp-{uuid.uuid4()}", {key: "contents \u00e9".encode()})
        answer = start(suite, **aws.environment).invoke({"bucket": bucket, "key": key})
        assert body_of(answer)["result"] == {
            "contents": "contents \u00e9", "took_time": True, "again": True, "retries": 0, "streamed": "contents \u00e9",
        }
        assert aws.read(bucket, f"{key}.copy") == "contents \u00e9".encode() + b"\0changed"

    def test_an_object_that_is_not_there_is_empty_and_a_failed_upload_an_error(self, start, suite, aws):
        cpp.benchmark(suite, {"main.cpp": STORAGE}, modules=["storage"])
        function = start(suite, **aws.environment)
        bucket = aws.bucket(f"cpp-{uuid.uuid4()}")
        body = body_of(function.invoke({"bucket": bucket, "key": "none"}))["result"]
        assert body["contents"] == "" and not body["took_time"]
        assert "404" in function.output() and "none" in function.output()
        outcome = function.outcome({"bucket": f"cpp-{uuid.uuid4()}", "key": "none"})
        assert outcome.kind == "error" and "NoSuchBucket" in outcome.payload["errorMessage"]

    def test_the_log_that_a_request_asks_for_is_uploaded(self, start, suite, aws):
        cpp.benchmark(suite, {"main.cpp": STORAGE}, modules=["storage"])
        bucket = aws.bucket(f"cpp-{uuid.uuid4()}", {"key": b"contents"})
        body = body_of(start(suite, **aws.environment).invoke({"bucket": bucket, "key": "key", "logs": {"bucket": bucket}}))
        assert json.loads(aws.read(bucket, f"{body['request_id']}.json")) == body["result"] | {"time": body["compute_time"]}
        assert body["results_time"] > 0

    def test_the_database_is_the_table_that_the_environment_names(self, start, suite, aws):
        cpp.benchmark(suite, {"main.cpp": DATABASE}, modules=["nosql"])
        table = f"cpp-{uuid.uuid4()}"
        aws.dynamodb.create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        )
        function = start(suite, **aws.environment, NOSQL_STORAGE_TABLE_tests=table)
        assert body_of(function.invoke({"key": "one"}))["result"] == {"units": True, "retries": 0}
        assert aws.dynamodb.get_item(TableName=table, Key={"key": {"S": "one"}})["Item"]["data"]["B"] == b"\x00\xffx"
        outcome = function.outcome({"key": "two"})
        assert outcome.kind == "error" and "no item two" in outcome.payload["errorMessage"]

    def test_requests_are_signed_with_the_session_and_the_contents(self, start, suite):
        cpp.benchmark(suite, {"main.cpp": STORAGE}, modules=["storage", "nosql"])
        recorder = Recorder()
        try:
            environment = {"AWS_ACCESS_KEY_ID": "ID", "AWS_SECRET_ACCESS_KEY": "a secret+/=", "AWS_SESSION_TOKEN": "a+token/="}
            function = start(suite, **environment, AWS_ENDPOINT_URL_S3=recorder.address)
            for length in (1, 40, 50, 200):
                function.invoke({"bucket": "some", "key": "a b/c+d.txt" + "x" * length})
        finally:
            recorder.close()
        methods = []
        while not recorder.requests.empty():
            method, path, headers, body = recorder.requests.get()
            assert path.startswith("/some/a%20b/c%2Bd.txt") and headers["x-amz-security-token"] == "a+token/="
            assert signature.is_right(method, path, headers, body, "a secret+/="), (method, headers)
            methods.append(method)
        assert methods == ["GET", "GET", "GET", "PUT"] * 4


LIBRARIES = """\
#include <boost/version.hpp>
#include <hiredis/hiredis.h>
#include <igraph/igraph.h>
#include <opencv2/core.hpp>
#include <turbojpeg.h>

#include "function.hpp"

#ifndef SEBS_USE_AWS_SDK
#error the SDK is declared, and not defined
#endif

rapidjson::Document function(const rapidjson::Value&) {
  rapidjson::Document answer(rapidjson::kObjectType);
  auto& allocator = answer.GetAllocator();
  answer.AddMember("boost", BOOST_VERSION > 100000, allocator);
  answer.AddMember("opencv", static_cast<int>(cv::Mat(2, 3, CV_8U).total()), allocator);
  const tjhandle jpeg = tjInitCompress();
  answer.AddMember("libjpeg-turbo", jpeg != nullptr, allocator);
  tjDestroy(jpeg);
  redisContext* redis = redisConnect("127.0.0.1", 1);
  answer.AddMember("hiredis", redis != nullptr, allocator);
  redisFree(redis);
  igraph_t graph;
  answer.AddMember("igraph", igraph_empty(&graph, 5, false) == IGRAPH_SUCCESS && igraph_vcount(&graph) == 5, allocator);
  igraph_destroy(&graph);
  return answer;
}
"""


def test_the_libraries_of_config_json_are_linked_and_packaged(start, suite):
    libraries = ["sdk", "opencv", "libjpeg-turbo", "igraph", "hiredis", "boost", "rapidjson", "runtime"]
    cpp.benchmark(suite, {"main.cpp": LIBRARIES}, CPP_FULL_IMAGE, cpp_dependencies=libraries)
    found = body_of(start(suite).invoke({}))["result"]
    assert found == {"boost": True, "opencv": 6, "libjpeg-turbo": True, "hiredis": True, "igraph": True}


class TestBenchmarks:
    @pytest.mark.parametrize("benchmark", ["501.graph-pagerank", "503.graph-bfs"])
    def test_a_graph_is_that_of_the_other_languages(self, benchmark, start, benchmarks):
        function = start(benchmarks, benchmark)
        for size in ("test", "small"):
            event = inputs(benchmark).generate_input(None, size, None, [], [], None, None)
            answer = body_of(function.invoke(event))["result"]
            assert inputs(benchmark).validate_output(None, event, answer, "cpp") is None
        assert body_of(function.invoke({"size": 1}))["result"]["result"]["edges"] == 0
        assert function.outcome({"size": 0}).kind == "error"

    def test_a_thumbnail_is_like_its_picture(self, start, benchmarks, aws):
        module = inputs("210.thumbnailer")
        bucket = aws.bucket(f"cpp-{uuid.uuid4()}")

        class Storage:
            def download(self, bucket, key, path):
                aws.s3.download_file(bucket, key, path)

        def upload(_, key, path):
            aws.s3.upload_file(path, bucket, f"in/{key}")

        event = module.generate_input(None, "test", bucket, ["in"], ["out"], upload, None)
        answer = body_of(start(benchmarks, "210.thumbnailer", **aws.environment).invoke(event))["result"]
        assert module.validate_output(None, event, answer, "cpp", Storage()) is None
