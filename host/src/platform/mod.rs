//! Platform plugins: the sandbox, the contract, compiled code, discovery. Nothing else knows wasmtime.
