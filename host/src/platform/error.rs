use std::fmt;
use std::time::Duration;

use super::PluginSource;
use crate::store::StoreError;
use crate::tree::EditError;

/// Why a plugin cannot be used, or a call of it failed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The file is no plugin that this host takes.
    #[error("{plugin} cannot be used: {reason}{}", hint(hint_text))]
    Refused {
        /// Which.
        plugin: PluginSource,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        hint_text: Option<String>,
    },
    /// A call gave no answer, or one that the host does not take.
    #[error("the plugin {plugin} failed in `{function}`: {cause}{}", hint(hint_text))]
    Call {
        /// The platform's name and where the plugin is from.
        plugin: String,
        /// The function of the contract.
        function: &'static str,
        /// Why.
        cause: Box<Cause>,
        /// What to do.
        hint_text: Option<String>,
    },
    /// The cache.
    #[error("a plugin's call needs the cache: {0}")]
    Store(#[source] StoreError),
    /// Two plugins serve one platform.
    #[error(
        "the platform `{name}` is served by {first} and by {second}; remove one, or say in fnpack.toml under \
         [plugins.replace] which is taken: {name} = \"FILE\""
    )]
    Twice {
        /// The platform.
        name: String,
        /// One.
        first: PluginSource,
        /// The other.
        second: PluginSource,
    },
    /// No plugin serves a platform.
    #[error("there is no platform `{name}`; there is {}{}", known.join(", "), broken_list(broken))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// Why files that might have served it could not be read.
        broken: Vec<String>,
    },
}

impl From<StoreError> for PluginError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a call gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The plugin says so itself.
    #[error("{0}")]
    Failure(String),
    /// It took too long.
    #[error("it ran out of time: it did not answer within {} s", .0.as_secs_f32())]
    Deadline(Duration),
    /// It wanted more memory than it may have.
    #[error("it wanted more than the {} MiB of memory that a plugin may use", .0 >> 20)]
    Memory(usize),
    /// It wanted more of something else than it may have.
    #[error("{0}")]
    Limit(String),
    /// It ended abnormally.
    #[error("it crashed, which is a trap in WebAssembly: {0}")]
    Trap(String),
    /// It answered what the contract does not allow.
    #[error("its answer cannot be used: {0}")]
    Answer(String),
    /// One of its edits does not apply.
    #[error("its edit {number} ({edit}) does not apply: {error}")]
    Edit {
        /// Which, counted from 1.
        number: usize,
        /// What it would do.
        edit: String,
        /// Why not.
        error: EditError,
    },
}

fn hint(hint: &Option<String>) -> impl fmt::Display {
    hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

fn broken_list(broken: &[String]) -> String {
    broken.iter().fold(String::new(), |text, error| text + "\n" + error)
}
