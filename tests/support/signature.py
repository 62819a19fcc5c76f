"""Checks AWS's signature, version 4: moto does not."""

import hashlib
import hmac
from urllib.parse import urlsplit


def is_right(method: str, path: str, headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Whether a request is signed with `secret`; `headers` are named in lower case."""
    algorithm, fields = headers["authorization"].split(" ", 1)
    assert algorithm == "AWS4-HMAC-SHA256", algorithm
    fields = dict(field.strip().split("=", 1) for field in fields.split(","))
    _, date, region, service, end = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")
    assert names == sorted(names) and "host" in names and "x-amz-date" in names, names
    url = urlsplit(path)
    digest = hashlib.sha256(body).hexdigest()
    if service == "s3":
        # S3 wants to be told.
        assert headers["x-amz-content-sha256"] == digest, headers
    lines = [f"{name}:{' '.join(headers[name].split())}\n" for name in names]
    request = "\n".join([method, url.path, url.query, "".join(lines), ";".join(names), digest])
    scope = f"{date}/{region}/{service}/{end}"
    text = "\n".join([algorithm, headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, end, text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(key.hex(), fields["Signature"])
