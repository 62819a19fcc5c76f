"""The entry point on AWS Lambda: hands a request to the benchmark and wraps what it returns."""

import base64
import json
import os
import sys
import traceback

# The package, and then the packages that the benchmark pins: they win over those of the runtime.
ROOT = os.path.dirname(os.path.abspath(__file__))
PACKAGES = os.path.join(ROOT, ".python_packages")
sys.path[:0] = [ROOT, os.path.join(PACKAGES, "lib/site-packages")]
if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
    sys.path.append(PACKAGES)
    import unpacked_packages

    sys.path.insert(2, unpacked_packages.folder())

from function import function  # noqa: E402


def handler(event, context):
    """Answers a direct invocation, an API Gateway or a function URL.

    An exception of the benchmark is Lambda's to report after a direct invocation; over HTTP it is
    a response with status 500.
    """
    income, is_cold = _start()
    request_id = context.aws_request_id
    if not _is_http(event):
        return _response(200, _run(_direct_request(event), request_id, income, is_cold))
    try:
        return _response(200, _run(_http_request(event), request_id, income, is_cold))
    except BadRequest as error:
        return _response(400, _error_body(error, request_id))
    except Exception as error:
        traceback.print_exc()
        return _response(500, _error_body(error, request_id))


def _is_http(event):
    """Whether it came from an API Gateway (REST or HTTP) or a function URL."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    return isinstance(context, dict) and ("http" in context or "httpMethod" in event or "httpMethod" in context)


def _http_request(event):
    body = event.get("body")
    if body and event.get("isBase64Encoded"):
        try:
            body = base64.b64decode(body)
        except ValueError as error:
            raise BadRequest(f"the request's body is not base64: {error}") from error
    return _json_object(body)


def _direct_request(event):
    """The event, or the JSON object that is its body's text."""
    if isinstance(event, dict) and isinstance(event.get("body"), str):
        try:
            return _http_request(event)
        except BadRequest:
            pass
    return event


def _response(status, body):
    return {"statusCode": status, "headers": {"Content-Type": "application/json"}, "body": json.dumps(body)}
