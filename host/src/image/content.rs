use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::download::BlobReader;
use super::{ImageError, Progress, Registries, Repository};
use crate::store::{Store, StoreError};
use crate::tree::{Digest, Hasher};

/// Where the bytes of a blob are.
#[derive(Clone, Copy)]
pub enum Content<'c> {
    /// Here.
    Memory(&'c [u8]),
    /// In the store.
    Stored(&'c Store),
    /// In a repository, from which they are streamed.
    Remote(&'c Registries, &'c Repository),
}

impl<'c> Content<'c> {
    /// A reader of a blob from a byte on.
    pub(super) fn open(
        self,
        blob: &Digest,
        from: u64,
        progress: &'c dyn Progress,
    ) -> Result<Box<dyn Read + 'c>, ImageError> {
        Ok(match self {
            Self::Memory(bytes) => Box::new(&bytes[from as usize..]),
            Self::Stored(store) => {
                let path = store.blob_path(blob);
                let mut file = File::open(&path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => StoreError::Missing(*blob),
                    _ => StoreError::io("open", &path)(error),
                })?;
                file.seek(SeekFrom::Start(from)).map_err(StoreError::io("read", &path))?;
                // The registry looks at what is resumed.
                let hasher = (from == 0).then(Hasher::default);
                Box::new(Checked { store, blob: *blob, file, hasher, left: blob.size() - from })
            }
            Self::Remote(registries, repository) => {
                Box::new(BlobReader::new(registries, repository, *blob, from, progress))
            }
        })
    }
}

/// Reads a blob of the store. Its last bytes come only when all of them are right.
struct Checked<'s> {
    store: &'s Store,
    blob: Digest,
    file: File,
    hasher: Option<Hasher>,
    left: u64,
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len() as u64) as usize;
        let read = self.file.read(&mut buffer[..most])?;
        self.left -= read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        let ended = self.left == 0 || (read == 0 && most > 0);
        let found = if ended { self.hasher.take().map(Hasher::finish) } else { None };
        match found {
            Some(found) if found != self.blob => {
                Err(ImageError::Store(self.store.discard_corrupt(&self.blob)).into_io())
            }
            _ => Ok(read),
        }
    }
}
