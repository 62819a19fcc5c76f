//! The deflated form of a blob, kept in a file beside it: a header, then raw deflate
//! (<https://www.rfc-editor.org/rfc/rfc1951>). It can always be made again, so it is written
//! without waiting for the disk, and checked when it is read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use flate2::{Compress, Compression, FlushCompress, Status};
use tempfile::NamedTempFile;

use super::ArchiveError;
use crate::store::{Store, temporary_beside};
use crate::tree::{Digest, Hasher};

/// The level of most zip programs.
const LEVEL: u32 = 6;
/// A larger blob is deflated in blocks of this size, which many threads can do at once.
pub const BLOCK: u64 = 1 << 20;
/// Up to this size a blob is deflated in one piece, by a faster library that must hold it.
pub const WHOLE: u64 = 2 * BLOCK;

const MAGIC: [u8; 8] = *b"fnpackD1";
const HEADER: usize = 32;
const BUFFER: usize = 256 << 10;

/// How a zip holds a file's bytes: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// Deflated.
    Deflated,
}

/// What a zip says of a file, and where the bytes that it holds are.
#[derive(Debug)]
pub struct Deflated {
    /// How the bytes are held.
    pub method: Method,
    /// The CRC-32 of the blob.
    pub crc: u32,
    /// How many bytes there are in the zip.
    pub length: u64,
    /// The CRC-32 of these.
    check: u32,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// The blob itself.
    Blob(Digest),
    /// After the header of the file.
    File(File),
    /// Where it could not be kept: a full disk, a cache that can only be read.
    Memory(Vec<u8>),
}

impl Deflated {
    /// The kept form of a blob; none when there is none that looks whole.
    pub fn kept(store: &Store, digest: &Digest) -> Option<Self> {
        let file = File::open(store.deflated_path(digest)).ok()?;
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0).ok()?;
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        let length = u64::from_le_bytes(header[16..24].try_into().expect("eight bytes"));
        if header[..8] != MAGIC || number(28) != crc32fast::hash(&header[..28]) {
            return None;
        }
        let (method, crc, check) = (header[24], number(8), number(12));
        let body = match method {
            0 => Body::Blob(*digest),
            _ if file.metadata().ok()?.len() != HEADER as u64 + length => return None,
            _ => Body::File(file),
        };
        Some(Self { method: if method == 0 { Method::Stored } else { Method::Deflated }, crc, length, check, body })
    }

    /// Deflates a blob of at most [`WHOLE`] bytes, and keeps the result where that can be done.
    pub fn of_whole(store: &Store, digest: &Digest) -> Result<Self, ArchiveError> {
        let bytes = store.read(digest)?;
        let crc = crc32fast::hash(&bytes);
        let level = libdeflater::CompressionLvl::new(LEVEL as i32).expect("a level that there is");
        let mut compressor = libdeflater::Compressor::new(level);
        let mut deflated = vec![0; compressor.deflate_compress_bound(bytes.len())];
        let length = compressor.deflate_compress(&bytes, &mut deflated).expect("the bound is enough");
        deflated.truncate(length);
        if length >= bytes.len() {
            let stored = Self::stored(digest, crc);
            let _ = stored.keep(store, digest, &[]);
            return Ok(stored);
        }
        let made = Self {
            method: Method::Deflated,
            crc,
            length: length as u64,
            check: crc32fast::hash(&deflated),
            body: Body::Memory(Vec::new()),
        };
        let body = match made.keep(store, digest, &deflated) {
            Ok(file) => Body::File(file),
            Err(_) => Body::Memory(deflated),
        };
        Ok(Self { body, ..made })
    }

    fn stored(digest: &Digest, crc: u32) -> Self {
        let body = Body::Blob(*digest);
        Self { method: Method::Stored, crc, length: digest.size(), check: crc, body }
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&self.crc.to_le_bytes());
        header[12..16].copy_from_slice(&self.check.to_le_bytes());
        header[16..24].copy_from_slice(&self.length.to_le_bytes());
        header[24] = u8::from(self.method == Method::Deflated);
        let check = crc32fast::hash(&header[..28]);
        header[28..].copy_from_slice(&check.to_le_bytes());
        header
    }

    fn keep(&self, store: &Store, digest: &Digest, body: &[u8]) -> Result<File, ArchiveError> {
        let path = store.deflated_path(digest);
        let mut file = temporary_beside(&path)?;
        let written = file.write_all(&self.header()).and_then(|()| file.write_all(body));
        written.map_err(ArchiveError::io("write", &path))?;
        Ok(file.persist(&path)?)
    }

    /// Writes the bytes that the zip holds. False when they turn out damaged: then the form is
    /// removed, and what was written must not be used.
    pub fn copy_to(&mut self, store: &Store, digest: &Digest, writer: &mut impl Write) -> Result<bool, ArchiveError> {
        let path = store.deflated_path(digest);
        match &mut self.body {
            Body::Blob(blob) => store.copy_to(blob, writer)?,
            Body::Memory(bytes) => writer.write_all(bytes).map_err(ArchiveError::io("copy", &path))?,
            Body::File(file) => {
                file.seek(SeekFrom::Start(HEADER as u64)).map_err(ArchiveError::io("read", &path))?;
                let mut check = crc32fast::Hasher::new();
                let mut buffer = vec![0; BUFFER.min(self.length as usize).max(1)];
                loop {
                    let count = file.read(&mut buffer).map_err(ArchiveError::io("read", &path))?;
                    if count == 0 {
                        break;
                    }
                    check.update(&buffer[..count]);
                    writer.write_all(&buffer[..count]).map_err(ArchiveError::io("copy", &path))?;
                }
                if check.finalize() != self.check {
                    let _ = std::fs::remove_file(&path);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// One deflated block of a large blob.
#[derive(Debug)]
pub struct Block {
    crc: crc32fast::Hasher,
    deflated: Vec<u8>,
    digest: Option<Digest>,
}

/// Deflates the block of a blob that begins at `start`. The first also reads the whole blob, to
/// see whether it is what it should be.
pub fn deflate_block(store: &Store, digest: &Digest, start: u64) -> Result<Block, ArchiveError> {
    let path = store.blob_path(digest);
    let file = File::open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => crate::store::StoreError::Missing(*digest).into(),
        _ => ArchiveError::io("read", &path)(error),
    })?;
    let size = BLOCK.min(digest.size() - start);
    let mut bytes = vec![0; size as usize];
    file.read_exact_at(&mut bytes, start).map_err(|_| store.discard_corrupt(digest))?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes);
    let last = start + size == digest.size();
    let deflated = deflate(&bytes, last);
    let whole = (start == 0).then(|| digest_of(&file)).transpose().map_err(ArchiveError::io("read", &path))?;
    Ok(Block { crc, deflated, digest: whole })
}

fn digest_of(mut file: &File) -> io::Result<Digest> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Deflates bytes so that the result can be followed by another block, unless it is the last.
fn deflate(bytes: &[u8], last: bool) -> Vec<u8> {
    let mut compress = Compress::new(Compression::new(LEVEL), false);
    let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
    let mut deflated = Vec::with_capacity(bytes.len() / 2 + 1024);
    loop {
        let read = compress.total_in() as usize;
        let status = compress.compress_vec(&bytes[read..], &mut deflated, flush).expect("its state is right");
        let finished = if last {
            status == Status::StreamEnd
        } else {
            compress.total_in() as usize == bytes.len() && deflated.len() < deflated.capacity()
        };
        if finished {
            return deflated;
        }
        deflated.reserve(deflated.capacity().max(1024));
    }
}

/// Puts the blocks of a large blob together.
pub struct Assembly {
    file: NamedTempFile,
    crc: crc32fast::Hasher,
    check: crc32fast::Hasher,
    length: u64,
}

impl Assembly {
    /// For a blob of which there is no block yet.
    pub fn new(store: &Store, digest: &Digest) -> Result<Self, ArchiveError> {
        let path = store.deflated_path(digest);
        // Where the cache cannot be written, the system's folder for temporary files will do.
        let mut file = temporary_beside(&path)
            .or_else(|_| NamedTempFile::new())
            .map_err(ArchiveError::io("create", &path))?;
        file.write_all(&[0; HEADER]).map_err(ArchiveError::io("write", &path))?;
        Ok(Self { file, crc: crc32fast::Hasher::new(), check: crc32fast::Hasher::new(), length: 0 })
    }

    /// Adds the next block.
    pub fn add(&mut self, store: &Store, digest: &Digest, block: &Block) -> Result<(), ArchiveError> {
        if block.digest.is_some_and(|found| found != *digest) {
            return Err(store.discard_corrupt(digest).into());
        }
        self.file.write_all(&block.deflated).map_err(ArchiveError::io("write", self.file.path()))?;
        self.crc.combine(&block.crc);
        self.check.update(&block.deflated);
        self.length += block.deflated.len() as u64;
        Ok(())
    }

    /// The whole, kept where that can be done.
    pub fn finish(mut self, store: &Store, digest: &Digest) -> Result<Deflated, ArchiveError> {
        let crc = self.crc.finalize();
        if self.length >= digest.size() {
            let stored = Deflated::stored(digest, crc);
            let _ = stored.keep(store, digest, &[]);
            return Ok(stored);
        }
        let path = store.deflated_path(digest);
        let read = self.file.reopen().map_err(ArchiveError::io("read", &path))?;
        let (check, length) = (self.check.finalize(), self.length);
        let made = Deflated { method: Method::Deflated, crc, length, check, body: Body::File(read) };
        let file = self.file.as_file_mut();
        let headed = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(&made.header()));
        headed.map_err(ArchiveError::io("write", &path))?;
        // Its bytes are at hand even when it cannot be kept.
        let _ = self.file.persist(&path);
        Ok(made)
    }
}
