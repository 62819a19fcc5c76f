use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::store::Fingerprint;
use crate::tree::Digest;

/// A finished artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The archive, or the directory.
    pub path: PathBuf,
    /// What it is.
    pub archive: ArchiveRecord,
    /// What to tell the platform on deployment.
    pub deploy: Vec<(String, String)>,
}

/// What an archive is, wherever it lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveRecord {
    /// "zip", "file" or "directory".
    pub format: String,
    /// Its file's or folder's name.
    pub name: String,
    /// Of the file's bytes; of a directory, that of its tree.
    pub digest: Digest,
    /// The bytes of all files in it.
    pub unpacked_bytes: u64,
}

/// What the user is told of a build besides its artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What steps came to.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// A finished build, kept under the key of its inputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct BuildRecord {
    pub inputs: Inputs,
    /// What is in the archive; a blob that `Store::put_tree` made.
    pub tree: Digest,
    pub archive: ArchiveRecord,
    pub deploy: Vec<(String, String)>,
    /// What the user was told, to be told again.
    #[serde(flatten)]
    pub told: Told,
}

/// The last build of a target in an output folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TargetRecord {
    pub key: Digest,
    /// The artifact's, when it was known to be whole.
    pub fingerprint: Option<Fingerprint>,
}

/// A step of a build, as `--dry-run` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub title: String,
    /// The key of its action, where it runs a program.
    pub key: Option<Digest>,
    /// Whether there is something to do.
    pub state: StepState,
}

/// Whether a step has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its result is in the cache.
    Cached,
    /// It runs.
    Runs,
    /// Known only when an earlier step has run.
    Unknown,
}
