//! Makes a component of the core WebAssembly module that a plugin's crate was compiled to:
//! `component MODULE.wasm COMPONENT.wasm`.

use std::env;
use std::fs;

use wit_component::ComponentEncoder;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [module, component] = arguments.as_slice() else {
        panic!("usage: component MODULE.wasm COMPONENT.wasm")
    };
    let bytes = fs::read(module).unwrap_or_else(|error| panic!("{module}: {error}"));
    let made = ComponentEncoder::default()
        .module(&bytes)
        .and_then(|encoder| encoder.validate(true).encode())
        .unwrap_or_else(|error| panic!("{module}: {error:?}"));
    fs::write(component, made).unwrap_or_else(|error| panic!("{component}: {error}"));
}
