//! Files that appear whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

use super::StoreError;

/// Names of files that are being written begin with this; what is left of a killed process is
/// removed by a collection.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// A new temporary file in the folder where `path` is to appear; the folder is made when missing.
pub(crate) fn temporary_beside(path: &Path) -> Result<NamedTempFile, StoreError> {
    let folder = path.parent().expect("a file is in a folder");
    // As any file of the user's: others may read a cache where the umask lets them.
    let permissions = Permissions::from_mode(0o666);
    let create =
        || tempfile::Builder::new().prefix(TEMPORARY).permissions(permissions.clone()).tempfile_in(folder);
    let file = create().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| create()),
        _ => Err(error),
    });
    // The lock says that its writer lives.
    let locked = file.and_then(|file| file.as_file().lock().map(|()| file));
    locked.map_err(StoreError::io("create a file in", folder))
}

/// Removes the temporary files in a folder whose writers are no more. Best effort.
pub fn remove_stale_temporaries(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let temporary = entry.file_name().to_string_lossy().starts_with(TEMPORARY);
        if temporary && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

/// Writes a file: temporary, synced, renamed. Whoever reads `path` at any moment finds the old
/// file or the new one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = temporary_beside(path)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(StoreError::io("write", path))?;
    file.persist(path).map_err(|error| StoreError::io("write", path)(error.error))?;
    Ok(())
}

/// A file's bytes; none when it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("read", path)(error)),
    }
}

/// A day: use is remembered no finer than that, so that reading seldom writes.
const GRAIN: Duration = Duration::from_secs(24 * 3600);

/// A file's bytes, as for [`read_if_there`]; its time of modification becomes that of its use,
/// which is what a collection goes by.
pub(crate) fn read_used(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(mut file) = open_if_there(path)? else { return Ok(None) };
    let metadata = file.metadata().map_err(StoreError::io("read", path))?;
    if metadata.modified().is_ok_and(|used| used.elapsed().is_ok_and(|age| age > GRAIN)) {
        // A cache that can only be read is not collected either.
        let _ = file.set_modified(SystemTime::now());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.read_to_end(&mut bytes).map_err(StoreError::io("read", path))?;
    Ok(Some(bytes))
}

/// Removes a file; it is no error when it is not there.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Opens a file for reading; none when it is not there.
pub(crate) fn open_if_there(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("open", path)(error)),
    }
}
