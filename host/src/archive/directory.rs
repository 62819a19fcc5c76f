use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::ArchiveError;
use crate::store::{Store, StoreError, temporary_beside};
use crate::tree::{Digest, FileEntry, Name, Node, RelPath, Tree};

/// Writes one file of a tree to its place, whole or not at all. Gives the digest of its bytes.
pub fn write_file(store: &Store, file: &FileEntry, path: &Path) -> Result<Digest, ArchiveError> {
    let mut temporary = temporary_beside(path)?;
    let mut writer = BufWriter::new(temporary.as_file_mut());
    store.copy_to(&file.digest, &mut writer)?;
    writer.flush().map_err(ArchiveError::io("write", path))?;
    drop(writer);
    place(temporary, path, if file.executable { 0o755 } else { 0o644 })?;
    Ok(file.digest)
}

/// Gives a written temporary file its mode and its name.
pub(super) fn place(temporary: tempfile::NamedTempFile, path: &Path, mode: u32) -> Result<(), ArchiveError> {
    let file = temporary.as_file();
    let finish = file.set_permissions(fs::Permissions::from_mode(mode)).and_then(|()| file.sync_all());
    finish.map_err(ArchiveError::io("write", path))?;
    temporary.persist(path).map_err(|error| ArchiveError::io("write", path)(error.error))?;
    Ok(())
}

/// Writes a tree as a directory, which takes the place of an earlier one. Gives the tree's digest.
pub fn write_directory(store: &Store, tree: &Tree, path: &Path) -> Result<Digest, ArchiveError> {
    let parent = path.parent().expect("a directory is in a directory");
    fs::create_dir_all(parent).map_err(ArchiveError::io("create", parent))?;
    let new_folder = || tempfile::Builder::new().prefix(".tmp-").tempdir_in(parent);
    let folder = new_folder().map_err(ArchiveError::io("create a directory in", parent))?;
    // The lock says that its writer lives.
    let handle = File::open(folder.path()).and_then(|handle| handle.lock().map(|()| handle));
    let _handle = handle.map_err(ArchiveError::io("lock", folder.path()))?;
    let new = folder.path().join("new");
    store.materialise(tree, &new)?;
    sync(&new)?;
    if path.exists() {
        fs::rename(path, folder.path().join("old")).map_err(ArchiveError::io("replace", path))?;
    }
    fs::rename(&new, path).map_err(ArchiveError::io("write", path))?;
    Ok(tree.digest())
}

fn sync(folder: &Path) -> Result<(), ArchiveError> {
    let synced = File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
    synced.map_err(ArchiveError::io("write", folder))
}

/// The digest of the tree that a directory holds, reading all of it.
pub fn directory_digest(path: &Path) -> io::Result<Digest> {
    tree_of(path).map(|tree| tree.digest())
}

fn tree_of(folder: &Path) -> io::Result<Tree> {
    let mut tree = Tree::empty();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let node = if metadata.is_dir() {
            Node::Directory(tree_of(&entry.path())?)
        } else if metadata.is_symlink() {
            Node::Symlink(fs::read_link(entry.path())?.as_os_str().as_bytes().into())
        } else {
            let digest = Digest::of_reader(&mut File::open(entry.path())?)?;
            Node::File(FileEntry { digest, executable: metadata.permissions().mode() & 0o100 != 0 })
        };
        let name = Name::new(entry.file_name().as_bytes()).map_err(io::Error::other)?;
        tree.insert(&RelPath::root().child(name), node).expect("the root takes entries");
    }
    Ok(tree)
}

impl From<tempfile::PersistError> for ArchiveError {
    fn from(error: tempfile::PersistError) -> Self {
        StoreError::io("write", error.file.path())(error.error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_takes_the_place_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let path = folder.path().join("out/function");
        let file = |text: &[u8]| Node::File(FileEntry { digest: store.write(text).unwrap(), executable: true });
        let at = RelPath::new("bin/run").unwrap();
        for text in [b"one", b"two"] {
            let tree = Tree::empty().with(&at, file(text)).unwrap();
            assert_eq!(write_directory(&store, &tree, &path).unwrap(), directory_digest(&path).unwrap());
            assert_eq!(fs::read(path.join("bin/run")).unwrap(), text);
        }
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1, "nothing else is left");
        fs::write(path.join("more"), "").unwrap();
        let tree = Tree::empty().with(&at, file(b"two")).unwrap();
        assert_ne!(directory_digest(&path).unwrap(), tree.digest());
    }
}
