use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::StoreError;

/// A lock on a file, held until it is dropped or its process ends, however it ends (`flock`).
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits until nobody else holds the lock. `waiting` is called once, before a wait.
    pub fn exclusive(path: &Path, waiting: impl FnOnce()) -> Result<Self, StoreError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(StoreError::io("lock", path))?;
            }
            Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", path)(error)),
        }
        Ok(Self { _file: file })
    }

    /// The lock, unless somebody else holds it.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, StoreError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
        }
    }

    /// The lock, together with others that hold it this way; waits while somebody holds it alone.
    /// It is taken on a file that may be read only, so that a read-only cache can be used.
    pub fn shared(path: &Path) -> Result<Self, StoreError> {
        let file = File::open(path).or_else(|_| {
            open(path).map_err(|error| match error {
                StoreError::Io { source, .. } => source,
                other => std::io::Error::other(other),
            })
        });
        let file = file.map_err(StoreError::io("open", path))?;
        file.lock_shared().map_err(StoreError::io("lock", path))?;
        Ok(Self { _file: file })
    }
}

fn open(path: &Path) -> Result<File, StoreError> {
    let open = || File::options().create(true).truncate(false).write(true).open(path);
    open()
        .or_else(|error| match (error.kind(), path.parent()) {
            (std::io::ErrorKind::NotFound, Some(folder)) => fs::create_dir_all(folder).and_then(|()| open()),
            _ => Err(error),
        })
        .map_err(StoreError::io("open", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("locks/one");
        let held = Lock::exclusive(&path, || panic!("nobody holds it")).unwrap();
        assert!(Lock::try_exclusive(&path).unwrap().is_none());
        drop(held);
        assert!(Lock::try_exclusive(&path).unwrap().is_some());
    }
}
