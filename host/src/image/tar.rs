use std::io::Write;

use super::ImageError;
use crate::archive::{self, ArchiveError};
use crate::store::Store;
use crate::tree::{Node, RelPath, Tree};

/// How the image specification marks what a layer takes away.
const WHITEOUT: &[u8] = b".wh.";

/// Writes the tar of a layer: a tree as it is to lie at a directory.
pub fn write_tar(
    store: &Store,
    tree: &Tree,
    directory: &RelPath,
    writer: &mut impl Write,
) -> Result<(), ImageError> {
    check(tree, directory)?;
    archive::write_tar(store, tree, directory, writer).map_err(|error| match error {
        ArchiveError::Store(error) => error.into(),
        other => ImageError::Layer { path: "its files".into(), reason: other.to_string() },
    })
}

/// Refuses what would be something else in a layer.
pub fn check(tree: &Tree, directory: &RelPath) -> Result<(), ImageError> {
    for (path, node) in tree.entries() {
        let bad = |reason: &str| {
            let path = directory.join(&path).to_string();
            Err(ImageError::Layer { path, reason: reason.to_owned() })
        };
        if path.name().is_some_and(|name| name.as_bytes().starts_with(WHITEOUT)) {
            return bad("a name that begins with `.wh.` means that a file is taken away; rename it");
        }
        if matches!(node, Node::Symlink(target) if target.contains(&0)) {
            return bad("its link's target holds a NUL byte");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_take_a_file_away_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let path = RelPath::new("lib/.wh.x").unwrap();
        let tree = Tree::empty().with(&path, Node::Directory(Tree::empty())).unwrap();
        let error = write_tar(&store, &tree, &RelPath::root(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("lib/.wh.x") && error.contains("rename it"), "{error}");
    }
}
