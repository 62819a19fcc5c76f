//! What of an ELF file has to be known to make it smaller.

use std::ops::Range;

pub const HEADER: usize = 64;
pub const PROGRAM_HEADER: usize = 56;
pub const SECTION_HEADER: usize = 64;

pub const SYMTAB: u32 = 2;
pub const STRTAB: u32 = 3;
pub const RELA: u32 = 4;
const NOBITS: u32 = 8;
pub const REL: u32 = 9;
pub const SYMTAB_SHNDX: u32 = 18;
/// The section is in memory when the program runs.
pub const ALLOCATED: u64 = 2;

/// So many zeros at the end belong to nothing and mean nothing.
const PADDING: usize = 64;

#[derive(Clone, Copy)]
pub struct Section {
    pub name: usize,
    pub kind: u32,
    pub flags: u64,
    pub offset: usize,
    pub size: usize,
    pub link: u32,
    pub align: usize,
}

impl Section {
    /// The bytes of it that are in the file.
    pub fn file_size(&self) -> usize {
        if self.kind == NOBITS || self.kind == 0 { 0 } else { self.size }
    }
}

pub struct Segment {
    pub offset: usize,
    /// In the file.
    pub size: usize,
    pub align: usize,
    /// Its header without the offset.
    pub rest: [u8; PROGRAM_HEADER],
}

pub struct Elf<'b> {
    pub bytes: &'b [u8],
    pub segments: Vec<Segment>,
    pub sections: Vec<Section>,
    /// Where the program headers are.
    pub programs: usize,
    /// Where the table of sections is.
    pub table: usize,
    /// The index of the section with the names of sections.
    pub names: usize,
}

impl<'b> Elf<'b> {
    /// A program or library for 64 bits; none for anything that is not quite as usual.
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let usual = bytes.starts_with(b"\x7fELF\x02\x01\x01") && matches!(u16_at(bytes, 16)?, 2 | 3);
        let (programs, table) = (u64_at(bytes, 32)?, u64_at(bytes, 40)?);
        let [program_header, segments, section_header, sections, names] =
            [54, 56, 58, 60, 62].map(|at| u16_at(bytes, at).map_or(0, usize::from));
        let sizes = (program_header, section_header) == (PROGRAM_HEADER, SECTION_HEADER);
        if !usual || !sizes || segments == 0 || sections < 2 || names >= sections {
            return None;
        }
        let segment = |index: usize| {
            let at = programs.checked_add(index * PROGRAM_HEADER)?;
            let mut rest: [u8; PROGRAM_HEADER] =
                bytes.get(at..at.checked_add(PROGRAM_HEADER)?)?.try_into().ok()?;
            rest[8..16].fill(0);
            Some(Segment {
                offset: u64_at(bytes, at + 8)?,
                size: u64_at(bytes, at + 32)?,
                align: u64_at(bytes, at + 48)?,
                rest,
            })
        };
        let section = |index: usize| {
            let at = table.checked_add(index * SECTION_HEADER)?;
            bytes.get(at..at.checked_add(SECTION_HEADER)?)?;
            Some(Section {
                name: u32_at(bytes, at)? as usize,
                kind: u32_at(bytes, at + 4)?,
                flags: u64_at(bytes, at + 8)? as u64,
                offset: u64_at(bytes, at + 24)?,
                size: u64_at(bytes, at + 32)?,
                link: u32_at(bytes, at + 40)?,
                align: u64_at(bytes, at + 48)?,
            })
        };
        let segments = (0..segments).map(segment).collect::<Option<Vec<_>>>()?;
        let sections = (0..sections).map(section).collect::<Option<Vec<_>>>()?;
        let mut end = table + sections.len() * SECTION_HEADER;
        for segment in &segments {
            end = end.max(segment.offset.checked_add(segment.size)?);
        }
        for section in &sections {
            end = end.max(section.offset.checked_add(section.file_size())?);
        }
        // Something is missing, or something is appended that the program finds by itself.
        let behind = bytes.get(end..)?;
        let padding = behind.len() <= PADDING && behind.iter().all(|byte| *byte == 0);
        padding.then_some(Self { bytes, segments, sections, programs, table, names })
    }

    pub fn name(&self, section: &Section) -> Option<&'b [u8]> {
        let names = self.sections[self.names];
        let bytes =
            self.bytes.get(names.offset..names.offset.checked_add(names.size)?)?.get(section.name..)?;
        bytes.split(|byte| *byte == 0).next()
    }

    /// What of the file the headers and the segments cover, in order and apart from each other.
    pub fn covered(&self) -> Vec<Range<usize>> {
        let table = self.programs..self.programs + self.segments.len() * PROGRAM_HEADER;
        let segments = self.segments.iter().filter(|segment| segment.size > 0);
        let mut ranges: Vec<Range<usize>> =
            segments.map(|segment| segment.offset..segment.offset + segment.size).collect();
        ranges.extend([0..HEADER, table]);
        ranges.sort_by_key(|range| range.start);
        let mut covered: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            match covered.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => covered.push(range),
            }
        }
        covered
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?).try_into().ok()
}

pub fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub fn put_u64(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}
