"""pip for another machine. Its own options choose packages for that; markers such as
`platform_machine == "aarch64"` and the Python versions that packages allow are still compared with
the machine it runs on, and what has no wheel is built there. Here they are not."""

import json
import sys

from pip._internal.cli.main import main
from pip._internal.cli.req_command import RequirementCommand
from pip._internal.distributions.sdist import SourceDistribution
from pip._internal.exceptions import InstallationError
from pip._vendor.packaging import markers

target = json.loads(sys.argv.pop(1))
environment = {**markers.default_environment(), **target}
version = tuple(int(part) for part in target["python_full_version"].split("."))
make_resolver = RequirementCommand.make_resolver


def make_resolver_for_target(*arguments, **options):
    return make_resolver(*arguments, **{**options, "py_version_info": version})


def refuse(source, *_arguments, **_options):
    raise InstallationError(f"{source.req.name} has no wheels that can be used, and nothing is built here")


markers.default_environment = lambda: dict(environment)
RequirementCommand.make_resolver = staticmethod(make_resolver_for_target)
SourceDistribution.prepare_distribution_metadata = refuse

sys.exit(main(sys.argv[1:]))
