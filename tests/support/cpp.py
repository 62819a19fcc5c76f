"""Functions in C++: small ones for tests, and the settings to build them."""

import json
import os
from pathlib import Path

from .docker import CPP_IMAGE, certificates
from .suite import Benchmark, Suite

HELLO = """\
#include "function.hpp"
#include "greeting.hpp"

rapidjson::Document function(const rapidjson::Value& request) {
  rapidjson::Document answer(rapidjson::kObjectType);
  const char* name = request.HasMember("name") ? request["name"].GetString() : "world";
  answer.AddMember("hello", rapidjson::Value((greeting() + name).c_str(), answer.GetAllocator()), answer.GetAllocator());
  return answer;
}
"""
GREETING = """\
#pragma once
#include <string>
inline std::string greeting() { return "hello "; }
"""


def settings(image: str = CPP_IMAGE) -> str:
    """A fnpack.toml that builds in one of the tests' images."""
    bundle = certificates()
    lines = ["[platform.aws.build-images]", f'"cpp-all-x64" = "{image}"']
    return "\n".join(lines + ([f'[docker]\nca-bundle = "{bundle}"'] if bundle else []) + [""])


def benchmark(suite: Suite, files: dict[str, str] | None = None, image: str = CPP_IMAGE, **config) -> Benchmark:
    """A function in C++ alone; `files` come to its cpp folder, in place of a greeting's."""
    suite.settings(settings(image))
    folder = Benchmark(suite.root / "010.hello")
    folder.write("config.json", json.dumps({"timeout": 10, "memory": 128, "languages": ["cpp"], "modules": []} | config))
    for path, text in (files or {"main.cpp": HELLO, "greeting.hpp": GREETING}).items():
        folder.write(f"cpp/{path}", text)
    return folder


def libc() -> tuple[int, ...]:
    """The version of this machine's glibc."""
    return tuple(map(int, os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")))


def in_empty_root(folder: Path) -> list[str]:
    """The command that runs a package's program where nothing but the package is."""
    loader = next((folder / "lib").glob("ld-linux*"))
    return [
        "unshare", "--user", "--map-root-user", f"--root={folder}", "--wd=/",
        f"/lib/{loader.name}", "--library-path", "/lib", "/benchmark",
    ]
