//! What this part keeps in the store, as results of actions: a collection takes what was not used
//! for long, and leaves what is used whole.

use std::path::Path;

use super::ImageError;
use crate::store::{Store, StoreError};
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

/// Writes bytes to a new file.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
    std::fs::write(path, bytes).map_err(ImageError::io("write", path))
}
