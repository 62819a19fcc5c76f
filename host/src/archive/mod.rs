//! Artifacts that are the same bytes every time: the zip, and files and directories as they are.
//!
//! Deflating is most of an archive's work, so the deflated form of a blob is kept beside it: after
//! an edit an archive is mostly copied.

mod deflated;
mod directory;
mod zip;

use std::io;
use std::path::{Path, PathBuf};

pub use directory::{directory_digest, write_directory, write_file};
pub use zip::write_zip;

use crate::store::StoreError;

/// Why an artifact was not written. Nothing half written is left.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The cache; [`StoreError::Missing`] when a blob is not there or not whole.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The user wants everything to end.
    #[error("interrupted")]
    Cancelled,
}

impl ArchiveError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }
}
