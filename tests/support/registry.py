"""A real registry, and images put into it by hand."""

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
import urllib.parse
from pathlib import Path

import bcrypt

# The user `me` and its password.
PASSWORD = "pass-9f3c"
BASIC = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
DOCKER = "application/vnd.docker."
OCI = "application/vnd.oci.image."
TYPES = {
    "docker": {
        "manifest": DOCKER + "distribution.manifest.v2+json",
        "config": DOCKER + "container.image.v1+json",
        "layer": DOCKER + "image.rootfs.diff.tar.gzip",
        "index": DOCKER + "distribution.manifest.list.v2+json",
    },
    "oci": {
        "manifest": OCI + "manifest.v1+json",
        "config": OCI + "config.v1+json",
        "layer": OCI + "layer.v1.tar+gzip",
        "index": OCI + "index.v1+json",
    },
}


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """A real registry on a loopback port, with its storage in a folder."""

    def __init__(self, folder: Path, login: bool = False, certificate: tuple[Path, Path] | None = None,
                 user: str = "me", password: str = PASSWORD):
        self.user, self.password = user, password
        # Another process may take a port that was just free.
        for attempt in range(3):
            if self.start(folder, login, certificate):
                return
        raise AssertionError((folder / "log").read_text())

    def start(self, folder: Path, login: bool, certificate: tuple[Path, Path] | None) -> bool:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.storage = folder, folder / "storage"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        self.authorization = f"Basic {basic}" if login else None
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if certificate:
            config["http"]["tls"] = {"certificate": str(certificate[0]), "key": str(certificate[1])}
        if login:
            hashed = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(rounds=4)).decode()
            (folder / "htpasswd").write_text(f"{self.user}:{hashed}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "config.yml").write_text(json.dumps(config))
        self.log = open(folder / "log", "wb")
        command = [shutil.which("docker-registry") or "/usr/bin/docker-registry", "serve", folder / "config.yml"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={"PATH": os.environ["PATH"]})
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.02)
        self.stop()
        return False

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def call(self, method: str, path: str, body: bytes = b"", **headers):
        connection = http.client.HTTPConnection(self.host, timeout=20)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.authorization:
            headers["Authorization"] = self.authorization
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer, data

    def put_blob(self, repository: str, data: bytes) -> str:
        answer, _ = self.call("POST", f"/v2/{repository}/blobs/uploads/")
        at = urllib.parse.urlsplit(answer.headers["Location"])
        digest = sha256(data)
        query = f"{at.query}&digest={digest}"
        answer, data = self.call("PUT", f"{at.path}?{query}", data, Content_Type="application/octet-stream")
        assert answer.status == 201, data
        return digest

    def put_manifest(self, repository: str, tag: str, manifest: dict, media_type: str) -> str:
        data = json.dumps(manifest).encode()
        answer, said = self.call("PUT", f"/v2/{repository}/manifests/{tag}", data, Content_Type=media_type)
        assert answer.status == 201, said
        return sha256(data)

    def manifest(self, repository: str, tag: str) -> dict:
        accept = ", ".join(kind for types in TYPES.values() for kind in (types["manifest"], types["index"]))
        answer, data = self.call("GET", f"/v2/{repository}/manifests/{tag}", Accept=accept)
        return json.loads(data) if answer.status == 200 else {}

    def config(self, repository: str, tag: str) -> dict:
        digest = self.manifest(repository, tag)["config"]["digest"]
        return json.loads(self.call("GET", f"/v2/{repository}/blobs/{digest}")[1])

    def has_tag(self, repository: str, tag: str) -> bool:
        return self.call("GET", f"/v2/{repository}/manifests/{tag}")[0].status == 200

    def base(self, repository: str = "base", tag: str = "1", family: str = "docker",
             architecture: str = "amd64", extra: bytes = b"", **changed) -> dict:
        """Puts an image of one small layer there; gives its descriptor for an index."""
        types = TYPES[family]
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            for name, data in [("etc/os-release", b"ID=test\n"), ("data", extra)]:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        layer = gzip.compress(tar.getvalue(), mtime=0)
        config = {
            "architecture": architecture, "os": "linux", "created": "2024-01-01T00:00:00Z",
            "config": {"Env": ["PATH=/bin", "A=base"], "Cmd": ["sh"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(tar.getvalue())]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "base"}],
        } | changed.pop("config", {})
        config = json.dumps(config).encode()
        manifest = {
            "schemaVersion": 2, "mediaType": types["manifest"],
            "config": {"mediaType": types["config"], "size": len(config), "digest": self.put_blob(repository, config)},
            "layers": [{"mediaType": types["layer"], "size": len(layer), "digest": self.put_blob(repository, layer)}],
        }
        manifest |= changed
        digest = self.put_manifest(repository, tag, manifest, manifest["mediaType"])
        platform = {"architecture": architecture, "os": "linux"}
        size = len(json.dumps(manifest).encode())
        return {"mediaType": types["manifest"], "size": size, "digest": digest, "platform": platform}

    def index(self, repository: str, tag: str, entries: list[dict], family: str = "docker") -> str:
        media_type = TYPES[family]["index"]
        index = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
        return self.put_manifest(repository, tag, index, media_type)
