"""The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns."""

import base64
import binascii
import json
import os
import sys
import time
import traceback
import uuid

# In a package the function is beside this file, which has another name when it runs; else it is in
# the action's image.
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = HERE if os.path.isdir(os.path.join(HERE, "function")) else "/function"
# The packages that the benchmark pins win over those of the runtime.
PACKAGES = os.path.join(ROOT, ".python_packages")
sys.path[:0] = [ROOT, os.path.join(PACKAGES, "lib/site-packages")]
if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
    sys.path.append(PACKAGES)
    import unpacked_packages

    sys.path.insert(2, unpacked_packages.folder())

from function import function  # noqa: E402

CONTAINER_ID = uuid.uuid4().hex[:8]
SETTINGS = ("MINIO_STORAGE_", "NOSQL_STORAGE_")
WEB = "__ow_"
_is_cold = True


class BadRequest(Exception):
    """The caller's mistake: HTTP status 400."""


def main(parameters):
    """Answers an invocation or a web action.

    An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action it
    is a response with status 500.
    """
    global _is_cold
    is_cold, _is_cold = _is_cold, False
    income = time.time()
    event = _take_settings(parameters)
    if "__ow_method" not in event:
        return _run(_direct_request(event), income, is_cold)
    try:
        return _run(_http_request(event), income, is_cold)
    except BadRequest as error:
        return _failure(400, error)
    except Exception as error:
        traceback.print_exc()
        return _failure(500, error)


def _run(request, income, is_cold):
    request_id = _request_id()
    request["request-id"] = request_id
    request["income-timestamp"] = income
    log_bucket = _log_bucket(request)

    began = time.time_ns() // 1000
    clock = time.perf_counter_ns()
    result = function.handler(request)
    compute_time = _microseconds_since(clock)

    results_time = 0
    if log_bucket:
        clock = time.perf_counter_ns()
        _upload_log(log_bucket, request_id, result, compute_time)
        results_time = _microseconds_since(clock)
    return {
        "begin": _seconds(began),
        "end": _seconds(began + compute_time),
        "compute_time": compute_time,
        "results_time": results_time,
        "is_cold": is_cold,
        "result": result,
        "request_id": request_id,
        "container_id": CONTAINER_ID,
        "cold_start_var": os.environ.get("cold_start", ""),
    }


def _take_settings(parameters):
    """The parameters without the settings, which go where storage and nosql read them."""
    event = {}
    for name, value in parameters.items():
        if name.startswith(SETTINGS):
            os.environ[name] = str(value)
        else:
            event[name] = value
    return event


def _request_id():
    return os.environ.get("__OW_ACTIVATION_ID", "")


def _http_request(event):
    """What a web action was sent: its parameters, or the JSON object of a raw body."""
    if "__ow_body" not in event:
        return {name: value for name, value in event.items() if not name.startswith(WEB)}
    body = event["__ow_body"]
    if isinstance(body, dict):
        return body
    if body is None or body == "":
        return {}
    # OpenWhisk encodes the body of some content types, and does not say which it did.
    try:
        body = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        pass
    return _json_object(body)


def _json_object(body):
    try:
        request = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the request's body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise BadRequest("the request's body is JSON, but not an object")
    return request


def _direct_request(event):
    """The event, or the JSON object that is its body's text."""
    if isinstance(event.get("body"), str):
        try:
            return _json_object(event["body"]) if event["body"] else {}
        except BadRequest:
            pass
    return event


def _log_bucket(request):
    logs = request.get("logs")
    return logs.get("bucket") if isinstance(logs, dict) else None


def _upload_log(bucket, request_id, result, compute_time):
    from function import storage

    log = {**result, "time": compute_time} if isinstance(result, dict) else {"result": result, "time": compute_time}
    storage.storage.get_instance().put(bucket, f"{request_id}.json", json.dumps(log).encode())


def _failure(status, error):
    """A web action's response with a status; OpenWhisk looks for it in `error` where something failed."""
    described = {"type": type(error).__name__, "message": str(error)}
    body = {"error": described, "request_id": _request_id()}
    return {"error": {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body}}


def _microseconds_since(clock):
    return (time.perf_counter_ns() - clock) // 1000


def _seconds(microseconds):
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"
