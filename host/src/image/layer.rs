use std::fs::File;
use std::io::{self, Write};

use super::file::{keep, kept};
use super::gzip::gzip;
use super::tar::write_tar;
use super::{ImageError, Sha256};
use crate::store::Store;
use crate::tree::{Digest, FileEntry, Hasher, Node, RelPath, Tree};

/// Changes whenever the same tree would become another layer than before.
const FORMAT: &str = "fnpack layer 2";

/// A layer that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The gzipped tar.
    pub blob: Digest,
    /// Of the tar itself.
    pub diff_id: Sha256,
    /// How many bytes the tar has.
    pub unpacked: u64,
}

/// Hashes what is written.
struct Hashed<'w> {
    hasher: Hasher,
    writer: &'w mut dyn Write,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The layer that puts a tree at a directory, such as `/var/task`: its files belong to root and have
/// no times. It is made once and then found in the store.
pub fn write_layer(
    store: &Store,
    tree: &Tree,
    directory: &str,
    threads: usize,
    cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Layer, ImageError> {
    let at = place(directory)?;
    let key = Digest::of(format!("{FORMAT}\n{}\n/{}", tree.digest(), at).as_bytes());
    if let Some(layer) = found(store, &key)? {
        return Ok(layer);
    }
    let _lock = store.lock_work(&format!("layer-{}", key.hex()), || {})?;
    if let Some(layer) = found(store, &key)? {
        return Ok(layer);
    }
    let scratch = store.scratch()?;
    let path = scratch.path().join("layer");
    let mut file = File::create_new(&path).map_err(ImageError::io("create", &path))?;
    let mut diff_id = None;
    let made = gzip(threads, cancelled, &mut file, |writer| {
        let mut hashed = Hashed { hasher: Hasher::default(), writer };
        write_tar(store, tree, &at, &mut hashed).map_err(Failure::Producing)?;
        diff_id = Some(hashed.hasher.finish());
        Ok(())
    });
    match made {
        _ if cancelled() => return Err(ImageError::Cancelled),
        Err(Failure::Producing(error)) => return Err(error),
        Err(Failure::Writing(error)) => return Err(ImageError::io("write", &path)(error)),
        Ok(()) => {}
    }
    let tar: Digest = diff_id.expect("it was produced");
    let layer = Layer { blob: store.add_moved(&path)?, diff_id: tar.into(), unpacked: tar.size() };
    let mut record = Tree::empty();
    let note = store.write(tar.to_string().as_bytes())?;
    for (name, digest) in [("layer", layer.blob), ("tar-digest", note)] {
        let file = Node::File(FileEntry { digest, executable: false });
        record.insert(&RelPath::new(name).expect("a name"), file).expect("the root can be inserted into");
    }
    keep(store, &key, &record)?;
    Ok(layer)
}

/// Why a layer could not be made, on which side.
enum Failure {
    Producing(ImageError),
    Writing(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Writing(error)
    }
}

fn found(store: &Store, key: &Digest) -> Result<Option<Layer>, ImageError> {
    let Some(tree) = kept(store, key)? else { return Ok(None) };
    let file = |name: &str| tree.file(&RelPath::new(name).expect("a name"));
    let (Some(blob), Some(note)) = (file("layer"), file("tar-digest")) else { return Ok(None) };
    let Ok(note) = store.read(&note.digest) else { return Ok(None) };
    let tar: Option<Digest> = String::from_utf8(note).ok().and_then(|text| text.parse().ok());
    Ok(tar.map(|tar| Layer { blob: blob.digest, diff_id: tar.into(), unpacked: tar.size() }))
}

/// An absolute directory as a path below the root.
pub fn place(directory: &str) -> Result<RelPath, ImageError> {
    let bad = |reason: String| ImageError::Layer { path: format!("the directory `{directory}`"), reason };
    let below = directory.strip_prefix('/').ok_or_else(|| bad("it is not absolute".to_owned()))?;
    RelPath::new(below.trim_end_matches('/')).map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> (tempfile::TempDir, Store, Tree) {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let digest = store.write(&b"bytes".repeat(500_000)).unwrap();
        let file = Node::File(FileEntry { digest, executable: false });
        let tree = Tree::empty().with(&RelPath::new("a/file").unwrap(), file).unwrap();
        (cache, store, tree)
    }

    fn write(store: &Store, tree: &Tree, directory: &str, threads: usize) -> Layer {
        write_layer(store, tree, directory, threads, &|| false).unwrap()
    }

    #[test]
    fn a_layer_is_the_same_everywhere_and_made_once() {
        let (_one, store, tree) = open();
        let (_two, other, _) = open();
        let layer = write(&store, &tree, "/var/task", 1);
        assert_eq!(layer, write(&other, &tree, "/var/task/", 4));
        assert_ne!(layer, write(&store, &tree, "/opt", 1));
        // Found without its files.
        std::fs::remove_file(store.blob_path(&tree.files().next().unwrap().1.digest)).unwrap();
        assert_eq!(layer, write(&store, &tree, "/var/task", 2));
        assert!(store.has(&layer.blob));
    }

    #[test]
    fn a_collection_leaves_a_layer_that_was_used_whole() {
        let (cache, store, tree) = open();
        let layer = write(&store, &tree, "/", 1);
        drop(store);
        let store = Store::open_alone(cache.path(), || panic!("nobody uses it")).unwrap();
        let month = std::time::Duration::from_secs(30 * 24 * 3600);
        store.collect(crate::store::Policy { max_age: month, max_bytes: 1 << 30 }).unwrap();
        assert!(store.has(&layer.blob));
        assert_eq!(found(&store, &Digest::of(b"another")).unwrap(), None);
        // Its files went; it is found all the same.
        assert!(!store.has_all(&tree));
        assert_eq!(layer, write(&store, &tree, "/", 1));
    }

    #[test]
    fn a_layer_that_is_gone_is_made_again() {
        let (_cache, store, tree) = open();
        let layer = write(&store, &tree, "/", 1);
        std::fs::remove_file(store.blob_path(&layer.blob)).unwrap();
        assert_eq!(layer, write(&store, &tree, "/", 1));
        assert!(store.has(&layer.blob));
    }

    #[test]
    fn a_file_that_is_missing_and_a_wish_to_stop_are_told() {
        let (_cache, store, tree) = open();
        let stopped = write_layer(&store, &tree, "/", 1, &|| true).unwrap_err();
        assert!(matches!(stopped, ImageError::Cancelled));
        std::fs::remove_file(store.blob_path(&tree.files().next().unwrap().1.digest)).unwrap();
        let error = write_layer(&store, &tree, "/", 1, &|| false).unwrap_err();
        assert!(matches!(error, ImageError::Store(_)), "{error}");
    }

    #[test]
    fn a_directory_must_be_absolute_and_inside() {
        let (_cache, store, tree) = open();
        for bad in ["", "var", "/var/../..", "/a//b"] {
            let error = write_layer(&store, &tree, bad, 1, &|| false).unwrap_err().to_string();
            assert!(error.contains("the directory"), "{error}");
        }
    }
}
