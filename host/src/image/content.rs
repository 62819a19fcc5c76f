use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::download::BlobReader;
use super::{ImageError, Progress, Registries, Repository};
use crate::store::{Store, StoreError};
use crate::tree::Digest;

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
                Box::new(file)
            }
            Self::Remote(registries, repository) => {
                Box::new(BlobReader::new(registries, repository, *blob, from, progress))
            }
        })
    }
}
