"""Where things are in the project."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
TOOLS = PROJECT / ".tools"
BENCHMARKS = PROJECT / "benchmarks"
HOSTILE = Path(os.environ.get("FNPACK_HOSTILE", PROJECT / "target/hostile.wasm"))
BINARY = Path(os.environ.get("FNPACK_BIN", PROJECT / "target/release/fnpack"))
