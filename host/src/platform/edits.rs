use super::{Edit, Plugin, PluginError};
use crate::store::Store;
use crate::tree::Tree;

/// Applies a plugin's edits in order; the files that they write are kept in the store.
pub fn apply_edits(
    _store: &Store,
    _plugin: &Plugin,
    _tree: Tree,
    _edits: &[Edit],
) -> Result<Tree, PluginError> {
    todo!()
}
