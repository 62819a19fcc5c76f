use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::ArchiveError;
use crate::store::Store;
use crate::store::temporary::{folder_beside, sync_folder_of};
use crate::tree::{Digest, FileEntry, Name, Node, RelPath, Tree};

/// Writes a tree as a folder at `destination`, whole or not at all: what is there before is
/// replaced at one moment. The digest is the tree's.
pub fn write_directory(store: &Store, tree: &Tree, destination: &Path) -> Result<Digest, ArchiveError> {
    let failed = |source| ArchiveError::io("write", destination)(source);
    let (folder, lock) = folder_beside(destination).map_err(failed)?;
    store.materialise(tree, folder.path())?;
    rustix::fs::syncfs(&lock).map_err(|error| failed(error.into()))?;
    put_in_place(folder.path(), destination).map_err(failed)?;
    sync_folder_of(destination).map_err(failed)?;
    // The temporary name now belongs to what was replaced, or to nothing.
    let replaced = folder.keep();
    match fs::symlink_metadata(&replaced) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(found) if !found.is_dir() => fs::remove_file(&replaced),
        _ => fs::remove_dir_all(&replaced),
    }
    .map_err(ArchiveError::io("remove", &replaced))?;
    Ok(tree.digest())
}

/// Moves a new folder to its place; what was there gets the new folder's former name.
fn put_in_place(new: &Path, destination: &Path) -> io::Result<()> {
    if fs::symlink_metadata(destination).is_err() {
        return fs::rename(new, destination);
    }
    match renameat_with(CWD, new, CWD, destination, RenameFlags::EXCHANGE) {
        // The file system cannot exchange: there is a moment without the artifact.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            let (aside, _lock) = folder_beside(destination)?;
            let earlier = aside.path().join("earlier");
            fs::rename(destination, &earlier)?;
            fs::rename(new, destination)?;
            fs::rename(&earlier, new)
        }
        done => done.map_err(io::Error::from),
    }
}

/// The digest of the tree that a folder holds: its files' contents and executable bits, its
/// directories and its links. Anything else in it is an error.
pub fn directory_digest(path: &Path) -> io::Result<Digest> {
    tree_of(path).map(|tree| tree.digest())
}

fn tree_of(folder: &Path) -> io::Result<Tree> {
    let mut tree = Tree::empty();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, metadata) = (entry.path(), entry.metadata()?);
        let name = Name::new(entry.file_name().as_bytes()).map_err(io::Error::other)?;
        let node = if metadata.is_dir() {
            Node::Directory(tree_of(&path)?)
        } else if metadata.is_file() {
            let digest = Digest::of_reader(&mut File::open(&path)?)?;
            Node::File(FileEntry { digest, executable: metadata.permissions().mode() & 0o100 != 0 })
        } else if metadata.is_symlink() {
            Node::Symlink(fs::read_link(&path)?.as_os_str().as_bytes().into())
        } else {
            let reason = format!("{} is neither a file, a directory nor a link", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        };
        tree.insert(&RelPath::root().child(name), node).map_err(io::Error::other)?;
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    #[test]
    fn a_directory_has_the_digest_of_its_tree_and_replaces_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let destination = folder.path().join("out/package");
        let digest = store.write(b"#!/bin/sh\n").unwrap();
        let first = Tree::empty().with(&path("old"), Node::File(FileEntry { digest, executable: false }));
        write_directory(&store, &first.unwrap(), &destination).unwrap();

        let mut second = Tree::empty();
        second.insert(&path("bin/run"), Node::File(FileEntry { digest, executable: true })).unwrap();
        second.insert(&path("link"), Node::Symlink(b"bin/run".as_slice().into())).unwrap();
        second.insert(&path("empty"), Node::Directory(Tree::empty())).unwrap();
        assert_eq!(write_directory(&store, &second, &destination).unwrap(), second.digest());
        assert_eq!(directory_digest(&destination).unwrap(), second.digest());
        assert!(!destination.join("old").exists());
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);

        fs::set_permissions(destination.join("bin/run"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_ne!(directory_digest(&destination).unwrap(), second.digest());
    }

    #[test]
    fn a_missing_blob_leaves_the_earlier_directory() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let destination = folder.path().join("out/package");
        write_directory(&store, &Tree::empty(), &destination).unwrap();
        let entry = FileEntry { digest: Digest::of(b"nowhere"), executable: false };
        let tree = Tree::empty().with(&path("file"), Node::File(entry)).unwrap();
        let error = write_directory(&store, &tree, &destination).unwrap_err();
        assert!(matches!(error, ArchiveError::Store(StoreError::Missing(_))));
        assert_eq!(directory_digest(&destination).unwrap(), Tree::empty().digest());
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    }
}
