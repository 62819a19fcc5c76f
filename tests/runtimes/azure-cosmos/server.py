"""A small Cosmos DB in memory: server.py DATABASE KEY LOG TABLE=/PATH...

Cosmos DB and its emulator are not to be had here, so this stands in for it: it serves the part of the REST API that
both of Microsoft's client libraries use for items, on a free loopback port, which it prints. It was written by the
API's documentation, and no test against it can show that the service itself would agree.

It refuses what the service refuses: a request that is not signed with the account's KEY, that names no version of the
API, that is older than a quarter of an hour or that has no partition key; an item whose partition key, at PATH of
its container TABLE, is another than the request's; an id that is no text or has forbidden characters; a patch of more
than ten operations, of the id or of the partition key. Queries answer two items at a time. An item whose id begins with
"appears" is made by somebody else, with a field of theirs, as soon as a patch did not find it. Each request is a JSON
line of LOG.
"""

import base64
import email.utils
import hashlib
import hmac
import json
import re
import sys
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = 2
PATCH = 10
PATCH_TYPES = ("application/json-patch+json", "application/json_patch+json")
OWN = ("_rid", "_self", "_etag", "_attachments", "_ts")


class Refused(Exception):
    """The request is wrong."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status = status
        self.code = code


def bad(message):
    return Refused(400, "BadRequest", message)


class Cosmos:
    def __init__(self, database, key, tables):
        self._database = database
        self._key = base64.b64decode(key)
        self._tables = tables
        self._items = {}
        self.lock = threading.Lock()

    def answer(self, method, path, headers, body):
        """The status, the headers and the body of the answer."""
        parts = [urllib.parse.unquote(part) for part in path.strip("/").split("/") if part]
        self._check(method, parts, headers)
        if not parts:
            return 200, {}, self._account(headers["host"])
        if parts[:3] != ["dbs", self._database, "colls"] or len(parts) < 4 or parts[3] not in self._tables:
            raise Refused(404, "NotFound", f"there is no {'/'.join(parts[:4])}")
        table, rest = parts[3], parts[4:]
        if method == "GET" and not rest:
            return 200, {}, self._container(table)
        if method == "GET" and rest == ["pkranges"]:
            return 200, {}, {"_rid": "c", "PartitionKeyRanges": [RANGE], "_count": 1}
        if method == "POST" and rest == ["docs"]:
            return self._post(table, headers, body)
        if len(rest) == 2 and rest[0] == "docs":
            return self._item(method, table, rest[1], headers, body)
        raise Refused(405, "MethodNotAllowed", f"{method} {path} is not known here")

    def _check(self, method, parts, headers):
        if not re.fullmatch(r"20\d\d-\d\d-\d\d", headers.get("x-ms-version", "")):
            raise bad(f"x-ms-version is {headers.get('x-ms-version')!r}")
        date = headers.get("x-ms-date", "")
        told = email.utils.parsedate_to_datetime(date).timestamp() if date else 0
        if abs(time.time() - told) > 900:
            raise Refused(403, "Forbidden", f"x-ms-date is {date!r}")
        # A list is signed by what it belongs to, a thing by itself.
        is_list = len(parts) % 2 == 1
        kinds = [parts[-1 if is_list else -2]] if parts else ["", "databaseaccount"]
        link = parts[:-1] if is_list else parts
        given = urllib.parse.unquote(headers.get("authorization", ""))
        if given not in {self._signature(method, kind, "/".join(link), date) for kind in kinds}:
            raise Refused(401, "Unauthorized", f"the signature of {method} /{'/'.join(parts)} is not that of the key")

    def _signature(self, method, kind, link, date):
        text = f"{method.lower()}\n{kind}\n{link}\n{date.lower()}\n\n"
        digest = hmac.digest(self._key, text.encode(), hashlib.sha256)
        return f"type=master&ver=1.0&sig={base64.b64encode(digest).decode()}"

    def _account(self, host):
        place = [{"name": "Here", "databaseAccountEndpoint": f"http://{host}/"}]
        return {
            "_self": "", "id": "account", "_rid": "account", "media": "//media/", "addresses": "//addresses/",
            "_dbs": "//dbs/", "writableLocations": place, "readableLocations": place,
            "enableMultipleWriteLocations": False, "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
        }

    def _container(self, table):
        key = {"paths": [self._tables[table]], "kind": "Hash", "version": 2}
        return {"id": table, "partitionKey": key, "_rid": "c", "_self": "dbs/d/colls/c/", "_etag": '"1"', "_ts": 1}

    def _post(self, table, headers, body):
        if headers.get("x-ms-cosmos-is-query-plan-request", "").lower() == "true":
            self._select(headers, body)
            return 200, {}, PLAN
        if headers.get("x-ms-documentdb-isquery", "").lower() == "true":
            return self._query(table, headers, body)
        partition, item = self._partition(headers), json.loads(body)
        key = self._key_of(table, partition, item)
        exists = key in self._items
        if exists and headers.get("x-ms-documentdb-is-upsert", "").lower() != "true":
            raise Refused(409, "Conflict", f"there is an item {key[2]} already")
        return (200 if exists else 201), {}, self._write(key, item)

    def _item(self, method, table, name, headers, body):
        key = (table, json.dumps(self._partition(headers)), name)
        found = self._items.get(key)
        if found is None:
            if method == "PATCH" and name.startswith("appears"):
                self._write(key, {"id": name, self._tables[table][1:]: self._partition(headers), "theirs": 1})
            raise Refused(404, "NotFound", f"there is no item {name}")
        if method == "GET":
            return 200, {}, found
        if method == "DELETE":
            del self._items[key]
            return 204, {}, None
        if method == "PUT":
            item = json.loads(body)
            if self._key_of(table, self._partition(headers), item) != key:
                raise bad("an item's id cannot be changed")
            return 200, {}, self._write(key, item)
        if method == "PATCH":
            return 200, {}, self._write(key, self._patched(table, found, headers, json.loads(body)))
        raise Refused(405, "MethodNotAllowed", f"{method} of an item")

    def _patched(self, table, item, headers, patch):
        # The library for JavaScript names no type.
        if headers.get("content-type", "application/json-patch+json") not in PATCH_TYPES:
            raise bad(f"a patch is {PATCH_TYPES[0]}, not {headers['content-type']}")
        operations = patch["operations"]
        if not 1 <= len(operations) <= PATCH:
            raise bad(f"{len(operations)} operations, where a patch has 1 to {PATCH}")
        item = dict(item)
        for operation in operations:
            if operation["op"] != "set" or set(operation) != {"op", "path", "value"}:
                raise bad(f"the operation {operation} is not known here")
            if not re.fullmatch(r"/([^/~]|~[01])+", operation["path"]):
                raise bad(f"the path {operation['path']} is none of a field")
            name = operation["path"][1:].replace("~1", "/").replace("~0", "~")
            if name in ("id", *OWN) or f"/{name}" == self._tables[table]:
                raise bad(f"the field {name} cannot be patched")
            item[name] = operation["value"]
        return item

    def _select(self, headers, body):
        if headers.get("content-type") != "application/query+json":
            raise bad(f"a query is application/query+json, not {headers.get('content-type')}")
        query = json.loads(body)
        if query["query"] != "SELECT * FROM c" or query.get("parameters"):
            raise bad(f"the query {query} is not known here")

    def _query(self, table, headers, body):
        self._select(headers, body)
        partition = json.dumps(self._partition(headers))
        items = [item for key, item in sorted(self._items.items()) if key[:2] == (table, partition)]
        start = int(headers.get("x-ms-continuation") or 0)
        page = items[start : start + PAGE]
        more = {"x-ms-continuation": str(start + PAGE)} if start + PAGE < len(items) else {}
        return 200, more, {"_rid": "c", "Documents": page, "_count": len(page)}

    def _partition(self, headers):
        text = headers.get("x-ms-documentdb-partitionkey")
        if text is None:
            raise bad("the request has no partition key")
        values = json.loads(text)
        if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], (str, int, float, bool)):
            raise bad(f"the partition key is {text}")
        return values[0]

    def _key_of(self, table, partition, item):
        name, path = item.get("id"), self._tables[table]
        if not isinstance(name, str) or not name or re.search(r"[/\\?#]", name):
            raise bad(f"the id is {name!r}")
        if item.get(path[1:]) != partition:
            raise bad(f"the partition key is {partition!r}, but {path} is {item.get(path[1:])!r}")
        return (table, json.dumps(partition), name)

    def _write(self, key, item):
        table, _, name = key
        own = {
            "_rid": base64.b64encode(name.encode()).decode(), "_self": f"dbs/d/colls/c/docs/{table}/",
            "_etag": f'"{uuid.uuid4()}"', "_attachments": "attachments/", "_ts": int(time.time()),
        }
        self._items[key] = {**item, **own}
        return self._items[key]


RANGE = {
    "id": "0", "minInclusive": "", "maxExclusive": "FF", "_rid": "r", "_self": "dbs/d/colls/c/pkranges/r/",
    "_etag": '"1"', "_ts": 1, "ridPrefix": 0, "throughputFraction": 1, "status": "online", "parents": [],
}

# What a query over all partitions would have to do; of one partition, nothing.
PLAN = {
    "partitionedQueryExecutionInfoVersion": 2,
    "queryInfo": {
        "distinctType": "None", "top": None, "offset": None, "limit": None, "orderBy": [], "orderByExpressions": [],
        "groupByExpressions": [], "groupByAliases": [], "aggregates": [], "groupByAliasToAggregateType": {},
        "rewrittenQuery": "", "hasSelectValue": False,
    },
    "queryRanges": [{"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}],
}


def handler(cosmos, log):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with cosmos.lock:
                line = {"method": self.command, "path": self.path, "headers": headers, "body": body.decode()}
                try:
                    status, more, answer = cosmos.answer(self.command, self.path, headers, body)
                except Refused as refused:
                    answer = {"code": refused.code, "message": str(refused)}
                    status, more, line["refused"] = refused.status, {}, str(refused)
                print(json.dumps(line | {"status": status}), file=log, flush=True)
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            own = {"Content-Type": "application/json", "x-ms-request-charge": "1", "x-ms-session-token": "0:-1#1"}
            for name, value in (own | more).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, *_):
            pass

    return Handler


def main():
    database, key, log, *tables = sys.argv[1:]
    cosmos = Cosmos(database, key, dict(table.split("=", 1) for table in tables))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(cosmos, open(log, "a")))
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
