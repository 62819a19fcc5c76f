//! Function images. A [`Plan`] says what one is; an engine builds it from a Dockerfile, or it is made
//! and moved without an engine: layers come from trees of the store, the base from a registry; both
//! become an image in a registry, in an OCI layout or in an archive for `docker load`. What is here
//! knows registries, but no platform and no build.
//!
//! The protocol and the formats are those of the OCI distribution and image specifications and of
//! Docker's image manifest version 2, schema 2.

mod answer;
mod assemble;
mod base;
mod blobs;
mod challenge;
mod cloud_login;
mod config;
mod content;
mod docker_login;
mod download;
mod ecr;
mod engine;
mod error;
mod file;
mod google;
mod gzip;
mod helper;
mod http;
mod layer;
mod layout;
mod load_archive;
mod login;
mod manifest;
mod manifests;
mod media;
mod null;
mod plan;
mod progress;
mod push;
mod reference;
mod registries;
mod retry;
mod settings;
mod sha256;
mod tar;
mod token;
mod upload;

pub use assemble::{Image, ImageLayer, assemble};
pub use base::{Base, Platform};
pub use cloud_login::CloudLogins;
pub use config::ConfigChanges;
pub use content::Content;
pub use docker_login::DockerLogins;
pub use engine::{EngineBuildError, build_in_engine, pull_by_engine, push_by_engine, write_context};
pub use error::ImageError;
pub use layer::{Layer, write_layer};
pub use layout::{has_layout, write_layout};
pub use load_archive::write_load_archive;
pub use login::{ExplicitLogins, Login, Logins, NoLogins, Secret};
pub use manifest::{Descriptor, Manifest};
pub use media::Family;
pub use plan::{Plan, PlannedLayer};
pub use progress::{Event, Progress, Quiet};
pub use push::{PushOptions, Pushed};
pub use reference::{Reference, ReferenceError, Repository, check_tag};
pub use registries::Registries;
pub use settings::{RegistrySettings, Retry};
pub use sha256::Sha256;
