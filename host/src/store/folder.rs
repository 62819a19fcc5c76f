//! Between trees and folders on disk.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Store, StoreError};
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// What is done with the symbolic links of a folder that becomes a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Kept as links, wherever they lead: the folder is what a program left.
    Keep,
    /// Kept; a link that leads out of the folder is an error that names it.
    Inside,
}

impl Store {
    /// Takes a folder on the cache's own disk as a tree: its files are moved into the store, and
    /// what remains of the folder is of no more use.
    pub fn absorb(&self, folder: &Path, links: Links) -> Result<Tree, StoreError> {
        self.absorb_below(folder, &RelPath::root(), links)
    }

    fn absorb_below(&self, folder: &Path, at: &RelPath, links: Links) -> Result<Tree, StoreError> {
        let mut tree = Tree::empty();
        let entries = fs::read_dir(folder).map_err(StoreError::io("read", folder))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("read", folder))?;
            let (path, file_name) = (entry.path(), entry.file_name());
            let unusable = |reason: String| StoreError::Unusable { path: path.clone(), reason };
            let here = at.try_child(file_name.as_bytes()).map_err(|error| unusable(error.to_string()))?;
            let metadata = entry.metadata().map_err(StoreError::io("read", &path))?;
            let node = if metadata.is_dir() {
                Node::Directory(self.absorb_below(&path, &here, links)?)
            } else if metadata.is_file() {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                Node::File(FileEntry { digest: self.add_moved(&path)?, executable })
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).map_err(StoreError::io("read", &path))?;
                let target = target.as_os_str().as_bytes();
                if links == Links::Inside {
                    here.resolve_link(target).map_err(|error| unusable(error.to_string()))?;
                }
                Node::Symlink(target.into())
            } else {
                return Err(unusable("it is neither a file, a directory nor a link; remove it".into()));
            };
            let name = RelPath::new(file_name.as_bytes()).expect("it was checked");
            tree.insert(&name, node).expect("an entry of the root can be inserted");
        }
        Ok(tree)
    }

    /// Writes a tree to an empty folder, for a program to work in: the files are copies that it
    /// may change.
    pub fn materialise(&self, tree: &Tree, folder: &Path) -> Result<(), StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("create", folder))?;
        for (name, node) in tree {
            let path = folder.join(name.as_os_str());
            match node {
                Node::Directory(below) => self.materialise(below, &path)?,
                Node::Symlink(target) => symlink(std::ffi::OsStr::from_bytes(target), &path)
                    .map_err(StoreError::io("create", &path))?,
                Node::File(file) => {
                    let mut copy = File::create_new(&path).map_err(StoreError::io("create", &path))?;
                    self.copy_to(&file.digest, &mut copy)?;
                    let mode = if file.executable { 0o755 } else { 0o644 };
                    copy.set_permissions(fs::Permissions::from_mode(mode))
                        .map_err(StoreError::io("write", &path))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_written_to_a_folder_is_taken_back_unchanged() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let mut tree = Tree::empty();
        let digest = store.write(b"#!/bin/sh\n").unwrap();
        let path = |text: &[u8]| RelPath::new(text).unwrap();
        tree.insert(&path(b"bin/run"), Node::File(FileEntry { digest, executable: true })).unwrap();
        tree.insert(&path(b"\xff"), Node::File(FileEntry { digest, executable: false })).unwrap();
        tree.insert(&path(b"link"), Node::Symlink(b"bin/run".as_slice().into())).unwrap();
        tree.insert(&path(b"empty"), Node::Directory(Tree::empty())).unwrap();

        let scratch = store.scratch().unwrap();
        let folder = scratch.path().join("tree");
        store.materialise(&tree, &folder).unwrap();
        assert_eq!(store.absorb(&folder, Links::Inside).unwrap(), tree);
        assert!(store.has_all(&tree));
    }

    #[test]
    fn a_folder_that_is_too_deep_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let scratch = store.scratch().unwrap();
        fs::create_dir_all(scratch.path().join("d/".repeat(300))).unwrap();
        let error = store.absorb(scratch.path(), Links::Inside).unwrap_err().to_string();
        assert!(error.contains("256 names"), "{error}");
    }

    #[test]
    fn a_link_that_leaves_the_folder_is_named() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let scratch = store.scratch().unwrap();
        symlink("../../etc/passwd", scratch.path().join("out")).unwrap();
        let error = store.absorb(scratch.path(), Links::Inside).unwrap_err().to_string();
        assert!(error.contains("out:") && error.contains("leads out of the tree"), "{error}");
        assert!(store.absorb(scratch.path(), Links::Keep).is_ok());
    }
}
