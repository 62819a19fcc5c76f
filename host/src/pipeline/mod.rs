//! One build, step by step: [`build`] reads like the picture in `docs/architecture.md`, and each
//! step is a file of its own. Nothing here knows the command line.

mod build;
mod build_image;
mod context;
mod data;
mod executors;
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
mod sources;
mod wrappers;

pub use build::{Outcome, build, plan};
pub use context::{Context, Job, Progress};
pub use executors::Executors;
pub use inputs::Inputs;
pub use limits::size;
pub use record::{Artifact, Step, StepState};
