"""The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns."""

import json
import os
import sys
import time
import traceback
import uuid

# The package, and then the packages that the benchmark pins: they win over those of the runtime,
# but for what the Functions Framework has imported before.
ROOT = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(ROOT, ".python_packages")
sys.path[:0] = [ROOT, os.path.join(PACKAGES, "lib/site-packages")]
if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
    sys.path.append(PACKAGES)
    import unpacked_packages

    sys.path.insert(2, unpacked_packages.folder())

from function import function  # noqa: E402

CONTAINER_ID = uuid.uuid4().hex[:8]
_is_cold = True


class BadRequest(Exception):
    """The caller's mistake: HTTP status 400."""


def handler(request):
    """Answers an HTTP request; an exception of the benchmark is a response with status 500."""
    global _is_cold
    is_cold, _is_cold = _is_cold, False
    income = time.time()
    request_id = _request_id(request.headers)
    try:
        return _response(200, _run(_event(request), request_id, income, is_cold))
    except BadRequest as error:
        return _failure(400, error, request_id)
    except Exception as error:
        traceback.print_exc()
        return _failure(500, error, request_id)


def _run(event, request_id, income, is_cold):
    event["request-id"] = request_id
    event["income-timestamp"] = income
    log_bucket = _log_bucket(event)

    began = time.time_ns() // 1000
    clock = time.perf_counter_ns()
    result = function.handler(event)
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


def _request_id(headers):
    """The id of the trace, `TRACE/SPAN;o=OPTIONS`, or of the execution; a random one where there is neither."""
    trace = headers.get("X-Cloud-Trace-Context", "").split(";")[0].split("/")[0]
    return trace or headers.get("Function-Execution-Id") or uuid.uuid4().hex


def _event(request):
    body = request.get_data()
    if not body:
        return {}
    try:
        event = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the request's body is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise BadRequest("the request's body is JSON, but not an object")
    return event


def _log_bucket(event):
    logs = event.get("logs")
    return logs.get("bucket") if isinstance(logs, dict) else None


def _upload_log(bucket, request_id, result, compute_time):
    import google.cloud.storage as sdk

    log = {**result, "time": compute_time} if isinstance(result, dict) else {"result": result, "time": compute_time}
    blob = sdk.Client().bucket(bucket).blob(f"{request_id}.json")
    blob.upload_from_string(json.dumps(log), content_type="application/json")


def _response(status, body):
    return json.dumps(body), status, {"Content-Type": "application/json"}


def _failure(status, error, request_id):
    described = {"type": type(error).__name__, "message": str(error)}
    return _response(status, {"error": described, "request_id": request_id})


def _microseconds_since(clock):
    return (time.perf_counter_ns() - clock) // 1000


def _seconds(microseconds):
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"
