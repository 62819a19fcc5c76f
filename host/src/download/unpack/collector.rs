use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};

use globset::{GlobBuilder, GlobMatcher};

use super::Limits;
use crate::download::DownloadError;
use crate::store::{Scratch, Store, StoreError};
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// A larger file goes by the disk.
const IN_MEMORY: usize = 1 << 20;

/// Makes a tree of an archive's entries, and refuses those that nobody means well with.
pub struct Collector<'a> {
    store: &'a Store,
    scratch: Scratch,
    strip: usize,
    include: Vec<(GlobMatcher, bool)>,
    limits: Limits,
    cancelled: &'a dyn Fn() -> bool,
    tree: Tree,
    /// The files by their names in the archive, for hard links.
    files: HashMap<RelPath, FileEntry>,
    entries: usize,
    bytes: u64,
}

/// Where an entry goes.
pub struct Placed {
    /// Its name in the archive, checked.
    whole: RelPath,
    /// Its path in the tree; none for what is not taken.
    taken: Option<RelPath>,
}

impl<'a> Collector<'a> {
    pub fn new(
        store: &'a Store,
        strip: usize,
        include: &[String],
        limits: Limits,
        cancelled: &'a dyn Fn() -> bool,
    ) -> Result<Self, DownloadError> {
        let matcher = |pattern: &String| {
            let glob = GlobBuilder::new(pattern.trim_end_matches('/')).literal_separator(true).build();
            let glob = glob.map_err(|error| DownloadError::Archive(format!("`include`: {error}")))?;
            Ok((glob.compile_matcher(), false))
        };
        let include = include.iter().map(matcher).collect::<Result<_, DownloadError>>()?;
        let (scratch, tree, files) = (store.scratch()?, Tree::empty(), HashMap::new());
        Ok(Self { store, scratch, strip, include, limits, cancelled, tree, files, entries: 0, bytes: 0 })
    }

    /// Checks an entry's name; to be called for each entry, first.
    pub fn place(&mut self, name: &[u8]) -> Result<Placed, DownloadError> {
        if (self.cancelled)() {
            return Err(DownloadError::Cancelled);
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            let text =
                format!("it has more than {} entries, the most that fnpack takes", self.limits.entries);
            return Err(DownloadError::Archive(text));
        }
        if name.starts_with(b"/") {
            return Err(refused(name, "has an absolute path"));
        }
        let parts: Vec<&[u8]> =
            name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
        if parts.contains(&b"..".as_slice()) {
            return Err(refused(name, "leads out of the folder by `..`"));
        }
        let whole = RelPath::new(parts.join(&b'/'))
            .map_err(|error| refused(name, &format!("is no path of a package: {}", error.reason())))?;
        let left = whole.names().get(self.strip..).unwrap_or_default();
        let path = left.iter().fold(RelPath::root(), |path, name| path.child(name.clone()));
        let taken = !path.is_root() && self.includes(&path);
        Ok(Placed { whole, taken: taken.then_some(path) })
    }

    /// A pattern takes what it matches, and all that is below.
    fn includes(&mut self, path: &RelPath) -> bool {
        let mut taken = self.include.is_empty();
        for (pattern, matched) in &mut self.include {
            let mut at = Some(path.clone()).filter(|at| !at.is_root());
            while let Some(part) = at {
                if pattern.is_match(part.below(std::path::Path::new(""))) {
                    (taken, *matched) = (true, true);
                    break;
                }
                at = part.parent().filter(|at| !at.is_root());
            }
        }
        taken
    }

    pub fn file(
        &mut self,
        placed: &Placed,
        executable: bool,
        reader: &mut dyn Read,
    ) -> Result<(), DownloadError> {
        let Some(path) = &placed.taken else { return Ok(()) };
        let digest = self.keep(&placed.whole, reader)?;
        let file = FileEntry { digest, executable };
        self.files.insert(placed.whole.clone(), file);
        self.insert(path, Node::File(file))
    }

    pub fn directory(&mut self, placed: &Placed) -> Result<(), DownloadError> {
        let Some(path) = &placed.taken else { return Ok(()) };
        match self.tree.get(path) {
            Some(Node::Directory(_)) => Ok(()),
            _ => self.insert(path, Node::Directory(Tree::empty())),
        }
    }

    pub fn link(&mut self, placed: &Placed, target: &[u8]) -> Result<(), DownloadError> {
        let Some(path) = &placed.taken else { return Ok(()) };
        if let Err(error) = path.resolve_link(target) {
            return Err(refused(&path.to_bytes(), &format!("is a link out of the folder: {error}")));
        }
        self.insert(path, Node::Symlink(target.into()))
    }

    /// Another name of an earlier file.
    pub fn hard_link(&mut self, placed: &Placed, target: &Placed) -> Result<(), DownloadError> {
        let Some(path) = &placed.taken else { return Ok(()) };
        let Some(file) = self.files.get(&target.whole).copied() else {
            let reason = format!("is another name of `{}`, which is not there or is left out", target.whole);
            return Err(refused(&path.to_bytes(), &reason));
        };
        self.insert(path, Node::File(file))
    }

    fn insert(&mut self, path: &RelPath, node: Node) -> Result<(), DownloadError> {
        let same_type = |there: &Node| std::mem::discriminant(there) == std::mem::discriminant(&node);
        if self.tree.get(path).is_some_and(|there| !same_type(there)) {
            return Err(refused(&path.to_bytes(), "is there twice, as things of different types"));
        }
        self.tree.insert(path, node).map_err(|error| {
            refused(&path.to_bytes(), &format!("leads through a file or a link of the archive: {error}"))
        })
    }

    fn keep(&mut self, name: &RelPath, reader: &mut dyn Read) -> Result<crate::tree::Digest, DownloadError> {
        let broken = |error: std::io::Error| refused(&name.to_bytes(), &format!("cannot be read: {error}"));
        let mut buffer = vec![0; 256 * 1024];
        let (mut memory, mut disk) = (Vec::new(), None);
        let path = self.scratch.path().join("entry");
        loop {
            if (self.cancelled)() {
                return Err(DownloadError::Cancelled);
            }
            let read = reader.read(&mut buffer).map_err(broken)?;
            self.count(name, read)?;
            memory.extend_from_slice(&buffer[..read]);
            if memory.len() > IN_MEMORY || read == 0 && disk.is_some() {
                let file = match &mut disk {
                    Some(file) => file,
                    None => disk.insert(File::create(&path).map_err(StoreError::io("create", &path))?),
                };
                file.write_all(&memory).map_err(StoreError::io("write", &path))?;
                memory.clear();
            }
            if read == 0 {
                break;
            }
        }
        Ok(if disk.is_some() { self.store.add_moved(&path)? } else { self.store.write(&memory)? })
    }

    fn count(&mut self, name: &RelPath, bytes: usize) -> Result<(), DownloadError> {
        self.bytes += bytes as u64;
        if self.bytes <= self.limits.bytes {
            return Ok(());
        }
        Err(refused(&name.to_bytes(), &format!("brings the archive over {}", self.limits.shown())))
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn finish(self) -> Result<Tree, DownloadError> {
        if let Some((pattern, _)) = self.include.iter().find(|(_, matched)| !matched) {
            let (pattern, strip) = (pattern.glob(), self.strip);
            let text =
                format!("`include` has `{pattern}`, which matches nothing in it after `strip` {strip}");
            return Err(DownloadError::Archive(text));
        }
        if self.tree.is_empty() {
            let text = format!("there is nothing in it after `strip` {}", self.strip);
            return Err(DownloadError::Archive(text));
        }
        Ok(self.tree)
    }
}

impl Limits {
    /// For errors.
    pub fn shown(self) -> String {
        let mebibytes = self.bytes as f64 / f64::from(1 << 20);
        format!("{mebibytes:.1} MiB unpacked, the most that fnpack takes")
    }
}

/// An error about an entry.
pub fn refused(entry: &[u8], reason: &str) -> DownloadError {
    let entry = crate::tree::shortened(entry.escape_ascii().to_string().as_bytes());
    DownloadError::Entry { entry, reason: reason.to_owned() }
}
