//! ELF files without what only debuggers and linkers read.
//!
//! A file is cut behind what its program headers cover, and the few sections that remain behind
//! that are put there anew with a new table of sections. All that a loader reads stays where it
//! is, byte for byte; so a file that cannot be cut in this way is left alone rather than taken apart.
//! <https://gabi.xinuos.com/>

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const RELA: u32 = 4;
const NOBITS: u32 = 8;
const REL: u32 = 9;
const SYMTAB_SHNDX: u32 = 18;
/// The section is in memory when the program runs.
const ALLOCATED: u64 = 2;

/// Sections by the beginnings of their names that no program reads.
const NEEDLESS: [&[u8]; 8] = [
    b".debug_",
    b".zdebug_",
    b".gdb_index",
    b".gnu_debuglink",
    b".gnu_debugdata",
    b".comment",
    b".stab",
    b".gnu.build.attributes",
];

#[derive(Clone, Copy)]
struct Section {
    name: usize,
    kind: u32,
    flags: u64,
    offset: usize,
    size: usize,
    link: u32,
    align: usize,
}

/// The file without symbols and debug information; none where it has none or is better left alone.
pub fn stripped(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = Elf::parse(bytes)?;
    let stripped = file.cut()?;
    (stripped.len() < bytes.len() && is_faithful(bytes, &stripped)).then_some(stripped)
}

struct Elf<'b> {
    bytes: &'b [u8],
    sections: Vec<Section>,
    /// The index of the section with the names of sections.
    names: usize,
    /// Up to here the program headers cover the file.
    loaded: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<usize> {
    u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?).try_into().ok()
}

impl<'b> Elf<'b> {
    /// A program or library for 64 bits; none for anything that is not quite as usual.
    fn parse(bytes: &'b [u8]) -> Option<Self> {
        let usual = bytes.starts_with(b"\x7fELF\x02\x01\x01") && matches!(u16_at(bytes, 16)?, 2 | 3);
        let (programs, count) = (u64_at(bytes, 32)?, usize::from(u16_at(bytes, 56)?));
        let (table, sections) = (u64_at(bytes, 40)?, usize::from(u16_at(bytes, 60)?));
        let names = usize::from(u16_at(bytes, 62)?);
        let sizes = (usize::from(u16_at(bytes, 54)?), usize::from(u16_at(bytes, 58)?));
        if !usual
            || count == 0
            || sections < 2
            || sizes != (PROGRAM_HEADER, SECTION_HEADER)
            || names >= sections
        {
            return None;
        }
        let mut loaded = HEADER.max(programs.checked_add(count * PROGRAM_HEADER)?);
        for index in 0..count {
            let at = programs + index * PROGRAM_HEADER;
            loaded = loaded.max(u64_at(bytes, at + 8)?.checked_add(u64_at(bytes, at + 32)?)?);
        }
        let section = |index: usize| {
            let at = table.checked_add(index * SECTION_HEADER)?;
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
        let sections = (0..sections).map(section).collect::<Option<Vec<_>>>()?;
        let elf = Self { bytes, sections, names, loaded };
        let mut end = loaded.max(table + elf.sections.len() * SECTION_HEADER);
        for section in elf.sections.iter().filter(|section| section.kind != NOBITS) {
            end = end.max(section.offset.checked_add(section.size)?);
        }
        // Something is appended that the file finds by itself, or something is missing.
        (end == bytes.len()).then_some(elf)
    }

    fn name(&self, section: &Section) -> Option<&'b [u8]> {
        let names = self.sections[self.names];
        let bytes = self.bytes.get(names.offset..names.offset + names.size)?.get(section.name..)?;
        bytes.split(|byte| *byte == 0).next()
    }

    /// Which sections go.
    fn dropped(&self) -> Option<Vec<bool>> {
        let mut dropped = Vec::new();
        for (index, section) in self.sections.iter().enumerate() {
            let name = self.name(section)?;
            let needless = NEEDLESS.iter().any(|needless| name.starts_with(needless))
                || matches!(section.kind, SYMTAB | SYMTAB_SHNDX | RELA | REL)
                || index == self.names;
            dropped.push(section.flags & ALLOCATED == 0 && index > 0 && needless);
        }
        // The names of symbols go with the symbols.
        for index in 1..self.sections.len() {
            let section = &self.sections[index];
            let users = || self.sections.iter().enumerate().filter(|(_, user)| user.link as usize == index);
            if section.kind == STRTAB && section.flags & ALLOCATED == 0 && users().count() > 0 {
                dropped[index] |= users().all(|(user, _)| dropped[user]);
            }
        }
        let dangles = |(index, section): (usize, &Section)| {
            !dropped[index] && section.link > 0 && *dropped.get(section.link as usize).unwrap_or(&true)
        };
        (!self.sections.iter().enumerate().any(dangles)).then_some(dropped)
    }

    fn cut(&self) -> Option<Vec<u8>> {
        let dropped = self.dropped()?;
        let names_at = dropped.iter().position(|dropped| *dropped)?;
        let table = u64_at(self.bytes, 40)?;
        let last = (0..self.sections.len()).rfind(|index| !dropped[*index])?.max(names_at);
        let mut out = self.bytes.get(..self.loaded)?.to_vec();
        let (mut headers, mut names) = (Vec::new(), vec![0]);
        for (index, section) in self.sections.iter().enumerate().take(last + 1) {
            if dropped[index] {
                // A number of a section is in many places: what goes leaves its place empty.
                headers.extend([0; SECTION_HEADER]);
                continue;
            }
            let at = table + index * SECTION_HEADER;
            let mut header = self.bytes.get(at..at + SECTION_HEADER)?.to_vec();
            let name = self.name(section)?;
            let name_at = if name.is_empty() { 0 } else { names.len() };
            if !name.is_empty() {
                names.extend_from_slice(name);
                names.push(0);
            }
            header[..4].copy_from_slice(&u32::try_from(name_at).ok()?.to_le_bytes());
            let bits = section.kind != NOBITS && index > 0;
            if bits && section.offset >= self.loaded && section.size > 0 {
                // What is in memory is covered by a program header.
                if section.flags & ALLOCATED != 0 {
                    return None;
                }
                align(&mut out, section.align)?;
                header[24..32].copy_from_slice(&(out.len() as u64).to_le_bytes());
                out.extend_from_slice(self.bytes.get(section.offset..section.offset + section.size)?);
            } else if bits && section.offset + section.size > self.loaded && section.size > 0 {
                return None;
            }
            headers.extend(header);
        }
        let name_at = names.len() as u32;
        names.extend_from_slice(b".shstrtab\0");
        let place = names_at * SECTION_HEADER;
        headers[place..place + 4].copy_from_slice(&name_at.to_le_bytes());
        headers[place + 4..place + 8].copy_from_slice(&STRTAB.to_le_bytes());
        headers[place + 24..place + 32].copy_from_slice(&(out.len() as u64).to_le_bytes());
        headers[place + 32..place + 40].copy_from_slice(&(names.len() as u64).to_le_bytes());
        headers[place + 48..place + 56].copy_from_slice(&1u64.to_le_bytes());
        out.extend(names);
        align(&mut out, 8)?;
        let table = out.len() as u64;
        out[40..48].copy_from_slice(&table.to_le_bytes());
        out[60..62].copy_from_slice(&u16::try_from(last + 1).ok()?.to_le_bytes());
        out[62..64].copy_from_slice(&u16::try_from(names_at).ok()?.to_le_bytes());
        out.extend(headers);
        Some(out)
    }
}

fn align(out: &mut Vec<u8>, align: usize) -> Option<()> {
    if align > 1 << 16 {
        return None;
    }
    out.resize(out.len().next_multiple_of(align.max(1)), 0);
    Some(())
}

/// Whether a loader, and a linker that links with the library, see the same file: program headers,
/// and every section in memory (the dynamic section and symbols are among them) with its place.
fn is_faithful(before: &[u8], after: &[u8]) -> bool {
    let (Some(old), Some(new)) = (Elf::parse(before), Elf::parse(after)) else { return false };
    let (Some(covered), Some(kept)) = (before.get(HEADER..old.loaded), after.get(HEADER..old.loaded)) else {
        return false;
    };
    let same_header = before[..40] == after[..40] && before[48..60] == after[48..60];
    let seen = |elf: &Elf, index: usize| {
        let section = elf.sections.get(index)?;
        let bits = section.kind != NOBITS;
        let bytes = if bits {
            elf.bytes.get(section.offset..section.offset + section.size)?.to_vec()
        } else {
            Vec::new()
        };
        Some((
            elf.name(section)?.to_vec(),
            section.kind,
            section.flags,
            section.offset,
            section.size,
            section.link,
            bytes,
        ))
    };
    let mut allocated = (0..old.sections.len()).filter(|index| old.sections[*index].flags & ALLOCATED != 0);
    same_header
        && covered == kept
        && old.loaded == new.loaded
        && allocated.all(|index| seen(&old, index).is_some() && seen(&old, index) == seen(&new, index))
}
