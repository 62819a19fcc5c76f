"""The container engine, by its own command."""

import os
import subprocess
from pathlib import Path

PYTHON_IMAGE = "fnpack-test-python:3.11"
PYTHON_ARM64_IMAGE = "fnpack-test-python-arm64:3.11"
PYPY_IMAGE = "fnpack-test-pypy:3.11"
NODEJS_IMAGE = "fnpack-test-nodejs:18"
JAVA_IMAGE = "fnpack-test-java:17"
NEW_JAVA_IMAGE = "fnpack-test-java:25"
CPP_IMAGE = "fnpack-test-cpp:12"
# The same with the libraries that benchmarks are linked with.
CPP_FULL_IMAGE = "fnpack-test-cpp-full:12"
# With torch alone, and what it depends on.
CPP_TORCH_IMAGE = "fnpack-test-cpp-torch:12"


def docker(*args: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *map(str, args)], capture_output=True, text=True)
    assert not check or done.returncode == 0, f"docker {' '.join(map(str, args))}: {done.stderr}"
    return done.stdout.strip()


def containers() -> set[str]:
    """All containers, running or not."""
    return set(docker("ps", "--all", "--quiet", "--no-trunc").split())


def image_id(image: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", image)


def remake(image: str, tag: str, change: str = "LABEL remade=yes") -> str:
    """An image with other bytes made from `image` and tagged `tag`; its id."""
    container = docker("create", image, "true")
    try:
        docker("commit", "--change", change, container, tag)
    finally:
        docker("rm", container)
    return image_id(tag)


def certificates() -> Path | None:
    """The certificates by which this machine reaches the package registries, where it was told of any."""
    bundle = os.environ.get("SSL_CERT_FILE")
    return Path(bundle) if bundle else None


def settings(python: str = PYTHON_IMAGE, nodejs: str = NODEJS_IMAGE, more: str = "") -> str:
    """A fnpack.toml that installs in the test images. `more` are lines of its [docker] table."""
    bundle = certificates()
    lines = [
        "[platform.aws.build-images]",
        f'"python-3.11-x64" = "{python}"',
        f'"nodejs-20-x64" = "{nodejs}"',
        f'"java-17-x64" = "{JAVA_IMAGE}"',
        "[docker]",
    ]
    if bundle:
        lines.append(f'ca-bundle = "{bundle}"')
    return "\n".join([*lines, more, ""])
