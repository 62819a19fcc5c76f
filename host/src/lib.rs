//! fnpack turns one serverless function's source (a *benchmark*) into what each platform wants: a
//! code package or a container image. `docs/architecture.md` tells how the parts fit.

pub mod archive;
pub mod cli;
pub mod download;
pub mod executor;
pub mod image;
pub mod language;
pub mod pipeline;
pub mod platform;
pub mod report;
pub mod store;
pub mod streams;
pub mod suite;
pub mod target;
pub mod tree;
