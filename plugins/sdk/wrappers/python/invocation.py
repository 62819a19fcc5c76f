# What an entry point does on every platform. Before this it has `function`, the benchmark's module.
import importlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import time  # noqa: E402
import uuid  # noqa: E402

CONTAINER_ID = uuid.uuid4().hex[:8]
_is_cold = True


class BadRequest(Exception):
    """The caller's mistake: HTTP status 400."""


def _start():
    """When a request came, in seconds, and whether it is the first of this process."""
    global _is_cold
    is_cold, _is_cold = _is_cold, False
    return time.time(), is_cold


def _run(request, request_id, income, is_cold):
    """Hands a request to the benchmark; the response's body."""
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
        log = {**result, "time": compute_time} if isinstance(result, dict) else {"result": result, "time": compute_time}
        storage = importlib.import_module(".storage", function.__package__).storage
        storage.get_instance().write(log_bucket, f"{request_id}.json", json.dumps(log))
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


def _json_object(body):
    """The JSON object of a request's body, empty where there is none."""
    if not body:
        return {}
    try:
        request = json.loads(body)
    except ValueError as error:
        raise BadRequest(f"the request's body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise BadRequest("the request's body is JSON, but not an object")
    return request


def _error_body(error, request_id):
    """The body of a response that tells of an error."""
    return {"error": {"type": type(error).__name__, "message": str(error)}, "request_id": request_id}


def _log_bucket(request):
    logs = request.get("logs") if isinstance(request, dict) else None
    return logs.get("bucket") if isinstance(logs, dict) else None


def _microseconds_since(clock):
    return (time.perf_counter_ns() - clock) // 1000


def _seconds(microseconds):
    return f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}"
