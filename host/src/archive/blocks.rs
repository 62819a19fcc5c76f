//! Deflating a blob that is too large for memory: in blocks, on several threads, each with the end
//! of the block before it as its dictionary, so that the whole is one deflate stream.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::ArchiveError;
use super::deflated::{Bytes, Deflated, Deflater, Form, HEADER, KEPT_MODE};
use super::records::Method;
use crate::store::temporary::{file_beside, folder_of};
use crate::store::{Store, StoreError};
use crate::tree::{Digest, Hasher};

/// How many bytes of a blob are deflated at once. Another size gives other archives.
pub const BLOCK: u64 = 1024 * 1024;
/// How far back deflate can refer (RFC 1951).
const WINDOW: u64 = 32 * 1024;

/// A block of a blob, and its part of the deflate stream.
pub struct Block {
    plain: Vec<u8>,
    deflated: Vec<u8>,
}

impl Block {
    /// How many blocks a blob has.
    pub fn count(digest: &Digest) -> u64 {
        digest.size().div_ceil(BLOCK)
    }

    /// Reads and deflates a block.
    pub fn deflate(
        store: &Store,
        digest: &Digest,
        index: u64,
        deflater: &mut Deflater,
    ) -> Result<Self, StoreError> {
        let path = store.blob_path(digest);
        let start = index * BLOCK;
        let end = (start + BLOCK).min(digest.size());
        let from = start.saturating_sub(WINDOW);
        let mut bytes = vec![0; (end - from) as usize];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, from));
        read.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(*digest),
            io::ErrorKind::UnexpectedEof => store.discard_corrupt(digest),
            _ => StoreError::io("read", &path)(error),
        })?;
        let plain = bytes.split_off((start - from) as usize);
        let deflated = deflater.deflate_block(&bytes, &plain, end == digest.size());
        Ok(Self { plain, deflated })
    }
}

/// The file in which a large blob's deflated form comes together.
pub struct Spool {
    digest: Digest,
    file: SpoolFile,
    /// The file, for messages.
    path: PathBuf,
    plain: Hasher,
    crc32: crc32fast::Hasher,
    check: crc32fast::Hasher,
    compressed: u64,
}

enum SpoolFile {
    /// It becomes the kept form.
    Kept(NamedTempFile),
    /// The cache takes no files; this one has no name.
    Unnamed(File),
}

impl SpoolFile {
    fn file(&mut self) -> &mut File {
        match self {
            Self::Kept(file) => file.as_file_mut(),
            Self::Unnamed(file) => file,
        }
    }
}

impl Spool {
    /// An empty one. Where the cache takes no files it is beside the archive at `destination`.
    pub fn new(store: &Store, digest: &Digest, destination: &Path) -> Result<Self, ArchiveError> {
        let kept = store.deflated_path(digest);
        let (mut file, path) = match file_beside(&kept, KEPT_MODE) {
            Ok(file) => (SpoolFile::Kept(file), kept),
            Err(_) => {
                let file = tempfile::tempfile_in(folder_of(destination))
                    .map_err(ArchiveError::io("create a file beside", destination))?;
                (SpoolFile::Unnamed(file), destination.to_path_buf())
            }
        };
        // Room for the header, whose fields are known at the end.
        file.file().write_all(&[0; HEADER]).map_err(ArchiveError::io("write", &path))?;
        Ok(Self {
            digest: *digest,
            file,
            path,
            plain: Hasher::default(),
            crc32: crc32fast::Hasher::new(),
            check: crc32fast::Hasher::new(),
            compressed: 0,
        })
    }

    /// Deflates a whole blob on this thread.
    pub fn of_blob(
        store: &Store,
        digest: &Digest,
        destination: &Path,
        deflater: &mut Deflater,
    ) -> Result<Self, ArchiveError> {
        let mut spool = Self::new(store, digest, destination)?;
        for index in 0..Block::count(digest) {
            spool.add(&Block::deflate(store, digest, index, deflater)?)?;
        }
        Ok(spool)
    }

    /// Appends the next block.
    pub fn add(&mut self, block: &Block) -> Result<(), ArchiveError> {
        self.plain.update(&block.plain);
        self.crc32.update(&block.plain);
        self.check.update(&block.deflated);
        self.compressed += block.deflated.len() as u64;
        self.file.file().write_all(&block.deflated).map_err(ArchiveError::io("write", &self.path))
    }

    /// Checks that the blocks were the blob, and keeps the form where the cache takes files.
    pub fn finish(mut self, store: &Store) -> Result<Deflated, ArchiveError> {
        if self.plain.finish() != self.digest {
            return Err(store.discard_corrupt(&self.digest).into());
        }
        let crc32 = self.crc32.finalize();
        let form = match self.compressed < self.digest.size() {
            true => Form { method: Method::Deflated, crc32, compressed: self.compressed },
            false => Form { method: Method::Stored, crc32, compressed: self.digest.size() },
        };
        let (header, length) = match form.method {
            Method::Deflated => (form.header(self.check), self.compressed),
            Method::Stored => (form.header(crc32fast::Hasher::new()), 0),
        };
        let file = self.file.file();
        let written = file
            .set_len(HEADER as u64 + length)
            .and_then(|()| file.write_all_at(&header, 0))
            .and_then(|()| file.seek(SeekFrom::Start(HEADER as u64)));
        written.map_err(ArchiveError::io("write", &self.path))?;
        let file = match self.file {
            SpoolFile::Unnamed(file) => file,
            // Without its name the file still serves this archive.
            SpoolFile::Kept(file) => {
                file.persist(&self.path).unwrap_or_else(|error| error.file.into_parts().0)
            }
        };
        let bytes = if form.method == Method::Stored { Bytes::Blob } else { Bytes::File(file) };
        Ok(Deflated { form, bytes })
    }
}
