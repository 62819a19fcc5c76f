"""Small suites of benchmark folders, written by the test that needs them."""

import json
import os
import shutil
from pathlib import Path

FUNCTION_PY = """\
def handler(event):
    return {"result": {"hello": event.get("name", "world")}}
"""

FUNCTION_JS = """\
exports.handler = async (event) => ({ result: { hello: event.name || "world" } });
"""


class Suite:
    """A folder of benchmarks, perhaps with a fnpack.toml."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)

    def benchmark(self, name: str = "010.hello", *, config: dict | None = None, files: dict | None = None) -> "Benchmark":
        """A benchmark with a function in Python and one in Node.js, and the files given beside."""
        folder = Benchmark(self.root / name)
        folder.write("config.json", json.dumps(DEFAULT_CONFIG | (config or {}), indent=2))
        folder.write("python/function.py", FUNCTION_PY)
        folder.write("nodejs/function.js", FUNCTION_JS)
        folder.write("nodejs/package.json", json.dumps({"name": "hello", "version": "1.0.0", "dependencies": {}}))
        for path, text in (files or {}).items():
            folder.write(path, text)
        return folder

    def settings(self, text: str) -> None:
        """Writes the suite's fnpack.toml."""
        (self.root / "fnpack.toml").write_text(text)

    def copy(self, to: Path, order=lambda entries: entries) -> "Suite":
        """The suite at another place, its files written one by one in `order`."""
        copy_tree(self.root, to, order)
        return Suite(to)


DEFAULT_CONFIG = {"timeout": 10, "memory": 128, "languages": ["python", "nodejs"], "modules": []}


class Benchmark:
    """A benchmark's folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = folder.name

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def write(self, path: str, contents: str | bytes, mode: int | None = None) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents.encode() if isinstance(contents, str) else contents)
        if mode is not None:
            file.chmod(mode)
        return file

    def config(self, **changes) -> None:
        """Changes fields of config.json; None removes one."""
        file = self.folder / "config.json"
        config = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def copy_tree(source: Path, to: Path, order=lambda entries: entries) -> None:
    """Copies entry by entry, links as links. The times are those of the copy."""
    to.mkdir(parents=True)
    for entry in order(sorted(os.scandir(source), key=lambda entry: entry.name)):
        target = to / entry.name
        if entry.is_symlink():
            target.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            copy_tree(Path(entry.path), target, order)
        else:
            shutil.copyfile(entry.path, target)
            shutil.copymode(entry.path, target)
