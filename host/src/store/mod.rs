//! The cache on disk: blobs by digest, records by key, and what makes many processes share them
//! safely. It knows trees, but not what a build is. The layout is in `docs/architecture.md`.

mod blobs;
mod collect;
mod error;
mod file;
mod folder;
mod lock;
mod made;
mod records;
mod scratch;
mod stat;
pub(crate) mod temporary;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub use blobs::BlobReader;
pub use collect::{Policy, Usage, Verified};
pub use error::StoreError;

pub use file::{open_regular, read_regular, write_atomically};
pub use folder::Links;
pub use lock::Lock;
pub use records::RecordKind;
pub use scratch::Scratch;
pub use stat::{Fingerprint, StatIndex};
pub use temporary::remove_stale_temporaries;

/// The lock that everybody who uses the cache holds.
const IN_USE: &str = "in-use.lock";

/// A cache folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Blobs that were renamed into place and not yet synced.
    unsynced: Mutex<Vec<PathBuf>>,
    /// Held by everybody who uses the cache, so that a collection can wait for them.
    _in_use: Lock,
}

impl Store {
    /// Opens a cache folder; it is made when missing.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let marker = root.join("CACHEDIR.TAG");
        if !marker.exists() {
            fs::create_dir_all(root).map_err(StoreError::io("create the cache folder", root))?;
            // https://bford.info/cachedir/: backup programs leave such a folder out.
            write_atomically(
                &marker,
                b"Signature: 8a477f597d28d172789f06886806bc55\n# The cache of fnpack.\n",
            )?;
        }
        let in_use = Lock::shared(&root.join(IN_USE))?;
        Ok(Self { root: root.to_path_buf(), unsynced: Mutex::default(), _in_use: in_use })
    }

    /// The cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lock of a piece of work, such as an action, that must be done once.
    pub fn lock_work(&self, name: &str, waiting: impl FnOnce()) -> Result<Lock, StoreError> {
        Lock::exclusive(&self.root.join("locks").join(name), waiting)
    }

    /// Where an installer such as pip keeps its own cache.
    pub fn download_cache(&self, installer: &str) -> PathBuf {
        self.root.join("downloads").join(installer)
    }

    /// Where compiled plugins are kept; only its owner may look into it.
    pub fn compiled_plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    fn sharded(&self, folder: &str, name: &str) -> PathBuf {
        let mut path = self.root.join(folder);
        path.push(&name[..2]);
        path.push(name);
        path
    }
}
