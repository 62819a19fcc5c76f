//! What wasmtime makes of the contract.

wasmtime::component::bindgen!({
    path: "../wit/0.1",
    world: "plugin",
    imports: { default: trappable },
});
