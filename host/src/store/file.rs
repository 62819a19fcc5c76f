//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::StoreError;
use super::temporary::{file_beside, folder_of};

/// A new temporary file in the folder where `path` is to appear, as any file of the user's: others
/// may read a cache where the umask lets them.
pub(crate) fn temporary_beside(path: &Path) -> Result<NamedTempFile, StoreError> {
    file_beside(path, 0o666).map_err(StoreError::io("create a file in", folder_of(path)))
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

/// Opens a user's file for reading. What is no regular file is an error at once: a pipe would be
/// waited for, a device may have no end.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits() as i32;
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")),
    }
}

/// The bytes of a user's file, as for [`open_regular`].
pub fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file for reading; none when it is not there.
pub(crate) fn open_if_there(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("open", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_an_error_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [&pipe, folder.path(), Path::new("/dev/zero")] {
            assert!(read_regular(path).unwrap_err().to_string().contains("no file"), "{}", path.display());
        }
        fs::write(folder.path().join("file"), "text").unwrap();
        assert_eq!(read_regular(&folder.path().join("file")).unwrap(), b"text");
    }
}
