"""Lambda's Runtime API, and functions that the real runtime interface clients run against it."""

import json
import os
import queue
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .places import TOOLS

VERSION = "/2018-06-01"


@dataclass
class Answer:
    """What the function gave for an event."""

    kind: str  # "response", "error" or "init-error"
    payload: object
    request_id: str | None


class RuntimeApi:
    """One function's Runtime API on a free loopback port."""

    def __init__(self):
        self._events: queue.Queue = queue.Queue()
        self._answers: queue.Queue = queue.Queue()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                if self.path != f"{VERSION}/runtime/invocation/next":
                    return self._reply(404, b"{}")
                event = api._events.get()
                if event is None:
                    return self._reply(410, b"{}")
                request_id, payload = event
                self._reply(200, json.dumps(payload).encode(), {
                    "Lambda-Runtime-Aws-Request-Id": request_id,
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:123456789012:function:tested",
                    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                })

            def do_POST(self):
                body = self._body()
                parts = self.path.removeprefix(f"{VERSION}/runtime/").split("/")
                match parts:
                    case ["init", "error"]:
                        answer = Answer("init-error", json.loads(body), None)
                    case ["invocation", request_id, "response" | "error" as kind]:
                        answer = Answer(kind, json.loads(body), request_id)
                    case _:
                        return self._reply(404, b"{}")
                api._answers.put(answer)
                self._reply(202, b'{"status":"OK"}')

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                chunks = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass  # trailers
                return b"".join(chunks)

            def _reply(self, status, body, headers=None):
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a client that was ended closes its connection in the middle

        self._server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def give(self, event) -> str:
        """Hands an event to the runtime when it next asks; its request id."""
        request_id = str(uuid.uuid4())
        self._events.put((request_id, event))
        return request_id

    def answer(self, timeout: float) -> Answer | None:
        try:
            return self._answers.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self):
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()


class LambdaFunction:
    """An unpacked code package, run by the language's own runtime interface client, or by a command."""

    def __init__(self, folder: Path, language: str | list[str], environment: dict[str, str] | None = None, handler="handler.handler"):
        self.folder = folder
        self._api = RuntimeApi()
        self._log = open(folder.parent / f"{folder.name}.log", "w+b")
        self._process = subprocess.Popen(
            command(folder, language, handler),
            cwd=folder,
            env=self._environment(language, handler) | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )

    def _environment(self, language: str, handler: str) -> dict[str, str]:
        """What Lambda sets, and nothing of this machine."""
        environment = {
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            "AWS_LAMBDA_FUNCTION_NAME": "tested",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/tested",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "LAMBDA_TASK_ROOT": str(self.folder),
            "_HANDLER": handler,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        }
        if language == "nodejs":
            environment["NODE_PATH"] = str(TOOLS / "runtime-nodejs-sdk/node_modules")
            environment["AWS_EXECUTION_ENV"] = "AWS_Lambda_nodejs20.x"
        elif language == "java":
            environment["AWS_EXECUTION_ENV"] = "AWS_Lambda_java17"
        elif language == "python":
            environment["AWS_EXECUTION_ENV"] = "AWS_Lambda_python3.11"
            # As in Lambda, whose task root is read-only.
            environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return environment

    def invoke(self, event, timeout: float = 60) -> object:
        """The function's answer, as JSON; anything else fails the test with the function's output."""
        answer = self.outcome(event, timeout)
        assert answer.kind == "response", f"{answer.kind}: {answer.payload}\n{self.output()}"
        return answer.payload

    def outcome(self, event, timeout: float = 60) -> Answer:
        """What the function gives for an event, whichever it is."""
        request_id = self._api.give(event)
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if answer := self._api.answer(0.2):
                assert answer.request_id in (request_id, None)
                return answer
            assert self._process.poll() is None, f"the runtime ended\n{self.output()}"
        raise AssertionError(f"no answer within {timeout} s\n{self.output()}")

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._api.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def command(folder: Path, language: str | list[str], handler: str) -> list:
    """What starts a package."""
    if isinstance(language, list):
        return language
    # A custom runtime brings its own client.
    return [folder / "bootstrap"] if language in ("bun", "cpp") else [*client(language), handler]


def client(language: str) -> list[str]:
    """The command of a runtime interface client."""
    if language == "python":
        return [str(TOOLS / "runtime-python/bin/python"), "-m", "awslambdaric"]
    if language == "java":
        libraries = f"{TOOLS / 'runtime-java/lambda'}/*"
        return ["java", "-cp", libraries, "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"]
    return ["node", str(TOOLS / "runtime-nodejs/node_modules/aws-lambda-ric/bin/index.mjs")]


def http_event(body: object, path="/") -> dict:
    """An event of an API Gateway HTTP API or a function URL, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "http": {"method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
        },
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def body_of(answer: object) -> dict:
    """The response body of a function, which is JSON text for HTTP and may be an object else."""
    assert isinstance(answer, dict) and answer.get("statusCode") == 200, answer
    body = answer["body"]
    return json.loads(body) if isinstance(body, str) else body
