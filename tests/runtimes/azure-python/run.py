"""Runs a function app as the runtime of Azure Functions for Python does: run.py APP PORT

Functions are found and imported by host.json and their function.json (programming model v1): as modules
of the package __app__, with the app's own packages before those of the runtime. Requests and responses go
through the real azure-functions library.
"""

import importlib
import inspect
import json
import logging
import sys
import threading
import types
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAMESPACE = "__app__"


class Function:
    def __init__(self, app, folder):
        import azure.functions as azure

        described = json.loads((folder / "function.json").read_text())
        bindings = {binding["name"]: binding for binding in described["bindings"]}
        [trigger] = [binding for binding in bindings.values() if binding["type"] == "httpTrigger"]
        assert trigger["direction"] == "in" and trigger["authLevel"] == "anonymous", trigger
        assert bindings["$return"] == {"type": "http", "direction": "out", "name": "$return"}, bindings
        self.name = folder.name
        self.methods = [method.upper() for method in trigger["methods"]]
        self._folder = folder
        self._trigger = trigger["name"]
        script = folder.joinpath(described.get("scriptFile", "__init__.py")).relative_to(app)
        module = importlib.import_module(".".join([NAMESPACE, *script.with_suffix("").parts]))
        self._call = getattr(module, described.get("entryPoint", "main"))
        parameters = inspect.signature(self._call).parameters
        # The real runtime refuses a function with others.
        assert set(parameters) - {"context"} == {self._trigger}, f"parameters {list(parameters)}"
        assert parameters[self._trigger].annotation is azure.HttpRequest
        self._has_context = "context" in parameters

    def answer(self, method, url, headers, query, body):
        from azure.functions.http import HttpRequestConverter, HttpResponseConverter
        from azure.functions.meta import Datum

        def text(values):
            return {name: Datum(value, "string") for name, value in values.items()}

        data = {
            "method": Datum(method, "string"), "url": Datum(url, "string"), "headers": text(headers),
            "query": text(query), "params": {}, "body": Datum(body, "bytes"),
        }
        arguments = {self._trigger: HttpRequestConverter.decode(Datum(data, "http"), trigger_metadata={})}
        if self._has_context:
            arguments["context"] = self._context()
        answered = HttpResponseConverter.encode(self._call(**arguments), expected_type=None).value
        return int(answered["status_code"].value), answered["headers"], answered["body"].value

    def _context(self):
        from azure.functions import Context

        values = {
            "invocation_id": str(uuid.uuid4()), "thread_local_storage": threading.local(), "function_name": self.name,
            "function_directory": str(self._folder), "trace_context": None, "retry_context": None,
        }
        return type("Context", (Context,), values)()


def check(host):
    """Refuses a host.json that the runtime would."""
    assert host["version"] == "2.0", host
    bundle = host["extensionBundle"]
    assert bundle["id"] == "Microsoft.Azure.Functions.ExtensionBundle" and bundle["version"] == "[4.0.0, 5.0.0)", bundle


def handler(functions):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            url = urllib.parse.urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            function = functions.get(url.path.removeprefix("/api/"))
            if function is None or self.command not in function.methods:
                return self._send(404, {}, b"")
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(urllib.parse.parse_qsl(url.query))
            try:
                status, headers, body = function.answer(self.command, self.path, headers, query, body)
            except Exception:
                logging.exception("the function failed")
                return self._send(500, {}, b"")
            self._send(status, {name: value.value for name, value in headers.items()}, body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer

        def _send(self, status, headers, body):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def main():
    app, port = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("azure").setLevel(logging.WARNING)
    # Not this file's own folder.
    sys.path[0:1] = [str(app / ".python_packages/lib/site-packages"), str(app)]
    package = sys.modules[NAMESPACE] = types.ModuleType(NAMESPACE)
    package.__path__ = [str(app)]
    check(json.loads((app / "host.json").read_text()))
    folders = [description.parent for description in app.glob("*/function.json")]
    functions = {folder.name: Function(app, folder) for folder in folders}
    ThreadingHTTPServer(("127.0.0.1", port), handler(functions)).serve_forever()


if __name__ == "__main__":
    main()
