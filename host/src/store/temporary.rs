//! Temporary files and folders in the place where something is to appear. A lock says that the
//! writer lives; what a killed one left is removed by the next who writes there, or by a collection.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

/// The beginning of their names.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// A new file beside `path`, with these permissions less those that the umask takes. The folder is
/// made when missing. It is locked.
pub fn file_beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(mode);
    loop {
        let file = in_folder_of(path, |folder| {
            Builder::new().prefix(TEMPORARY).permissions(permissions.clone()).tempfile_in(folder)
        })?;
        file.as_file().lock()?;
        // Who removes what is stale may have taken it for such before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// A new, empty folder beside `path`, and its lock.
pub fn folder_beside(path: &Path) -> io::Result<(TempDir, File)> {
    let permissions = Permissions::from_mode(0o777);
    loop {
        let folder = in_folder_of(path, |folder| {
            Builder::new().prefix(TEMPORARY).permissions(permissions.clone()).tempdir_in(folder)
        })?;
        let lock = match File::open(folder.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        lock.lock()?;
        if folder.path().exists() {
            return Ok((folder, lock));
        }
    }
}

/// Removes what in a folder was left by writers that are no more. Best effort.
pub fn remove_stale_temporaries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        // Locked until it is gone: who made it a moment ago then sees that it is.
        if let Ok(lock) = File::open(&path)
            && lock.try_lock().is_ok()
        {
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the names in the folder of `path` survive a power cut.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn in_folder_of<T>(path: &Path, create: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = folder_of(path);
    create(folder).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| create(folder)),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn what_is_being_written_is_never_taken_for_stale() {
        let folder = tempfile::tempdir().unwrap();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let remove = || {
                while !ended.load(Ordering::Relaxed) {
                    remove_stale_temporaries(folder.path());
                }
            };
            scope.spawn(remove);
            scope.spawn(remove);
            let written = (0..3000).all(|number| {
                let file = file_beside(&folder.path().join("x"), 0o644).unwrap();
                let kept = file.persist(folder.path().join(format!("kept-{number}"))).is_ok();
                let (temporary, _lock) = folder_beside(&folder.path().join("y")).unwrap();
                kept && temporary.path().exists()
            });
            ended.store(true, Ordering::Relaxed);
            assert!(written);
        });
    }

    #[test]
    fn what_a_dead_writer_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".tmp-file"), "half").unwrap();
        fs::create_dir(folder.path().join(".tmp-folder")).unwrap();
        fs::write(folder.path().join("whole"), "").unwrap();
        let alive = file_beside(&folder.path().join("x"), 0o644).unwrap();
        remove_stale_temporaries(folder.path());
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [alive.path().to_path_buf(), folder.path().join("whole")]);
    }
}
