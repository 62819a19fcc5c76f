use super::{Store, StoreError};
use crate::tree::message::{ActionResultMessage, OutputDirectory};
use crate::tree::{Digest, Tree};

/// Trees that fnpack makes itself, without a program: kept as the results of programs are, so that
/// collections and checks of the cache treat them alike.
impl Store {
    /// The tree that was kept under a key, if all of it is there.
    pub fn made_tree(&self, key: &Digest) -> Result<Option<Tree>, StoreError> {
        let Some(result) = self.action_result(key)? else { return Ok(None) };
        let tree = result.output_directories.first().and_then(|directory| directory.tree_digest.as_ref());
        let Some(digest) = tree.and_then(|digest| Digest::try_from(digest).ok()) else { return Ok(None) };
        match self.tree(&digest) {
            Ok(tree) => Ok(Some(tree).filter(|tree| self.has_all(tree))),
            Err(StoreError::Missing(_) | StoreError::Tree { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps a tree under a key.
    pub fn put_made_tree(&self, key: &Digest, tree: &Tree) -> Result<(), StoreError> {
        let tree_digest = Some(self.put_tree(tree)?.into());
        let mut result = ActionResultMessage::default();
        result.output_directories.push(OutputDirectory { path: String::new(), tree_digest });
        self.put_action_result(key, &result)
    }
}
