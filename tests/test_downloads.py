"""The files that config.json declares under `downloads`."""

import datetime
import gzip
import hashlib
import io
import lzma
import shutil
import signal
import ssl
import stat
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from support import zips

DATA = bytes(range(256)) * 5000


class Website(ThreadingHTTPServer):
    """Serves `files` by their paths; `answers` are functions that answer the next requests instead."""

    daemon_threads = True

    def __init__(self):
        self.files, self.requests, self.answers = {}, [], []
        self.ended = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def put(self, at: str, contents: bytes, **download) -> dict:
        """Serves a file; the entry of config.json that declares it."""
        self.files[at] = contents
        return {"url": f"{self.address}{at}", "sha256": hashlib.sha256(contents).hexdigest(), "path": "data.bin"} | download

    @property
    def fetched(self) -> list[str]:
        return [path for path, _ in self.requests]

    def close(self):
        self.ended.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        if self.server.answers:
            self.server.answers.pop(0)(self)
        elif self.path not in self.server.files:
            self.answer(404, b"no")
        else:
            self.file(self.server.files[self.path])

    def file(self, contents: bytes):
        wanted = self.headers.get("range")
        if not wanted:
            return self.answer(200, contents)
        at = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.answer(206, contents[at:], {"Content-Range": f"bytes {at}-{len(contents) - 1}/{len(contents)}"})

    def answer(self, status: int, body: bytes = b"", headers: dict = {}, length: int | None = None):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body) if length is None else length)} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def website():
    website = Website()
    yield website
    website.close()


@pytest.fixture
def build(fnpack, suite):
    """Builds a function in Python with these downloads; more of config.json and files by name."""

    def build(downloads, *args, files=None, status=0, config=None, **run):
        suite.benchmark(config={"downloads": downloads} | (config or {}), files=files)
        return fnpack.python(suite, *args, status=status, **run)

    return build


def tar(*entries: tuple[str, bytes | str], mode: int = 0o644) -> bytes:
    """A tar of files; with a text for contents a link to it; with a type alone such a node."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, contents in entries:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if isinstance(contents, str):
                info.type, info.linkname = tarfile.SYMTYPE, contents
            elif contents in (tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
                info.type = contents
            else:
                info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents) if info.type == tarfile.REGTYPE else None)
    return data.getvalue()


def packed(*entries: tuple[str, bytes | str], mode: int = 0o644) -> bytes:
    """A zip of files; with a text for contents a link to it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, contents in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if isinstance(contents, str) else stat.S_IFREG) | mode) << 16
            archive.writestr(info, contents)
    return data.getvalue()


ARCHIVES = pytest.mark.parametrize("make", [tar, packed])


# --- a file


def test_a_file_is_fetched_once_and_later_found_without_network(build, website, fnpack, suite):
    download = website.put("/data.bin", DATA, executable=True, path="models/data.bin")
    archive = build([download]).status_is("built").archive
    assert zips.read(archive, "function/models/data.bin") == DATA
    assert zips.mode(archive, "function/models/data.bin") & 0o111
    website.close()
    build([download], files={"python/more.py": "\n"}).status_is("built")
    fnpack.python(suite, "--force").status_is("built")
    assert website.fetched == ["/data.bin"]
    fnpack.verify()


def test_targets_that_need_one_file_at_once_fetch_it_once(website, fnpack, suite):
    def slow(handler):
        time.sleep(0.5)
        handler.file(DATA)

    download = website.put("/data.bin", DATA)
    website.answers = [slow]
    for name in ("010.one", "020.two"):
        suite.benchmark(name, config={"downloads": [download]})
    runs = [fnpack.start(*fnpack.build_args(suite, "--language-version", "3.11,20", "--out", fnpack.home / str(run))) for run in range(2)]
    for run in runs:
        assert run.communicate(timeout=120) and run.returncode == 0
    assert website.fetched == ["/data.bin"]


def test_init_sh_sees_what_was_downloaded(build, website):
    script = 'tr a-z A-Z < "$1/data.bin" > "$1/large.txt"; rm "$1/data.bin"\n'
    archive = build([website.put("/x", b"small")], files={"init.sh": script}).archive
    assert zips.read(archive, "function/large.txt") == b"SMALL"
    assert "function/data.bin" not in zips.names(archive)


def test_another_digest_is_an_error_with_both_and_nothing_is_kept(build, website, fnpack):
    download = website.put("/data.bin", DATA)
    found, wanted = download["sha256"], "a" * 64
    run = build([download | {"sha256": wanted}], status=1)
    run.says(found, wanted, download["url"], "config.json")
    assert not list(fnpack.cache.rglob(found)) and not fnpack.finished_files()
    assert len(website.requests) == 1, "it would not be another the next time"


def test_a_file_that_is_not_there_is_an_error_at_once(build, website):
    run = build([{"url": f"{website.address}/none", "sha256": "a" * 64, "path": "x"}], status=1)
    run.says(f"{website.address}/none", "404", "config.json downloads `x`")
    assert len(website.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_is_asked_again(status, build, website):
    website.answers = [lambda handler: handler.answer(status)] * 2
    assert zips.read(build([website.put("/x", DATA)]).archive, "function/data.bin") == DATA
    assert len(website.requests) == 3


def test_a_server_that_stays_busy_is_given_up(build, website):
    website.answers = [lambda handler: handler.answer(503)] * 20
    build([website.put("/x", DATA)], status=1).says("503", "tried 5 times", "mirror")
    assert len(website.requests) == 5


def test_a_broken_connection_goes_on_where_it_broke(build, website):
    website.answers = [lambda handler: handler.answer(200, DATA[:700_000], length=len(DATA))]
    assert zips.read(build([website.put("/x", DATA)]).archive, "function/data.bin") == DATA
    assert [headers.get("range", headers.get("Range")) for _, headers in website.requests] == [None, "bytes=700000-"]


def test_a_broken_connection_to_a_server_without_ranges_begins_again(build, website):
    website.answers = [
        lambda handler: handler.answer(200, DATA[:700_000], length=len(DATA)),
        lambda handler: handler.answer(200, DATA),
    ]
    assert zips.read(build([website.put("/x", DATA)]).archive, "function/data.bin") == DATA


def test_a_file_that_changed_in_the_middle_is_fetched_anew(build, website):
    website.answers = [lambda handler: handler.answer(200, b"old" * 1000, length=len(DATA))]
    assert zips.read(build([website.put("/x", DATA)]).archive, "function/data.bin") == DATA


def test_a_redirect_is_followed(build, website):
    download = website.put("/there", DATA)
    website.answers = [lambda handler: handler.answer(302, headers={"Location": "/there"})]
    build([download | {"url": f"{website.address}/here"}])
    assert website.fetched == ["/here", "/there"]


def test_ctrl_c_ends_a_download(website, fnpack, suite):
    def stuck(handler):
        handler.answer(200, b"begin", length=10)
        website.ended.wait(30)

    website.answers = [stuck]
    suite.benchmark(config={"downloads": [website.put("/x", DATA)]})
    process = fnpack.start(*fnpack.build_args(suite, "--language", "python", "--language-version", "3.11"))
    while not website.requests:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=5)
    assert process.returncode == 130 and b"interrupted" in stderr
    assert not list((fnpack.cache / "scratch").iterdir())


# --- what counts


def test_a_changed_digest_rebuilds_and_a_changed_address_does_not(build, website):
    one, other = website.put("/one", b"1"), website.put("/other", b"1")
    first = build([one])
    build([other]).status_is("cached")
    assert website.fetched == ["/one"]
    changed = build([website.put("/new", b"2")], "--explain").status_is("built")
    changed.says("changed: download data.bin")
    assert changed.sha256 != first.sha256


def test_only_the_entry_of_the_architecture_and_the_language_is_fetched(build, website):
    entries = [
        website.put("/x64", b"x64", architectures=["x64"]),
        website.put("/arm64", b"arm64", architectures=["arm64"]),
        website.put("/nodejs", b"nodejs", languages=["nodejs"]),
    ]
    assert zips.read(build(entries, "--architecture", "arm64").archive, "function/data.bin") == b"arm64"
    assert website.fetched == ["/arm64"]
    entries[0]["sha256"] = "a" * 64
    build(entries, "--architecture", "arm64").status_is("cached")


def test_a_dry_run_fetches_nothing_and_says_what_it_would(build, website):
    downloads = [website.put("/one", b"1"), website.put("/two", b"2", path="two")]
    run = build(downloads, "--dry-run")
    run.says(f"download {website.address}/one: to do", f"download {website.address}/two: to do", "install")
    assert not website.requests
    build(downloads)
    run = build(downloads, "--dry-run", files={"python/more.py": "\n"})
    run.says("/one: cached", "/two: cached")
    assert len(website.requests) == 2


def test_nothing_that_is_there_is_replaced(build, website):
    build([website.put("/x", b"1", path="function.py")], status=1).says("function.py", "is there already")
    entries = [website.put("/x", b"1"), website.put("/y", b"2")]
    build(entries, status=1).says("data.bin", "is there already")


@pytest.mark.parametrize(("change", "words"), [
    ({"sha256": "abc"}, ["downloads[0]", "64 hexadecimal"]),
    ({"path": "../x"}, ["downloads[0]", "path"]),
    ({"unpak": True}, ["unpak", "unpack"]),
    ({"url": "file:///etc/passwd"}, ["mirror"]),
    ({"url": "https://me:hidden@example.org/x"}, ["login"]),
    ({"strip": 1}, ["unpack"]),
])
def test_a_mistake_in_config_json_is_named(change, words, build, website):
    run = build([website.put("/x", b"") | change], status=None)
    assert run.status != 0 and "hidden" not in run.said, run
    run.says("config.json", *words)


# --- mirrors


def test_the_longest_mirror_serves_the_file_and_its_login_is_told_to_nobody_else(build, website, suite, fnpack, tmp_path):
    contents = website.put("/mirror/a/data.bin", DATA)
    website.answers = [lambda handler: handler.answer(302, headers={"Location": f"http://localhost:{website.server_port}/mirror/a/data.bin"})]
    login = f"http://me:s3cret%21@127.0.0.1:{website.server_port}/mirror/a"
    suite.settings(f'[downloads.mirrors]\n"https://files.invalid/" = "http://127.0.0.1:1/"\n"https://files.invalid/a/" = "{login}"\n')
    run = build([contents | {"url": "https://files.invalid/a/data.bin"}])
    run.says("https://files.invalid/a/data.bin (from the mirror http://127.0.0.1")
    (_, first), (_, redirected) = website.requests
    # me:s3cret!
    assert {name.lower(): value for name, value in first.items()}["authorization"] == "Basic bWU6czNjcmV0IQ=="
    assert "authorization" not in {name.lower() for name in redirected}
    assert "s3cret" not in run.said
    kept = [file for file in fnpack.cache.rglob("*") if file.is_file() and b"s3cret" in file.read_bytes()]
    assert not kept


def test_the_login_of_a_mirror_is_masked_in_errors(build, website, suite):
    suite.settings(f'[downloads]\nmirrors = {{ "https://files.invalid/" = "http://me:s3cret@127.0.0.1:{website.server_port}/" }}\n')
    website.answers = [lambda handler: handler.answer(401)]
    run = build([website.put("/x", DATA) | {"url": "https://files.invalid/x"}], status=1)
    assert "s3cret" not in run.said
    run.says("401", "login", "https://files.invalid/x")
    suite.settings('[downloads]\nmirrors = { "https://files.invalid/" = "http://me:s3cret@127.0.0.1:1/" }\n')
    run = build([website.put("/x", DATA) | {"url": "https://files.invalid/x"}], status=1)
    assert "s3cret" not in run.said


def test_a_mirror_may_be_a_folder_of_this_machine(build, website, suite, tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror/data.bin").write_bytes(DATA)
    suite.settings(f'[downloads]\nmirrors = {{ "{website.address}/" = "file://{tmp_path}/mirror/" }}\n')
    assert zips.read(build([website.put("/data.bin", DATA)]).archive, "function/data.bin") == DATA
    assert not website.requests
    build([website.put("/none", b"n")], status=1).says(f"{tmp_path}/mirror/none", "No such file")


def test_a_mirror_that_cannot_be_used_is_an_error_that_names_the_file(build, website, suite):
    suite.settings('[downloads]\nmirrors = { "https://files.invalid/" = "ftp://me:s3cret@x/" }\n')
    run = build([website.put("/x", b"")], status=2)
    assert "s3cret" not in run.said
    run.says("fnpack.toml", "https://files.invalid/", "http")


# --- archives


FORMS = {
    "zip": lambda: packed(("top/bin/tool", b"#!/bin/sh\n"), ("top/data/a.txt", b"a"), ("top/link", "data/a.txt"), mode=0o755),
    "tar": lambda: tar(("./top/bin/tool", b"#!/bin/sh\n"), ("top/data/a.txt", b"a"), ("top/link", "data/a.txt"), mode=0o755),
}
FORMS["tar.gz"] = lambda: gzip.compress(FORMS["tar"]())
FORMS["tar.xz"] = lambda: lzma.compress(FORMS["tar"]())


@pytest.mark.parametrize("form", FORMS)
def test_an_archive_is_unpacked_whatever_its_name(form, build, website):
    download = website.put("/archive", FORMS[form](), path="tools", unpack=True, strip=1)
    archive = build([download]).archive
    assert zips.read(archive, "function/tools/bin/tool") == b"#!/bin/sh\n"
    assert zips.mode(archive, "function/tools/bin/tool") & 0o111
    assert zips.read(archive, "function/tools/data/a.txt") == b"a"
    assert "function/tools/link" in zips.names(archive)


def zstandard(data: bytes) -> bytes:
    """A frame of blocks that are stored as they are: Python has no compressor for it."""
    blocks = [data[at:at + 100_000] for at in range(0, len(data), 100_000)]
    heads = [(len(block) << 3 | (number == len(blocks) - 1)).to_bytes(3, "little") for number, block in enumerate(blocks)]
    body = b"".join(head + block for head, block in zip(heads, blocks))
    return b"\x28\xb5\x2f\xfd\xe0" + len(data).to_bytes(8, "little") + body


def test_a_zstd_archive_is_unpacked(build, website):
    archive = build([website.put("/a", zstandard(FORMS["tar"]()), path=".", unpack=True, include=["top/data"])]).archive
    assert zips.read(archive, "function/top/data/a.txt") == b"a"
    assert "function/top/bin/tool" not in zips.names(archive)


def test_what_is_included_is_taken_and_an_unpacked_archive_is_kept(build, website, fnpack):
    contents = website.put("/a.zip", FORMS["zip"](), path="x", unpack=True, strip=1)
    archive = build([contents | {"include": ["data", "bin/t*"]}]).archive
    names = [name for name in zips.names(archive) if name.startswith("function/x/") and not name.endswith("/")]
    assert names == ["function/x/bin/tool", "function/x/data/a.txt"]
    build([contents | {"include": ["*.md"]}], status=1).says("*.md", "matches nothing")
    # The archive itself is of no more use.
    for blob in fnpack.cache.glob(f"blobs/*/{contents['sha256']}"):
        blob.unlink()
    website.close()
    build([contents | {"include": ["data", "bin/t*"]}], files={"python/more.py": "\n"}).status_is("built")


@ARCHIVES
@pytest.mark.parametrize(("entries", "word"), [
    ([("good", b"x"), ("../escaped", b"x")], "../escaped"),
    ([("a/../../escaped", b"x")], "a/../../escaped"),
    ([("/tmp/escaped", b"x")], "/tmp/escaped"),
    ([("out", "/tmp"), ("out/escaped", b"x")], "out"),
    ([("a/out", "../../.."), ("a/out/escaped", b"x")], "a/out"),
    ([("b/x", b"x"), ("in", "b"), ("in/through", b"x")], "in/through"),
    ([("twice", b"x"), ("twice/below", b"x")], "twice/below"),
])
def test_an_archive_that_climbs_out_is_refused(make, entries, word, build, website, fnpack):
    run = build([website.put("/a", make(*entries), path="x", unpack=True)], status=1)
    run.says(f"the entry `{word}`", "config.json downloads `x`")
    assert not fnpack.finished_files()


@ARCHIVES
def test_an_archive_that_goes_too_deep_is_refused(make, build, website):
    deep = website.put("/deep", make(("d/" * 2600 + "f", b"x")), path="x", unpack=True)
    build([deep], status=1).says("the entry `d/d/", "4096 bytes")
    below = website.put("/below", make(("d/" * 100 + "f", b"x")), path="p/" * 200 + "x", unpack=True)
    build([below], status=1).says("config.json downloads `p/p/", "256 names")


@pytest.mark.parametrize(("kind", "word"), [(tarfile.CHRTYPE, "device"), (tarfile.FIFOTYPE, "pipe")])
def test_a_device_file_is_refused(kind, word, build, website):
    build([website.put("/a", tar(("node", kind)), path="x", unpack=True)], status=1).says("`node`", word)


def test_one_name_of_two_types_is_refused(build, website):
    build([website.put("/a", tar(("a", b"x"), ("a", "b")), path="x", unpack=True)], status=1).says("`a`", "different types")


@pytest.mark.parametrize("contents", [b"no archive", b"", gzip.compress(b"text"), tar(("a", b"x" * 5000))[:2000]])
def test_what_is_no_archive_is_said(contents, build, website):
    build([website.put("/a", contents, path="x", unpack=True)], status=1).says("cannot unpack")


def test_an_unknown_key_beside_is_a_warning_still(build, website):
    build([website.put("/x", b"1")], config={"downlods": []}).says("unknown key `downlods`", "downloads")


# --- networks


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of nobody that machines trust, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=2))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True).sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder


def test_certificates_are_those_of_the_machine_and_of_a_bundle(build, website, suite, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    website.socket = context.wrap_socket(website.socket, server_side=True)
    download = website.put("/x", DATA) | {"url": f"https://localhost:{website.server_port}/x"}
    build([download], status=1).says("certificate is not trusted", "ca-bundle")
    trusted = {"SSL_CERT_FILE": str(certificate / "cert.pem")}
    build([download], env=trusted).status_is("built")
    shutil.copy(certificate / "cert.pem", suite.root / "ours.pem")
    suite.settings('[downloads]\nca-bundle = "ours.pem"\n')
    other = website.put("/y", DATA[1:]) | {"url": f"https://localhost:{website.server_port}/y"}
    build([other]).status_is("built")


def test_a_proxy_of_the_environment_is_used_and_its_login_is_not_printed(build, website):
    asked = []

    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self):
            asked.append((self.path, self.headers.get("proxy-authorization")))
            self.send_error(403)

        def log_message(self, *_):
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    environment = {name: None for name in ("http_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY")}
    environment["https_proxy"] = f"http://me:s3cret@127.0.0.1:{proxy.server_port}"
    run = build([website.put("/x", DATA) | {"url": "https://files.invalid/x"}], status=1, env=environment)
    proxy.shutdown()
    proxy.server_close()
    assert asked and asked[0][0] == "files.invalid:443" and asked[0][1].startswith("Basic ")
    assert "s3cret" not in run.said
    run.says("https://files.invalid/x", "https_proxy")
