//! What this part keeps. In the store these are results of actions: a collection takes what was not
//! used for long, and leaves what is used whole. Elsewhere it is written beside and renamed.

use std::fs::{self, File};
use std::path::Path;

use tempfile::{NamedTempFile, TempDir};

use super::ImageError;
use crate::store::{Store, StoreError, temporary};
use crate::tree::message::{ActionResultMessage, OutputDirectory};
use crate::tree::{Digest, Tree};

/// Keeps a tree, whose files are in the store, under a key.
pub fn keep(store: &Store, key: &Digest, tree: &Tree) -> Result<(), StoreError> {
    let tree_digest = Some(store.put_tree(tree)?.into());
    let output = OutputDirectory { path: String::new(), tree_digest };
    store.put_action_result(key, &ActionResultMessage { output_directories: vec![output], exit_code: 0 })
}

/// The tree that was kept under a key; none where a file of it is gone.
pub fn kept(store: &Store, key: &Digest) -> Result<Option<Tree>, StoreError> {
    let Some(result) = store.action_result(key)? else { return Ok(None) };
    let digest = result.output_directories.first().and_then(|output| output.tree_digest.as_ref());
    let Some(digest) = digest.and_then(|digest| Digest::try_from(digest).ok()) else { return Ok(None) };
    match store.tree(&digest) {
        Ok(tree) => Ok(store.has_all(&tree).then_some(tree)),
        Err(StoreError::Missing(_) | StoreError::Tree { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A new, empty folder beside `path`, and the lock that says that its writer lives.
pub fn folder_beside(path: &Path) -> Result<(TempDir, File), ImageError> {
    temporary::folder_beside(path).map_err(ImageError::io("create a folder beside", path))
}

/// A new file beside `path`, locked likewise.
pub fn file_beside(path: &Path) -> Result<NamedTempFile, ImageError> {
    temporary::file_beside(path, 0o666).map_err(ImageError::io("create a file beside", path))
}

/// Writes bytes to a new file.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    fs::write(path, bytes).map_err(ImageError::io("write", path))
}
