"""Stands in for OpenWhisk's runtime of Python in an image: the action contract, `POST /init` and `POST /run`.

By https://github.com/apache/openwhisk/blob/master/docs/actions-new.md; the zip's __main__.py is loaded as the module
main__, as the runtime does.
"""

import base64
import importlib
import io
import json
import os
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

main = None


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        global main
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/init":
            with zipfile.ZipFile(io.BytesIO(base64.b64decode(body["value"]["code"]))) as archive:
                archive.extractall("/action")
            os.rename("/action/__main__.py", "/action/main__.py")
            sys.path.insert(0, "/action")
            main = getattr(importlib.import_module("main__"), body["value"]["main"])
            answer = {"ok": True}
        else:
            for name, value in body.items():
                if name != "value":
                    os.environ[f"__OW_{name.upper()}"] = value
            answer = main(body["value"])
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


HTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler).serve_forever()
