"""The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns."""

import json
import logging
import os
import sys
import time
import uuid

from azure.functions import Context, HttpRequest, HttpResponse

# Beside the function's folder; the worker has put its lib/site-packages on the path.
PACKAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".python_packages")
if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
    sys.path.append(PACKAGES)
    import unpacked_packages

    sys.path.insert(0, unpacked_packages.folder())

from . import function  # noqa: E402

CONTAINER_ID = uuid.uuid4().hex[:8]
_is_cold = True


class BadRequest(Exception):
    """The caller's mistake: HTTP status 400."""


def main(req: HttpRequest, context: Context) -> HttpResponse:
    """Answers an HTTP request; an exception of the benchmark is a response with status 500."""
    global _is_cold
    is_cold, _is_cold = _is_cold, False
    income = time.time()
    request_id = context.invocation_id
    try:
        return _response(200, _run(_event(req), request_id, income, is_cold))
    except BadRequest as error:
        return _failure(400, error, request_id)
    except Exception as error:
        logging.exception("the benchmark failed")
        return _failure(500, error, request_id)


def _run(event, request_id, income, is_cold):
    event["request-id"] = request_id
    event["income-timestamp"] = income
    log_container = _log_container(event)

    began = time.time_ns() // 1000
    clock = time.perf_counter_ns()
    result = function.handler(event)
    compute_time = _microseconds_since(clock)

    results_time = 0
    if log_container:
        clock = time.perf_counter_ns()
        _upload_log(log_container, request_id, result, compute_time)
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


def _event(request):
    body = request.get_body()
    if not body:
        return {}
    try:
        event = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the request's body is not JSON: {error}") from error
    if not isinstance(event, dict):
        raise BadRequest("the request's body is JSON, but not an object")
    return event


def _log_container(event):
    logs = event.get("logs")
    return logs.get("bucket") if isinstance(logs, dict) else None


def _upload_log(container, request_id, result, compute_time):
    from azure.storage.blob import BlobServiceClient, ContentSettings

    log = {**result, "time": compute_time} if isinstance(result, dict) else {"result": result, "time": compute_time}
    service = BlobServiceClient.from_connection_string(os.environ["STORAGE_CONNECTION_STRING"])
    settings = ContentSettings(content_type="application/json")
    with service.get_blob_client(container, f"{request_id}.json") as blob:
        blob.upload_blob(json.dumps(log), overwrite=True, content_settings=settings)


def _response(status, body):
    return HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")


def _failure(status, error, request_id):
    described = {"type": type(error).__name__, "message": str(error)}
    return _response(status, {"error": described, "request_id": request_id})


def _microseconds_since(clock):
    return (time.perf_counter_ns() - clock) // 1000


def _seconds(microseconds):
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"
