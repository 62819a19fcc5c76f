//! What of downloads the store has: a result of no program, kept as those of programs are, so that
//! collections and checks of the cache need to know nothing of it.

use crate::store::{Store, StoreError};
use crate::tree::message::{ActionResultMessage, OutputDirectory};
use crate::tree::{Digest, Tree};

/// The tree that was kept under a key, if all of it is there.
pub fn kept(store: &Store, key: &Digest) -> Result<Option<Tree>, StoreError> {
    let Some(result) = store.action_result(key)? else { return Ok(None) };
    let tree = result.output_directories.first().and_then(|directory| directory.tree_digest.as_ref());
    let Some(digest) = tree.and_then(|digest| Digest::try_from(digest).ok()) else { return Ok(None) };
    match store.tree(&digest) {
        Ok(tree) => Ok(Some(tree).filter(|tree| store.has_all(tree))),
        Err(StoreError::Missing(_) | StoreError::Tree { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a tree under a key.
pub fn keep(store: &Store, key: &Digest, tree: &Tree) -> Result<(), StoreError> {
    let tree_digest = Some(store.put_tree(tree)?.into());
    let mut result = ActionResultMessage::default();
    result.output_directories.push(OutputDirectory { path: String::new(), tree_digest });
    store.put_action_result(key, &result)
}
