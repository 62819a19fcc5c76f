//! The plugins that travel inside the command: components that `build.rs` made.

/// A plugin inside the command.
#[derive(Debug)]
pub struct Builtin {
    /// The platform's name.
    pub name: &'static str,
    /// The SHA-256 of the component.
    pub sha256: [u8; 32],
    /// The component.
    pub bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));
