use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::ArchiveError;
use super::blocks::{BLOCK, Block, Spool};
use super::deflated::{Bytes, CHUNK, Deflated, Deflater, Form, kept_in_file};
use super::ordered::Ordered;
use super::records::{Entry, Method, central_header, end, local_header};
use crate::store::Store;
use crate::store::temporary::{file_beside, sync_folder_of};
use crate::tree::{Digest, Hasher, Node, Tree};

/// Larger blobs are deflated in blocks, smaller ones at once and in memory. Another bound gives
/// other archives.
const WHOLE_UP_TO: u64 = 8 * 1024 * 1024;
/// How many bytes of blobs may wait in memory for their turn in the archive.
const BUDGET: u64 = 32 * 1024 * 1024;

/// Writes a tree as a zip at `destination`, whole or not at all, on some threads; the digest is the
/// archive's.
///
/// The same tree gives the same bytes, whatever the number of threads and whatever the cache keeps:
/// files and links sorted by path, directories only where they are empty, no times, owners or
/// modes but the executable bit.
pub fn write_zip(
    store: &Store,
    tree: &Tree,
    destination: &Path,
    threads: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Digest, ArchiveError> {
    let failed = |source| ArchiveError::io("write", destination)(source);
    let file = file_beside(destination, 0o666).map_err(failed)?;
    let entries = tree.entries();
    let jobs = plan(store, entries.iter().map(|(_, node)| *node));
    let mut zip = Zip::new(file.as_file(), store, destination);
    let mut spool = None;
    let ordered = Ordered { jobs: &jobs, threads, weight: Job::weight, budget: BUDGET };
    ordered.run(
        Deflater::new,
        |deflater, job| match cancelled() {
            true => Err(ArchiveError::Cancelled),
            false => job.work.run(store, destination, deflater),
        },
        |job, done| {
            if cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            let deflated = match done? {
                Done::Deflated(deflated) => deflated,
                Done::Block(block) => {
                    let open = match spool.as_mut() {
                        Some(open) => open,
                        None => spool.insert(Spool::new(store, job.digest(), destination)?),
                    };
                    open.add(&block)?;
                    match spool.take_if(|_| job.is_last_block()) {
                        Some(whole) => whole.finish(store)?,
                        None => return Ok(()),
                    }
                }
            };
            let (path, node) = &entries[job.entry];
            zip.add(path.to_bytes(), node, deflated)
        },
    )?;
    let digest = zip.finish()?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(destination).map_err(|error| failed(error.error))?;
    sync_folder_of(destination).map_err(failed)?;
    Ok(digest)
}

/// What is done on a thread for an entry of the archive.
struct Job {
    /// Which entry of the tree it is for.
    entry: usize,
    work: Work,
}

enum Work {
    /// Nothing: these are the bytes.
    Nothing(Box<[u8]>),
    /// Finds or makes the deflated form of a blob in memory.
    Whole(Digest),
    /// Finds the kept form of a large blob.
    Large(Digest),
    /// Deflates a block of a large blob.
    Block(Digest, u64),
}

/// What a job comes to.
enum Done {
    Deflated(Deflated),
    Block(Block),
}

/// The jobs of an archive, in its order.
fn plan<'t>(store: &Store, nodes: impl Iterator<Item = &'t Node>) -> Vec<Job> {
    let mut jobs = Vec::new();
    let mut seen = HashSet::new();
    for (entry, node) in nodes.enumerate() {
        let work = match node {
            Node::Directory(below) if !below.is_empty() => continue,
            Node::Directory(_) => Work::Nothing(Box::default()),
            Node::Symlink(target) => Work::Nothing(target.clone()),
            Node::File(file) if file.digest.size() <= WHOLE_UP_TO => Work::Whole(file.digest),
            Node::File(file) => {
                let kept = || store.deflated_path(&file.digest).exists();
                if seen.insert(file.digest) && !kept() {
                    let blocks = 0..Block::count(&file.digest);
                    jobs.extend(blocks.map(|index| Job { entry, work: Work::Block(file.digest, index) }));
                    continue;
                }
                Work::Large(file.digest)
            }
        };
        jobs.push(Job { entry, work });
    }
    jobs
}

impl Job {
    /// About how much memory the job and its result take; for an open file as much as keeps them few.
    fn weight(&self) -> u64 {
        match &self.work {
            Work::Nothing(bytes) => bytes.len() as u64,
            Work::Whole(digest) => digest.size(),
            Work::Large(_) => BLOCK,
            Work::Block(..) => 2 * BLOCK,
        }
    }

    /// The blob of a block.
    fn digest(&self) -> &Digest {
        match &self.work {
            Work::Block(digest, _) | Work::Whole(digest) | Work::Large(digest) => digest,
            Work::Nothing(_) => unreachable!("what is no file has no blob"),
        }
    }

    fn is_last_block(&self) -> bool {
        matches!(&self.work, Work::Block(digest, index) if index + 1 == Block::count(digest))
    }
}

impl Work {
    fn run(&self, store: &Store, destination: &Path, deflater: &mut Deflater) -> Result<Done, ArchiveError> {
        let deflated = match self {
            Self::Nothing(bytes) => {
                let form = Form {
                    method: Method::Stored,
                    crc32: crc32fast::hash(bytes),
                    compressed: bytes.len() as u64,
                };
                Deflated { form, bytes: Bytes::Memory(bytes.to_vec()) }
            }
            Self::Whole(digest) => deflater.form(store, digest)?,
            Self::Large(digest) => match kept_in_file(store, digest) {
                Some(kept) => kept,
                None => Spool::of_blob(store, digest, destination, deflater)?.finish(store)?,
            },
            Self::Block(digest, index) => {
                return Ok(Done::Block(Block::deflate(store, digest, *index, deflater)?));
            }
        };
        Ok(Done::Deflated(deflated))
    }
}

/// An archive that is being written.
struct Zip<'z> {
    output: BufWriter<Hashed<'z>>,
    store: &'z Store,
    destination: &'z Path,
    /// How many bytes are written.
    offset: u64,
    /// The central directory so far.
    central: Vec<u8>,
    entries: u64,
}

impl<'z> Zip<'z> {
    fn new(file: &'z File, store: &'z Store, destination: &'z Path) -> Self {
        let output = BufWriter::with_capacity(CHUNK, Hashed { file, hasher: Hasher::default() });
        Self { output, store, destination, offset: 0, central: Vec::new(), entries: 0 }
    }

    fn add(&mut self, mut name: Vec<u8>, node: &Node, deflated: Deflated) -> Result<(), ArchiveError> {
        let failed = |source| ArchiveError::io("write", self.destination)(source);
        let (mode, size) = match node {
            Node::File(file) => (if file.executable { 0o100755 } else { 0o100644 }, file.digest.size()),
            Node::Symlink(target) => (0o120777, target.len() as u64),
            Node::Directory(_) => {
                name.push(b'/');
                (0o40755, 0)
            }
        };
        let Form { method, crc32, compressed } = deflated.form;
        let entry = Entry { name, mode, method, crc32, compressed, size };
        let header = local_header(&entry);
        self.output.write_all(&header).map_err(failed)?;
        match (deflated.bytes, node) {
            (Bytes::Memory(bytes), _) => self.output.write_all(&bytes).map_err(failed)?,
            (Bytes::File(file), _) => {
                let copied = copy(&mut file.take(compressed), &mut self.output).map_err(failed)?;
                if copied != compressed {
                    return Err(failed(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            (Bytes::Blob, Node::File(file)) => self
                .store
                .copy_to(&file.digest, &mut self.output)
                .map_err(ArchiveError::copying_to(self.destination))?,
            (Bytes::Blob, _) => unreachable!("what is no file has no blob"),
        }
        self.central.extend(central_header(&entry, self.offset));
        self.offset += header.len() as u64 + compressed;
        self.entries += 1;
        Ok(())
    }

    fn finish(mut self) -> Result<Digest, ArchiveError> {
        let end = end(self.entries, self.central.len() as u64, self.offset);
        let written = self.output.write_all(&self.central).and_then(|()| self.output.write_all(&end));
        let hashed = written.and_then(|()| self.output.into_inner().map_err(io::IntoInnerError::into_error));
        Ok(hashed.map_err(ArchiveError::io("write", self.destination))?.hasher.finish())
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut copied = 0;
    loop {
        match from.read(&mut chunk)? {
            0 => return Ok(copied),
            read => {
                to.write_all(&chunk[..read])?;
                copied += read as u64;
            }
        }
    }
}

/// A file whose digest is computed as it is written.
struct Hashed<'f> {
    file: &'f File,
    hasher: Hasher,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "zip_tests.rs"]
mod tests;
