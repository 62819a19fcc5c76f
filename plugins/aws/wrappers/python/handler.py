"""The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns."""

import base64
import json
import os
import sys
import time
import traceback
import uuid

# The package, and then the packages that the benchmark pins: they win over those of the runtime.
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


def handler(event, context):
    """Answers a direct invocation, an API Gateway or a function URL.

    An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it is
    a response with status 500.
    """
    global _is_cold
    is_cold, _is_cold = _is_cold, False
    income = time.time()
    if not _is_http(event):
        return _response(200, _run(_direct_request(event), context, income, is_cold))
    try:
        return _response(200, _run(_http_request(event), context, income, is_cold))
    except BadRequest as error:
        return _failure(400, error, context)
    except Exception as error:
        traceback.print_exc()
        return _failure(500, error, context)


def _run(request, context, income, is_cold):
    request_id = context.aws_request_id
    if isinstance(request, dict):
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


def _is_http(event):
    """Whether it came from an API Gateway (REST or HTTP) or a function URL."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and ("http" in context or "httpMethod" in event or "httpMethod" in context)


def _http_request(event):
    body = event.get("body")
    if body is None or body == "":
        return {}
    try:
        if event.get("isBase64Encoded"):
            body = base64.b64decode(body)
        request = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the request's body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise BadRequest("the request's body is JSON, but not an object")
    return request


def _direct_request(event):
    """The event, or the JSON object that is its body's text."""
    if isinstance(event, dict) and isinstance(event.get("body"), str):
        try:
            return _http_request(event)
        except BadRequest:
            pass
    return event


def _log_bucket(request):
    logs = request.get("logs") if isinstance(request, dict) else None
    return logs.get("bucket") if isinstance(logs, dict) else None


def _upload_log(bucket, request_id, result, compute_time):
    import boto3

    log = {**result, "time": compute_time} if isinstance(result, dict) else {"result": result, "time": compute_time}
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{request_id}.json", Body=json.dumps(log).encode())


def _response(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}


def _failure(status, error, context):
    described = {"type": type(error).__name__, "message": str(error)}
    return _response(status, {"error": described, "request_id": context.aws_request_id})


def _microseconds_since(clock):
    return (time.perf_counter_ns() - clock) // 1000


def _seconds(microseconds):
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"
