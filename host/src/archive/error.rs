use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// Why an artifact could not be written; nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The cache could not give what the artifact is made of.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A file or folder beside the artifact could not be used.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever takes the archive broke off, or an entry does not fit the format.
    #[error("cannot write an archive: {0}")]
    Stream(io::Error),
    /// Somebody asked to stop.
    #[error("cancelled while an artifact was written")]
    Cancelled,
}

impl ArchiveError {
    /// For `map_err`: says what was tried with which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// For `map_err` after [`Store::copy_to`](crate::store::Store::copy_to): what went wrong with
    /// the writer is told of `destination`, not of the blob.
    pub(super) fn copying_to(destination: &Path) -> impl FnOnce(StoreError) -> Self {
        let path = destination.to_path_buf();
        move |error| match error {
            StoreError::Io { action: "copy", source, .. } => Self::Io { action: "write", path, source },
            error => Self::Store(error),
        }
    }
}

/// What to do about what a user can mend.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space, or choose another output folder)"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            " (check its permissions, or choose another output folder)"
        }
        _ => "",
    }
}
