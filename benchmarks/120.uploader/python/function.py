import os
import tempfile
import time
import urllib.parse
import urllib.request

from . import storage

CLIENT = storage.storage.get_instance()
CHUNK = 1 << 20


def handler(event):
    """Copies the file at a URL to the output prefix of a bucket."""
    bucket, prefix = event["bucket"]["bucket"], event["bucket"]["output"]
    url = event["object"]["url"]
    name = os.path.basename(urllib.parse.unquote(urllib.parse.urlsplit(url).path)) or "download"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "download")
        began = time.perf_counter_ns()
        size = download(url, path)
        downloaded = time.perf_counter_ns()
        key = CLIENT.upload(bucket, f"{prefix}/{name}", path)
        uploaded = time.perf_counter_ns()
    return {
        "result": {"bucket": bucket, "url": url, "key": key},
        "measurement": {
            "download_time": (downloaded - began) // 1000,
            "download_size": size,
            "upload_time": (uploaded - downloaded) // 1000,
            "upload_size": size,
        },
    }


def download(url, path):
    """Writes what is at a URL to a file; its size in bytes."""
    # Some servers refuse the default name of Python's client.
    request = urllib.request.Request(url, headers={"User-Agent": "fnpack-benchmarks/1.0"})
    with urllib.request.urlopen(request) as source, open(path, "wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)
        return target.tell()
