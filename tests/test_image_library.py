"""Images made and moved without an engine, by the library's own example (host/examples/image.rs).

The registry is Debian's docker-registry; `crane` judges what was pushed and written. `Between` is a
proxy before it that misbehaves as it is told, and that asks for tokens as large registries do.
"""

import base64
import datetime
import http.client
import io
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.parse
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import lacking
from support.places import BINARY, TOOLS
from support.registry import BASIC, PASSWORD, TYPES, Registry, sha256

EXAMPLE = BINARY.parent / "examples/image"
CRANE = TOOLS / "crane/crane"


class Rule:
    """What is done with the first `times` requests of a kind."""

    def __init__(self, method: str, path: str, act, times: int = 1):
        self.method, self.path, self.act, self.times = method, re.compile(path), act, times

    def takes(self, method: str, path: str) -> bool:
        if self.times and method == self.method and self.path.search(path):
            self.times -= 1
            return True
        return False


class Between(ThreadingHTTPServer):
    """A proxy before a registry. `rules` say what it does otherwise than pass on."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry: Registry, *rules: Rule, tokens: "Tokens | None" = None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.registry, self.rules, self.tokens = registry, list(rules), tokens
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.seen: list[tuple[str, str, Message]] = []
        self.lock = threading.Lock()
        self.upload_at = None
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()

    def count(self, method: str, path: str) -> int:
        return sum(1 for seen in self.seen if seen[0] == method and re.search(path, seen[1]))

    def handle_error(self, request, client_address):
        pass  # connections are closed on purpose


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def log_message(self, *_):
        pass

    def any(self):
        server = self.server
        with server.lock:
            server.seen.append((self.command, self.path, self.headers))
        if server.tokens and not server.tokens.lets_in(self):
            return
        with server.lock:
            rule = next((rule for rule in server.rules if rule.takes(self.command, self.path)), None)
        if rule:
            rule.act(self)
        else:
            self.forward()

    def handle_expect_100(self):
        with self.server.lock:
            rule = next((rule for rule in self.server.rules if rule.takes("EXPECT", self.path)), None)
        if rule:
            rule.act(self)
            return False
        return super().handle_expect_100()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = any

    def length(self) -> int:
        return int(self.headers.get("Content-Length") or 0)

    def ask(self, path: str | None = None, body: bytes | None = None):
        """The registry's answer to this request."""
        connection = http.client.HTTPConnection(self.server.registry.host, timeout=30)
        body = self.rfile.read(self.length()) if body is None else body
        dropped = ("authorization", "content-length", "connection")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
        connection.request(self.command, path or self.path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def answer(self, status: int, body: bytes = b"", headers=(), length: int | None = None):
        self.send_response(status)
        for name, value in dict(headers).items():
            if name.lower() not in ("content-length", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self):
        answer, data = self.ask()
        length = answer.headers.get("Content-Length") if self.command == "HEAD" else None
        self.answer(answer.status, data, answer.headers, length)

    def close(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def says(status: int, body: bytes = b"", **headers):
    """Answers without asking the registry."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def act(handler: Handler):
        handler.rfile.read(handler.length())
        handler.answer(status, body, headers)

    return act


def errors(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()


def closes_after(received: int):
    """Closes the connection in the middle of the request's body."""

    def act(handler: Handler):
        handler.rfile.read(received)
        handler.close()

    return act


def keeps(received: int):
    """As a registry that keeps what has come before the connection closes."""

    def act(handler: Handler):
        body = handler.rfile.read(received)
        answer, _ = handler.ask(body=body)
        assert answer.status == 202
        handler.server.upload_at = urllib.parse.urlsplit(answer.headers["Location"])
        handler.close()

    return act


def tells_how_far(handler: Handler):
    at = handler.server.upload_at
    answer, data = handler.ask(path=f"{at.path}?{at.query}")
    handler.answer(answer.status, data, answer.headers)


def cuts_after(sent: int):
    """Closes the connection in the middle of the answer's body."""

    def act(handler: Handler):
        answer, data = handler.ask()
        handler.answer(answer.status, data[:sent], answer.headers, length=len(data))
        handler.close()

    return act


def loses_the_answer(handler: Handler):
    handler.ask()
    handler.close()


def lies(handler: Handler):
    answer, data = handler.ask()
    handler.answer(answer.status, data[:-1] + bytes([data[-1] ^ 1]), answer.headers)


def stalls(handler: Handler):
    answer, data = handler.ask()
    handler.answer(answer.status, data[: len(data) // 2], answer.headers, length=len(data))
    handler.wfile.flush()
    time.sleep(3)
    handler.close()


def dribbles(handler: Handler):
    answer, data = handler.ask()
    handler.answer(answer.status, b"", answer.headers, length=len(data))
    step = len(data) // 8 + 1
    for at in range(0, len(data), step):
        time.sleep(0.15)
        handler.wfile.write(data[at : at + step])
        handler.wfile.flush()


class Tokens:
    """The token service of a registry, and the registry's look at the tokens."""

    def __init__(self, life: int = 300, may_push: bool = True, public: bool = False, at: str | None = None):
        self.life, self.may_push, self.public, self.at = life, may_push, public, at
        self.user = "me"
        self.given: dict[str, tuple[float, set[str]]] = {}
        self.asked: list[tuple[list[str], str]] = []

    def lets_in(self, handler: Handler) -> bool:
        url = urllib.parse.urlsplit(handler.path)
        if url.path == "/token":
            self.give(handler, url)
            return False
        name = re.match(r"/v2/(.+)/(blobs|manifests|tags)/", url.path)[1]
        right = "pull" if handler.command in ("GET", "HEAD") else "push"
        scheme, _, token = handler.headers.get("Authorization", "").partition(" ")
        ends, scopes = self.given.get(token, (0, set()))
        if scheme == "Bearer" and ends > time.monotonic():
            if f"{name}:{right}" in scopes:
                return True
            handler.rfile.read(handler.length())
            handler.answer(403, errors("DENIED", f"requested access to {name} is denied"))
            return False
        handler.rfile.read(handler.length())
        at = self.at or f"http://{handler.server.host}/token"
        challenge = f'Bearer realm="{at}",service="test",scope="repository:{name}:{right}"'
        handler.answer(401, errors("UNAUTHORIZED", "authentication required"), {"WWW-Authenticate": challenge})
        return False

    def give(self, handler: Handler, url):
        if handler.command == "POST":
            query = urllib.parse.parse_qs(handler.rfile.read(handler.length()).decode())
            known = query.get("refresh_token") == ["identity-7d"] and query["grant_type"] == ["refresh_token"]
            asked = query["scope"][0].split(" ")
        else:
            query = urllib.parse.parse_qs(url.query)
            login = base64.b64encode(f"{self.user}:{PASSWORD}".encode()).decode()
            known = handler.headers.get("Authorization") == f"Basic {login}"
            asked = query.get("scope", [])
        self.asked.append((asked, query["service"][0]))
        if not known and not (self.public and "Authorization" not in handler.headers):
            handler.answer(401, b'{"details":"incorrect username or password"}')
            return
        scopes = set()
        for scope in asked:
            _, name, rights = scope.split(":")
            scopes |= {f"{name}:{right}" for right in rights.split(",") if right == "pull" or self.may_push}
        token = f"token-{len(self.given)}"
        self.given[token] = (time.monotonic() + self.life, scopes)
        handler.answer(200, json.dumps({"token": token, "expires_in": self.life}).encode())


@contextmanager
def running(server):
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    for part, path in (("docker-registry", shutil.which("docker-registry")), ("crane", CRANE.exists())):
        if not path:
            lacking(f"{part} is missing: run tests/setup.sh")
    with running(Registry(tmp_path_factory.mktemp("registry") / "one")) as registry:
        registry.base()
        registry.base(family="oci", tag="oci")
        yield registry


@pytest.fixture
def name(request) -> str:
    """A repository of the test's own."""
    return "test/" + re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")


@pytest.fixture
def between(registry):
    started = []

    def start(*rules: Rule, tokens: Tokens | None = None, before: Registry = registry) -> Between:
        started.append(Between(before, *rules, tokens=tokens))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def code(tmp_path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "handler.py").write_text("def handler(event):\n    return event\n")
    return folder


@pytest.fixture
def image(tmp_path):
    """Runs the example; a wish of None for a cache is answered with a new one each time."""
    count = iter(range(1000))

    def run(action: dict, cache: Path | None = tmp_path / "cache", environment=(), **settings) -> dict:
        cache = cache or tmp_path / f"cache-{next(count)}"
        wish = {"cache": str(cache), "do": action, **settings}
        clean = {name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")}
        done = subprocess.run([EXAMPLE], input=json.dumps(wish), capture_output=True, text=True, timeout=120,
                              env=clean | dict(environment))
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        for secret in (PASSWORD, BASIC, "wrong-password", "identity-7d"):
            assert secret not in done.stdout, f"`{secret}` is shown"
        return answer

    return run


@pytest.fixture
def crane(tmp_path):
    def run(*args: str | Path) -> str:
        environment = {"PATH": os.environ["PATH"], "DOCKER_CONFIG": str(tmp_path / "no-docker"), "HOME": str(tmp_path)}
        done = subprocess.run([CRANE, *map(str, args)], capture_output=True, text=True, timeout=60, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def build(base: str, *layers: tuple[Path, str], **more) -> dict:
    layers = [{"folder": str(folder), "directory": directory} for folder, directory in layers]
    return {"build": {"base": base, "layers": layers, **more}}


def noise(folder: Path, mib: int, name: str = "noise") -> Path:
    folder.mkdir(exist_ok=True)
    with open(folder / name, "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
    return folder


# Into a registry


@pytest.mark.parametrize("family", ["docker", "oci"])
def test_a_pushed_image_is_sound_and_says_what_was_asked(registry, image, crane, code, name, family):
    tag = "1" if family == "docker" else "oci"
    to = f"{registry.host}/{name}:one"
    wish = build(f"{registry.host}/base:{tag}", (code, "/var/task"), push=to, entry_point=["/run"],
                 environment=[["A", "ours"], ["B", "new"]])
    done = image(wish)
    assert done["pushed"]["reference"] == f"{registry.host}/{name}@{done['digest']}"
    assert crane("digest", to) == done["digest"]
    crane("validate", "--remote", to)
    config = json.loads(crane("config", to))
    assert config["config"] == {"Env": ["PATH=/bin", "A=ours", "B=new"], "Entrypoint": ["/run"]}
    assert [entry["created_by"] for entry in config["history"]] == ["base", "fnpack: a layer"]
    assert config["created"] == "2024-01-01T00:00:00Z"
    manifest = registry.manifest(name, "one")
    types = TYPES[family]
    assert manifest["mediaType"] == types["manifest"] and manifest["config"]["mediaType"] == types["config"]
    assert {layer["mediaType"] for layer in manifest["layers"]} == {types["layer"]}


def test_the_same_inputs_give_the_same_digest_from_cold(registry, image, tmp_path, name):
    digests = set()
    for order in (1, -1):
        folder = tmp_path / f"code{order}"
        folder.mkdir()
        for file in ["a.py", "b.py", "c.py"][::order]:
            (folder / file).write_text(file)
            os.utime(folder / file, (1_000_000 * (order + 2),) * 2)
        wish = build(f"{registry.host}/base:1", (folder, "/var/task"), push=f"{registry.host}/{name}{order + 1}:x")
        digests.add(image(wish, cache=None)["digest"])
    assert len(digests) == 1


def test_an_edit_sends_the_small_layer_and_the_configuration_alone(registry, image, code, tmp_path, name):
    dependencies = noise(tmp_path / "dependencies", 3)
    to = f"{registry.host}/{name}"
    layers = [(dependencies, "/opt"), (code, "/var/task")]
    first = image(build(f"{registry.host}/base:1", *layers, push=f"{to}:1"))
    assert (first["pushed"]["uploaded"], first["pushed"]["mounted"]) == (3, 1)
    again = image(build(f"{registry.host}/base:1", *layers, push=f"{to}:1"))
    assert (again["digest"], again["pushed"]["uploaded"]) == (first["digest"], 0)
    (code / "handler.py").write_text("edited")
    edited = image(build(f"{registry.host}/base:1", *layers, push=f"{to}:2"))
    assert (edited["pushed"]["uploaded"], edited["pushed"]["there"]) == (2, 2)
    assert edited["pushed"]["bytes"] < 2000
    assert edited["layers"][:2] == first["layers"][:2] and edited["layers"][2] != first["layers"][2]


def test_layers_of_a_base_in_another_registry_are_streamed_through(registry, image, crane, code, name, tmp_path):
    with running(Registry(tmp_path / "other")) as other:
        other.base("far/base", extra=os.urandom(2 << 20))
        to = f"{registry.host}/{name}:1"
        done = image(build(f"{other.host}/far/base:1", (code, "/var/task"), push=to))
        assert (done["pushed"]["mounted"], done["pushed"]["uploaded"]) == (0, 3)
    crane("validate", "--remote", to)


def test_a_tag_of_another_image_is_taken_only_when_asked(registry, image, code, name):
    to = f"{registry.host}/{name}:1"
    first = image(build(f"{registry.host}/base:1", (code, "/var/task"), push=to))
    (code / "handler.py").write_text("other")
    wish = build(f"{registry.host}/base:1", (code, "/var/task"), push=to)
    error = image(wish)["error"]
    assert first["digest"] in error and "is there already" in error and "overwritten" in error
    assert image({"digest": {"name": to}})["digest"] == first["digest"]
    wish["build"]["overwrite"] = True
    done = image(wish)
    assert image({"digest": {"name": to}})["digest"] == done["digest"] != first["digest"]


def test_a_blob_that_a_registry_lost_is_sent_again_though_its_tag_is_there(registry, image, crane, code, name):
    to = f"{registry.host}/{name}:1"
    wish = build(f"{registry.host}/base:1", (code, "/var/task"), push=to)
    first = image(wish)
    assert not first["pushed"]["was_there"]
    whole = image(wish)["pushed"]
    assert whole["was_there"] and (whole["uploaded"], whole["there"]) == (0, 3)
    assert registry.call("DELETE", f"/v2/{name}/blobs/{first['layers'][-1]}")[0].status == 202
    again = image(wish)["pushed"]
    assert not again["was_there"] and (again["uploaded"], again["there"]) == (1, 2)
    crane("validate", "--remote", to)


def test_one_request_says_whether_an_image_is_there(registry, between, image, code, name):
    proxy = between()
    to = f"{proxy.host}/{name}:1"
    digest = image(build(f"{proxy.host}/base:1", (code, "/var/task"), push=to))["digest"]
    for asked, expected in ((to, True), (f"{proxy.host}/{name}@{digest}", True), (f"{to}2", False)):
        proxy.seen.clear()
        assert image({"verify": {"name": asked, "digest": digest}})["verified"] is expected
        assert [seen[0] for seen in proxy.seen] == ["HEAD"]
    assert image({"verify": {"name": to, "digest": "sha256:" + "0" * 64}})["verified"] is False


def test_all_tags_are_listed_page_by_page(registry, between, image, name):
    registry.base(name, "a")
    registry.base(name, "b", family="oci")
    assert sorted(image({"tags": {"repository": f"{registry.host}/{name}"}})["tags"]) == ["a", "b"]
    link = f'</v2/{name}/tags/list?last=b&n=2>; rel="next"'
    pages = between(Rule("GET", "tags/list.n=1000$", says(200, b'{"name":"x","tags":["a","b"]}', Link=link)),
                    Rule("GET", "last=b&n=2$", says(200, b'{"name":"x","tags":["c"]}')))
    assert image({"tags": {"repository": f"{pages.host}/{name}"}})["tags"] == ["a", "b", "c"]
    assert image({"tags": {"repository": f"{registry.host}/nothing/here"}})["tags"] == []


def test_blobs_are_uploaded_mounted_and_fetched(registry, image, tmp_path, name):
    data = os.urandom(3 << 20)
    (tmp_path / "blob").write_bytes(data)
    uploaded = image({"upload": {"repository": f"{registry.host}/{name}", "file": str(tmp_path / "blob")}})
    assert uploaded["there"] and uploaded["digest"] == sha256(data)
    blob = {"digest": sha256(data), "size": len(data)}
    mount = {"to": f"{registry.host}/{name}-2", "from": f"{registry.host}/{name}", **blob}
    assert image({"mount": mount})["mounted"] is True
    assert image({"mount": mount | {"digest": sha256(b"absent"), "size": 6}})["mounted"] is False
    fetched = image({"fetch": {"repository": f"{registry.host}/{name}-2", **blob}}, cache=None)
    assert Path(fetched["path"]).read_bytes() == data


# Bases


def test_a_base_made_by_another_tool_is_built_on(registry, image, crane, code, name, tmp_path):
    with tarfile.open(tmp_path / "base.tar", "w") as archive:
        archive.add(code, "base")
    base = f"{registry.host}/{name}-base:1"
    crane("append", "--new_layer", tmp_path / "base.tar", "--new_tag", base)
    crane("mutate", base, "--set-platform", "linux/arm64", "--tag", base)
    to = f"{registry.host}/{name}:1"
    image(build(base, (code, "/var/task"), push=to, arm64=True))
    crane("validate", "--remote", to)
    with subprocess.Popen([CRANE, "export", to, "-"], stdout=subprocess.PIPE) as exported:
        with tarfile.open(fileobj=exported.stdout, mode="r|") as archive:
            names = archive.getnames()
    assert "var/task/handler.py" in names and "base/handler.py" in names


@pytest.mark.parametrize("family", ["docker", "oci"])
def test_the_platform_of_an_index_is_found_or_what_there_is_told(registry, image, code, name, family):
    entries = [registry.base(name, arch, family=family, architecture=arch) for arch in ("s390x", "arm64")]
    digest = registry.index(name, "both", entries, family)
    base, to = f"{registry.host}/{name}:both", f"{registry.host}/{name}-out:1"
    done = image(build(base, (code, "/var/task"), push=to, arm64=True))
    assert done["base"] == f"{base}@{entries[1]['digest']}"
    assert registry.config(f"{name}-out", "1")["architecture"] == "arm64"
    error = image(build(base, (code, "/var/task"), push=to))["error"]
    assert "not there for linux/amd64, but for linux/s390x, linux/arm64" in error
    error = image(build(f"{base}@{digest}", (code, "/var/task"), push=to))["error"]
    assert "linux/amd64" in error
    error = image(build(f"{registry.host}/{name}:arm64", (code, "/var/task"), push=to))["error"]
    assert "not there for linux/amd64, but for linux/arm64" in error


def test_a_base_that_is_kept_is_not_fetched_again(between, image, code, name):
    proxy = between()
    wish = build(f"{proxy.host}/base:1", (code, "/var/task"))
    pinned = image(wish)["base"]
    proxy.seen.clear()
    assert image(wish)["base"] == pinned
    assert [seen[0] for seen in proxy.seen] == ["HEAD"]
    proxy.seen.clear()
    image(build(pinned, (code, "/var/task")))
    assert proxy.seen == []


def test_a_variable_without_a_proper_name_is_refused(registry, image, code):
    for bad in ("", "A=B", "A\0"):
        error = image(build(f"{registry.host}/base:1", (code, "/a"), environment=[[bad, "x"]]))["error"]
        assert "no name of an environment variable" in error


def test_bases_that_cannot_be_used_are_refused(registry, between, image, code, name):
    registry.put_blob(name, b"x")
    registry.base(name, "mixed", layers=[{"mediaType": TYPES["oci"]["layer"], "size": 1, "digest": sha256(b"x")}])
    error = image(build(f"{registry.host}/{name}:mixed", (code, "/a")))["error"]
    assert "does not go with its manifest" in error
    schema_1 = b'{"schemaVersion":1,"name":"x","fsLayers":[]}'
    kind = {"Content-Type": "application/vnd.docker.distribution.manifest.v1+prettyjws"}
    answer = lambda handler: handler.answer(200, schema_1, kind | {"Docker-Content-Digest": sha256(schema_1)})
    old = between(Rule("HEAD", "manifests", answer), Rule("GET", "manifests", answer))
    assert "schema 1" in image(build(f"{old.host}/base:1", (code, "/a")))["error"]
    onbuild = {"config": {"OnBuild": ["RUN make"]}}
    registry.base(name, "onbuild", config=onbuild)
    error = image(build(f"{registry.host}/{name}:onbuild", (code, "/a")))["error"]
    assert f"{name}:onbuild" in error and "ONBUILD" in error and "--image-builder engine" in error
    registry.base(name, "odd", config={"rootfs": {"type": "layers", "diff_ids": []}})
    error = image(build(f"{registry.host}/{name}:odd", (code, "/a")))["error"]
    assert "1 layers" in error and "tells of 0" in error


def test_a_base_that_is_not_there_is_named(registry, image, code):
    for base in (f"{registry.host}/absent:1", f"{registry.host}/base:absent", f"{registry.host}/base@" + sha256(b"")):
        error = image(build(base, (code, "/a")))["error"]
        assert base in error and "not there" in error and "_UNKNOWN: " in error, error


# Layers


def test_a_layer_holds_names_links_and_modes_as_they_are(registry, image, tmp_path, name):
    folder = tmp_path / "tree"
    deep = "/".join(["a-directory-with-a-long-name" * 2] * 5)
    files = {"plain": 0o644, "run.sh": 0o755, f"{deep}/file": 0o644, "n" * 200: 0o600, "ü" * 60: 0o640}
    for path, mode in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
        (folder / path).chmod(mode)
    (folder / "empty").mkdir()
    os.symlink("plain", folder / "link")
    os.symlink("x/" * 120, folder / "long-link")
    to = f"{registry.host}/{name}:1"
    done = image(build(f"{registry.host}/base:1", (folder, "/var/task"), push=to))
    layer = registry.call("GET", f"/v2/{name}/blobs/{done['layers'][-1]}")[1]
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as archive:
        members = {member.name: member for member in archive}
        order = [member.name for member in archive]
        for path, mode in files.items():
            member = members[f"var/task/{path}"]
            assert member.mode == (0o755 if mode & 0o100 else 0o644)
            assert archive.extractfile(member).read().decode() == path
    assert order == sorted(order, key=os.fsencode)
    assert {(m.uid, m.gid, m.mtime, m.uname) for m in members.values()} == {(0, 0, 0, "")}
    assert members["var/task/link"].linkname == "plain" and members["var/task/long-link"].linkname == "x/" * 120
    directories = {name for name, member in members.items() if member.isdir()}
    assert {"var", "var/task", "var/task/empty", f"var/task/{deep}"} <= directories
    assert {members[name].mode for name in directories} == {0o755}
    listed = subprocess.run(["tar", "-tzf", "-"], input=layer, capture_output=True, check=True).stdout
    assert len(listed.splitlines()) == len(order)


def test_a_large_layer_is_pushed_in_little_memory(registry, image, code, tmp_path, name):
    large = noise(tmp_path / "large", 200)
    to = f"{registry.host}/{name}:1"
    done = image(build(f"{registry.host}/base:1", (large, "/opt"), push=to))
    assert done["pushed"]["bytes"] > 200 << 20
    assert done["peak_mib"] < 100
    with running(Registry(tmp_path / "other")) as other:
        through = image(build(to, (code, "/other"), push=f"{other.host}/{name}:1"))
        assert through["pushed"]["bytes"] > 200 << 20 and through["peak_mib"] < 100


# Other places


@pytest.mark.parametrize("family", ["1", "oci"])
def test_a_layout_is_sound_and_replaced_whole(registry, image, crane, code, name, tmp_path, family):
    layout = tmp_path / "out/layout"
    digests = []
    for text in ("one", "two"):
        (code / "handler.py").write_text(text)
        digests.append(image(build(f"{registry.host}/base:{family}", (code, "/a"), layout=str(layout)))["digest"])
    assert [entry["digest"] for entry in json.loads((layout / "index.json").read_text())["manifests"]] == digests[1:]
    assert len(list((layout / "blobs/sha256").iterdir())) == 4
    assert [path.name for path in layout.parent.iterdir()] == ["layout"]
    to = f"{registry.host}/{name}:1"
    crane("push", layout, to)
    crane("validate", "--remote", to)
    assert crane("digest", to) == digests[1]


def test_a_layout_takes_over_the_blobs_that_it_has(between, registry, image, code, tmp_path):
    proxy = between()
    layer = registry.manifest("base", "1")["layers"][0]["digest"]
    layout = tmp_path / "out/layout"
    blob = layout / "blobs/sha256" / layer[7:]

    def write_edited(text: str, **more):
        (code / "handler.py").write_text(text)
        image(build(f"{proxy.host}/base:1", (code, "/a"), layout=str(layout)), **more)
        assert sha256(blob.read_bytes()) == layer
        return proxy.count("GET", layer)

    assert write_edited("one") == 1
    assert write_edited("two") == 1
    # Nor where nothing is known of it but what is in it.
    assert write_edited("three", cache=None) == 1
    data = blob.read_bytes()
    blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert write_edited("four") == 2


def test_a_layout_replaces_nothing_else(registry, image, code, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    error = image(build(f"{registry.host}/base:1", (code, "/a"), layout=str(tmp_path / "mine")))["error"]
    assert "mine" in error and "something else is there" in error
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]
    (tmp_path / "blobs/mine/sha256").mkdir(parents=True)
    error = image(build(f"{registry.host}/base:1", (code, "/a"), layout=str(tmp_path / "blobs")))["error"]
    assert "something else is there" in error


def test_an_archive_for_docker_load_is_sound(registry, image, crane, code, name, tmp_path):
    archive = tmp_path / "image.tar"
    wish = build(f"{registry.host}/base:1", (code, "/a"), archive=str(archive), push="function.example/a/b:1")
    image(wish)
    crane("validate", "--tarball", archive)
    with tarfile.open(archive) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        assert manifest[0]["RepoTags"] == ["function.example/a/b:1"]
        config = tar.extractfile(manifest[0]["Config"]).read()
    assert manifest[0]["Config"] == sha256(config)
    first = archive.read_bytes()
    image(wish, cache=None)
    assert archive.read_bytes() == first


def test_an_archive_takes_over_the_bases_layers_that_it_has(between, registry, image, crane, code, tmp_path):
    proxy = between()
    layer = registry.manifest("base", "1")["layers"][0]["digest"]
    archive = tmp_path / "image.tar"

    def write_edited(text: str):
        (code / "handler.py").write_text(text)
        image(build(f"{proxy.host}/base:1", (code, "/a"), archive=str(archive), push="function.example/a:1"))
        crane("validate", "--tarball", archive)
        return proxy.count("GET", layer)

    assert write_edited("one") == 1
    assert write_edited("two") == 1
    with tarfile.open(archive) as tar:
        at = tar.getmember(layer[7:] + ".tar.gz").offset_data
    with open(archive, "r+b") as file:
        file.seek(at)
        file.write(b"damaged")
    assert write_edited("three") == 2
    archive.write_bytes(b"no archive")
    assert write_edited("four") == 3


# Logins


@pytest.fixture(scope="module")
def closed(tmp_path_factory, registry):
    with running(Registry(tmp_path_factory.mktemp("closed") / "registry", login=True)) as closed:
        closed.base()
        yield closed


def docker_config(folder: Path, config: dict) -> str:
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder / "config.json")


def test_a_registry_with_a_login_is_entered_by_dockers_settings(closed, image, code, name, tmp_path):
    to = f"{closed.host}/{name}:1"
    wish = build(f"{closed.host}/base:1", (code, "/a"), push=to)
    config = docker_config(tmp_path, {"auths": {closed.host: {"auth": BASIC}}})
    done = image(wish, docker_config=config)
    assert closed.has_tag(name, "1") and done["pushed"]["uploaded"] == 2
    assert image(wish, cache=None, logins={closed.host: ["me", PASSWORD]})["digest"] == done["digest"]


def test_a_credential_helper_is_asked(closed, image, code, name, tmp_path):
    helper = tmp_path / "bin/docker-credential-test"
    helper.parent.mkdir()
    helper.write_text(f'#!/bin/sh\nread -r server\n[ "$1 $server" = "get {closed.host}" ] || exit 1\n'
                      f'echo "{{\\"Username\\":\\"me\\",\\"Secret\\":\\"{PASSWORD}\\"}}"\n')
    helper.chmod(0o755)
    environment = {"PATH": f"{helper.parent}:{os.environ['PATH']}"}
    wish = build(f"{closed.host}/base:1", (code, "/a"), push=f"{closed.host}/{name}:1")
    config = docker_config(tmp_path, {"credHelpers": {closed.host: "test"}})
    assert "pushed" in image(wish, docker_config=config, environment=environment)


def test_without_the_right_login_it_is_told(closed, image, code, name):
    wish = build(f"{closed.host}/base:1", (code, "/a"), push=f"{closed.host}/{name}:1")
    error = image(wish)["error"]
    assert closed.host in error and "wants a login" in error and "docker login" in error
    error = image(wish, logins={closed.host: ["me", "wrong-password"]})["error"]
    assert "does not take the login" in error and "authentication required" in error


def test_a_token_is_asked_for_once_for_each_right(between, image, code, name):
    tokens = Tokens()
    proxy = between(tokens=tokens)
    wish = build(f"{proxy.host}/base:1", (code, "/a"), push=f"{proxy.host}/{name}:1")
    done = image(wish, logins={proxy.host: ["me", PASSWORD]})
    assert done["pushed"]["mounted"] == 1
    assert sorted(tuple(scopes) for scopes, _ in tokens.asked) == [
        ("repository:base:pull",),
        (f"repository:{name}:pull,push",),
        (f"repository:{name}:pull,push", "repository:base:pull"),
    ]
    assert {service for _, service in tokens.asked} == {"test"}


def test_a_token_that_has_ended_is_renewed(between, image, name, tmp_path):
    tokens = Tokens(life=1)
    proxy = between(Rule("POST", "uploads", lambda handler: (time.sleep(1.2), handler.forward())), tokens=tokens)
    (tmp_path / "blob").write_bytes(os.urandom(2 << 20))
    wish = {"upload": {"repository": f"{proxy.host}/{name}", "file": str(tmp_path / "blob")}}
    assert image(wish, logins={proxy.host: ["me", PASSWORD]})["there"]
    assert len(tokens.asked) > 2


def test_a_login_that_has_ended_is_asked_for_again(between, image, name, tmp_path):
    """As a Google access token does, between two tokens of a registry."""
    tokens = Tokens(life=1)

    def renews(handler: Handler):
        tokens.user = "renewed"
        helper.write_text(helper.read_text().replace('"me"', '"renewed"'))
        time.sleep(1.2)
        handler.forward()

    proxy = between(Rule("POST", "uploads", renews), tokens=tokens)
    helper = tmp_path / "bin/docker-credential-test"
    helper.parent.mkdir()
    answer = json.dumps({"Username": "me", "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\necho '{answer}'\n")
    helper.chmod(0o755)
    environment = {"PATH": f"{helper.parent}:{os.environ['PATH']}"}
    (tmp_path / "blob").write_bytes(os.urandom(2 << 20))
    wish = {"upload": {"repository": f"{proxy.host}/{name}", "file": str(tmp_path / "blob")}}
    config = docker_config(tmp_path, {"credsStore": "test"})
    assert image(wish, docker_config=config, environment=environment)["there"]


def test_a_token_that_is_refused_too_early_is_renewed(between, image, name, tmp_path):
    tokens = Tokens()
    forget = Rule("POST", "uploads", lambda handler: (tokens.given.clear(), handler.forward()))
    proxy = between(forget, tokens=tokens)
    (tmp_path / "blob").write_bytes(os.urandom(2 << 20))
    wish = {"upload": {"repository": f"{proxy.host}/{name}", "file": str(tmp_path / "blob")}}
    assert image(wish, logins={proxy.host: ["me", PASSWORD]})["there"]


def test_an_identity_token_is_exchanged_and_the_public_needs_none(between, image, registry, tmp_path):
    proxy = between(tokens=Tokens())
    config = docker_config(tmp_path, {"auths": {proxy.host: {"auth": "eDp5", "identitytoken": "identity-7d"}}})
    asked = {"digest": {"name": f"{proxy.host}/base:1"}}
    expected = image({"digest": {"name": f"{registry.host}/base:1"}})["digest"]
    assert image(asked, docker_config=config)["digest"] == expected
    assert image({"digest": {"name": f"{between(tokens=Tokens(public=True)).host}/base:1"}})["digest"] == expected


def test_what_a_login_may_not_do_is_told_in_the_registrys_words(between, image, registry, code, name):
    proxy = between(tokens=Tokens(may_push=False))
    wish = build(f"{proxy.host}/base:1", (code, "/a"), push=f"{proxy.host}/{name}:1")
    error = image(wish, logins={proxy.host: ["me", PASSWORD]})["error"]
    assert f"DENIED: requested access to {name} is denied" in error and "forbidden" in error
    error = image(wish, logins={proxy.host: ["me", "wrong-password"]})["error"]
    assert "incorrect username or password" in error and "log in again" in error
    assert not registry.has_tag(name, "1")


def test_a_registry_that_repeats_what_it_was_sent_is_not_quoted_with_it(closed, between, image):
    def repeats(handler: Handler):
        sent = handler.headers.get("Authorization", "")
        if not sent:
            return handler.forward()
        words = f"you sent {sent}, me, {base64.b64decode(sent.split()[1]).decode()}"
        handler.answer(403, errors("DENIED", words))

    proxy = between(Rule("HEAD", "manifests", repeats, times=9), Rule("GET", "manifests", repeats, times=9), before=closed)
    error = image({"digest": {"name": f"{proxy.host}/base:1"}}, logins={proxy.host: ["me", PASSWORD]})["error"]
    assert "you sent Basic ****, me, me:****" in error


def test_a_login_is_not_told_to_a_token_service_without_https(between, image):
    proxy = between(tokens=Tokens(at="http://tokens.example/token"))
    error = image({"digest": {"name": f"{proxy.host}/base:1"}}, logins={proxy.host: ["me", PASSWORD]})["error"]
    assert "http://tokens.example/token" in error and "no HTTPS to protect the login" in error


def test_a_login_does_not_follow_to_another_host(between, image, registry, tmp_path):
    storage = between()
    manifest = registry.manifest("base", "1")
    layer = manifest["layers"][0]
    elsewhere = {"Location": f"http://localhost:{storage.server_address[1]}/v2/base/blobs/{layer['digest']}"}
    proxy = between(Rule("GET", "blobs", lambda handler: handler.answer(307, b"", elsewhere)), tokens=Tokens())
    wish = {"fetch": {"repository": f"{proxy.host}/base", "digest": layer["digest"], "size": layer["size"]}}
    assert "path" in image(wish, logins={proxy.host: ["me", PASSWORD]})
    assert [("Authorization" in headers) for _, _, headers in storage.seen] == [False]
    assert "Authorization" in proxy.seen[-1][2]


def test_what_is_sent_elsewhere_arrives_there_without_the_login(between, image, crane, name, tmp_path):
    """By a registry that has others take its uploads."""
    storage = between()
    there = f"http://localhost:{storage.server_address[1]}"
    on = lambda status: lambda handler: (handler.rfile.read(handler.length()),
                                         handler.answer(status, b"", {"Location": there + handler.path}))
    proxy = between(Rule("PATCH", "uploads", on(307), times=9), Rule("PUT", "uploads", on(308), times=9),
                    Rule("PUT", "manifests", on(307)), Rule("POST", "uploads", on(307), times=9), tokens=Tokens())
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 2), "/a"), push=to), logins={proxy.host: ["me", PASSWORD]})
    assert "pushed" in done, done
    assert {"POST", "PATCH", "PUT"} <= {method for method, _, _ in storage.seen}
    assert not any("Authorization" in headers for _, _, headers in storage.seen)
    crane("validate", "--remote", f"{storage.registry.host}/{name}:1")
    round = between(Rule("POST", "uploads", lambda handler: handler.answer(307, b"", {"Location": handler.path}), times=99))
    done = image(build(f"{round.host}/base:1", (noise(tmp_path / "large", 2), "/a"), push=f"{round.host}/{name}:2"))
    assert "redirected again and again" in done["error"]


# Faults


def test_a_large_blob_is_refused_in_words_before_it_is_sent(between, image, name, tmp_path):
    def refuses(handler: Handler):
        handler.answer(413, errors("SIZE_INVALID", "no more than a mebibyte"))
        handler.close()

    proxy = between(Rule("EXPECT", "uploads", refuses, times=9))
    done = image(build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 30), "/a"), push=f"{proxy.host}/{name}:1"))
    assert "SIZE_INVALID: no more than a mebibyte" in done["error"], done


def test_too_many_requests_are_followed_by_the_wait_that_was_asked_for(between, image, code, name):
    slow_down = says(429, errors("TOOMANYREQUESTS", "slow down"), Retry_After="1")
    proxy = between(Rule("POST", "uploads", slow_down))
    done = image(build(f"{proxy.host}/base:1", (code, "/a"), push=f"{proxy.host}/{name}:1"))
    assert "pushed" in done and done["seconds"] >= 1
    assert any("TOOMANYREQUESTS: slow down" in event for event in done["events"])
    patient = between(Rule("HEAD", "manifests", says(429, b"", Retry_After="4000"), times=9))
    done = image(build(f"{patient.host}/base:1", (code, "/a")))
    assert "4000 s" in done["error"] and done["seconds"] < 1


@pytest.mark.parametrize("method, path", [("HEAD", "manifests/1"), ("GET", "manifests"), ("GET", "blobs"), ("HEAD", "blobs"),
                                          ("POST", "uploads"), ("PUT", "uploads"), ("PUT", "manifests")])
def test_a_registry_that_fails_twice_is_asked_three_times(between, image, crane, code, name, method, path):
    proxy = between(Rule(method, path, says(503, b"overloaded"), times=2))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
    assert "pushed" in done, done
    assert len([event for event in done["events"] if "503" in event]) == 2
    crane("validate", "--remote", to)


def test_a_registry_that_keeps_failing_is_named_with_its_words(between, registry, image, code, name):
    proxy = between(Rule("PUT", "manifests", says(500, errors("UNKNOWN", "disk on fire")), times=99))
    done = image(build(f"{proxy.host}/base:1", (code, "/a"), push=f"{proxy.host}/{name}:1"))
    assert "status 500" in done["error"] and "UNKNOWN: disk on fire" in done["error"]
    assert proxy.count("PUT", "manifests") == 4
    assert not registry.has_tag(name, "1")


@pytest.mark.parametrize("times", [1, 2])
def test_an_upload_that_breaks_is_begun_again(between, registry, image, crane, tmp_path, name, times):
    proxy = between(Rule("PATCH", "uploads", closes_after(700_000), times))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 4), "/a"), push=to))
    assert "pushed" in done, done
    crane("validate", "--remote", to)


def test_an_upload_goes_on_where_the_registry_says(between, image, crane, tmp_path, name):
    kept = 1_500_000
    proxy = between(Rule("PATCH", "uploads", keeps(kept)), Rule("GET", "uploads", tells_how_far))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 4), "/a"), push=to))
    assert "pushed" in done, done
    first, second = [headers for method, _, headers in proxy.seen if method == "PATCH"]
    assert int(second["Content-Length"]) == int(first["Content-Length"]) - kept
    assert second["Content-Range"] == f"{kept}-{int(first['Content-Length']) - 1}"
    crane("validate", "--remote", to)


@pytest.mark.parametrize("path", ["uploads", "manifests"])
def test_an_answer_that_is_lost_does_no_harm(between, image, crane, code, name, path):
    proxy = between(Rule("PUT", path, loses_the_answer))
    to = f"{proxy.host}/{name}:1"
    assert "pushed" in image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
    crane("validate", "--remote", to)


def test_a_download_goes_on_where_it_broke(between, registry, image, name):
    data = os.urandom(2 << 20)
    digest = registry.put_blob(name, data)
    proxy = between(Rule("GET", "blobs", cuts_after(500_000)), Rule("GET", "blobs", cuts_after(500_000)))
    done = image({"fetch": {"repository": f"{proxy.host}/{name}", "digest": digest, "size": len(data)}})
    assert Path(done["path"]).read_bytes() == data
    ranges = [int(headers["Range"][6:-1]) for _, _, headers in proxy.seen if "Range" in headers]
    assert len(ranges) == 2 and 0 < ranges[0] < ranges[1] <= 1_000_000


def test_a_download_without_a_length_goes_on_where_it_broke(between, registry, image, name):
    data = os.urandom(1 << 20)
    digest = registry.put_blob(name, data)

    def cuts(handler: Handler):
        handler.ask()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data[:400_000])
        handler.close()

    proxy = between(Rule("GET", "blobs", cuts))
    done = image({"fetch": {"repository": f"{proxy.host}/{name}", "digest": digest, "size": len(data)}})
    assert Path(done["path"]).read_bytes() == data
    assert [headers["Range"] for _, _, headers in proxy.seen] == [None, "bytes=400000-"]
    assert any("400000 of 1048576 bytes" in event for event in done["events"])


def test_a_base_that_breaks_on_its_way_to_another_registry_goes_on(between, registry, image, crane, code, name, tmp_path):
    with running(Registry(tmp_path / "other")) as other:
        other.base(extra=os.urandom(2 << 20))
        layer = other.manifest("base", "1")["layers"][0]["digest"]
        proxy = between(Rule("GET", layer, cuts_after(700_000), times=2), before=other)
        to = f"{registry.host}/{name}:1"
        assert "pushed" in image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
        assert proxy.count("GET", layer) == 3
        crane("validate", "--remote", to)
        never = between(Rule("GET", layer, says(503, b"overloaded"), times=99), before=other)
        done = image(build(f"{never.host}/base:1", (code, "/a"), push=f"{registry.host}/{name}-2:1"), attempts=2)
        assert f"fetching {layer}" in done["error"] and never.host in done["error"] and "503" in done["error"]
        assert not registry.has_tag(f"{name}-2", "1")


def test_blobs_go_a_few_at_a_time(between, image, tmp_path, name):
    slow = Rule("POST", "uploads", lambda handler: (time.sleep(0.5), handler.forward()), times=99)
    proxy = between(slow)
    layers = [(noise(tmp_path / f"layer-{at}", 1), "/opt") for at in range(6)]
    done = image(build(f"{proxy.host}/base:1", *layers, push=f"{proxy.host}/{name}:1"))
    assert done["pushed"]["uploaded"] == 7 and done["seconds"] < 3.5


def test_what_stalls_is_given_up_and_what_is_slow_is_not(between, registry, image, name):
    data = os.urandom(400_000)
    digest = registry.put_blob(name, data)
    wish = lambda proxy: {"fetch": {"repository": f"{proxy.host}/{name}", "digest": digest, "size": len(data)}}
    slow = image(wish(between(Rule("GET", "blobs", dribbles))), cache=None, idle_ms=500)
    assert "path" in slow and slow["seconds"] > 1 and slow["events"][-1].startswith("received")
    assert len(slow["events"]) == 1
    stalled = image(wish(between(Rule("GET", "blobs", stalls))), cache=None, idle_ms=500)
    assert "path" in stalled
    assert any("nothing moved for 0.5 s" in event for event in stalled["events"])
    given_up = image(wish(between(Rule("GET", "blobs", stalls, times=9))), cache=None, idle_ms=200, attempts=1)
    assert "nothing moved for 0.2 s" in given_up["error"]


def test_a_wish_to_stop_is_heard_at_once(between, registry, image, tmp_path, name):
    (tmp_path / "blob").write_bytes(os.urandom(2 << 20))
    digest = registry.put_blob(name, os.urandom(1000))
    fetch = {"fetch": {"repository": f"{between(Rule('GET', 'blobs', stalls)).host}/{name}", "digest": digest, "size": 1000}}
    slow = between(Rule("POST", "uploads", lambda handler: time.sleep(3)))
    upload = {"upload": {"repository": f"{slow.host}/{name}", "file": str(tmp_path / "blob")}}
    busy = between(Rule("HEAD", "blobs", says(429, b"", Retry_After="50"), times=9))
    waiting = {"upload": {"repository": f"{busy.host}/{name}", "file": str(tmp_path / "blob")}}
    for wish in (fetch, upload, waiting):
        done = image(wish, cancel_after_ms=400)
        assert done["error"] == "cancelled" and done["seconds"] < 1.5, done


def test_content_that_is_not_what_its_digest_says_is_refused(between, registry, image, code, name, tmp_path):
    with running(Registry(tmp_path / "other")) as other:
        other.base()
        blob = between(Rule("GET", "blobs", lies, times=99), before=other)
        manifest = between(Rule("GET", "manifests", lies, times=99), before=other)
        layer = other.manifest("base", "1")["layers"][0]
        only_layer = between(Rule("GET", layer["digest"], lies, times=99), before=other)
        for proxy, to in ((blob, "a"), (manifest, "b"), (only_layer, "c")):
            error = image(build(f"{proxy.host}/base:1", (code, "/a"), push=f"{registry.host}/{name}:{to}"), cache=None)["error"]
            assert "changes what it hands out" in error and sha256(b"")[:7] in error, error
            assert not registry.has_tag(name, to)
        layout = tmp_path / "layout"
        assert "error" in image(build(f"{only_layer.host}/base:1", (code, "/a"), layout=str(layout)))
        archive = tmp_path / "image.tar"
        assert "error" in image(build(f"{only_layer.host}/base:1", (code, "/a"), archive=str(archive)))
        assert not layout.exists() and not archive.exists() and not list(tmp_path.glob(".tmp-*"))


def test_a_push_that_is_killed_leaves_no_tag_and_the_next_one_ends_it(between, registry, image, crane, tmp_path, name):
    reached = threading.Event()

    def waits(handler: Handler):
        handler.rfile.read(300_000)
        reached.set()
        time.sleep(5)
        handler.close()

    proxy = between(Rule("PATCH", "uploads", waits))
    to = f"{proxy.host}/{name}:1"
    wish = {"cache": str(tmp_path / "cache"), "do": build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 3), "/a"), push=to)}
    process = subprocess.Popen([EXAMPLE], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process.stdin.write(json.dumps(wish).encode())
    process.stdin.close()
    assert reached.wait(20)
    process.kill()
    process.wait()
    assert not registry.has_tag(name, "1")
    assert "pushed" in image(wish["do"])
    crane("validate", "--remote", to)


def test_a_blob_that_is_refused_leaves_no_tag(between, registry, image, code, name):
    proxy = between(Rule("PUT", "uploads", says(400, errors("DIGEST_INVALID", "provided digest did not match")), times=9))
    error = image(build(f"{proxy.host}/base:1", (code, "/a"), push=f"{proxy.host}/{name}:1"))["error"]
    assert "DIGEST_INVALID: provided digest did not match" in error
    assert proxy.count("PUT", "manifests") == 0 and not registry.has_tag(name, "1")


@pytest.mark.parametrize("status, code", [(416, "RANGE_INVALID"), (400, "BLOB_UPLOAD_INVALID"), (404, "BLOB_UPLOAD_UNKNOWN"),
                                          (400, "DIGEST_INVALID")])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_an_upload_of_which_the_registry_lost_count_is_begun_again(between, image, crane, tmp_path, name, method, status, code):
    proxy = between(Rule(method, "uploads", says(status, errors(code, "where were we")), times=2))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (noise(tmp_path / "large", 2), "/a"), push=to))
    assert "pushed" in done, done
    assert all("Content-Range" not in headers for verb, _, headers in proxy.seen if verb == "PATCH")
    crane("validate", "--remote", to)


@pytest.mark.parametrize("status", [400, 403, 405])
def test_a_registry_that_knows_no_head_gets_a_first_push(between, registry, image, crane, code, name, status):
    """What it says of it is no reason, unless it says the same when it is asked for the whole."""
    proxy = between(Rule("HEAD", "manifests", says(status), times=99), Rule("HEAD", "blobs", says(405), times=99))
    to = f"{proxy.host}/{name}:1"
    assert "pushed" in image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
    crane("validate", "--remote", to)


def test_a_blob_that_is_gone_before_the_manifest_comes_is_sent_again(between, registry, image, crane, code, name):
    def loses_a_layer(handler: Handler):
        layer = json.loads(handler.rfile.read(handler.length()))["layers"][-1]["digest"]
        answer, _ = registry.call("DELETE", f"/v2/{name}/blobs/{layer}")
        assert answer.status == 202
        handler.answer(400, errors("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"))

    proxy = between(Rule("PUT", "manifests", loses_a_layer))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
    assert "pushed" in done, done
    assert any("MANIFEST_BLOB_UNKNOWN" in event for event in done["events"])
    crane("validate", "--remote", to)


def test_a_registry_without_mounts_gets_the_layers_sent(between, image, crane, code, name):
    refuse = says(405, errors("UNSUPPORTED", "no mounts"))
    proxy = between(Rule("POST", "mount=", refuse, times=9))
    to = f"{proxy.host}/{name}:1"
    done = image(build(f"{proxy.host}/base:1", (code, "/a"), push=to))
    assert (done["pushed"]["mounted"], done["pushed"]["uploaded"]) == (0, 3)
    crane("validate", "--remote", to)


def test_a_damaged_layer_in_the_cache_is_not_pushed_and_made_again(registry, image, code, name, tmp_path):
    to = f"{registry.host}/{name}:1"
    layer = image(build(f"{registry.host}/base:1", (code, "/a")))["layers"][-1][7:]
    blob = tmp_path / "cache/blobs" / layer[:2] / layer
    data = blob.read_bytes()
    blob.chmod(0o644)
    blob.write_bytes(data[:-1] + b"x")
    wish = build(f"{registry.host}/base:1", (code, "/a"), push=to)
    assert f"blob {layer}/{len(data)} is missing from the cache" in image(wish)["error"]
    assert not registry.has_tag(name, "1")
    assert "pushed" in image(wish)


def test_no_registry_is_told_soon(image, code):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = image(build(f"127.0.0.1:{unused.getsockname()[1]}/base:1", (code, "/a")))
    assert "fetching 127.0.0.1" in done["error"] and "refused" in done["error"] and "check the address" in done["error"]
    assert done["seconds"] < 2


# Certificates and proxies


def certificate(folder: Path, of_authority: bool = False) -> tuple[Path, Path]:
    """A certificate for a name and this machine, signed by itself: its file and that of its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "registry.example")])
    names = [x509.DNSName("registry.example"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    if of_authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = builder.sign(key, hashes.SHA256())
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory, certificates, registry):
    """A registry with HTTPS that holds a base."""
    folder = tmp_path_factory.mktemp("secure")
    with running(Registry(folder / "plain")) as plain:
        plain.base()
    shutil.copytree(folder / "plain/storage", folder / "tls/storage", dirs_exist_ok=True)
    shutil.copytree(folder / "tls", folder / "registry-storage")
    shutil.rmtree(folder / "tls")
    with running(SecureRegistry(folder, certificates)) as registry:
        yield registry


class SecureRegistry(Registry):
    def __init__(self, folder: Path, certificate):
        super().__init__(folder / "secure", certificate=certificate)
        shutil.copytree(folder / "registry-storage/storage", folder / "secure/storage", dirs_exist_ok=True)


def test_a_certificate_must_be_trusted(secure, image, certificates, tmp_path):
    asked = {"digest": {"name": "registry.example/base:1"}}
    addresses = {"registry.example": f"https://{secure.host}"}
    error = image(asked, addresses=addresses)["error"]
    assert "registry.example" in error and "certificate is not trusted" in error and "CA bundle" in error
    bundle = str(certificates[0])
    assert "digest" in image(asked, addresses=addresses, ca_bundle=bundle)
    assert "digest" in image(asked, addresses=addresses, environment={"SSL_CERT_FILE": bundle})
    for bad in ("/nowhere.pem", str(certificates[1])):
        error = image(asked, addresses=addresses, ca_bundle=bad)["error"]
        assert bad in error and "CA bundle" in error


def test_a_server_that_shows_itself_as_an_authority_is_told_what_it_needs(image, tmp_path):
    pair = certificate(tmp_path, of_authority=True)
    with running(Registry(tmp_path / "registry", certificate=pair)) as registry:
        error = image({"digest": {"name": "registry.example/base:1"}}, ca_bundle=str(pair[0]),
                      addresses={"registry.example": f"https://{registry.host}"})["error"]
    assert "CA:TRUE" in error and "one with CA:FALSE" in error and "bundle" not in error


def test_plain_http_and_https_are_told_apart(secure, registry, image):
    asked = {"digest": {"name": "registry.example/base:1"}}
    error = image(asked, addresses={"registry.example": f"https://{registry.host}"})["error"]
    assert "speaks no HTTPS" in error and "insecure" in error
    error = image({"tags": {"repository": f"{secure.host}/base"}})["error"]
    assert "wants HTTPS" in error and "https://" in error


def test_https_goes_through_the_proxy_of_the_environment(secure, image, certificates, code, name):
    """The name of the registry is known to the proxy alone."""
    asked = []

    def serve(listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=tunnel, args=(client,), daemon=True).start()

    def tunnel(client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        asked.append(head.split(b"\r\n")[0].decode())
        upstream = socket.create_connection(("127.0.0.1", secure.port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        threading.Thread(target=pump, args=(upstream, client), daemon=True).start()
        pump(client, upstream)

    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = {"HTTPS_PROXY": proxy}
        wish = build("registry.example/base:1", (code, "/a"), push=f"registry.example/{name}:1")
        done = image(wish, ca_bundle=str(certificates[0]), environment=environment)
        assert "pushed" in done, done
        assert set(asked) == {"CONNECT registry.example:443 HTTP/1.1"}
        # This machine's own registries are not behind it.
        asked.clear()
        local = image({"tags": {"repository": "local.example/base"}}, ca_bundle=str(certificates[0]),
                      addresses={"local.example": f"https://{secure.host}"}, environment=environment)
        assert local["tags"] == ["1"] and asked == []
