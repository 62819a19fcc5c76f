//! Platform plugins: the sandbox, the contract, compiled code, discovery. Nothing else knows wasmtime.
//!
//! What a plugin answers is checked here, once, and leaves as the host's own types. Nothing here
//! knows the pipeline, and nothing outside sees a wasmtime or WIT type.

mod answer;
#[allow(missing_docs, unsafe_code, clippy::all)]
mod bindings;
mod builtin;
mod compiled;
mod contract;
mod convert;
mod description;
mod discovery;
mod edits;
mod engine;
mod error;
mod lent;
mod limits;
mod plugin;
mod sandbox;
#[cfg(test)]
mod tests;
mod text;
mod wasi;

pub use answer::{
    Archive, ArchiveFormat, Edit, FileContents, ImagePlan, Layer, LayerPath, Layout, PluginFile, PluginTarget,
};
pub use contract::Facts;
pub use description::{
    BuildImage, Deployment, Description, ImageSource, KnownSetting, Limit, Subject, Support,
};
pub use discovery::{PluginSources, Plugins};
pub use edits::apply_edits;
pub use error::{Cause, PluginError};
pub use plugin::{Plugin, PluginSource};
