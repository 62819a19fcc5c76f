//! The records of a zip file, after [APPNOTE.TXT] 6.3.10: local headers (4.3.7), the central
//! directory (4.3.12), its end (4.3.16), and their zip64 forms where a number needs them.
//!
//! [APPNOTE.TXT]: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

/// How an entry's bytes are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// As they are.
    Stored,
    /// Deflated (RFC 1951).
    Deflated,
}

impl Method {
    /// The number in headers.
    pub fn number(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}

/// What the headers tell of an entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path; that of a directory ends with `/`.
    pub name: Vec<u8>,
    /// The mode with the type of the file, as `stat` has it.
    pub mode: u32,
    /// How the bytes are kept.
    pub method: Method,
    /// The CRC-32 of the bytes as they were.
    pub crc32: u32,
    /// How many bytes are kept.
    pub compressed: u64,
    /// How many bytes there were.
    pub size: u64,
}

/// The first number that is told in a zip64 record instead.
const ZIP64_FROM: u64 = u32::MAX as u64;
/// The same for the count of entries.
const ZIP64_ENTRIES_FROM: u64 = u16::MAX as u64;
/// The version of the format that knows zip64: 4.5.
const VERSION_ZIP64: u16 = 45;
/// The version that knows directories and deflating: 2.0.
const VERSION: u16 = 20;
/// The host system whose modes the external attributes hold: Unix.
const UNIX: u16 = 3 << 8;
/// The general purpose flag that says that the name is UTF-8.
const UTF8: u16 = 1 << 11;
/// 00:00:00 on 1980-01-01, the earliest time that the format knows.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;
/// The MS-DOS attribute of a directory.
const DOS_DIRECTORY: u32 = 0x10;

/// The header before an entry's bytes.
pub fn local_header(entry: &Entry) -> Vec<u8> {
    let large = entry.compressed >= ZIP64_FROM || entry.size >= ZIP64_FROM;
    // Here either both sizes are told in the extra field or none (4.5.3).
    let extra = if large { zip64_extra(&[entry.size, entry.compressed]) } else { Vec::new() };
    let mut bytes = Bytes::default();
    bytes.u32(0x0403_4b50).common(entry, large);
    match large {
        true => bytes.u32(u32::MAX).u32(u32::MAX),
        false => bytes.u32(capped(entry.compressed)).u32(capped(entry.size)),
    };
    bytes.u16(entry.name.len() as u16).u16(extra.len() as u16).all(&entry.name).all(&extra);
    bytes.0
}

/// The header of an entry in the central directory; `offset` is where its local header begins.
pub fn central_header(entry: &Entry, offset: u64) -> Vec<u8> {
    let numbers = [entry.size, entry.compressed, offset];
    let large: Vec<u64> = numbers.into_iter().filter(|number| *number >= ZIP64_FROM).collect();
    let extra = if large.is_empty() { Vec::new() } else { zip64_extra(&large) };
    let directory = if entry.name.ends_with(b"/") { DOS_DIRECTORY } else { 0 };
    let mut bytes = Bytes::default();
    bytes.u32(0x0201_4b50).u16(UNIX | VERSION_ZIP64).common(entry, !large.is_empty());
    bytes.u32(capped(entry.compressed)).u32(capped(entry.size));
    bytes.u16(entry.name.len() as u16).u16(extra.len() as u16);
    // No comment, the first disk, no internal attributes.
    bytes.u16(0).u16(0).u16(0);
    bytes.u32(entry.mode << 16 | directory).u32(capped(offset)).all(&entry.name).all(&extra);
    bytes.0
}

/// What follows the central directory, which has `entries` headers in `size` bytes from `offset`.
pub fn end(entries: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut bytes = Bytes::default();
    if entries >= ZIP64_ENTRIES_FROM || size >= ZIP64_FROM || offset >= ZIP64_FROM {
        // The zip64 end (4.3.14): the bytes of it that follow, versions, disks, counts.
        bytes.u32(0x0606_4b50).u64(44).u16(UNIX | VERSION_ZIP64).u16(VERSION_ZIP64).u32(0).u32(0);
        bytes.u64(entries).u64(entries).u64(size).u64(offset);
        // Where that is (4.3.15).
        bytes.u32(0x0706_4b50).u32(0).u64(offset + size).u32(1);
    }
    let count = entries.min(ZIP64_ENTRIES_FROM) as u16;
    bytes.u32(0x0605_4b50).u16(0).u16(0).u16(count).u16(count);
    bytes.u32(capped(size)).u32(capped(offset)).u16(0);
    bytes.0
}

/// The zip64 extended information extra field (4.5.3).
fn zip64_extra(numbers: &[u64]) -> Vec<u8> {
    let mut bytes = Bytes::default();
    bytes.u16(1).u16(8 * numbers.len() as u16);
    for number in numbers {
        bytes.u64(*number);
    }
    bytes.0
}

fn capped(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Little-endian numbers, one after the other.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn all(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, number: u16) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    fn u32(&mut self, number: u32) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    fn u64(&mut self, number: u64) -> &mut Self {
        self.all(&number.to_le_bytes())
    }

    /// From the version needed to the CRC-32: the same in both headers.
    fn common(&mut self, entry: &Entry, large: bool) -> &mut Self {
        let utf8 = !entry.name.is_ascii() && std::str::from_utf8(&entry.name).is_ok();
        self.u16(if large { VERSION_ZIP64 } else { VERSION })
            .u16(if utf8 { UTF8 } else { 0 })
            .u16(entry.method.number())
            .u16(TIME)
            .u16(DATE)
            .u32(entry.crc32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8], compressed: u64, size: u64) -> Entry {
        Entry { name: name.into(), mode: 0o100644, method: Method::Deflated, crc32: 7, compressed, size }
    }

    fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
        bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    #[test]
    fn a_small_entry_has_no_extra_field() {
        let local = local_header(&entry(b"a", 5, 9));
        assert_eq!((local.len(), number(&local, 18, 4), number(&local, 22, 4)), (31, 5, 9));
        assert_eq!(central_header(&entry(b"a", 5, 9), 100).len(), 47);
        assert_eq!(number(&local, 12, 2), 0x21, "the first day of 1980");
    }

    #[test]
    fn a_huge_entry_tells_its_sizes_in_a_zip64_field() {
        let huge = entry(b"a", 3, 5 << 32);
        let local = local_header(&huge);
        assert_eq!((number(&local, 4, 2), number(&local, 28, 2)), (45, 20));
        assert_eq!((number(&local, 18, 4), number(&local, 22, 4)), (0xffff_ffff, 0xffff_ffff));
        assert_eq!((number(&local, 35, 8), number(&local, 43, 8)), (5 << 32, 3));

        let central = central_header(&huge, 6 << 32);
        assert_eq!((number(&central, 20, 4), number(&central, 24, 4)), (3, 0xffff_ffff));
        assert_eq!((number(&central, 30, 2), number(&central, 42, 4)), (20, 0xffff_ffff));
        assert_eq!((number(&central, 51, 8), number(&central, 59, 8)), (5 << 32, 6 << 32));
    }

    #[test]
    fn the_largest_number_of_each_field_already_needs_zip64() {
        assert_eq!(local_header(&entry(b"a", 1, 0xffff_fffe)).len(), 31);
        assert_eq!(local_header(&entry(b"a", 1, 0xffff_ffff)).len(), 51);
        assert_eq!(end(0xfffe, 0, 0).len(), 22);
        assert_eq!(end(0xffff, 0, 0).len(), 22 + 56 + 20);
        assert_eq!(end(1, 0, 0xffff_ffff).len(), 22 + 56 + 20);
    }

    #[test]
    fn only_a_name_that_is_utf8_and_not_ascii_is_flagged() {
        let flags = |name: &[u8]| number(&local_header(&entry(name, 0, 0)), 6, 2);
        assert_eq!((flags(b"a"), flags("\u{e4}".as_bytes()), flags(b"\xe4")), (0, 0x800, 0));
    }
}
