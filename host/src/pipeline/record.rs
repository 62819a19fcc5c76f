use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Inputs;
use crate::image::Plan;
use crate::store::Fingerprint;
use crate::tree::Digest;

/// A finished artifact: an archive, an image, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// In its place.
    pub archive: Option<ArchiveArtifact>,
    /// In its place, once it was delivered there.
    pub image: Option<ImageArtifact>,
    /// What to tell the platform on deployment.
    pub deploy: Vec<(String, String)>,
}

/// An archive in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveArtifact {
    /// The file, or the directory.
    pub path: PathBuf,
    /// What it is.
    pub archive: ArchiveRecord,
}

/// A function image in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageArtifact {
    /// As one asks for it there.
    pub name: String,
    /// Of its manifest; in an engine, of its configuration.
    pub digest: String,
    /// Where it is and who built it, for people.
    pub place: String,
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
    /// What is in it; a blob that `Store::put_tree` made.
    pub tree: Digest,
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
    pub archive: Option<ArchiveRecord>,
    pub image: Option<ImageRecord>,
    /// What is in the archive and in the image's layers; blobs that `Store::put_tree` made.
    pub trees: Vec<Digest>,
    pub deploy: Vec<(String, String)>,
    /// What the user was told, to be told again.
    #[serde(flatten)]
    pub told: Told,
}

/// A function image, wherever it is put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Its tag.
    pub tag: String,
    /// How it is made.
    pub plan: Plan,
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
