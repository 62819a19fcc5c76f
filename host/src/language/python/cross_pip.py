"""pip for another machine. Markers such as `platform_machine == "aarch64"` are answered for that
machine, and nothing is built from sources: pip's own options leave both to the one it runs on."""

import json
import sys

from pip._internal.distributions.sdist import SourceDistribution
from pip._internal.exceptions import InstallationError
from pip._vendor.packaging import markers

environment = {**markers.default_environment(), **json.loads(sys.argv.pop(1))}
markers.default_environment = lambda: dict(environment)


def refuse(source, *_arguments, **_options):
    raise InstallationError(f"{source.req.name} has no wheels that can be used, and nothing is built here")


SourceDistribution.prepare_distribution_metadata = refuse

from pip._internal.cli.main import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
