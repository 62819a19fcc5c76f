use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ignored::{IgnoreError, Ignored};
use crate::store::{Fingerprint, StatIndex, Store, StoreError};
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// Why a benchmark's folder cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The store, or a file that cannot be read.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// An ignore file that does not parse.
    #[error("{0}")]
    Ignore(#[from] IgnoreError),
}

/// A benchmark's folder as it is now: everything but what is ignored. Links are kept as they are
/// and never followed.
#[derive(Debug)]
pub struct Snapshot {
    folder: PathBuf,
    /// Its files are in the store only after [`Snapshot::keep`].
    pub tree: Tree,
    /// Ignored files that a user may expect to be there.
    pub warnings: Vec<String>,
}

impl Snapshot {
    /// Looks at a folder. Only files that changed since the last look are read.
    pub fn take(store: &Store, folder: &Path) -> Result<Self, SnapshotError> {
        let mut below: Vec<PathBuf> = fs::read_dir(folder)
            .map_err(StoreError::io("read", folder))?
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        below.sort();
        let ignored = Ignored::of(folder, &below)?;
        let index = store.stat_index(folder)?;
        let mut walk = Walk { store, ignored, index: &index, warnings: Vec::new() };
        let tree = walk.folder(folder, &RelPath::root())?;
        let warnings = walk.warnings;
        // A read-only cache can still be used; it only cannot learn.
        let _ = index.save();
        Ok(Self { folder: folder.to_path_buf(), tree, warnings })
    }

    /// Makes sure that the files of a part of the snapshot are in the store: those that were not
    /// read now may have been collected.
    pub fn keep(&self, store: &Store, part: &Tree, at: &RelPath) -> Result<(), StoreError> {
        for (name, node) in part {
            let path = at.child(name.clone());
            match node {
                Node::Directory(below) => self.keep(store, below, &path)?,
                Node::File(file) if !store.has(&file.digest) => {
                    let source = path.below(&self.folder);
                    if store.add_copy(&source)? != file.digest {
                        return Err(StoreError::Changed(source));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

struct Walk<'a> {
    store: &'a Store,
    ignored: Ignored,
    index: &'a StatIndex,
    warnings: Vec<String>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, at: &RelPath) -> Result<Tree, StoreError> {
        let mut tree = Tree::empty();
        for entry in fs::read_dir(folder).map_err(StoreError::io("read", folder))? {
            let entry = entry.map_err(StoreError::io("read", folder))?;
            let path = entry.path();
            let metadata = entry.metadata().map_err(StoreError::io("read", &path))?;
            let file_name = entry.file_name();
            if self.ignored.covers(&path, metadata.is_dir()) {
                if file_name.as_bytes().starts_with(b".env") {
                    self.warnings.push(format!("{} is left out: it may hold secrets", path.display()));
                }
                continue;
            }
            let unusable = |reason: String| StoreError::Unusable { path: path.clone(), reason };
            let below = at.try_child(file_name.as_bytes()).map_err(|error| unusable(error.to_string()))?;
            let node = if metadata.is_dir() {
                Node::Directory(self.folder(&path, &below)?)
            } else if metadata.is_symlink() {
                let target = fs::read_link(&path).map_err(StoreError::io("read", &path))?;
                Node::Symlink(target.as_os_str().as_bytes().into())
            } else if metadata.is_file() {
                let executable = metadata.permissions().mode() & 0o100 != 0;
                Node::File(FileEntry { digest: self.file(&path, &below, &metadata)?, executable })
            } else {
                return Err(unusable(
                    "it is neither a file, a directory nor a link; remove it or name it in .fnpackignore"
                        .into(),
                ));
            };
            let name = RelPath::new(file_name.as_bytes()).expect("it was checked");
            tree.insert(&name, node).expect("an entry of the root can be inserted");
        }
        Ok(tree)
    }

    fn file(
        &self,
        path: &Path,
        relative: &RelPath,
        metadata: &fs::Metadata,
    ) -> Result<crate::tree::Digest, StoreError> {
        let (key, now) = (relative.to_bytes(), Fingerprint::of(metadata));
        if let Some(known) = self.index.lookup(&key, &now) {
            return Ok(known);
        }
        let digest = self.store.add_copy(path)?;
        self.index.remember(&key, &now, digest);
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> (tempfile::TempDir, Store, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let benchmark = folder.path().join("benchmark");
        fs::create_dir_all(benchmark.join("python/templates")).unwrap();
        fs::write(benchmark.join("python/function.py"), "def handler(event): ...").unwrap();
        fs::write(benchmark.join("python/templates/page.html"), "<p>").unwrap();
        (folder, store, benchmark)
    }

    #[test]
    fn an_unchanged_folder_is_not_read_again() {
        let (_folder, store, benchmark) = setup();
        std::thread::sleep(std::time::Duration::from_millis(80));
        let first = Snapshot::take(&store, &benchmark).unwrap();
        fs::remove_dir_all(store.root().join("blobs")).unwrap();
        let second = Snapshot::take(&store, &benchmark).unwrap();
        assert_eq!(first.tree, second.tree);
        assert!(!store.has_all(&second.tree), "nothing was read");
        second.keep(&store, &second.tree, &RelPath::root()).unwrap();
        assert!(store.has_all(&second.tree), "what is missing is read when it is needed");
    }

    #[test]
    fn a_changed_file_is_seen_even_with_its_old_time() {
        let (_folder, store, benchmark) = setup();
        std::thread::sleep(std::time::Duration::from_millis(80));
        let before = Snapshot::take(&store, &benchmark).unwrap();
        let file = benchmark.join("python/function.py");
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "def handler(event): ,,,").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        assert_ne!(Snapshot::take(&store, &benchmark).unwrap().tree, before.tree);
    }

    #[test]
    fn what_is_no_file_is_named() {
        let (_folder, store, benchmark) = setup();
        let _socket = std::os::unix::net::UnixListener::bind(benchmark.join("socket")).unwrap();
        let error = Snapshot::take(&store, &benchmark).unwrap_err().to_string();
        assert!(error.contains("socket: it is neither"), "{error}");
    }
}
