//! One build, step by step: [`build`] reads like the picture in `docs/architecture.md`, and each
//! step is a file of its own. Nothing here knows the command line.

mod build;
mod build_image;
mod context;
mod data;
mod deliver;
mod direct;
mod downloads;
mod engine_base;
mod executors;
mod forced;
mod image;
mod images;
mod inputs;
mod install;
mod limits;
mod package;
mod packages;
mod patch;
mod pinned;
mod place;
mod prepare;
mod query;
mod record;
mod shrink;
mod sources;
mod turns;
mod wrappers;

pub use build::{Outcome, build, plan};
pub use context::{Context, Job, Progress};
pub use executors::Executors;
pub use forced::Forced;
pub use images::{ImageBuilder, ImageFormat, ImageOptions, Images};
pub use inputs::Inputs;
pub use limits::size;
pub use record::{ArchiveArtifact, Artifact, ImageArtifact, Step, StepState};
