"""What benchmark code may call of storage and nosql, as two benchmarks: on every platform the same code answers alike."""

import re

STORAGE = {
    "python/function.py": """\
import io
import os
from . import storage


def handler(event):
    client, bucket, folder = storage.storage.get_instance(), event["bucket"], event["folder"]
    assert client is storage.storage.get_instance()

    def file(name, contents):
        with open(os.path.join(folder, name), "wb") as target:
            target.write(contents)
        return target.name

    lent = io.BytesIO(b"left out, streamed")
    lent.seek(10)
    keys = {
        "small": client.upload(bucket, "dir/small.tar.gz", file("small", b"small")),
        "empty": client.upload(bucket, "dir/empty", file("empty", b"")),
        "large": client.upload(bucket, "large", file("large", b"x" * event["size"])),
        "stream": client.upload_stream(bucket, "dir/inner/stream", lent),
        "nothing": client.upload_stream(bucket, "dir/nothing", io.BytesIO()),
    }
    client.download(bucket, keys["large"], os.path.join(folder, "copy"))
    client.download_directory(bucket, "dir/", os.path.join(folder, "directory"))
    found = {name: len(bytes(client.download_stream(bucket, key))) for name, key in keys.items()}
    failures = []
    for attempt in [
        lambda: client.upload(bucket, "x", os.path.join(folder, "missing")),
        lambda: client.download_stream(bucket, "missing"),
        lambda: client.download(bucket, "missing", os.path.join(folder, "y")),
    ]:
        try:
            attempt()
        except Exception as error:
            failures.append(str(error))
    return {"keys": keys, "found": found, "failures": failures, "open": not lent.closed}
""",
    "nodejs/function.js": """\
const fs = require('node:fs');
const path = require('node:path');
const { buffer } = require('node:stream/consumers');
const { storage } = require('./storage');

exports.handler = async ({ bucket, folder, size }) => {
  const client = storage.get_instance();

  function file(name, contents) {
    const target = path.join(folder, name);
    fs.writeFileSync(target, contents);
    return target;
  }
  async function upload(name, target) {
    const [key, uploading] = client.upload(bucket, name, target);
    await uploading;
    return key;
  }
  async function stream(name, ...chunks) {
    const [writable, uploading, key] = client.uploadStream(bucket, name);
    chunks.forEach((chunk) => writable.write(chunk));
    writable.end();
    await uploading;
    return key;
  }
  async function torn() {
    const [writable, uploading] = client.uploadStream(bucket, 'torn');
    writable.write('begun');
    setImmediate(() => writable.destroy(new Error('torn off')));
    await uploading;
  }

  const keys = {
    small: await upload('dir/small.tar.gz', file('small', 'small')),
    empty: await upload('dir/empty', file('empty', '')),
    large: await upload('large', file('large', 'x'.repeat(size))),
    stream: await stream('dir/inner/stream', 'str', 'eamed'),
    nothing: await stream('dir/nothing'),
  };
  await client.download(bucket, keys.large, path.join(folder, 'copy'));
  await client.downloadDirectory(bucket, 'dir/', path.join(folder, 'directory'));
  const found = {};
  for (const [name, key] of Object.entries(keys)) {
    found[name] = (await buffer(await client.downloadStream(bucket, key))).length;
  }
  const failures = [];
  for (const attempt of [
    () => upload('x', path.join(folder, 'missing')),
    async () => buffer(await client.downloadStream(bucket, 'missing')),
    () => client.download(bucket, 'missing', path.join(folder, 'y')),
    torn,
  ]) {
    await attempt().catch((error) => failures.push(String(error)));
  }
  return { keys, found, failures, open: true };
};
""",
}

NOSQL = {
    "python/function.py": """\
from . import nosql


def handler(event):
    client = nosql.nosql.get_instance()
    keys = ("owner", event["owner"]), ("item", event.get("item", "seven"))
    if "updates" in event:
        client.update("things", *keys, event["updates"])
    else:
        client.insert("things", *keys, {**event["data"], "binary": bytes([0, 255])})
    got, queried = client.get("things", *keys), client.query("things", keys[0], "item")
    for item in [got, *queried]:
        if "binary" in item:
            item["binary"] = item["binary"].hex()
    return {"got": got, "queried": queried}
""",
    "nodejs/function.js": """\
const { nosql } = require('./nosql');

exports.handler = async (event) => {
  const client = nosql.get_instance();
  const keys = [['owner', event.owner], ['item', event.item ?? 'seven']];
  if (event.updates) await client.update('things', ...keys, event.updates);
  else await client.insert('things', ...keys, { ...event.data, binary: new Uint8Array([0, 255]) });
  const [got, queried] = [await client.get('things', ...keys), await client.query('things', keys[0], 'item')];
  for (const item of [got, ...queried]) {
    if (item.binary) item.binary = item.binary.toString('hex');
  }
  return { got, queried };
};
""",
}

# The field `binary` is added in the function: JSON has no such value.
VALUES = {
    "text": "é", "long": "y" * 2000, "none": None, "yes": True, "whole": 3, "large": 2**53 + 2, "part": 0.25,
    "list": [1, "two", {"three": 3}], "lists": [[1, [2]], []], "long list": ["z" * 2000], "empty": [], "nothing": {},
    "inner": {"a": {"b": "w" * 2000}}, "name": "a reserved word", "size": 1, "a.b": 1,
}


def storage_benchmark(suite) -> str:
    """Adds the benchmark of storage to a suite; its name."""
    return suite.benchmark("900.storage", config={"modules": ["storage"]}, files=STORAGE).name


def nosql_benchmark(suite) -> str:
    """Adds the benchmark of nosql, which has the table `things` of the keys `owner` and `item`; its name."""
    return suite.benchmark("900.nosql", config={"modules": ["nosql"]}, files=NOSQL).name


def check_storage(returned, bucket: str, read, folder, size: int = 9 << 20):
    """`returned(event)` is what the benchmark of storage returns, `read(bucket, key)` what is stored."""
    folder.mkdir()
    answer = returned({"bucket": bucket, "folder": str(folder), "size": size})
    keys, contents = answer["keys"], {"small": b"small", "empty": b"", "stream": b"streamed", "nothing": b""}
    assert re.fullmatch(r"dir/small\.tar\.[0-9a-f]{8}\.gz", keys["small"])
    assert re.fullmatch(r"dir/inner/stream\.[0-9a-f]{8}", keys["stream"])
    for name, expected in contents.items():
        assert read(bucket, keys[name]) == expected, name
        assert (folder / "directory" / keys[name]).read_bytes() == expected, name
    assert read(bucket, keys["large"]) == b"x" * size == (folder / "copy").read_bytes()
    assert answer["found"] == {name: len(data) for name, data in contents.items()} | {"large": size}
    # The function is told of each, and lives on; the first three in every language.
    assert len(answer["failures"]) >= 3 and all(answer["failures"]), answer
    assert answer["open"]


def check_nosql(returned, owner: str):
    """`returned(event)` is what the benchmark of nosql returns."""

    def call(**event):
        answer = returned(event)
        assert answer["got"] in answer["queried"]
        return answer["got"]

    keys, data = {"owner": owner, "item": "seven"}, VALUES | {"binary": "00ff"}
    got = call(owner=owner, data=VALUES)
    assert got == data | keys
    assert type(got["whole"]) is int and type(got["part"]) is float
    # More fields than a service may take at once, the keys among them.
    changes = {"a.b": 2, "lists": [[3]], "name": "another"} | {f"field {number}": number for number in range(20)}
    assert call(owner=owner, updates=changes | keys) == data | changes | keys
    # An update of what is not there makes it.
    new = {"owner": f"{owner} too", "item": "seven"}
    assert call(owner=new["owner"], updates={"a": 1}) == new | {"a": 1}
    assert call(owner=new["owner"], updates={"b": [2]}) == new | {"a": 1, "b": [2]}
