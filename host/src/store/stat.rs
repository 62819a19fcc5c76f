use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::file::{read_if_there, write_atomically};
use super::{Store, StoreError};
use crate::tree::Digest;

/// A file changed this shortly before it was read may change again without a new time, so what
/// was read is not remembered. (Time stamps of common file systems are at most 10 ms coarse; some
/// network file systems have whole seconds.)
const SETTLED: Duration = Duration::from_millis(50);

/// What the system says of a file without opening it. Two equal ones mean equal contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    /// Of contents or metadata; no program can set it back.
    changed: i64,
}

impl Fingerprint {
    /// Of a file whose metadata was just read.
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file was left alone long enough before now for its times to tell.
    pub fn is_settled(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = Duration::from_nanos(self.changed.max(self.modified).max(0) as u64);
        // Whole seconds: the file system may know no finer times.
        let coarse = self.changed % 1_000_000_000 == 0;
        now.saturating_sub(changed) > if coarse { Duration::from_secs(2) } else { SETTLED }
    }
}

/// What the files of a folder were when they were last read, so that unchanged ones are not read
/// again. A wrong or lost index costs time, never correctness.
#[derive(Debug)]
pub struct StatIndex {
    file: PathBuf,
    known: BTreeMap<Vec<u8>, (Fingerprint, Digest)>,
    /// What is known now; replaces what was known, so that files that are gone are forgotten.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    entries: BTreeMap<Vec<u8>, (Fingerprint, Digest)>,
    changed: bool,
}

impl Store {
    /// The index of a folder.
    pub fn stat_index(&self, folder: &Path) -> Result<StatIndex, StoreError> {
        use std::os::unix::ffi::OsStrExt;
        let file = self.root().join("stat").join(Digest::of(folder.as_os_str().as_bytes()).hex());
        let known = read_if_there(&file)?.and_then(|bytes| decode(&bytes)).unwrap_or_default();
        Ok(StatIndex { file, known, seen: Mutex::default() })
    }
}

impl StatIndex {
    /// The digest of a file that has not changed since it was read; the path is relative to the
    /// index's folder.
    pub fn lookup(&self, path: &[u8], now: &Fingerprint) -> Option<Digest> {
        let (then, digest) = self.known.get(path)?;
        if then != now {
            return None;
        }
        let mut seen = self.seen.lock().expect("no panic while held");
        seen.entries.insert(path.to_vec(), (*now, *digest));
        Some(*digest)
    }

    /// Remembers what a file held when it was read. `before` was taken before reading.
    pub fn remember(&self, path: &[u8], before: &Fingerprint, digest: Digest) {
        let mut seen = self.seen.lock().expect("no panic while held");
        seen.changed = true;
        if before.is_settled() {
            seen.entries.insert(path.to_vec(), (*before, digest));
        }
    }

    /// Writes the index, if anything in it changed.
    pub fn save(self) -> Result<(), StoreError> {
        let seen = self.seen.into_inner().expect("no panic while held");
        if !seen.changed && seen.entries.len() == self.known.len() {
            return Ok(());
        }
        write_atomically(&self.file, &encode(&seen.entries))
    }
}

/// The first line of an index; another means another release's.
const FORMAT: &[u8] = b"fnpack stat index 1\n";
const FIXED: usize = 5 * 8 + 32 + 2;

fn encode(entries: &BTreeMap<Vec<u8>, (Fingerprint, Digest)>) -> Vec<u8> {
    let mut bytes = FORMAT.to_vec();
    for (path, (print, digest)) in entries {
        for number in [print.device, print.inode, print.size, print.modified as u64, print.changed as u64] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(digest.bytes());
        bytes.extend((path.len() as u16).to_le_bytes());
        bytes.extend(path);
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<BTreeMap<Vec<u8>, (Fingerprint, Digest)>> {
    let mut rest = bytes.strip_prefix(FORMAT)?;
    let mut entries = BTreeMap::new();
    while !rest.is_empty() {
        let (fixed, after) = rest.split_at_checked(FIXED)?;
        let number =
            |at: usize| u64::from_le_bytes(fixed[at * 8..at * 8 + 8].try_into().expect("eight bytes"));
        let print = Fingerprint {
            device: number(0),
            inode: number(1),
            size: number(2),
            modified: number(3) as i64,
            changed: number(4) as i64,
        };
        let digest = Digest::new(fixed[40..72].try_into().ok()?, print.size);
        let length = u16::from_le_bytes(fixed[72..74].try_into().ok()?) as usize;
        let (path, after) = after.split_at_checked(length)?;
        entries.insert(path.to_vec(), (print, digest));
        rest = after;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(inode: u64) -> Fingerprint {
        Fingerprint { device: 1, inode, size: 3, modified: 1, changed: 1 }
    }

    #[test]
    fn a_file_that_changed_in_any_way_is_not_found() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let index = store.stat_index(Path::new("/suite")).unwrap();
        index.remember(b"a", &settled(1), Digest::of(b"abc"));
        index.save().unwrap();

        let index = store.stat_index(Path::new("/suite")).unwrap();
        assert_eq!(index.lookup(b"a", &settled(1)), Some(Digest::of(b"abc")));
        assert_eq!(index.lookup(b"a", &settled(2)), None);
        assert_eq!(index.lookup(b"b", &settled(1)), None);
    }

    #[test]
    fn a_file_that_was_just_written_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        assert!(!Fingerprint::of(&std::fs::metadata(&path).unwrap()).is_settled());
    }

    #[test]
    fn a_damaged_index_is_an_empty_one() {
        let whole = encode(&BTreeMap::from([(b"path".to_vec(), (settled(1), Digest::of(b"abc")))]));
        assert_eq!(decode(&whole).unwrap().len(), 1);
        assert!(decode(&whole[..whole.len() - 1]).is_none());
        assert!(decode(b"nothing").is_none());
    }
}
