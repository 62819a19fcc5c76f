"""Java functions, built by the real Maven, and run as each platform runs them.

Lambda's runtime interface client and Google's Functions Framework are the real ones. Azure's host is a small one that
follows function.json, with the real library; OpenWhisk's runtime is a small server by the published action contract.
"""

import base64
import hashlib
import io
import json
import shutil
import tarfile
import zipfile

import pytest

from conftest import lacking
from support import docker, zips
from support.command import Fnpack
from support.java import FUNCTION, MARKER, POM, SOURCE, azure, google, hello, openwhisk
from support.places import BENCHMARKS
from support.registry import Registry
from support.runtime_api import LambdaFunction, body_of, http_event
from support.suite import Suite

FIELDS = {
    "begin": str, "end": str, "compute_time": int, "results_time": int, "is_cold": bool, "result": dict,
    "request_id": str, "container_id": str, "cold_start_var": str,
}
SUITE = Suite(BENCHMARKS)
HANDLER = "org.serverlessbench.Handler::handleRequest"


@pytest.fixture(scope="module")
def package(tmp_path_factory, downloads):
    """Builds a benchmark for a platform, unless it was for a test before; its archive."""
    folder = tmp_path_factory.mktemp("java")
    fnpack = Fnpack(folder / "fnpack", downloads=downloads)
    own = Suite(folder / "suite")
    hello(own, source=OLD_SOURCE)
    built = {}

    def package(platform, benchmark="010.hello"):
        if (platform, benchmark) not in built:
            suite = own if benchmark == "010.hello" else SUITE
            version = "8" if platform == "openwhisk" else "17"
            run = fnpack.build(
                suite, benchmark, "--language", "java", "--language-version", version, "--platform", platform, timeout=300
            )
            built[platform, benchmark] = run.status_is("built").archive
        return built[platform, benchmark]

    return package


MAP = """\
    }

    private static Map<String, Object> map(String one, Object first, String other, Object second) {
        Map<String, Object> map = new java.util.HashMap<>();
        map.put(one, first);
        map.put(other, second);
        return map;
    }
}
"""
# Of a Java that all platforms have: no text of more than one line, no `var`.
OLD_SOURCE = SOURCE.replace("Map.of(", "map(").replace("    }\n}\n", MAP)


@pytest.fixture
def on_lambda(package, tmp_path):
    """Starts a program as Lambda does, which unpacks a jar."""
    started = []

    def start(benchmark="010.hello", **environment):
        folder = zips.unpack(package("aws", benchmark), tmp_path / f"lambda-{len(started)}")
        function = LambdaFunction(folder, "java", environment, handler=HANDLER)
        started.append(function)
        return function

    yield start
    for function in started:
        function.close()


@pytest.fixture
def on_google(package, tmp_path):
    started = []

    def start(benchmark="010.hello", **environment):
        folder = zips.unpack(package("gcp", benchmark), tmp_path / f"gcp-{len(started)}")
        server = google(folder / "function.jar", tmp_path / f"gcp-{len(started)}.log", **environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def on_azure(package, tmp_path):
    started = []

    def start(benchmark="010.hello", **environment):
        app = zips.unpack(package("azure", benchmark), tmp_path / f"azure-{len(started)}")
        started.append(azure(app, tmp_path / f"azure-{len(started)}.log", **environment))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def on_openwhisk(package, tmp_path):
    started = []

    def start(benchmark="010.hello", **environment):
        server = openwhisk(tmp_path / f"openwhisk-{len(started)}.log", **environment)
        started.append(server)
        code = base64.b64encode(package("openwhisk", benchmark).read_bytes()).decode()
        value = {"name": "tested", "main": "org.serverlessbench.Handler", "binary": True, "code": code}
        assert server.post({"value": value}, "/init")[0] == 200, server.output()
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A small image to build others on."""
    if not shutil.which("docker-registry"):
        lacking("docker-registry is missing: run tests/setup.sh")
    registry = Registry(tmp_path_factory.mktemp("registry") / "one")
    registry.base()
    yield f"{registry.host}/base:1"
    registry.stop()


def check_fields(body):
    assert {name: type(value) for name, value in body.items()} == FIELDS
    took = float(body["end"]) - float(body["begin"])
    assert abs(took - body["compute_time"] / 1e6) < 2e-6


class TestLambda:
    def test_a_program_answers_with_the_fields_of_the_other_languages(self, on_lambda):
        function = on_lambda(cold_start="1")
        first, second = (body_of(function.invoke({"name": "tester"})) for _ in range(2))
        check_fields(first)
        assert first["result"]["hello"] == "tester"
        assert first["result"]["event"]["request-id"] == first["request_id"]
        assert isinstance(first["result"]["event"]["income-timestamp"], float)
        assert (first["is_cold"], second["is_cold"], first["cold_start_var"]) == (True, False, "1")
        assert first["container_id"] == second["container_id"] and first["request_id"] != second["request_id"]

    def test_a_request_over_http_is_its_body(self, on_lambda):
        function = on_lambda()
        event = http_event({"name": "web"})
        assert body_of(function.invoke(event))["result"]["hello"] == "web"
        encoded = event | {"isBase64Encoded": True, "body": base64.b64encode(event["body"].encode()).decode()}
        assert body_of(function.invoke(encoded))["result"]["hello"] == "web"
        assert body_of(function.invoke({"body": '{"name": "text"}'}))["result"]["hello"] == "text"
        for body in ("{", "[1]"):
            answer = function.invoke(event | {"body": body})
            assert answer["statusCode"] == 400 and "JSON" in answer["body"], answer

    def test_an_exception_is_lambdas_to_report_and_a_response_over_http(self, on_lambda):
        function = on_lambda()
        outcome = function.outcome({"fail": "on purpose"})
        assert outcome.kind == "error" and outcome.payload["errorMessage"] == "on purpose", outcome
        answer = function.invoke(http_event({"fail": "on purpose"}))
        assert answer["statusCode"] == 500
        assert '{"type":"IllegalStateException","message":"on purpose"}' in answer["body"]

    def test_the_projects_benchmarks_run(self, on_lambda):
        slept = body_of(on_lambda("010.sleep").invoke({"sleep": 0.2}))
        assert slept["result"]["result"] == 0.2 and 200_000 <= slept["result"]["measurement"]["sleep_time"] < 5_000_000
        page = body_of(on_lambda("110.dynamic-html").invoke({"username": "<me>", "random_len": 7}))["result"]["result"]
        assert "&lt;me&gt;" in page and page.count("<li>") == 7 and "has 7 random numbers" in page

    def test_the_artifact_is_the_program(self, package):
        archive = package("aws", "110.dynamic-html")
        assert archive.name == "110.dynamic-html.jar"
        with zipfile.ZipFile(archive) as jar:
            names = jar.namelist()
            manifest = jar.read("META-INF/MANIFEST.MF").decode()
        assert names[:2] == ["META-INF/", "META-INF/MANIFEST.MF"]
        assert names[2:] == sorted(names[2:], key=lambda name: (not name.startswith("META-INF/"), name.encode()))
        assert not any(word in manifest for word in ("Created-By", "Build-Jdk", "Built-By")), manifest
        assert {"function/Function.class", "templates/page.html", "org/serverlessbench/Handler.class"} <= set(names)


class TestAzure:
    def test_a_program_answers_with_the_fields_of_the_other_languages(self, on_azure):
        function = on_azure(cold_start="1")
        (status, first), (_, second) = (function.post({"name": "tester"}, "/api/handler") for _ in range(2))
        assert status == 200
        check_fields(first)
        assert first["result"]["hello"] == "tester"
        assert first["result"]["event"]["request-id"] == first["request_id"] != second["request_id"]
        assert (first["is_cold"], second["is_cold"], first["cold_start_var"]) == (True, False, "1")

    def test_what_fails_is_a_response(self, on_azure):
        function = on_azure()
        for body, status, words in [
            (b"{", 400, "not JSON"),
            (b"[1]", 400, "not an object"),
            (b'{"fail": "on purpose"}', 500, "on purpose"),
        ]:
            answered, answer = function.post(body, "/api/handler")
            assert answered == status and words in answer["error"]["message"], answer
        assert answer["error"]["type"] == "IllegalStateException"

    def test_the_projects_benchmarks_run(self, on_azure):
        _, body = on_azure("110.dynamic-html").post({"username": "me", "random_len": 3}, "/api/handler")
        assert body["result"]["result"].count("<li>") == 3

    def test_the_program_is_a_library_of_the_app(self, package):
        assert sorted(zips.names(package("azure"))) == ["handler/function.json", "host.json", "lib/function.jar"]


class TestGoogle:
    def test_a_program_answers_with_the_fields_of_the_other_languages(self, on_google):
        function = on_google(cold_start="1")
        headers = {"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"}
        (status, first), (_, second) = (function.post({"name": "tester"}, headers=headers) for _ in range(2))
        assert status == 200
        check_fields(first)
        assert first["result"]["hello"] == "tester" and first["request_id"] == "105445aa7843bc8bf206b12000100000"
        assert (first["is_cold"], second["is_cold"], first["cold_start_var"]) == (True, False, "1")

    def test_what_fails_is_a_response(self, on_google):
        function = on_google()
        for body, status, words in [
            (b"{", 400, "not JSON"),
            (b"[1]", 400, "not an object"),
            (b'{"fail": "on purpose"}', 500, "on purpose"),
        ]:
            answered, answer = function.post(body)
            assert answered == status and words in answer["error"]["message"], answer
        assert answer["error"]["type"] == "IllegalStateException"

    def test_the_projects_benchmarks_run(self, on_google):
        _, body = on_google("110.dynamic-html").post({"username": "me", "random_len": 3})
        assert body["result"]["result"].count("<li>") == 3

    def test_the_program_is_in_the_root_and_no_manifest(self, package):
        names = zips.names(package("gcp"))
        assert names == ["function.jar"]


class TestOpenWhisk:
    def test_a_program_answers_with_the_fields_of_the_other_languages(self, on_openwhisk):
        action = on_openwhisk(__OW_ACTIVATION_ID="an-id", cold_start="1")
        event = {"name": "tester", "MINIO_STORAGE_ACCESS_KEY": "hidden", "numbers": [1, 2.5, 10**15, None, True]}
        (status, first), (_, second) = (action.post({"value": event}, "/run") for _ in range(2))
        assert status == 200, first
        check_fields(first)
        given = first["result"]["event"]
        assert first["result"]["hello"] == "tester" and "MINIO_STORAGE_ACCESS_KEY" not in given
        assert given["numbers"] == event["numbers"] and first["request_id"] == given["request-id"] == "an-id"
        assert (first["is_cold"], second["is_cold"], first["cold_start_var"]) == (True, False, "1")

    def test_a_web_action_is_asked_in_all_ways(self, on_openwhisk):
        action = on_openwhisk()
        run = lambda event: action.post({"value": {"__ow_method": "post"} | event}, "/run")
        encoded = base64.b64encode(b'{"name": "web"}').decode()
        for event in ({"name": "web"}, {"__ow_body": encoded}, {"__ow_body": '{"name": "web"}'}):
            status, body = run(event)
            assert status == 200 and body["result"]["hello"] == "web", body
        for event, code in (({"__ow_body": "{"}, 400), ({"fail": "on purpose"}, 500)):
            assert run(event)[1]["error"]["statusCode"] == code
        status, body = action.post({"value": {"fail": "on purpose"}}, "/run")
        assert status == 502 and "on purpose" in body["error"]

    def test_the_projects_benchmarks_run(self, on_openwhisk):
        _, body = on_openwhisk("110.dynamic-html").post({"value": {"username": "me", "random_len": 3}}, "/run")
        assert body["result"]["result"].count("<li>") == 3, body

    def test_the_program_is_for_java_8(self, package):
        with zipfile.ZipFile(package("openwhisk")) as jar:
            assert jar.read("function/Function.class")[6:8] == bytes([0, 52])


class TestBuild:
    def test_an_edit_below_src_is_built_and_no_change_is_not(self, fnpack, suite):
        benchmark = hello(suite)
        first = fnpack.java(suite).status_is("built")
        assert fnpack.java(suite).status_is("cached").sha256 == first.sha256
        benchmark.write(FUNCTION, SOURCE.replace('"hello"', '"goodbye"'))
        second = fnpack.java(suite).status_is("built")
        assert second.sha256 != first.sha256
        with zipfile.ZipFile(second.archive) as jar:
            assert b"goodbye" in jar.read("function/Function.class")

    def test_two_caches_and_places_give_the_same_bytes(self, fnpack, suite, tmp_path):
        # Of files with other dates, in another order, by a Maven that downloads for itself.
        hello(suite, files={"java/src/main/resources/b.txt": "b", "java/src/main/resources/a.txt": "a"})
        first = fnpack.java(suite)
        other = fnpack.elsewhere("other")
        (other.cache / "downloads").unlink()
        again = other.java(suite.copy(tmp_path / "copy", order=lambda entries: reversed(entries)))
        assert again.status_is("built").sha256 == first.sha256

    def test_another_java_below_maven_builds_again(self, fnpack, suite, tmp_path):
        hello(suite)
        mvn = tmp_path / "bin/mvn"
        mvn.parent.mkdir()

        def build(java):
            mvn.write_text(
                f"""#!/bin/sh
case $* in *--version*) printf 'Apache Maven 3.8.7\\nJava version: {java}, vendor: x\\n' ;; *) exec {shutil.which("mvn")} "$@" ;; esac
"""
            )
            mvn.chmod(0o755)
            return fnpack.java(suite, env={"PATH": f"{mvn.parent}:{fnpack.environment()['PATH']}"})

        build("17.0.1").status_is("built")
        assert build("17.0.1").status_is("cached")
        assert build("17.0.12").status_is("built").target["reasons"] == ["changed: tool java (`17.0.1` to `17.0.12`)"]

    def test_architectures_share_one_run_of_maven(self, fnpack, suite):
        hello(suite)
        run = fnpack.java(suite, "--architecture", "x64,arm64")
        x64, arm64 = run.lines
        assert x64["archive"]["sha256"] == arm64["archive"]["sha256"]
        actions = [path for path in (fnpack.cache / "actions").rglob("*") if path.is_file()]
        assert len(actions) == 1, actions

    def test_a_warm_download_cache_needs_no_network(self, fnpack, suite):
        benchmark = hello(suite)
        fnpack.java(suite)
        benchmark.write(FUNCTION, SOURCE.replace('"hello"', '"goodbye"'))
        fnpack.java(suite, env={"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}).status_is("built")

    def test_processes_share_a_download_cache_from_its_first_file(self, fnpack, suite):
        hello(suite)
        home = fnpack.elsewhere("fresh")
        (home.cache / "downloads").unlink()
        run = home.build(
            suite, "--language", "java", "--language-version", "8,11,17", "--platform", "aws,gcp,openwhisk", timeout=400
        )
        assert {line["status"] for line in run.lines} == {"built"} and len(run.lines) == 4
        left = [path for path in (home.cache / "downloads/maven").rglob("*") if path.name.endswith((".part", ".tmp"))]
        assert not left

    def test_a_pom_may_take_the_version_from_the_environment(self, fnpack, suite):
        """As SeBS's do, whose build images say which it is."""
        properties = "<properties><v>${env.JAVA_VERSION}</v><maven.compiler.source>${v}</maven.compiler.source>" \
                     "<maven.compiler.target>${v}</maven.compiler.target></properties>"
        hello(suite, pom=POM.replace("<dependencies>", f"{properties}<dependencies>", 1))
        run = fnpack.run("build", "010.hello", "--suite", suite.root, "--platform", "aws", "--language-version", "11,17",
                         "--executor", "host", "--out", fnpack.out, "--format", "json", timeout=170)
        versions = {}
        for line in run.lines:
            with zipfile.ZipFile(line["archive"]["path"]) as program:
                versions[line["version"]] = int.from_bytes(program.read("function/Function.class")[6:8], "big") - 44
        assert versions == {"11": 11, "17": 17}

    def test_a_pom_in_a_folder_is_built_there(self, fnpack, suite):
        benchmark = hello(suite)
        (benchmark / "java/app").mkdir()
        shutil.move(benchmark / "java/pom.xml", benchmark / "java/app/pom.xml")
        shutil.move(benchmark / "java/src", benchmark / "java/app/src")
        with zipfile.ZipFile(fnpack.java(suite).archive) as jar:
            assert {"function/Function.class", "org/serverlessbench/Handler.class"} <= set(jar.namelist())

    def test_files_beside_the_source_are_in_googles_package(self, fnpack, suite):
        hello(suite, files={"java/data/table.csv": "1", "java/.mvn/maven.config": "", "java/target/stale.txt": ""})
        assert zips.names(fnpack.java(suite, "--platform", "gcp").archive) == ["function.jar", "function/data/table.csv"]

    def test_package_sh_may_change_the_program(self, fnpack, suite):
        script = 'echo "$1 $JAVA_VERSION $PLATFORM" > note && zip -q function.jar note && rm note\n'
        hello(suite, files={"java/package.sh": script})
        with zipfile.ZipFile(fnpack.java(suite).archive) as jar:
            assert jar.read("note").decode() == ". 17 AWS\n"


class TestImages:
    """Images made without an engine."""

    # By platform: the version, where a program is looked for, a class that it needs.
    PLATFORMS = {
        "aws": ("17", "var/task/lib/", "com/fasterxml/jackson/databind/ObjectMapper.class"),
        "gcp": ("17", "workspace/", "com/google/cloud/functions/invoker/runner/Invoker.class"),
        "openwhisk": ("8", "function/", "com/google/gson/Gson.class"),
    }

    @pytest.fixture
    def image(self, fnpack, suite, base):
        """Builds the image of a benchmark for a platform: its layers above the base's, and the JSON line."""

        def image(platform, **own):
            version = self.PLATFORMS[platform][0]
            suite.settings(f'[platform.{platform}.base-images]\n"java-{version}-x64" = "{base}"\n')
            benchmark = hello(suite, **{"source": OLD_SOURCE} | own)
            run = fnpack.build(suite, "--language", "java", "--language-version", version, "--platform", platform,
                               "--deployment", "container", "--image-format", "oci", timeout=300)
            target = run.status_is("built").target
            blobs = fnpack.out / f"{platform}/{benchmark.folder.name}/java-{version}-x64/image/blobs/sha256"
            manifest = json.loads((blobs / target["image"]["digest"].removeprefix("sha256:")).read_text())
            return [blobs / layer["digest"].removeprefix("sha256:") for layer in manifest["layers"][1:]], target

        return image

    @staticmethod
    def files(layer):
        with tarfile.open(layer) as tar:
            return {entry.name.removeprefix("./"): tar.extractfile(entry).read() for entry in tar if entry.isreg()}

    @classmethod
    def jar(cls, layer):
        """The path of a layer's only file, a jar, and what is in that."""
        [(path, data)] = cls.files(layer).items()
        with zipfile.ZipFile(io.BytesIO(data)) as jar:
            return path, {name: jar.read(name) for name in jar.namelist() if not name.endswith("/")}

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_an_edit_changes_the_small_layer_alone(self, platform, image):
        (dependencies, code), _ = image(platform)
        (same, edited), _ = image(platform, source=OLD_SOURCE.replace('"hello"', '"goodbye"'))
        assert dependencies == same and code != edited
        assert edited.stat().st_size < 32 << 10 < dependencies.stat().st_size

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_each_file_of_the_program_is_in_one_layer(self, platform, image, package):
        _, folder, needed = self.PLATFORMS[platform]
        (dependencies, code), _ = image(platform, files={"java/src/main/resources/page.html": "page"})
        (one, rest), (other, own) = self.jar(dependencies), self.jar(code)
        assert (one, other) == (f"{folder}dependencies.jar", f"{folder}function.jar")
        manifest = "META-INF/MANIFEST.MF"
        assert set(own) & set(rest) == {manifest}
        assert needed in rest and b"Class-Path: dependencies.jar\r\n" in own[manifest]
        wrappers = {f"org/serverlessbench/{name}.class" for name in ("BadRequest", "ColdStartTracker", "Handler", "Invocation")}
        assert set(own) == {manifest, "function/Function.class", "page.html"} | wrappers
        if platform != "gcp":  # There a package has no framework.
            with zipfile.ZipFile(package(platform)) as whole:
                names = {name for name in whole.namelist() if not name.endswith("/")}
            assert names | {"page.html"} == set(own) | set(rest)

    def test_a_package_and_an_image_share_one_run_of_maven(self, fnpack, image, suite):
        image("aws")
        actions = lambda: {path for path in (fnpack.cache / "actions").rglob("*") if path.is_file()}
        before = actions()
        fnpack.java(suite).status_is("built")
        assert actions() == before

    def test_what_package_sh_changes_is_split_as_well(self, image):
        script = "echo by package.sh > note && zip -q function.jar note && rm note\n"
        (first, code), _ = image("aws", files={"java/package.sh": script})
        (second, edited), _ = image("aws", files={"java/package.sh": script}, source=OLD_SOURCE.replace('"hello"', '"goodbye"'))
        assert first == second and code != edited
        assert self.jar(first)[1]["note"] == b"by package.sh\n"

    def test_without_what_tells_them_apart_the_program_stays_whole(self, image):
        [layer], _ = image("gcp", files={"java/package.sh": "rm .own-entries\n"})
        path, whole = self.jar(layer)
        assert path == "workspace/function.jar" and self.PLATFORMS["gcp"][2] in whole and "function/Function.class" in whole

    def test_openwhisks_archive_names_the_program_in_the_image(self, image):
        _, target = image("openwhisk")
        archive = target["archive"]
        assert archive["path"].endswith("/010.hello-container.zip") and archive["bytes"] < 1000
        with zipfile.ZipFile(archive["path"]) as action:
            assert action.namelist() == ["META-INF/MANIFEST.MF"]
            assert b"Class-Path: /function/function.jar\r\n" in action.read("META-INF/MANIFEST.MF")


@pytest.mark.docker
class TestDocker:
    def test_a_container_makes_the_same_bytes(self, fnpack, suite):
        """One whose Java trusts nobody of itself: it is told the certificates of `ca-bundle`."""
        hello(suite)
        suite.settings(docker.settings())
        alone = fnpack.elsewhere("alone")
        (alone.cache / "downloads").unlink()
        contained = alone.java(suite, "--executor", "docker").status_is("built")
        assert contained.sha256 == fnpack.java(suite).sha256
        assert alone.java(suite, "--executor", "docker").status_is("cached")

    def test_a_compiler_error_is_told_with_file_and_line(self, fnpack, suite):
        hello(suite, source=SOURCE.replace("event.containsKey", "event.containsKeey"))
        suite.settings(docker.settings())
        run = fnpack.java(suite, "--executor", "docker", status=1)
        run.says("does not compile: src/main/java/function/Function.java:7: cannot find symbol")

    def test_the_users_settings_reach_maven(self, fnpack, suite):
        hello(suite)
        suite.settings(docker.settings())
        alone = fnpack.elsewhere("alone")
        (alone.cache / "downloads").unlink()
        (alone.home / "user/.m2").mkdir()
        (alone.home / "user/.m2/settings.xml").write_text(TestSettings.MIRROR.format("usual"))
        alone.java(suite, "--executor", "docker", status=1).says("127.0.0.1:9/usual")


class TestErrors:
    def test_a_missing_marker_is_told_with_its_place(self, fnpack, suite):
        hello(suite, pom=POM.replace(MARKER, ""))
        fnpack.java(suite, status=1).says("pom.xml", "<!-- PLATFORM_DEPENDENCIES -->", "between <dependencies>", "aws-lambda")

    def test_a_missing_pom_is_told(self, fnpack, suite):
        (hello(suite) / "java/pom.xml").unlink()
        fnpack.java(suite, status=1).says("no pom.xml in the java folder")

    def test_a_compiler_error_is_told_with_file_and_line(self, fnpack, suite):
        hello(suite, source=SOURCE.replace("event.containsKey", "event.containsKeey"))
        fnpack.java(suite, status=1).says("does not compile: src/main/java/function/Function.java:7: cannot find symbol")

    def test_a_dependency_that_nobody_has_is_told_by_name(self, fnpack, suite):
        unknown = "<dependency><groupId>org.serverlessbench</groupId><artifactId>none</artifactId><version>9</version></dependency>"
        hello(suite, pom=POM.replace(MARKER, MARKER + unknown))
        fnpack.java(suite, status=1).says("no Maven repository", "org.serverlessbench:none:jar:9; mend pom.xml")
        # Once it is published, it is found.
        assert not [*(fnpack.cache / "downloads/maven").rglob("*.lastUpdated")]

    def test_a_release_newer_than_the_jdk_is_told_before_anything_runs(self, fnpack, suite):
        hello(suite)
        run = fnpack.build(suite, "--language", "java", "--language-version", "25", status=1)
        run.says("Java 25", "install JDK 25", "--executor docker")
        assert run.seconds < 3

    def test_a_program_for_a_newer_java_than_the_runtimes_is_refused(self, fnpack, suite):
        hello(suite, pom=POM.replace("<dependencies>", NEWER + "<dependencies>", 1))
        run = fnpack.build(suite, "--language", "java", "--language-version", "11", status=1, timeout=300)
        run.says("compiled for Java 17, and Java 11 cannot run it")

    def test_another_name_of_the_program_is_told(self, fnpack, suite):
        hello(suite, pom=POM.replace("<finalName>function</finalName>", ""))
        fnpack.java(suite, status=1).says("target/hello-1.jar", "<finalName>function</finalName>")

    def test_a_network_without_maven_central_is_told(self, fnpack, suite):
        hello(suite)
        alone = fnpack.elsewhere("alone")
        (alone.cache / "downloads").unlink()
        # That Maven heard of the proxy is what fails it.
        run = alone.java(suite, env={"https_proxy": "http://127.0.0.1:9"}, status=1)
        run.says("the Maven repository cannot be reached", "settings.xml")

    def test_a_machine_without_maven_is_told(self, fnpack, suite, tmp_path):
        hello(suite)
        tools = tmp_path / "tools"
        tools.mkdir()
        (tools / "sh").symlink_to(shutil.which("sh"))
        fnpack.java(suite, env={"PATH": str(tools)}, status=1).says("Maven is not installed", "--executor docker")


NEWER = "<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target></properties>"


class TestSettings:
    MIRROR = """\
<settings>
  <mirrors>
    <mirror><id>own</id><mirrorOf>*</mirrorOf><url>https://127.0.0.1:9/{}</url></mirror>
  </mirrors>
</settings>
"""

    def test_the_users_settings_reach_maven(self, fnpack, suite, tmp_path):
        hello(suite)
        alone = fnpack.elsewhere("alone")
        (alone.cache / "downloads").unlink()
        home = alone.home / "user/.m2"
        home.mkdir()
        (home / "settings.xml").write_text(self.MIRROR.format("usual"))
        alone.java(suite, status=1).says("127.0.0.1:9/usual")
        named = tmp_path / "a folder/other.xml"
        named.parent.mkdir()
        named.write_text(self.MIRROR.format("named"))
        (tmp_path / "link.xml").symlink_to(named)
        alone.java(suite, env={"MAVEN_ARGS": f"-s {tmp_path}/link.xml"}, status=1).says("127.0.0.1:9/named")
