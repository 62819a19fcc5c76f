use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;

/// A kind of archive, by its first bytes: a name says nothing for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Zip,
    Tar,
    TarGzip,
    TarXz,
    TarZstd,
}

/// Where a tar's header says what it is.
const USTAR: std::ops::Range<usize> = 257..262;

/// Memory that an xz archive may want for itself; its strongest preset takes a tenth.
const XZ_KIBIBYTES: u32 = 1 << 20;

impl Kind {
    /// The kind of a file, which is left at its beginning.
    pub fn of(mut file: &File) -> io::Result<Option<Self>> {
        let mut start = Vec::new();
        file.take(512).read_to_end(&mut start)?;
        file.rewind()?;
        Ok(Self::of_bytes(&start))
    }

    fn of_bytes(start: &[u8]) -> Option<Self> {
        let magic: [(&[u8], Self); 5] = [
            (b"PK\x03\x04", Self::Zip),
            (b"PK\x05\x06", Self::Zip),
            (b"\x1f\x8b", Self::TarGzip),
            (b"\xfd7zXZ\0", Self::TarXz),
            (b"\x28\xb5\x2f\xfd", Self::TarZstd),
        ];
        let found = magic.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, kind)| kind);
        found.or_else(|| is_tar(start).then_some(Self::Tar))
    }

    /// The bytes of the tar inside.
    pub fn reader(self, file: File) -> io::Result<Box<dyn Read>> {
        let file = BufReader::with_capacity(128 * 1024, file);
        Ok(match self {
            Self::Zip | Self::Tar => Box::new(file),
            Self::TarGzip => Box::new(MultiGzDecoder::new(file)),
            Self::TarXz => Box::new(XzReader::new_mem_limit(file, true, XZ_KIBIBYTES)),
            Self::TarZstd => Box::new(StreamingDecoder::new(file).map_err(io::Error::other)?),
        })
    }
}

/// By the mark of today's tars, or by the checksum that the oldest have too.
fn is_tar(start: &[u8]) -> bool {
    if start.len() < 512 {
        return false;
    }
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(&start[..512]);
    let counted = start[..148].iter().chain(&start[156..512]).map(|byte| u32::from(*byte)).sum::<u32>();
    &start[USTAR] == b"ustar" || header.cksum().is_ok_and(|sum| sum == counted + 8 * u32::from(b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_the_first_bytes() {
        let mut header = tar::Header::new_old();
        header.set_path("x").unwrap();
        header.set_size(0);
        header.set_cksum();
        for (start, kind) in [
            (b"PK\x03\x04".as_slice(), Some(Kind::Zip)),
            (b"\x1f\x8b\x08", Some(Kind::TarGzip)),
            (b"\xfd7zXZ\0", Some(Kind::TarXz)),
            (b"\x28\xb5\x2f\xfd", Some(Kind::TarZstd)),
            (header.as_bytes(), Some(Kind::Tar)),
            (b"#!/bin/sh", None),
            (b"", None),
            (&[0; 512], None),
        ] {
            assert_eq!(Kind::of_bytes(start), kind);
        }
    }
}
