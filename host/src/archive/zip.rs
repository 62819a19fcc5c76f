//! The zip, by <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>. Entries are sorted by
//! the bytes of their paths; times are the earliest that there are; modes are 644, 755 and 777; no
//! entry has an extra field but the one that sizes beyond 4 GiB need.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use super::ArchiveError;
use super::deflated::{Assembly, BLOCK, Block, Deflated, Method, WHOLE, deflate_block};
use super::directory::place;
use crate::store::{Store, temporary_beside};
use crate::tree::{Digest, Hasher, Node, Tree};

/// How many pieces are deflated ahead of the one that is written, for each thread.
const AHEAD: usize = 8;
/// How often an archive is begun again because a kept form turned out damaged.
const ATTEMPTS: usize = 5;
/// 1 January 1980, 00:00, in the format of MS-DOS.
const DATE: u16 = 1 << 5 | 1;
const BUFFER: usize = 1 << 20;

/// Writes a tree as a zip, whole or not at all; what is written is streamed from the store.
/// `threads` deflate what is not yet kept in its deflated form. Gives the digest of the zip's
/// bytes, which are the same for the same tree, whatever is kept and however many threads there are.
pub fn write_zip(
    store: &Store,
    tree: &Tree,
    destination: &Path,
    threads: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Digest, ArchiveError> {
    let entries = entries(tree);
    for _ in 0..ATTEMPTS {
        let mut temporary = temporary_beside(destination)?;
        let mut writer = ZipWriter::new(BufWriter::with_capacity(BUFFER, temporary.as_file_mut()));
        if write_entries(store, &entries, &mut writer, threads.max(1), cancelled, destination)? {
            let digest = writer.finish().map_err(ArchiveError::io("write", destination))?;
            place(temporary, destination, 0o644)?;
            return Ok(digest);
        }
    }
    Err(ArchiveError::Io {
        action: "write",
        path: destination.to_path_buf(),
        source: io::Error::other("files of the cache are damaged again and again; is the disk failing?"),
    })
}

/// An entry of the zip.
struct Entry {
    /// A directory's ends with "/".
    path: Vec<u8>,
    mode: u32,
    contents: Contents,
}

enum Contents {
    Blob(Digest),
    /// A link's target; nothing for an empty directory.
    Bytes(Vec<u8>),
}

fn entries(tree: &Tree) -> Vec<Entry> {
    let entry = |path: Vec<u8>, mode, contents| Some(Entry { path, mode, contents });
    let entries = tree.entries().into_iter().filter_map(|(path, node)| match node {
        Node::File(file) => {
            let mode = if file.executable { 0o100_755 } else { 0o100_644 };
            entry(path.to_bytes(), mode, Contents::Blob(file.digest))
        }
        Node::Symlink(target) => entry(path.to_bytes(), 0o120_777, Contents::Bytes(target.to_vec())),
        Node::Directory(below) if below.is_empty() => {
            entry([path.to_bytes().as_slice(), b"/"].concat(), 0o040_755, Contents::Bytes(Vec::new()))
        }
        Node::Directory(_) => None,
    });
    entries.collect()
}

/// A piece of deflating, small enough for one thread.
#[derive(Clone, Copy)]
enum Piece {
    /// A blob, or its kept form.
    Whole(Digest),
    /// The block of a large blob that begins there.
    Block(Digest, u64),
}

enum Made {
    Whole(Deflated),
    Block(Block),
}

fn make(store: &Store, piece: Piece) -> Result<Made, ArchiveError> {
    match piece {
        Piece::Whole(digest) => match Deflated::kept(store, &digest) {
            Some(kept) => Ok(Made::Whole(kept)),
            None => Deflated::of_whole(store, &digest).map(Made::Whole),
        },
        Piece::Block(digest, start) => deflate_block(store, &digest, start).map(Made::Block),
    }
}

fn pieces(store: &Store, entries: &[Entry]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for entry in entries {
        let Contents::Blob(digest) = entry.contents else { continue };
        if is_in_blocks(store, &digest) {
            pieces.extend((0..digest.size().div_ceil(BLOCK)).map(|block| Piece::Block(digest, block * BLOCK)));
        } else {
            pieces.push(Piece::Whole(digest));
        }
    }
    pieces
}

fn is_in_blocks(store: &Store, digest: &Digest) -> bool {
    digest.size() > WHOLE && Deflated::kept(store, digest).is_none()
}

/// Writes all entries. False when a kept form turned out damaged.
fn write_entries(
    store: &Store,
    entries: &[Entry],
    writer: &mut ZipWriter<impl Write>,
    threads: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
    destination: &Path,
) -> Result<bool, ArchiveError> {
    let pieces = pieces(store, entries);
    let queue = Queue::new(pieces.len(), threads * AHEAD);
    let write = |writer: &mut ZipWriter<_>| -> Result<bool, ArchiveError> {
        let mut pieces = pieces.iter();
        for entry in entries {
            if cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let fail = ArchiveError::io("write", destination);
            match &entry.contents {
                Contents::Bytes(bytes) => writer.bytes(entry, bytes).map_err(fail)?,
                Contents::Blob(digest) => {
                    let mut deflated = match pieces.next() {
                        Some(Piece::Block(..)) => assemble(store, digest, &queue, &mut pieces)?,
                        _ => match queue.take()? {
                            Made::Whole(deflated) => deflated,
                            Made::Block(_) => unreachable!("pieces are made in order"),
                        },
                    };
                    writer.begin(entry, deflated.method, deflated.crc, deflated.length, digest.size()).map_err(fail)?;
                    if !deflated.copy_to(store, digest, writer)? {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(pieces.len()) {
            scope.spawn(|| {
                while let Some(at) = queue.next() {
                    queue.put(at, make(store, pieces[at]));
                }
            });
        }
        let written = write(writer);
        queue.end();
        written
    })
}

fn assemble<'p>(
    store: &Store,
    digest: &Digest,
    queue: &Queue,
    pieces: &mut impl Iterator<Item = &'p Piece>,
) -> Result<Deflated, ArchiveError> {
    let mut assembly = Assembly::new(store, digest)?;
    for number in 0..digest.size().div_ceil(BLOCK) {
        if number > 0 {
            pieces.next();
        }
        match queue.take()? {
            Made::Block(block) => assembly.add(store, digest, &block)?,
            Made::Whole(_) => unreachable!("pieces are made in order"),
        }
    }
    assembly.finish(store, digest)
}

/// Pieces on their way from the threads that make them to the one that writes them, in order and
/// not too many at once.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    total: usize,
    ahead: usize,
    ended: AtomicBool,
}

struct State {
    /// The next piece to make.
    next: usize,
    /// The next piece to write.
    written: usize,
    /// From the next to write on.
    made: VecDeque<Option<Result<Made, ArchiveError>>>,
}

impl Queue {
    fn new(total: usize, ahead: usize) -> Self {
        let state = State { next: 0, written: 0, made: VecDeque::new() };
        Self { state: Mutex::new(state), changed: Condvar::new(), total, ahead, ended: AtomicBool::new(false) }
    }

    /// The number of a piece to make; waits until it is needed soon.
    fn next(&self) -> Option<usize> {
        let mut state = self.state.lock().expect("no panic while held");
        loop {
            if state.next == self.total || self.ended.load(Ordering::Relaxed) {
                return None;
            }
            if state.next < state.written + self.ahead {
                state.next += 1;
                state.made.push_back(None);
                return Some(state.next - 1);
            }
            state = self.changed.wait(state).expect("no panic while held");
        }
    }

    fn put(&self, at: usize, made: Result<Made, ArchiveError>) {
        let mut state = self.state.lock().expect("no panic while held");
        let place = at - state.written;
        state.made[place] = Some(made);
        self.changed.notify_all();
    }

    fn take(&self) -> Result<Made, ArchiveError> {
        let mut state = self.state.lock().expect("no panic while held");
        loop {
            if let Some(Some(_)) = state.made.front() {
                state.written += 1;
                let made = state.made.pop_front().flatten().expect("it was seen");
                self.changed.notify_all();
                return made;
            }
            state = self.changed.wait(state).expect("no panic while held");
        }
    }

    fn end(&self) {
        let _state = self.state.lock().expect("no panic while held");
        self.ended.store(true, Ordering::Relaxed);
        self.changed.notify_all();
    }
}

/// Writes the structures of a zip and computes the digest of everything.
struct ZipWriter<W> {
    inner: W,
    hasher: Hasher,
    offset: u64,
    central: Vec<u8>,
    entries: u64,
}

/// What does not fit a field of 32 or 16 bits is told by all its bits set, and elsewhere.
const ELSEWHERE: u32 = u32::MAX;
const ELSEWHERE_16: u16 = u16::MAX;
/// Zip 2.0 has deflate and directories, 4.5 has large files; written under Unix.
const VERSION: u16 = 20;
const VERSION_LARGE: u16 = 45;
const UNIX: u16 = 3 << 8;
const UTF8: u16 = 1 << 11;
const LARGE_FIELD: u16 = 1;

impl<W: Write> ZipWriter<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::default(), offset: 0, central: Vec::new(), entries: 0 }
    }

    /// An entry whose few bytes are at hand; they are stored.
    fn bytes(&mut self, entry: &Entry, bytes: &[u8]) -> io::Result<()> {
        let size = bytes.len() as u64;
        self.begin(entry, Method::Stored, crc32fast::hash(bytes), size, size)?;
        self.write_all(bytes)
    }

    /// Begins an entry; its `length` bytes are written next.
    fn begin(&mut self, entry: &Entry, method: Method, crc: u32, length: u64, size: u64) -> io::Result<()> {
        let offset = self.offset;
        let large = length >= ELSEWHERE.into() || size >= ELSEWHERE.into();
        let version = if large || offset >= ELSEWHERE.into() { VERSION_LARGE } else { VERSION };
        let is_utf8 = !entry.path.is_ascii() && std::str::from_utf8(&entry.path).is_ok();
        let name_length = u16::try_from(entry.path.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidFilename, "a path of more than 65535 bytes"))?;

        let mut common = Vec::with_capacity(32);
        common.extend(version.to_le_bytes());
        common.extend((if is_utf8 { UTF8 } else { 0 }).to_le_bytes());
        common.extend((if method == Method::Deflated { 8u16 } else { 0 }).to_le_bytes());
        common.extend(0u16.to_le_bytes());
        common.extend(DATE.to_le_bytes());
        common.extend(crc.to_le_bytes());
        let small = |value: u64| if large { ELSEWHERE } else { value as u32 };
        common.extend(small(length).to_le_bytes());
        common.extend(small(size).to_le_bytes());
        common.extend(name_length.to_le_bytes());

        let mut sizes = Vec::new();
        if large {
            sizes.extend(size.to_le_bytes());
            sizes.extend(length.to_le_bytes());
        }
        let local_field = field(&sizes);
        self.write_all(b"PK\x03\x04")?;
        self.write_all(&common)?;
        self.write_all(&(local_field.len() as u16).to_le_bytes())?;
        self.write_all(&entry.path)?;
        self.write_all(&local_field)?;

        let far = offset >= ELSEWHERE.into();
        if far {
            sizes.extend(offset.to_le_bytes());
        }
        let central_field = field(&sizes);
        self.central.extend(b"PK\x01\x02");
        self.central.extend((UNIX | version).to_le_bytes());
        self.central.extend(&common);
        self.central.extend((central_field.len() as u16).to_le_bytes());
        self.central.extend([0; 6]);
        let is_directory = entry.mode & 0o170_000 == 0o040_000;
        self.central.extend((entry.mode << 16 | u32::from(is_directory) << 4).to_le_bytes());
        self.central.extend((if far { ELSEWHERE } else { offset as u32 }).to_le_bytes());
        self.central.extend(&entry.path);
        self.central.extend(&central_field);
        self.entries += 1;
        Ok(())
    }

    /// Writes the list of entries.
    fn finish(mut self) -> io::Result<Digest> {
        let (start, entries) = (self.offset, self.entries);
        let central = std::mem::take(&mut self.central);
        self.write_all(&central)?;
        let (end, size) = (self.offset, central.len() as u64);
        if entries >= ELSEWHERE_16.into() || start >= ELSEWHERE.into() || size >= ELSEWHERE.into() {
            let mut record = b"PK\x06\x06".to_vec();
            record.extend(44u64.to_le_bytes());
            record.extend((UNIX | VERSION_LARGE).to_le_bytes());
            record.extend(VERSION_LARGE.to_le_bytes());
            record.extend([0; 8]);
            for value in [entries, entries, size, start] {
                record.extend(value.to_le_bytes());
            }
            record.extend(b"PK\x06\x07");
            record.extend([0; 4]);
            record.extend(end.to_le_bytes());
            record.extend(1u32.to_le_bytes());
            self.write_all(&record)?;
        }
        let count = (entries.min(ELSEWHERE_16.into()) as u16).to_le_bytes();
        let mut record = b"PK\x05\x06\0\0\0\0".to_vec();
        record.extend(count);
        record.extend(count);
        record.extend((size.min(ELSEWHERE.into()) as u32).to_le_bytes());
        record.extend((start.min(ELSEWHERE.into()) as u32).to_le_bytes());
        record.extend([0; 2]);
        self.write_all(&record)?;
        self.inner.flush()?;
        Ok(self.hasher.finish())
    }
}

/// An extra field for sizes and offsets that are told elsewhere; nothing when there are none.
fn field(values: &[u8]) -> Vec<u8> {
    if values.is_empty() {
        return Vec::new();
    }
    let length = values.len() as u16;
    [LARGE_FIELD.to_le_bytes().as_slice(), &length.to_le_bytes(), values].concat()
}

impl<W: Write> Write for ZipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write_all(bytes)?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;
    use crate::store::StoreError;
    use crate::tree::{FileEntry, RelPath};

    struct Bench {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("cache")).unwrap();
            Self { folder, store }
        }

        fn tree(&self, files: &[(&str, &[u8])]) -> Tree {
            let mut tree = Tree::empty();
            for (path, bytes) in files {
                let executable = path.ends_with(".sh");
                let file = FileEntry { digest: self.store.write(bytes).unwrap(), executable };
                tree.insert(&RelPath::new(path).unwrap(), Node::File(file)).unwrap();
            }
            tree
        }

        fn write(&self, tree: &Tree, threads: usize) -> (Digest, Vec<u8>) {
            let path = self.folder.path().join("archive.zip");
            let digest = write_zip(&self.store, tree, &path, threads, &|| false).unwrap();
            let bytes = fs::read(&path).unwrap();
            assert_eq!(Digest::of(&bytes), digest);
            (digest, bytes)
        }
    }

    /// Text that deflates, and differs from place to place.
    fn text(size: usize) -> Vec<u8> {
        (0..size / 8).flat_map(|n| format!("{:07}\n", n * n % 99_991).into_bytes()).collect()
    }

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..size).map(|_| next()).collect()
    }

    fn read(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        (0..archive.len())
            .map(|at| {
                let mut file = archive.by_index(at).unwrap();
                let mut contents = Vec::new();
                file.read_to_end(&mut contents).unwrap();
                (file.name().unwrap().into_owned(), file.unix_mode().unwrap(), contents)
            })
            .collect()
    }

    #[test]
    fn another_program_reads_it_back() {
        let bench = Bench::new();
        let big = text(5_000_000);
        let random = noise(3_000_000);
        let mut tree = bench.tree(&[
            ("a/run.sh", b"#!/bin/sh\n"),
            ("a.txt", b"text text text text text text"),
            ("big", &big),
            ("noise", &random),
            ("empty", b""),
            ("n\u{e4}me", b"x"),
        ]);
        tree.insert(&RelPath::new("link").unwrap(), Node::Symlink(b"a/run.sh".as_slice().into())).unwrap();
        tree.insert(&RelPath::new("void").unwrap(), Node::Directory(Tree::empty())).unwrap();
        let found = read(&bench.write(&tree, 2).1);
        let expected = [
            ("a.txt", 0o100_644, b"text text text text text text".to_vec()),
            ("a/run.sh", 0o100_755, b"#!/bin/sh\n".to_vec()),
            ("big", 0o100_644, big),
            ("empty", 0o100_644, vec![]),
            ("link", 0o120_777, b"a/run.sh".to_vec()),
            ("noise", 0o100_644, random),
            ("n\u{e4}me", 0o100_644, b"x".to_vec()),
            ("void/", 0o040_755, vec![]),
        ];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0.as_str(), found.1), (expected.0, expected.1));
            assert!(found.2 == expected.2, "{}", found.0);
        }
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        let (one, two) = (Bench::new(), Bench::new());
        let (big, small) = (text(9_000_000), text(1000));
        let files: &[(&str, &[u8])] = &[("big", &big), ("dir/small", &small), ("same", &small)];
        let cold = one.write(&one.tree(files), 1).0;
        assert_eq!(one.write(&one.tree(files), 4).0, cold, "from what is kept");
        assert_eq!(two.write(&two.tree(files), 4).0, cold, "by more threads");
    }

    #[test]
    fn a_damaged_deflated_form_is_made_again() {
        let bench = Bench::new();
        let contents = text(100_000);
        let tree = bench.tree(&[("file", &contents)]);
        let good = bench.write(&tree, 1).0;
        let path = bench.store.deflated_path(&Digest::of(&contents));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(bench.write(&tree, 1).0, good);
        fs::write(&path, &bytes[..middle]).unwrap();
        assert_eq!(bench.write(&tree, 1).0, good);
    }

    #[test]
    fn a_missing_or_damaged_blob_is_named_and_leaves_no_file() {
        let bench = Bench::new();
        for size in [1000, 5_000_000] {
            let contents = text(size);
            let digest = Digest::of(&contents);
            let tree = bench.tree(&[("file", &contents)]);
            let blob = bench.store.blob_path(&digest);
            let damaged = [&contents[..size - 100], &[0; 100]].concat();
            for bytes in [None, Some(damaged)] {
                fs::remove_file(&blob).unwrap();
                bytes.iter().for_each(|bytes| fs::write(&blob, bytes).unwrap());
                let path = bench.folder.path().join("out/archive.zip");
                let error = write_zip(&bench.store, &tree, &path, 2, &|| false).unwrap_err();
                assert!(matches!(error, ArchiveError::Store(StoreError::Missing(missing)) if missing == digest));
                assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
                bench.store.write(&contents).unwrap();
            }
        }
    }

    #[test]
    fn cancelling_leaves_no_file() {
        let bench = Bench::new();
        let path = bench.folder.path().join("out/archive.zip");
        let error = write_zip(&bench.store, &bench.tree(&[("file", b"x")]), &path, 2, &|| true).unwrap_err();
        assert!(matches!(error, ArchiveError::Cancelled));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }

    #[test]
    fn there_may_be_more_entries_than_sixteen_bits_count() {
        let bench = Bench::new();
        let digest = bench.store.write(b"").unwrap();
        let mut directory = Tree::empty();
        for number in 0..70_000 {
            let file = FileEntry { digest, executable: false };
            directory.insert(&RelPath::new(number.to_string()).unwrap(), Node::File(file)).unwrap();
        }
        let tree = Tree::empty().with(&RelPath::new("d").unwrap(), Node::Directory(directory)).unwrap();
        let archive = zip::ZipArchive::new(io::Cursor::new(bench.write(&tree, 2).1)).unwrap();
        assert_eq!(archive.len(), 70_000);
    }

    #[test]
    fn sizes_beyond_thirty_two_bits_are_told_in_an_extra_field() {
        let mut writer = ZipWriter::new(Vec::new());
        writer.offset = 5 << 30;
        let entry = Entry { path: b"huge".to_vec(), mode: 0o100_644, contents: Contents::Bytes(Vec::new()) };
        writer.begin(&entry, Method::Deflated, 1, 6 << 30, 7 << 30).unwrap();
        let local_field = [1, 0, 16, 0, 0, 0, 0, 192, 1, 0, 0, 0, 0, 0, 0, 128, 1, 0, 0, 0];
        assert!(writer.inner.ends_with(&local_field));
        assert_eq!(writer.inner[18..26], [0xff; 8]);
        assert!(writer.central.ends_with(&[0, 0, 0, 64, 1, 0, 0, 0]), "the offset");
    }

    #[test]
    fn an_empty_tree_is_an_empty_zip() {
        assert!(read(&Bench::new().write(&Tree::empty(), 2).1).is_empty());
    }
}
