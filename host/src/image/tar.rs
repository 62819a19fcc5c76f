//! The tar of a layer, the same bytes for the same tree: sorted, owned by root, without times.

use std::io::{self, Write};

use super::ImageError;
use crate::store::{Store, StoreError};
use crate::tree::{Node, RelPath, Tree};

const BLOCK: usize = 512;
/// The size field of a header has 11 octal digits.
const LARGEST: u64 = 8 << 30;

/// How the image specification marks what a layer takes away.
const WHITEOUT: &[u8] = b".wh.";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File {
        executable: bool,
    },
    Directory,
    Symlink,
    /// What does not fit into the header that follows.
    Extended,
}

impl Kind {
    fn flag(self) -> u8 {
        match self {
            Self::File { .. } => b'0',
            Self::Symlink => b'2',
            Self::Directory => b'5',
            Self::Extended => b'x',
        }
    }

    fn mode(self) -> u64 {
        match self {
            Self::File { executable: false } | Self::Extended => 0o644,
            Self::File { executable: true } | Self::Directory => 0o755,
            Self::Symlink => 0o777,
        }
    }
}

/// Writes a tree as it is to lie at a directory. The directories above are written, too: an engine
/// gives one that is not in any layer a mode by which only root may enter it.
pub fn write_tar(
    store: &Store,
    tree: &Tree,
    directory: &RelPath,
    writer: &mut impl Write,
) -> Result<(), ImageError> {
    let writing =
        |error: io::Error| ImageError::Layer { path: "its files".into(), reason: error.to_string() };
    let mut above = RelPath::root();
    for name in directory.names() {
        above = above.child(name.clone());
        entry(writer, &above.to_bytes(), Kind::Directory, 0, b"").map_err(writing)?;
    }
    for (path, node) in tree.entries() {
        let removes = path.name().is_some_and(|name| name.as_bytes().starts_with(WHITEOUT));
        let path = directory.join(&path).to_bytes();
        let bad = |reason: &str| {
            let path = String::from_utf8_lossy(&path).into_owned();
            Err(ImageError::Layer { path, reason: reason.to_owned() })
        };
        if removes {
            return bad("a name that begins with `.wh.` means that a file is taken away; rename it");
        }
        match node {
            Node::Directory(_) => entry(writer, &path, Kind::Directory, 0, b"").map_err(writing)?,
            Node::Symlink(target) => {
                if target.contains(&0) {
                    return bad("its link's target holds a NUL byte");
                }
                entry(writer, &path, Kind::Symlink, 0, target).map_err(writing)?;
            }
            Node::File(file) => {
                let size = file.digest.size();
                entry(writer, &path, Kind::File { executable: file.executable }, size, b"")
                    .map_err(writing)?;
                store.copy_to(&file.digest, writer).map_err(|error| match error {
                    StoreError::Io { action: "copy", source, .. } => writing(source),
                    other => other.into(),
                })?;
                pad(writer, size).map_err(writing)?;
            }
        }
    }
    writer.write_all(&[0; 2 * BLOCK]).map_err(writing)
}

/// Zeros up to the end of a block.
pub fn pad(writer: &mut impl Write, size: u64) -> io::Result<()> {
    let over = (size % BLOCK as u64) as usize;
    if over == 0 { Ok(()) } else { writer.write_all(&[0; BLOCK][over..]) }
}

/// The header of a regular file in an archive that holds nothing else.
pub fn file_header(writer: &mut impl Write, name: &str, size: u64) -> io::Result<()> {
    entry(writer, name.as_bytes(), Kind::File { executable: false }, size, b"")
}

fn entry(writer: &mut impl Write, path: &[u8], kind: Kind, size: u64, link: &[u8]) -> io::Result<()> {
    let mut name = path.to_vec();
    if kind == Kind::Directory {
        name.push(b'/');
    }
    let split = split(&name);
    let mut records = Vec::new();
    if split.is_none() {
        record(&mut records, "path", &name);
    }
    if link.len() > 100 {
        record(&mut records, "linkpath", link);
    }
    if size >= LARGEST {
        record(&mut records, "size", size.to_string().as_bytes());
    }
    if !records.is_empty() {
        writer.write_all(&header((b"", b"@PaxHeader"), Kind::Extended, records.len() as u64, b""))?;
        writer.write_all(&records)?;
        pad(writer, records.len() as u64)?;
    }
    // Where there is a record the header's own field is not read.
    let names = split.unwrap_or((b"", &name[..name.len().min(100)]));
    let size = if size >= LARGEST { 0 } else { size };
    writer.write_all(&header(names, kind, size, &link[..link.len().min(100)]))
}

/// A name as the header's two fields, joined by a `/`; none where it does not fit.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    let fits = |at: &usize| name[*at] == b'/' && *at <= 155 && (1..=100).contains(&(name.len() - at - 1));
    let at = (1..name.len()).find(fits)?;
    Some((&name[..at], &name[at + 1..]))
}

/// `LENGTH NAME=VALUE`, the length counting itself.
fn record(records: &mut Vec<u8>, name: &str, value: &[u8]) {
    let rest = name.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length += 1;
    }
    records.extend(format!("{length} {name}=").bytes());
    records.extend(value);
    records.push(b'\n');
}

fn header((prefix, name): (&[u8], &[u8]), kind: Kind, size: u64, link: &[u8]) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{:07o}\0", kind.mode()).as_bytes());
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind.flag()]);
    put(157, link);
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    put(345, prefix);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileEntry;

    #[test]
    fn a_name_is_split_where_both_parts_fit() {
        let long = |first: usize, second: usize| [vec![b'a'; first], vec![b'b'; second]].join(&b'/');
        assert_eq!(split(b"short"), Some((&b""[..], &b"short"[..])));
        for (first, second, fits) in [(50, 100, true), (155, 100, true), (156, 50, false), (50, 101, false)] {
            assert_eq!(split(&long(first, second)).is_some(), fits, "{first} {second}");
        }
        let directory = [vec![b'a'; 120], b"/".to_vec()].concat();
        assert_eq!(split(&directory), None, "the part after the slash is empty");
    }

    #[test]
    fn a_record_counts_its_own_length() {
        for length in [1, 85, 86, 87, 88, 89, 90, 91, 980, 990, 995] {
            let mut records = Vec::new();
            record(&mut records, "path", &vec![b'x'; length]);
            let told: usize =
                std::str::from_utf8(&records).unwrap().split(' ').next().unwrap().parse().unwrap();
            assert_eq!(told, records.len());
        }
    }

    #[test]
    fn a_file_of_more_than_8_gib_has_its_size_in_a_record() {
        let mut bytes = Vec::new();
        entry(&mut bytes, b"large", Kind::File { executable: false }, 9 << 30, b"").unwrap();
        assert_eq!(&bytes[BLOCK..BLOCK + 19], b"19 size=9663676416\n");
        assert_eq!(bytes.len(), 3 * BLOCK);
    }

    #[test]
    fn a_name_that_would_take_a_file_away_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let path = RelPath::new("lib/.wh.x").unwrap();
        let tree = Tree::empty().with(&path, Node::Directory(Tree::empty())).unwrap();
        let error = write_tar(&store, &tree, &RelPath::root(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("lib/.wh.x") && error.contains("rename it"), "{error}");
    }

    #[test]
    fn a_tar_lists_the_directories_above_and_has_no_times() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let digest = store.write(b"bytes").unwrap();
        let mut tree = Tree::empty();
        let file = Node::File(FileEntry { digest, executable: true });
        tree.insert(&RelPath::new("bin/run").unwrap(), file).unwrap();
        let mut bytes = Vec::new();
        write_tar(&store, &tree, &RelPath::new("var/task").unwrap(), &mut bytes).unwrap();
        let names: Vec<&[u8]> = [0, 1, 2, 3]
            .iter()
            .map(|block| bytes[block * BLOCK..].split(|byte| *byte == 0).next().unwrap())
            .collect();
        assert_eq!(names, [b"var/".as_slice(), b"var/task/", b"var/task/bin/", b"var/task/bin/run"]);
        assert_eq!(&bytes[3 * BLOCK + 100..3 * BLOCK + 107], b"0000755");
        assert_eq!(&bytes[3 * BLOCK + 136..3 * BLOCK + 147], b"00000000000");
        assert_eq!(bytes.len(), 7 * BLOCK);
    }
}
