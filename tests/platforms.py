#!/usr/bin/env python3
"""Writes docs/platforms.md: what the plugins say that they support, and what the tests do of it.

    tests/platforms.py           writes the file
    tests/platforms.py --check   only says whether it is as it should be
"""

import json
import subprocess
import sys

from support.places import BINARY, PROJECT

FILE = PROJECT / "docs/platforms.md"

# The rows whose packages are executed by a runtime of their own, and by which; tests/test_PLATFORM.py
# and its like do it. Other versions are built alike, for other compatible packages.
EXECUTED = {
    ("aws", "python", "3.11", "default"): "awslambdaric",
    ("aws", "nodejs", "20", "default"): "aws-lambda-ric",
    ("aws", "nodejs", "22", "default"): "aws-lambda-ric",
    ("aws", "nodejs", "24", "default"): "aws-lambda-ric",
    ("aws", "nodejs", "24", "bun"): "its own bootstrap",
    ("aws", "java", "17", "default"): "aws-lambda-java-runtime-interface-client",
    ("aws", "cpp", "all", "default"): "its own bootstrap",
    ("azure", "python", "3.11", "default"): "azure-functions, by its function.json",
    ("azure", "nodejs", "20", "default"): "a runner that follows its function.json",
    ("azure", "nodejs", "22", "default"): "a runner that follows its function.json",
    ("azure", "nodejs", "24", "default"): "a runner that follows its function.json",
    ("azure", "java", "17", "default"): "azure-functions-java-library, by its function.json",
    ("gcp", "python", "3.11", "default"): "functions-framework",
    ("gcp", "python", "3.11", "pypy"): "functions-framework",
    ("gcp", "nodejs", "20", "default"): "@google-cloud/functions-framework",
    ("gcp", "nodejs", "22", "default"): "@google-cloud/functions-framework",
    ("gcp", "nodejs", "24", "default"): "@google-cloud/functions-framework",
    ("gcp", "java", "17", "default"): "java-function-invoker",
    ("openwhisk", "python", "3.11", "default"): "the action contract, by a server of the tests",
    ("openwhisk", "nodejs", "20", "default"): "the action contract, by a server of the tests",
    ("openwhisk", "java", "8", "default"): "the action contract, by a server of the tests, on Java 17",
}

# Of these also those for arm64, under emulation.
EXECUTED_ON_ARM64 = {("aws", "python", "3.11", "default")}

HEAD = """\
# Platforms

What each plugin says that it supports; `tests/platforms.py` writes this file, and a test fails where it differs from
the plugins. `tests/test_platforms.py` builds every cell, those with an image on a stand-in for the base, and fails for a cell that is
not built. The last column names what executes packages of the row in the tests; a row without it is built, and not
executed, because its runtime is not to be had where the tests run.
"""


def descriptions(environment=None) -> list[dict]:
    done = subprocess.run(
        [BINARY, "list", "platforms", "--format", "json"], capture_output=True, text=True, check=True, env=environment, cwd="/"
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def text(platforms: list[dict]) -> str:
    parts = [HEAD]
    for platform in platforms:
        parts.append(f"\n## {platform['title']} (`{platform['name']}`)\n")
        parts.append("| language | processors | deployments | C library | executed by |\n|---|---|---|---|---|")
        for row in platform["supports"]:
            variant = "" if row["variant"] == "default" else f" ({row['variant']})"
            version = "" if row["version"] == "all" else f" {row['version']}"
            executed = EXECUTED.get((platform["name"], row["language"], row["version"], row["variant"]), "")
            cells = [
                f"{row['language']}{version}{variant}",
                ", ".join(row["architectures"]),
                ", ".join(row["deployments"]),
                row["libc"],
                executed,
            ]
            parts.append(f"| {' | '.join(cells)} |".replace("|  |", "| |"))
        offered = {name for row in platform["supports"] for name in row["deployments"]}
        limits = [
            f"- `{deployment['name']}`: {limit['subject']} of at most {size(limit['kibibytes'])}"
            + ("" if limit["hard"] else "; more is built with a warning")
            for deployment in platform["deployments"] if deployment["name"] in offered
            for limit in deployment["limits"]
        ] + [
            f"- `{deployment['name']}`: none; {limit['note']}"
            for deployment in platform["deployments"] if deployment["name"] not in offered
            for limit in deployment["limits"]
        ]
        if limits:
            parts.append("\nLimits:\n\n" + "\n".join(limits))
    return "\n".join(parts) + "\n"


def size(kibibytes: int) -> str:
    for unit, factor in (("GiB", 1 << 20), ("MiB", 1 << 10)):
        if kibibytes >= factor and kibibytes % factor == 0:
            return f"{kibibytes // factor} {unit}"
    return f"{kibibytes} KiB"


def main() -> int:
    wanted = text(descriptions())
    if sys.argv[1:] == ["--check"]:
        return 0 if FILE.read_text() == wanted else 1
    FILE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
