use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::file::{open_if_there, read_if_there, remove_if_there, temporary_beside};
use super::{Store, StoreError};
use crate::tree::{Digest, Hasher};

/// Below this many new blobs each is synced by itself; from here on the disk as a whole is, which
/// costs as much as some hundred single ones.
const SYNC_EACH: usize = 64;

/// Reads blobs where the store itself cannot be lent.
#[derive(Clone, Debug)]
pub struct BlobReader {
    root: PathBuf,
}

impl BlobReader {
    /// A blob's bytes, checked.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let hex = digest.hex();
        let path = self.root.join(&hex[..2]).join(&hex);
        let bytes = read_if_there(&path)?.ok_or(StoreError::Missing(*digest))?;
        if Digest::of(&bytes) != *digest {
            let _ = remove_if_there(&path);
            return Err(StoreError::Missing(*digest));
        }
        Ok(bytes)
    }
}

impl Store {
    /// What reads blobs without borrowing the store.
    pub fn blob_reader(&self) -> BlobReader {
        BlobReader { root: self.root().join("blobs") }
    }

    /// Where a blob is kept.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.sharded("blobs", &digest.hex())
    }

    /// Whether a blob is there. Its bytes are checked only when it is read.
    pub fn has(&self, digest: &Digest) -> bool {
        fs::metadata(self.blob_path(digest)).is_ok_and(|found| found.len() == digest.size())
    }

    /// Keeps bytes as a blob.
    pub fn write(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if !self.has(&digest) {
            let path = self.blob_path(&digest);
            let mut file = temporary_beside(&path)?;
            file.write_all(bytes).map_err(StoreError::io("write", &path))?;
            self.keep(
                file.into_temp_path().keep().map_err(|e| StoreError::io("write", &path)(e.error))?,
                &path,
            )?;
        }
        Ok(digest)
    }

    /// Keeps a copy of a file as a blob. Fails with [`StoreError::Changed`] when somebody writes
    /// to the file meanwhile.
    pub fn add_copy(&self, source: &Path) -> Result<Digest, StoreError> {
        let read = StoreError::io("read", source);
        let mut input = match File::open(source) {
            Ok(file) => file,
            Err(error) => return Err(read(error)),
        };
        let before = input.metadata().map_err(StoreError::io("read", source))?;
        let mut copy = temporary_beside(&self.root().join("blobs/new"))?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let read = input.read(&mut buffer).map_err(StoreError::io("read", source))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            copy.write_all(&buffer[..read]).map_err(StoreError::io("write", copy.path()))?;
        }
        let digest = hasher.finish();
        let after = input.metadata().map_err(StoreError::io("read", source))?;
        let same = |a: &fs::Metadata, b: &fs::Metadata| {
            (a.len(), a.mtime(), a.mtime_nsec(), a.ctime(), a.ctime_nsec())
                == (b.len(), b.mtime(), b.mtime_nsec(), b.ctime(), b.ctime_nsec())
        };
        if !same(&before, &after) || digest.size() != after.len() {
            return Err(StoreError::Changed(source.to_path_buf()));
        }
        if !self.has(&digest) {
            let path = self.blob_path(&digest);
            let copy = copy.into_temp_path().keep().map_err(|e| StoreError::io("write", &path)(e.error))?;
            self.keep(copy, &path)?;
        }
        Ok(digest)
    }

    /// Takes a file that nobody else uses, on the cache's own disk, as a blob: it is moved, not
    /// copied.
    pub fn add_moved(&self, source: &Path) -> Result<Digest, StoreError> {
        let digest = File::open(source)
            .and_then(|mut file| Digest::of_reader(&mut file))
            .map_err(StoreError::io("read", source))?;
        if !self.has(&digest) {
            let path = self.blob_path(&digest);
            match fs::metadata(source) {
                // Another name of the same file could still be written to.
                Ok(found) if found.nlink() > 1 => return self.add_copy(source),
                _ => self.keep(source.to_path_buf(), &path)?,
            }
        }
        Ok(digest)
    }

    /// Gives a finished temporary file its name.
    fn keep(&self, temporary: PathBuf, path: &Path) -> Result<(), StoreError> {
        let rename = || {
            fs::set_permissions(&temporary, fs::Permissions::from_mode(0o444))?;
            fs::rename(&temporary, path).or_else(|error| match (error.kind(), path.parent()) {
                (io::ErrorKind::NotFound, Some(folder)) => {
                    fs::create_dir_all(folder)?;
                    fs::rename(&temporary, path)
                }
                _ => Err(error),
            })
        };
        if let Err(error) = rename() {
            let _ = fs::remove_file(&temporary);
            return Err(StoreError::io("write", path)(error));
        }
        self.unsynced.lock().expect("no panic while held").push(path.to_path_buf());
        Ok(())
    }

    /// Makes sure that all blobs written so far survive a power cut; called before a record that
    /// names them is written. (A blob that lost its bytes all the same fails its check on reading.)
    pub fn sync(&self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut *self.unsynced.lock().expect("no panic while held"));
        if pending.len() < SYNC_EACH {
            for path in pending {
                // A blob that is gone again was removed by a collection or as corrupt.
                if let Some(file) = open_if_there(&path)? {
                    file.sync_all().map_err(StoreError::io("sync", &path))?;
                }
            }
            return Ok(());
        }
        let root = File::open(self.root()).map_err(StoreError::io("open", self.root()))?;
        rustix::fs::syncfs(&root).map_err(|error| StoreError::io("sync", self.root())(error.into()))
    }

    /// A blob's bytes, checked.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.blob_path(digest);
        let mut bytes = Vec::with_capacity(digest.size() as usize);
        let mut file = open_if_there(&path)?.ok_or(StoreError::Missing(*digest))?;
        file.read_to_end(&mut bytes).map_err(StoreError::io("read", &path))?;
        if Digest::of(&bytes) != *digest {
            return Err(self.discard_corrupt(digest));
        }
        Ok(bytes)
    }

    /// Copies a blob to a writer, checked: on an error the writer has got bytes that must not be
    /// used.
    pub fn copy_to(&self, digest: &Digest, writer: &mut impl Write) -> Result<(), StoreError> {
        let path = self.blob_path(digest);
        let mut file = open_if_there(&path)?.ok_or(StoreError::Missing(*digest))?;
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let read = file.read(&mut buffer).map_err(StoreError::io("read", &path))?;
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            writer.write_all(&buffer[..read]).map_err(StoreError::io("copy", &path))?;
        }
        if hasher.finish() != *digest {
            return Err(self.discard_corrupt(digest));
        }
        Ok(())
    }

    /// Reads a blob's bytes. Those of a damaged one end in an error instead of the end of the file.
    pub fn reader(&self, digest: &Digest) -> Result<impl Read + '_, StoreError> {
        let file = open_if_there(&self.blob_path(digest))?.ok_or(StoreError::Missing(*digest))?;
        Ok(Checked { store: self, digest: *digest, file, hasher: Some(Hasher::default()) })
    }

    /// Removes a blob whose bytes do not match its digest, with what was derived from it.
    pub(crate) fn discard_corrupt(&self, digest: &Digest) -> StoreError {
        let _ = remove_if_there(&self.blob_path(digest));
        let _ = remove_if_there(&self.deflated_path(digest));
        StoreError::Missing(*digest)
    }

    /// Where a blob's deflated form is kept.
    pub fn deflated_path(&self, digest: &Digest) -> PathBuf {
        self.sharded("deflated", &digest.hex())
    }
}

/// Reads a blob and compares its bytes with its digest when they end.
struct Checked<'a> {
    store: &'a Store,
    digest: Digest,
    file: File,
    hasher: Option<Hasher>,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if read > 0 {
            self.hasher.as_mut().into_iter().for_each(|hasher| hasher.update(&buffer[..read]));
        } else if !buffer.is_empty()
            && let Some(hasher) = self.hasher.take()
            && hasher.finish() != self.digest
        {
            return Err(io::Error::other(self.store.discard_corrupt(&self.digest)));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Store) {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        (cache, store)
    }

    #[test]
    fn a_blob_is_read_back_and_cannot_be_written() {
        let (_cache, store) = store();
        let digest = store.write(b"bytes").unwrap();
        store.sync().unwrap();
        assert_eq!(store.read(&digest).unwrap(), b"bytes");
        assert_eq!(fs::metadata(store.blob_path(&digest)).unwrap().permissions().mode() & 0o777, 0o444);
    }

    #[test]
    fn a_corrupt_blob_is_missing_and_can_be_written_again() {
        let (_cache, store) = store();
        let digest = store.write(b"bytes").unwrap();
        let path = store.blob_path(&digest);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, b"bytez").unwrap();
        assert!(matches!(store.read(&digest), Err(StoreError::Missing(missing)) if missing == digest));
        store.write(b"bytes").unwrap();
        assert_eq!(store.read(&digest).unwrap(), b"bytes");
    }

    #[test]
    fn a_damaged_blob_ends_in_an_error() {
        let (_cache, store) = store();
        let digest = store.write(b"bytes").unwrap();
        let mut text = String::new();
        store.reader(&digest).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "bytes");
        let path = store.blob_path(&digest);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&path, b"bytez").unwrap();
        store.reader(&digest).unwrap().read_to_string(&mut text).unwrap_err();
        assert!(!store.has(&digest));
    }

    #[test]
    fn a_moved_file_with_another_name_is_copied() {
        let (cache, store) = store();
        let (one, two) = (cache.path().join("one"), cache.path().join("two"));
        fs::write(&one, b"bytes").unwrap();
        fs::hard_link(&one, &two).unwrap();
        let digest = store.add_moved(&one).unwrap();
        fs::write(&two, b"other").unwrap();
        assert_eq!(store.read(&digest).unwrap(), b"bytes");
    }
}
