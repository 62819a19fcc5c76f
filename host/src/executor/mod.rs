//! Foreign programs: an [`Action`] says what to run, an [`Executor`] runs it. Nothing here knows
//! languages or platforms.

mod action;
mod cached;
mod cancel;
mod docker;
mod engine;
mod engine_build;
mod host;
mod lent;
mod masked;
mod processes;
mod tool;

use std::io;

pub use action::{Action, Environment, Secret};
pub use cached::{ActionFailure, ActionResult, has_result, run_cached};
pub use cancel::Cancel;
pub use docker::{DockerExecutor, DockerSettings};
pub use engine::Engine;
pub use engine_build::{BuildError, ImageBuild};
pub use host::HostExecutor;
pub use lent::Lent;
pub use processes::end_abandoned;
pub use tool::tool_version;

use crate::store::{Scratch, StoreError};

/// Runs programs in one way: on this machine, in containers.
pub trait Executor: Send + Sync {
    /// Runs the program of an action in a scratch folder that holds its input below `input/`, and
    /// leaves there what the program made. Everything that it prints goes to `log` while it runs.
    /// The program, and all that it started, is gone when this returns.
    fn run(
        &self,
        action: &Action,
        scratch: &Scratch,
        log: &mut (dyn io::Write + Send),
    ) -> Result<(), ExecutionError>;
}

/// Why an action gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The program ran and failed; what it printed is in the log.
    #[error("{program} ended with exit status {status}")]
    Failed {
        /// The program's name.
        program: String,
        /// Its exit status; 128 and the number of the signal that ended it.
        status: i32,
    },
    /// It ran for too long.
    #[error(
        "{program} was ended after its time limit of {seconds} s; the limit is `time-limit-seconds` in fnpack.toml"
    )]
    TimedOut {
        /// The program's name.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// The user pressed Ctrl-C, or asked the process to end.
    #[error("interrupted")]
    Cancelled,
    /// The program is not there.
    #[error("`{program}` is not installed on this machine: {hint}")]
    NoProgram {
        /// Its name.
        program: String,
        /// How to get it.
        hint: String,
    },
    /// The container engine cannot be reached, or broke off.
    #[error("{0}")]
    Engine(String),
    /// The cache.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The log, a pipe or a process.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}
