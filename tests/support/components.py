"""Plugins that are wrong in one way each, as components' text."""

from pathlib import Path

from wasmtime import wat2wasm

CONTRACT = "fnpack:plugin/platform@0.1.0"


def component(body: str = "", export: str = CONTRACT) -> bytes:
    """A component that exports an (empty) interface of the contract, with `body` before it."""
    return wat2wasm(f'(component {body} (instance $platform) (export "{export}" (instance $platform)))')


def write(path: Path, contents: bytes) -> Path:
    path.write_bytes(contents)
    return path


SOCKETS = '(import "wasi:sockets/tcp-create-socket@0.2.0" (instance (export "create-tcp-socket" (func))))'
UNKNOWN_FUNCTION = '(import "fnpack:plugin/tree@0.1.0" (instance (export "delete-everything" (func))))'
UNKNOWN_INTERFACE = '(import "fnpack:plugin/telepathy@0.1.0" (instance (export "guess" (func))))'


def with_other_bytes(wasm: bytes) -> bytes:
    """The same component with a custom section more: other bytes, same behaviour."""
    name = b"remark"
    payload = bytes([len(name)]) + name + b"other bytes"
    return wasm + bytes([0, len(payload)]) + payload
