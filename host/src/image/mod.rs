//! Function images.

mod engine;
mod plan;

pub use engine::{EngineBuildError, build_in_engine, context, docker_name};
pub use plan::{Plan, PlannedLayer};
