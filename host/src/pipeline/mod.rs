//! One build, step by step: [`build`] reads like the picture in `docs/architecture.md`, and each
//! step is a file of its own. Nothing here knows the command line.

mod build;
mod context;
mod data;
mod downloads;
mod inputs;
mod install;
mod limits;
mod package;
mod packages;
mod patch;
mod place;
mod prepare;
mod query;
mod record;
mod shrink;
mod sources;
mod wrappers;

pub use build::{Outcome, build, plan};
pub use context::{Context, Job, Progress};
pub use inputs::Inputs;
pub use limits::size;
pub use place::Executors;
pub use record::{Artifact, Step, StepState};
