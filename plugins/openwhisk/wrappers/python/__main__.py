"""The entry point on Apache OpenWhisk: hands a request to the benchmark and wraps what it returns."""

import base64
import binascii
import os
import sys
import traceback

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

SETTINGS = ("MINIO_STORAGE_", "NOSQL_STORAGE_")
WEB = "__ow_"


def main(parameters):
    """Answers an invocation or a web action.

    An exception of the benchmark is OpenWhisk's to report after an invocation; of a web action it
    is a response with status 500.
    """
    income, is_cold = _start()
    request_id = os.environ.get("__OW_ACTIVATION_ID", "")
    event = _take_settings(parameters)
    if "__ow_method" not in event:
        return _run(_direct_request(event), request_id, income, is_cold)
    try:
        return _run(_http_request(event), request_id, income, is_cold)
    except BadRequest as error:
        return _failure(400, error, request_id)
    except Exception as error:
        traceback.print_exc()
        return _failure(500, error, request_id)


def _take_settings(parameters):
    """The parameters without the settings, which go where storage and nosql read them."""
    event = {}
    for name, value in parameters.items():
        if name.startswith(SETTINGS):
            os.environ[name] = str(value)
        else:
            event[name] = value
    return event


def _http_request(event):
    """What a web action was sent: its parameters, or the JSON object of a raw body."""
    if "__ow_body" not in event:
        return {name: value for name, value in event.items() if not name.startswith(WEB)}
    body = event["__ow_body"]
    if isinstance(body, dict):
        return body
    if body is not None and not isinstance(body, str):
        raise BadRequest("the request's body is JSON, but not an object")
    # OpenWhisk encodes the body of some content types, and does not say which it did.
    try:
        body = base64.b64decode(body or "", validate=True)
    except (binascii.Error, ValueError):
        pass
    return _json_object(body)


def _direct_request(event):
    """The event, or the JSON object that is its body's text."""
    if isinstance(event.get("body"), str):
        try:
            return _json_object(event["body"])
        except BadRequest:
            pass
    return event


def _failure(status, error, request_id):
    """A web action's response with a status; OpenWhisk looks for it in `error` where something failed."""
    headers = {"Content-Type": "application/json"}
    return {"error": {"statusCode": status, "headers": headers, "body": _error_body(error, request_id)}}
