use serde::{Deserialize, Serialize};

use crate::language::Architecture;
use crate::tree::Digest;

/// A function image as it is to be made: all that a builder needs, whichever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The reference of the base image.
    pub base: String,
    /// The processor that it is for.
    pub architecture: Architecture,
    /// Shell commands to run on the base; they need an engine.
    pub run: Vec<String>,
    /// What comes on top, in order.
    pub layers: Vec<PlannedLayer>,
    /// Variables, over those of the base.
    pub environment: Vec<(String, String)>,
    /// Labels, over those of the base.
    pub labels: Vec<(String, String)>,
    /// None keeps the base's.
    pub working_directory: Option<String>,
    /// None keeps the base's.
    pub user: Option<String>,
    /// Empty keeps the base's.
    pub entrypoint: Vec<String>,
    /// Empty keeps the base's.
    pub command: Vec<String>,
}

/// A layer of a function image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLayer {
    /// The absolute directory that its files go into.
    pub directory: String,
    /// The files; a blob that [`Store::put_tree`](crate::store::Store::put_tree) made.
    pub tree: Digest,
}
