"""pip for another machine: markers such as `platform_machine == "aarch64"` are answered for that
machine, which pip's own options leave to the one that it runs on."""

import json
import sys

from pip._vendor.packaging import markers

environment = {**markers.default_environment(), **json.loads(sys.argv.pop(1))}
markers.default_environment = lambda: dict(environment)

from pip._internal.cli.main import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
