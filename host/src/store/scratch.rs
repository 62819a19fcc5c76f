use std::fs;
use std::path::{Path, PathBuf};

use super::file::remove_if_there;
use super::{Lock, Store, StoreError};

/// A folder for work in progress, removed when dropped. A lock beside it says that its process
/// lives; what a killed process left is removed by the next that asks.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: Lock,
}

impl Scratch {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// A name that no other live scratch folder has; what is started outside of the process (a
    /// container) is labelled with it, so that it can be found again.
    pub fn id(&self) -> String {
        self.folder.file_name().expect("a scratch folder has a name").to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Best effort: what cannot be removed now is removed by `remove_stale_scratch`.
        let _ = remove_tree(&self.folder);
        let _ = remove_if_there(&self.lock_path);
    }
}

impl Store {
    /// A new, empty scratch folder on the cache's own disk.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        let parent = self.root().join("scratch");
        fs::create_dir_all(&parent).map_err(StoreError::io("create", &parent))?;
        loop {
            let folder = tempfile::Builder::new()
                .prefix("s-")
                .tempdir_in(&parent)
                .map_err(StoreError::io("create a folder in", &parent))?;
            let lock_path = folder.path().with_extension("lock");
            // Somebody who removes stale folders may have seen this one before it was locked.
            if let Some(lock) = Lock::try_exclusive(&lock_path)?
                && folder.path().exists()
            {
                return Ok(Scratch { folder: folder.keep(), lock_path, _lock: lock });
            }
        }
    }

    /// Whether the scratch folder of that id belongs to a live process.
    pub fn scratch_is_alive(&self, id: &str) -> bool {
        let lock = self.root().join("scratch").join(id).with_extension("lock");
        lock.exists() && matches!(Lock::try_exclusive(&lock), Ok(None))
    }

    /// Removes the scratch folders of processes that are no more.
    pub fn remove_stale_scratch(&self) -> Result<(), StoreError> {
        let parent = self.root().join("scratch");
        let Ok(entries) = fs::read_dir(&parent) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "lock") {
                if !path.with_extension("").exists() && Lock::try_exclusive(&path)?.is_some() {
                    remove_if_there(&path)?;
                }
                continue;
            }
            let lock_path = path.with_extension("lock");
            if let Some(_lock) = Lock::try_exclusive(&lock_path)? {
                remove_tree(&path).map_err(StoreError::io("remove", &path))?;
                remove_if_there(&lock_path)?;
            }
        }
        Ok(())
    }
}

/// Removes a folder with all in it, also where a program took away its own write permissions.
fn remove_tree(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            make_writable(folder);
            fs::remove_dir_all(folder)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn make_writable(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_scratch_folder_stays_and_a_dead_one_goes() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let live = store.scratch().unwrap();
        let dead = cache.path().join("scratch/s-dead");
        fs::create_dir_all(dead.join("sub")).unwrap();
        store.remove_stale_scratch().unwrap();
        assert!(live.path().exists() && store.scratch_is_alive(&live.id()));
        assert!(!dead.exists() && !store.scratch_is_alive("s-dead"));
    }

    #[test]
    fn a_dropped_scratch_folder_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        drop(store.scratch().unwrap());
        assert_eq!(fs::read_dir(cache.path().join("scratch")).unwrap().count(), 0);
    }
}
