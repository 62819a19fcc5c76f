use super::text;
use crate::tree::{Name, Node, RelPath, Tree};

/// Folders that tools fill when they run.
const FOLDERS: [&str; 6] =
    ["__pycache__", ".cache", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".nyc_output"];

/// A tree without byte code whose source is there, and without caches of tools.
pub fn without_caches(tree: &Tree) -> Tree {
    tree.filter(&mut |path, node| {
        let Some(name) = path.name().map(text) else { return true };
        match node {
            Node::Directory(_) => !FOLDERS.contains(&name),
            Node::File(_) => !has_source(tree, path, name),
            Node::Symlink(_) => true,
        }
    })
}

/// Whether it is byte code that Python can make again.
fn has_source(tree: &Tree, path: &RelPath, name: &str) -> bool {
    let stem = name.strip_suffix(".pyc").or_else(|| name.strip_suffix(".pyo"));
    let source = stem.and_then(|stem| Name::new(format!("{stem}.py")).ok());
    source.is_some_and(|source| tree.file(&path.parent().unwrap_or_default().child(source)).is_some())
}
