"""The entry point on Azure Functions: hands a request to the benchmark and wraps what it returns."""

import json
import logging
import os
import sys

from azure.functions import Context, HttpRequest, HttpResponse

# Beside the function's folder; the worker has put its lib/site-packages on the path.
PACKAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ".python_packages")
if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
    sys.path.append(PACKAGES)
    import unpacked_packages

    sys.path.insert(0, unpacked_packages.folder())

from . import function  # noqa: E402


def main(req: HttpRequest, context: Context) -> HttpResponse:
    """Answers an HTTP request; an exception of the benchmark is a response with status 500."""
    income, is_cold = _start()
    request_id = context.invocation_id
    try:
        return _response(200, _run(_json_object(req.get_body()), request_id, income, is_cold))
    except BadRequest as error:
        return _response(400, _error_body(error, request_id))
    except Exception as error:
        logging.exception("the benchmark failed")
        return _response(500, _error_body(error, request_id))


def _response(status, body):
    return HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
