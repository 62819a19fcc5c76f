//! What the cache takes, and how it is made smaller.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::file::{open_if_there, read_if_there, remove_if_there};
use super::temporary::TEMPORARY;
use super::{Lock, Store, StoreError};
use crate::tree::message::ActionResultMessage;
use crate::tree::{Digest, Node, Tree};

/// The parts of the cache, as they are told to users.
const PARTS: [(&str, &[&str]); 6] = [
    ("blobs", &["blobs"]),
    ("deflated forms", &["deflated"]),
    ("records", &["actions", "builds", "targets", "descriptions", "images", "tools", "stat"]),
    ("compiled plugins", &["plugins"]),
    ("installers' downloads", &["downloads"]),
    ("work in progress and logs", &["scratch", "logs", "locks"]),
];

/// What a part of the cache takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many files.
    pub files: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What a collection is to keep.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// What was not used for this long goes.
    pub max_age: Duration,
    /// What was used longest ago goes until the cache has at most so many bytes.
    pub max_bytes: u64,
}

/// What a check of the whole cache found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blobs that were read.
    pub blobs: u64,
    /// Damaged blobs, which were removed.
    pub damaged: Vec<Digest>,
    /// Records that named what is not there, which were removed: their work is done again.
    pub incomplete: u64,
}

/// A record with the blobs that it needs.
struct Root {
    path: PathBuf,
    used: SystemTime,
    blobs: Vec<Digest>,
    whole: bool,
}

impl Store {
    /// Opens a cache folder alone: waits until no build uses it. `waiting` is called once, before
    /// a wait.
    pub fn open_alone(root: &Path, waiting: impl FnOnce()) -> Result<Self, StoreError> {
        let lock = Lock::exclusive(&root.join(super::IN_USE), waiting)?;
        Ok(Self { root: root.to_path_buf(), unsynced: Default::default(), _in_use: lock })
    }

    /// What each part of the cache takes.
    pub fn usage(&self) -> Vec<(&'static str, Usage)> {
        let of = |folders: &[&str]| {
            let mut usage = Usage::default();
            for folder in folders {
                each_file(&self.root().join(folder), &mut |_, metadata| {
                    usage.files += 1;
                    usage.bytes += metadata.len();
                });
            }
            usage
        };
        PARTS.iter().map(|(name, folders)| (*name, of(folders))).collect()
    }

    /// Removes what the policy does not keep; gives the bytes that were freed. The store must have
    /// been opened alone.
    pub fn collect(&self, policy: Policy) -> Result<u64, StoreError> {
        let before = self.total();
        self.remove_stale_scratch()?;
        let oldest = SystemTime::now().checked_sub(policy.max_age).unwrap_or(SystemTime::UNIX_EPOCH);
        for folder in
            ["stat", "descriptions", "images", "tools", "plugins", "logs", "locks", "targets", "downloads"]
        {
            // Locks: nobody holds one while the store is open alone.
            let all = folder == "locks";
            remove_files(&self.root().join(folder), &|_, used| all || used < oldest)?;
        }

        let mut roots = self.roots()?;
        roots.sort_by_key(|root| std::cmp::Reverse(root.used));
        let (mut live, mut bytes) = (HashSet::new(), 0);
        for root in &roots {
            let new: Vec<_> = root.blobs.iter().filter(|digest| !live.contains(*digest)).collect();
            let more: u64 = new.iter().map(|digest| self.size_on_disk(digest)).sum();
            if root.used < oldest || !root.whole || bytes + more > policy.max_bytes {
                remove_if_there(&root.path)?;
                continue;
            }
            bytes += more;
            live.extend(new.into_iter().copied());
        }
        let live: HashSet<String> = live.iter().map(Digest::hex).collect();
        for folder in ["blobs", "deflated"] {
            let is_dead = |path: &Path, _| {
                !path.file_name().is_some_and(|name| live.contains(&*name.to_string_lossy()))
            };
            remove_files(&self.root().join(folder), &is_dead)?;
        }
        remove_temporaries(self.root())?;
        if self.total() > policy.max_bytes {
            let downloads = self.root().join("downloads");
            if downloads.exists() {
                fs::remove_dir_all(&downloads).map_err(StoreError::io("remove", &downloads))?;
            }
        }
        Ok(before.saturating_sub(self.total()))
    }

    /// Removes everything. The store must have been opened alone.
    pub fn clear(&self) -> Result<u64, StoreError> {
        let before = self.total();
        for (_, folders) in PARTS {
            for folder in folders {
                let folder = self.root().join(folder);
                if folder.exists() {
                    fs::remove_dir_all(&folder).map_err(StoreError::io("remove", &folder))?;
                }
            }
        }
        remove_if_there(&self.root().join("CACHEDIR.TAG"))?;
        Ok(before)
    }

    /// Reads every blob and checks every record; removes what is damaged, so that it is made again.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        let mut found = Verified::default();
        let mut digests = Vec::new();
        each_file(&self.root().join("blobs"), &mut |path, metadata| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if let Some(hash) = crate::tree::parse_hex(&name) {
                digests.push((Digest::new(hash, metadata.len()), path.to_path_buf()));
            }
        });
        for (digest, path) in digests {
            // One that is gone by now was found damaged by somebody else.
            let Some(mut file) = open_if_there(&path)? else { continue };
            found.blobs += 1;
            let now = Digest::of_reader(&mut file).map_err(StoreError::io("read", &path))?;
            if now != digest {
                self.discard_corrupt(&digest);
                found.damaged.push(digest);
            }
        }
        for root in self.roots()?.into_iter().filter(|root| !root.whole) {
            remove_if_there(&root.path)?;
            found.incomplete += 1;
        }
        Ok(found)
    }

    fn total(&self) -> u64 {
        self.usage().iter().map(|(_, usage)| usage.bytes).sum()
    }

    fn size_on_disk(&self, digest: &Digest) -> u64 {
        let deflated = fs::metadata(self.deflated_path(digest)).map_or(0, |found| found.len());
        digest.size() + deflated
    }

    /// All records that keep blobs alive: builds and action results.
    fn roots(&self) -> Result<Vec<Root>, StoreError> {
        use prost::Message;
        let mut files = Vec::new();
        for folder in ["builds", "actions"] {
            each_file(&self.root().join(folder), &mut |path, metadata| {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((folder, path.to_path_buf(), used));
            });
        }
        let mut roots = Vec::new();
        for (folder, path, used) in files {
            let Some(bytes) = read_if_there(&path)? else { continue };
            let trees: Option<Vec<Digest>> = match folder {
                // Of a build's record the store knows no more than that it names its trees.
                "builds" => serde_json::from_slice::<serde_json::Value>(&bytes)
                    .ok()
                    .and_then(|mut record| serde_json::from_value(record.get_mut("trees")?.take()).ok()),
                _ => ActionResultMessage::decode(bytes.as_slice()).ok().and_then(|result| {
                    let trees = result.output_directories.iter();
                    trees.map(|directory| Digest::try_from(directory.tree_digest.as_ref()?).ok()).collect()
                }),
            };
            let (mut blobs, mut whole) = (Vec::new(), trees.is_some());
            for digest in trees.into_iter().flatten() {
                blobs.push(digest);
                match self.tree(&digest) {
                    Ok(tree) => {
                        whole &= self.has_all(&tree);
                        collect_files(&tree, &mut blobs);
                    }
                    Err(StoreError::Missing(_) | StoreError::Tree { .. }) => whole = false,
                    Err(error) => return Err(error),
                }
            }
            roots.push(Root { path, used, blobs, whole });
        }
        Ok(roots)
    }
}

fn collect_files(tree: &Tree, blobs: &mut Vec<Digest>) {
    for (_, node) in tree {
        match node {
            Node::File(file) => blobs.push(file.digest),
            Node::Directory(below) => collect_files(below, blobs),
            Node::Symlink(_) => {}
        }
    }
}

fn each_file(folder: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
        if metadata.is_dir() {
            each_file(&path, visit);
        } else {
            visit(&path, &metadata);
        }
    }
}

fn remove_files(folder: &Path, goes: &dyn Fn(&Path, SystemTime) -> bool) -> Result<(), StoreError> {
    let mut dead = Vec::new();
    each_file(folder, &mut |path, metadata| {
        if goes(path, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH)) {
            dead.push(path.to_path_buf());
        }
    });
    dead.iter().try_for_each(|path| remove_if_there(path))
}

fn remove_temporaries(root: &Path) -> Result<(), StoreError> {
    let is_temporary =
        |path: &Path, _| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TEMPORARY));
    for (_, folders) in PARTS {
        for folder in folders.iter().filter(|folder| **folder != "downloads") {
            remove_files(&root.join(folder), &is_temporary)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::RecordKind;
    use crate::tree::{FileEntry, RelPath};

    /// A record of a build whose one file has so many bytes, last used so many days ago.
    fn build(store: &Store, name: &str, bytes: usize, days: u64) -> Digest {
        let contents = name.repeat(bytes / name.len() + 1);
        let file = FileEntry { digest: store.write(contents.as_bytes()).unwrap(), executable: false };
        let tree = Tree::empty().with(&RelPath::new("file").unwrap(), Node::File(file)).unwrap();
        let key = Digest::of(name.as_bytes());
        let record = serde_json::json!({ "trees": [store.put_tree(&tree).unwrap()] });
        store.put_record(RecordKind::Build, &key, &record).unwrap();
        let used = SystemTime::now() - Duration::from_secs(days * 24 * 3600);
        let file = fs::File::options().append(true).open(store.record_path(RecordKind::Build, &key)).unwrap();
        file.set_modified(used).unwrap();
        key
    }

    fn kept(store: &Store, key: &Digest) -> bool {
        store.record_path(RecordKind::Build, key).exists()
    }

    #[test]
    fn what_is_old_goes_and_then_what_was_used_longest_ago() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open_alone(cache.path(), || panic!("nobody uses it")).unwrap();
        let old = build(&store, "old", 1000, 40);
        let (less, more) = (build(&store, "less", 6000, 2), build(&store, "more", 6000, 1));
        let month = Duration::from_secs(30 * 24 * 3600);
        store.collect(Policy { max_age: month, max_bytes: 10_000 }).unwrap();
        assert_eq!((kept(&store, &old), kept(&store, &less), kept(&store, &more)), (false, false, true));
        let blobs = store.usage().iter().find(|(name, _)| *name == "blobs").unwrap().1;
        assert_eq!(blobs.files, 2, "a file and its tree");
    }

    #[test]
    fn what_was_used_lately_stays() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open_alone(cache.path(), || panic!("nobody uses it")).unwrap();
        let (used, unused) = (build(&store, "used", 10, 40), build(&store, "unused", 10, 40));
        store.record::<serde_json::Value>(RecordKind::Build, &used).unwrap().unwrap();
        let month = Duration::from_secs(30 * 24 * 3600);
        store.collect(Policy { max_age: month, max_bytes: 10_000 }).unwrap();
        assert_eq!((kept(&store, &used), kept(&store, &unused)), (true, false));
    }

    #[test]
    fn a_damaged_blob_and_what_needs_it_are_found() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let (bad, good) = (build(&store, "bad", 10, 0), build(&store, "good", 10, 0));
        assert_eq!(store.verify().unwrap(), Verified { blobs: 4, ..Verified::default() });
        let digest = Digest::of("bad".repeat(4).as_bytes());
        let path = store.blob_path(&digest);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "BADbadbadbad").unwrap();
        let found = store.verify().unwrap();
        assert_eq!((found.damaged.as_slice(), found.incomplete), ([digest].as_slice(), 1));
        assert_eq!((kept(&store, &bad), kept(&store, &good)), (false, true));
    }

    #[test]
    fn several_may_find_the_same_damage_at_once() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        for number in 0..300 {
            build(&store, &format!("build {number}"), 10, 0);
        }
        each_file(&cache.path().join("blobs"), &mut |path, _| {
            let length = fs::metadata(path).unwrap().len() as usize;
            fs::remove_file(path).unwrap();
            fs::write(path, vec![b'!'; length]).unwrap();
        });
        std::thread::scope(|scope| {
            let verifying: Vec<_> = (0..4).map(|_| scope.spawn(|| store.verify())).collect();
            verifying.into_iter().for_each(|one| drop(one.join().unwrap().unwrap()));
        });
        assert_eq!(store.usage()[0].1.files, 0);
    }
}
