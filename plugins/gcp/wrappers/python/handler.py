"""The entry point on Google Cloud Functions: hands a request to the benchmark and wraps what it returns."""

import json
import os
import sys
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


def handler(request):
    """Answers an HTTP request; an exception of the benchmark is a response with status 500."""
    income, is_cold = _start()
    request_id = _request_id(request.headers)
    try:
        return _response(200, _run(_json_object(request.get_data()), request_id, income, is_cold))
    except BadRequest as error:
        return _response(400, _error_body(error, request_id))
    except Exception as error:
        traceback.print_exc()
        return _response(500, _error_body(error, request_id))


def _request_id(headers):
    """The id of the trace, `TRACE/SPAN;o=OPTIONS`, or of the execution; a random one where there is neither."""
    trace = headers.get("X-Cloud-Trace-Context", "").split(";")[0].split("/")[0]
    return trace or headers.get("Function-Execution-Id") or uuid.uuid4().hex


def _response(status, body):
    return json.dumps(body), status, {"Content-Type": "application/json"}
