use super::{Cause, Edit, Plugin, PluginError, PluginFile};
use crate::store::Store;
use crate::tree::{EditError, FileEntry, Node, Tree};

/// Applies a plugin's edits in order; the files that they write are kept in the store.
pub fn apply_edits(
    store: &Store,
    plugin: &Plugin,
    mut tree: Tree,
    edits: &[Edit],
) -> Result<Tree, PluginError> {
    for (index, edit) in edits.iter().enumerate() {
        let applied = match edit {
            Edit::Move { source, directory } => tree.move_into(source, directory),
            Edit::MoveAll { source, directory, except } => tree.move_all(source, directory, except),
            Edit::Rename { source, destination } => tree.rename(source, destination),
            Edit::Write(PluginFile { path, contents, executable }) => {
                let digest = store.write(contents.as_bytes())?;
                let entry = Node::File(FileEntry { digest, executable: *executable });
                match tree.directory(path) {
                    // A file replaces a file, not all of a directory.
                    Some(_) => Err(EditError::Occupied { from: path.clone(), to: path.clone() }),
                    None => tree.insert(path, entry).map_err(EditError::from),
                }
            }
            Edit::Remove(path) => {
                tree.remove(path);
                Ok(())
            }
        };
        applied.map_err(|error| {
            let cause = Cause::Edit { number: index + 1, edit: words(edit), error };
            plugin.failed("arrange", cause, None)
        })?;
    }
    Ok(tree)
}

fn words(edit: &Edit) -> String {
    match edit {
        Edit::Move { source, directory } => format!("move `{source}` into `{directory}`"),
        Edit::MoveAll { source, directory, .. } if source.is_root() => {
            format!("move everything into `{directory}`")
        }
        Edit::MoveAll { source, directory, .. } => {
            format!("move everything in `{source}` into `{directory}`")
        }
        Edit::Rename { source, destination } => format!("rename `{source}` to `{destination}`"),
        Edit::Write(file) => format!("write `{}`", file.path),
        Edit::Remove(path) => format!("remove `{path}`"),
    }
}
