//! ELF files without what only debuggers and linkers read.
//!
//! What program headers cover is kept, byte for byte. What is behind it and between it goes, but
//! for the few sections that somebody may read, which are put at the end with a new table of
//! sections. Where something in the middle goes (tools that patch a library put what they change at
//! its end, behind the symbols), the rest moves up by a multiple of its alignment, and the offsets
//! in the program headers with it: what is in memory is the same, at the same addresses. A file
//! that is not quite as usual is left alone.
//! <https://gabi.xinuos.com/>

use super::elf_file::*;

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

/// The file without symbols and debug information; none where it has none or is better left alone.
pub fn stripped(bytes: &[u8]) -> Option<Vec<u8>> {
    let file = Elf::parse(bytes)?;
    let stripped = file.cut()?;
    (stripped.len() < bytes.len() && is_faithful(&file, &stripped)).then_some(stripped)
}

/// Bytes of the file that are taken out.
struct Cut {
    at: usize,
    length: usize,
    /// Where it ended that nothing covers.
    until: usize,
}

/// Where something is when what is before it is taken out.
fn moved(offset: usize, cuts: &[Cut]) -> usize {
    let before = cuts.iter().filter(|cut| cut.at + cut.length <= offset);
    offset - before.map(|cut| cut.length).sum::<usize>()
}

impl Elf<'_> {
    /// What can be taken out between what is covered: so much that the rest keeps its alignment.
    fn cuts(&self) -> Option<Vec<Cut>> {
        let covered = self.covered();
        let mut cuts = Vec::new();
        for pair in covered.windows(2) {
            let (at, until) = (pair[0].end, pair[1].start);
            let later = self.segments.iter().filter(|segment| segment.offset + segment.size > at);
            let align = later.map(|segment| segment.align.max(1)).max()?;
            let length = (until - at) / align * align;
            if length > 0 {
                cuts.push(Cut { at, length, until });
            }
        }
        Some(cuts)
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
        let (dropped, cuts, covered) = (self.dropped()?, self.cuts()?, self.covered());
        let names_at = dropped.iter().position(|dropped| *dropped)?;
        let last = (0..self.sections.len()).rfind(|index| !dropped[*index])?.max(names_at);
        let mut out = self.loaded(&cuts)?;
        let (mut headers, mut names) = (Vec::new(), vec![0]);
        for (index, section) in self.sections.iter().enumerate().take(last + 1) {
            if dropped[index] {
                // A number of a section is in many places: what goes leaves its place empty.
                headers.extend([0; SECTION_HEADER]);
                continue;
            }
            let at = self.table + index * SECTION_HEADER;
            let mut header = self.bytes.get(at..at + SECTION_HEADER)?.to_vec();
            let name = self.name(section)?;
            put_u32(&mut header, 0, if name.is_empty() { 0 } else { u32::try_from(names.len()).ok()? });
            if !name.is_empty() {
                names.extend_from_slice(name);
                names.push(0);
            }
            let end = section.offset + section.file_size();
            let inside = covered.iter().any(|range| range.start <= section.offset && end <= range.end);
            if section.file_size() == 0 || inside {
                put_u64(&mut header, 24, moved(section.offset, &cuts));
            } else if section.flags & ALLOCATED != 0
                || covered.iter().any(|range| range.start < end && section.offset < range.end)
            {
                // What is in memory is covered by a program header.
                return None;
            } else {
                align(&mut out, section.align)?;
                put_u64(&mut header, 24, out.len());
                out.extend_from_slice(self.bytes.get(section.offset..end)?);
            }
            headers.extend(header);
            // Sections that overlap would make it larger and larger.
            if out.len() > self.bytes.len() {
                return None;
            }
        }
        let place = &mut headers[names_at * SECTION_HEADER..][..SECTION_HEADER];
        put_u32(place, 0, u32::try_from(names.len()).ok()?);
        names.extend_from_slice(b".shstrtab\0");
        put_u32(place, 4, STRTAB);
        put_u64(place, 24, out.len());
        put_u64(place, 32, names.len());
        put_u64(place, 48, 1);
        out.extend(names);
        align(&mut out, 8)?;
        let table = out.len();
        put_u64(&mut out, 40, table);
        out[60..62].copy_from_slice(&u16::try_from(last + 1).ok()?.to_le_bytes());
        out[62..64].copy_from_slice(&u16::try_from(names_at).ok()?.to_le_bytes());
        out.extend(headers);
        Some(out)
    }

    /// What is covered, without what is cut out of it, and with program headers that say so.
    fn loaded(&self, cuts: &[Cut]) -> Option<Vec<u8>> {
        let (mut out, mut from) = (Vec::new(), 0);
        for cut in cuts {
            out.extend_from_slice(self.bytes.get(from..cut.at)?);
            // What is left for the alignment is nobody's.
            out.resize(out.len() + (cut.until - cut.at - cut.length), 0);
            from = cut.until;
        }
        out.extend_from_slice(self.bytes.get(from..self.covered().last()?.end)?);
        let programs = moved(self.programs, cuts);
        put_u64(&mut out, 32, programs);
        for (index, segment) in self.segments.iter().enumerate() {
            put_u64(&mut out, programs + index * PROGRAM_HEADER + 8, moved(segment.offset, cuts));
        }
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

/// Whether a loader, and a linker that links with the library, see the same file: what is in
/// memory, where, and every section of it (the dynamic section and symbols are among them).
fn is_faithful(old: &Elf, after: &[u8]) -> bool {
    let Some(new) = Elf::parse(after) else { return false };
    let headers = |elf: &Elf| {
        let mut bytes = elf.bytes[..HEADER].to_vec();
        // Where the tables are, how many sections, and which has their names.
        [32..48, 60..64].into_iter().for_each(|range| bytes[range].fill(0));
        bytes
    };
    let image = |elf: &Elf, segment: &Segment| {
        let mut bytes = elf.bytes.get(segment.offset..segment.offset + segment.size)?.to_vec();
        // The file's and the program headers themselves, where they are in memory.
        let table = elf.programs..elf.programs + elf.segments.len() * PROGRAM_HEADER;
        for range in [0..HEADER, table] {
            let (start, end) =
                (range.start.max(segment.offset), range.end.min(segment.offset + segment.size));
            if start < end {
                bytes[start - segment.offset..end - segment.offset].fill(0);
            }
        }
        Some(bytes)
    };
    let same_segment = |(one, other): (&Segment, &Segment)| {
        let align = one.align.max(1);
        one.rest == other.rest
            && one.size == other.size
            && one.offset % align == other.offset % align
            && image(old, one).is_some()
            && image(old, one) == image(&new, other)
    };
    let section = |elf: &Elf, index: usize| {
        let section = *elf.sections.get(index)?;
        let bytes = elf.bytes.get(section.offset..section.offset + section.file_size())?.to_vec();
        Some((elf.name(&section)?.to_vec(), section.kind, section.flags, section.size, section.link, bytes))
    };
    let mut allocated = (0..old.sections.len()).filter(|index| old.sections[*index].flags & ALLOCATED != 0);
    headers(old) == headers(&new)
        && old.segments.len() == new.segments.len()
        && old.segments.iter().zip(&new.segments).all(same_segment)
        && allocated.all(|index| section(old, index).is_some() && section(old, index) == section(&new, index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_symbols_is_smaller_and_is_stripped_but_once() {
        // This test itself: a program with symbols.
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let smaller = stripped(&bytes).expect("it has symbols");
        assert!(smaller.len() < bytes.len());
        assert_eq!(stripped(&smaller), None);
    }

    #[test]
    fn a_damaged_file_is_left_alone_or_stays_faithful_but_nothing_panics() {
        let whole = std::fs::read("/bin/true").unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        let table = Elf::parse(&whole).expect("a usual program").table;
        for _ in 0..20_000 {
            let mut bytes = whole.clone();
            // The headers are what decides.
            for _ in 0..random.usize(1..4) {
                let start = if random.bool() { 0 } else { table };
                let at = start + random.usize(..(whole.len() - start).min(2000));
                let any = random.u8(..);
                bytes[at] = random.choice([0, 1, 0x7f, 0xff, any]).unwrap();
            }
            if random.u8(..) < 20 {
                bytes.truncate(random.usize(..whole.len()));
            }
            if let Some(smaller) = stripped(&bytes) {
                assert!(smaller.len() < bytes.len());
            }
        }
    }
}
