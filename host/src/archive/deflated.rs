//! The deflated form of a blob, as an archive holds it and the store keeps it.
//!
//! A kept form is a header and the deflated bytes. The header holds, little-endian: 8 bytes of magic
//! with the version of the deflater, a `u32` with the zip method, the blob's CRC-32 (`u32`), the
//! count of deflated bytes (`u64`), and a CRC-32 (`u32`) over the deflated bytes and the header's
//! fields before it. A blob that deflating does not make smaller has a header alone. A form can
//! always be made again, so it is not synced: what is damaged or torn fails its check.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor};

use super::records::Method;
use crate::store::temporary::file_beside;
use crate::store::{Store, StoreError};
use crate::tree::Digest;

/// Changes whenever the same blob would be deflated to other bytes than before.
const MAGIC: [u8; 8] = *b"fnpkdef1";
/// How long the header is.
pub const HEADER: usize = 28;
/// The level, from 1 to 9.
const LEVEL: u8 = 6;
/// Smaller blobs are deflated each time: that takes little longer than to keep and find a form.
const KEPT_FROM: u64 = 16 * 1024;
/// The mode of a kept form: like a blob, it is not written to again.
pub const KEPT_MODE: u32 = 0o444;
/// How much is read at once.
pub const CHUNK: usize = 256 * 1024;

/// What the header of a deflated form tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// How the bytes are kept.
    pub method: Method,
    /// The CRC-32 of the blob.
    pub crc32: u32,
    /// How many bytes an archive holds of it.
    pub compressed: u64,
}

/// A blob as an archive holds it.
#[derive(Debug)]
pub struct Deflated {
    /// What the headers tell.
    pub form: Form,
    /// Where the bytes are.
    pub bytes: Bytes,
}

/// Where the bytes are that an archive holds of a blob.
#[derive(Debug)]
pub enum Bytes {
    /// Here.
    Memory(Vec<u8>),
    /// In a file, from its position on.
    File(File),
    /// They are the blob's own.
    Blob,
}

impl Form {
    /// The header, given the CRC-32 state after the deflated bytes.
    pub fn header(&self, mut check: crc32fast::Hasher) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&u32::from(self.method.number()).to_le_bytes());
        header[12..16].copy_from_slice(&self.crc32.to_le_bytes());
        header[16..24].copy_from_slice(&self.compressed.to_le_bytes());
        check.update(&header[..24]);
        header[24..].copy_from_slice(&check.finalize().to_le_bytes());
        header
    }

    /// Reads a header's fields, whose check value is still to be compared.
    fn parse(header: &[u8; HEADER]) -> Option<Self> {
        let method = match u32::from_le_bytes(header[8..12].try_into().ok()?) {
            0 => Method::Stored,
            8 => Method::Deflated,
            _ => return None,
        };
        let crc32 = u32::from_le_bytes(header[12..16].try_into().ok()?);
        let compressed = u64::from_le_bytes(header[16..24].try_into().ok()?);
        (header[..8] == MAGIC).then_some(Self { method, crc32, compressed })
    }

    /// How many bytes follow the header in a kept form.
    fn kept_bytes(&self) -> u64 {
        match self.method {
            Method::Stored => 0,
            Method::Deflated => self.compressed,
        }
    }
}

/// What a thread that deflates keeps for the next blob.
pub struct Deflater {
    whole: Compressor,
    stream: Compress,
    output: Vec<u8>,
}

impl Deflater {
    /// One for a new thread.
    pub fn new() -> Self {
        let level = CompressionLvl::new(LEVEL.into()).expect("the level is valid");
        Self {
            whole: Compressor::new(level),
            stream: Compress::new(Compression::new(LEVEL.into()), false),
            output: Vec::new(),
        }
    }

    /// Deflates bytes at once; none where that does not make them smaller.
    fn deflate(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        let limit = plain.len().saturating_sub(1);
        if self.output.len() < limit {
            self.output.resize(limit, 0);
        }
        let length = self.whole.deflate_compress(plain, &mut self.output[..limit]).ok()?;
        Some(self.output[..length].to_vec())
    }

    /// Deflates one block of a stream that begins on a byte; `before` are the bytes before it.
    pub fn deflate_block(&mut self, before: &[u8], plain: &[u8], last: bool) -> Vec<u8> {
        self.stream.reset();
        // The bytes before are deflated too, and the result dropped: with `set_dictionary` of
        // zlib-rs 0.6 the result depends on what the stream deflated before its reset.
        if !before.is_empty() {
            self.deflate_more(before, FlushCompress::Sync);
        }
        self.deflate_more(plain, if last { FlushCompress::Finish } else { FlushCompress::Sync });
        self.output.clone()
    }

    /// Replaces the output by what the stream makes of more bytes.
    fn deflate_more(&mut self, plain: &[u8], flush: FlushCompress) {
        let before = self.stream.total_in();
        // Room for bytes that cannot be deflated, and their headers.
        self.output.clear();
        self.output.reserve(plain.len() + plain.len() / 64 + 1024);
        self.stream.compress_vec(plain, &mut self.output, flush).expect("deflating cannot fail");
        assert_eq!(self.stream.total_in() - before, plain.len() as u64, "there is room for everything");
    }

    /// The deflated form of a blob that fits in memory: the kept one, or a new one, which is kept.
    pub fn form(&mut self, store: &Store, digest: &Digest) -> Result<Deflated, StoreError> {
        let kept = digest.size() >= KEPT_FROM;
        if kept && let Some((form, bytes)) = kept_in_memory(store, digest) {
            let bytes = match form.method {
                Method::Deflated => bytes,
                Method::Stored => store.read(digest)?,
            };
            return Ok(Deflated { form, bytes: Bytes::Memory(bytes) });
        }
        let plain = store.read(digest)?;
        let crc32 = crc32fast::hash(&plain);
        let deflated = self.deflate(&plain);
        let (method, bytes) = deflated.map_or((Method::Stored, plain), |bytes| (Method::Deflated, bytes));
        let form = Form { method, crc32, compressed: bytes.len() as u64 };
        if kept {
            // An archive does not need what is kept for the next one: the cache may be full.
            let _ = keep(store, digest, &form, &bytes[..form.kept_bytes() as usize]);
        }
        Ok(Deflated { form, bytes: Bytes::Memory(bytes) })
    }
}

/// The kept form of a blob, checked; none where it is missing or damaged.
fn kept_in_memory(store: &Store, digest: &Digest) -> Option<(Form, Vec<u8>)> {
    let mut file = File::open(store.deflated_path(digest)).ok()?;
    let length = file.metadata().ok()?.len();
    let mut header = [0; HEADER];
    file.read_exact(&mut header).ok()?;
    let form = Form::parse(&header)?;
    if form.kept_bytes() + HEADER as u64 != length || form.compressed > digest.size() {
        return None;
    }
    let mut bytes = Vec::with_capacity(form.kept_bytes() as usize);
    file.read_to_end(&mut bytes).ok()?;
    let mut check = crc32fast::Hasher::new();
    check.update(&bytes);
    (form.header(check) == header).then_some((form, bytes))
}

/// The kept form of a large blob, checked; none where it is missing or damaged.
pub fn kept_in_file(store: &Store, digest: &Digest) -> Option<Deflated> {
    let mut file = File::open(store.deflated_path(digest)).ok()?;
    let mut header = [0; HEADER];
    file.read_exact(&mut header).ok()?;
    let form = Form::parse(&header)?;
    let mut check = crc32fast::Hasher::new();
    let mut chunk = vec![0; CHUNK];
    let mut length = 0;
    loop {
        match file.read(&mut chunk).ok()? {
            0 => break,
            read => {
                check.update(&chunk[..read]);
                length += read as u64;
            }
        }
    }
    if length != form.kept_bytes() || form.header(check) != header {
        return None;
    }
    let bytes = match form.method {
        Method::Stored => Bytes::Blob,
        Method::Deflated => {
            file.seek(SeekFrom::Start(HEADER as u64)).ok()?;
            Bytes::File(file)
        }
    };
    Some(Deflated { form, bytes })
}

fn keep(store: &Store, digest: &Digest, form: &Form, bytes: &[u8]) -> io::Result<()> {
    let path = store.deflated_path(digest);
    let mut check = crc32fast::Hasher::new();
    check.update(bytes);
    let mut file = file_beside(&path, KEPT_MODE)?;
    file.write_all(&form.header(check))?;
    file.write_all(bytes)?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of few letters, which deflate and have many short matches.
    fn letters(length: usize, mut seed: u64) -> Vec<u8> {
        let mut next = || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            b'a' + ((seed >> 60) as u8)
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn what_was_deflated_before_does_not_matter_for_a_block() {
        let noise = |index: usize| *Digest::of(&index.to_le_bytes()).bytes();
        let noise: Vec<u8> = (0..1 << 15).flat_map(noise).collect();
        let letters = letters((1 << 20) + (1 << 15), 1);
        let window = 1 << 15;
        let blocks = [
            (&[][..], &letters[..1 << 20], false),
            (&letters[..window], &letters[window..], false),
            (&letters[..window], &letters[window..], true),
            (&letters[..window], &letters[window..window + 5], true),
            (&[][..], &noise[..], false),
            (&noise[..window], &noise[window..], true),
            (&noise[..window], &noise[window..window + 1], true),
        ];
        let mut used = Deflater::new();
        for first in 0..blocks.len() {
            for second in 0..blocks.len() {
                for index in [first, second] {
                    let (before, plain, last) = blocks[index];
                    let fresh = Deflater::new().deflate_block(before, plain, last);
                    let after = used.deflate_block(before, plain, last);
                    assert!(after == fresh, "block {index} of {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn what_was_deflated_before_does_not_matter_for_a_whole_blob() {
        let plain = letters(3 << 20, 2);
        let fresh = Deflater::new().deflate(&plain);
        let mut used = Deflater::new();
        for seed in 3..9 {
            used.deflate(&letters(4 << 20, seed));
            assert!(used.deflate(&plain) == fresh, "after {seed}");
        }
    }
}
