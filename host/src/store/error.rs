use std::io;
use std::path::{Path, PathBuf};

use crate::tree::{Digest, TreeError};

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A blob is not there, or was removed because its bytes did not match its digest: whatever
    /// produced it has to run again.
    #[error("blob {0} is missing from the cache")]
    Missing(Digest),
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {}", path.display(), explain(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file was written to while it was read.
    #[error("{} changed while it was read; build again when nothing writes to it", .0.display())]
    Changed(PathBuf),
    /// Something in a folder is neither file, directory nor link, or cannot be part of a tree.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// What is meant.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A record or tree that fnpack wrote does not parse.
    #[error("the cache holds a malformed tree {digest}: {source}; `fnpack cache verify` repairs it")]
    Tree {
        /// The blob.
        digest: Digest,
        /// What is wrong with it.
        source: TreeError,
    },
}

impl StoreError {
    /// For `map_err`: says what was tried with which path.
    pub fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}

/// The system's words, and what to do about those that a user can mend.
fn explain(error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space, run `fnpack cache gc`, or set FNPACK_CACHE to another disk"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "check its permissions, or set FNPACK_CACHE to a folder that you may write"
        }
        _ => return error.to_string(),
    };
    format!("{error} ({hint})")
}
