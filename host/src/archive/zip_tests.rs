use std::fs;
use std::path::PathBuf;

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

    fn file(&self, tree: &mut Tree, path: impl AsRef<[u8]>, bytes: &[u8], executable: bool) -> Digest {
        let digest = self.store.write(bytes).unwrap();
        tree.insert(&RelPath::new(path).unwrap(), Node::File(FileEntry { digest, executable })).unwrap();
        digest
    }

    fn destination(&self) -> PathBuf {
        self.folder.path().join("out/package.zip")
    }

    fn write(&self, tree: &Tree, threads: usize) -> Result<Digest, ArchiveError> {
        write_zip(&self.store, tree, &self.destination(), threads, &|| false)
    }

    /// The archive's bytes, after its digest was compared.
    fn bytes(&self, tree: &Tree, threads: usize) -> Vec<u8> {
        let digest = self.write(tree, threads).unwrap();
        let bytes = fs::read(self.destination()).unwrap();
        assert_eq!(digest, Digest::of(&bytes));
        bytes
    }

    fn forget_deflated(&self) {
        let _ = fs::remove_dir_all(self.store.root().join("deflated"));
    }
}

/// Bytes that deflate to about half.
fn text(length: usize, mut seed: u64) -> Vec<u8> {
    let mut next = || {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        b'a' + ((seed >> 60) as u8)
    };
    (0..length).map(|_| next()).collect()
}

/// Bytes that do not deflate.
fn noise(length: usize) -> Vec<u8> {
    let hash = |index: usize| *Digest::of(&index.to_le_bytes()).bytes();
    let mut bytes: Vec<u8> = (0..length.div_ceil(32)).flat_map(hash).collect();
    bytes.truncate(length);
    bytes
}

/// A tree with something of each kind.
fn mixed(bench: &Bench) -> (Tree, Vec<(&'static str, Vec<u8>)>) {
    let whole = WHOLE_UP_TO as usize;
    let files = vec![
        ("bin/run", b"#!/bin/sh\n".to_vec()),
        ("empty.txt", Vec::new()),
        ("large", text(whole + 3 * BLOCK as usize + 5, 1)),
        ("large-again", text(whole + 3 * BLOCK as usize + 5, 1)),
        ("large-even", text(whole + 2 * BLOCK as usize, 2)),
        ("large-noise", noise(whole + 1)),
        ("noise", noise(10_000)),
        ("text", text(100_000, 3)),
        ("\u{e4}.txt", b"named in UTF-8".to_vec()),
    ];
    let mut tree = Tree::empty();
    for (path, bytes) in &files {
        bench.file(&mut tree, path, bytes, *path == "bin/run");
    }
    tree.insert(&RelPath::new("bin/link").unwrap(), Node::Symlink(b"run".as_slice().into())).unwrap();
    tree.insert(&RelPath::new("nothing").unwrap(), Node::Directory(Tree::empty())).unwrap();
    (tree, files)
}

#[test]
fn everything_is_read_back_with_modes_and_links() {
    let bench = Bench::new();
    let (tree, files) = mixed(&bench);
    let bytes = bench.bytes(&tree, 2);
    let mut archive = ::zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    let count = archive.len();
    let mut name = |index| archive.by_index(index).unwrap().name().unwrap().into_owned();
    let names: Vec<String> = (0..count).map(&mut name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    assert_eq!(names.len(), files.len() + 2);
    for (path, expected) in &files {
        let mut entry = archive.by_name(path).unwrap();
        let mode = if *path == "bin/run" { 0o100755 } else { 0o100644 };
        assert_eq!(entry.unix_mode(), Some(mode), "{path}");
        assert!(entry.compressed_size() <= entry.size(), "{path}");
        let mut found = Vec::new();
        entry.read_to_end(&mut found).unwrap();
        assert!(found == *expected, "{path}");
    }
    assert!(archive.by_name("nothing/").unwrap().is_dir());
    let mut link = archive.by_name("bin/link").unwrap();
    assert_eq!(link.unix_mode(), Some(0o120777));
    let mut target = String::new();
    link.read_to_string(&mut target).unwrap();
    assert_eq!(target, "run");
}

#[test]
fn the_bytes_depend_neither_on_threads_nor_on_what_is_kept() {
    let bench = Bench::new();
    let (tree, _) = mixed(&bench);
    let one = bench.bytes(&tree, 1);
    assert!(one == bench.bytes(&tree, 1), "from what is kept");
    assert!(one == bench.bytes(&tree, 4), "from what is kept, on four threads");
    bench.forget_deflated();
    assert!(one == bench.bytes(&tree, 4), "on four threads");
}

#[test]
fn what_is_kept_is_used_and_made_again_when_damaged() {
    let bench = Bench::new();
    let (tree, files) = mixed(&bench);
    let expected = bench.bytes(&tree, 2);
    for path in ["large", "text"] {
        let bytes = &files.iter().find(|(name, _)| *name == path).unwrap().1;
        let kept = bench.store.deflated_path(&Digest::of(bytes));
        let good = fs::read(&kept).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [flipped, good[..good.len() - 1].to_vec(), vec![0; good.len()], Vec::new()] {
            fs::remove_file(&kept).unwrap();
            fs::write(&kept, &bad).unwrap();
            assert!(bench.bytes(&tree, 2) == expected, "{path}");
            assert!(fs::read(&kept).unwrap() == good, "{path}");
        }
    }
    // Nobody looks at the blob of a form that is kept.
    fs::remove_file(bench.store.blob_path(&Digest::of(&files[2].1))).unwrap();
    assert!(bench.bytes(&tree, 2) == expected);
}

#[test]
fn a_cache_that_takes_no_files_gives_the_same_archive() {
    let bench = Bench::new();
    let (tree, _) = mixed(&bench);
    let expected = bench.bytes(&tree, 2);
    bench.forget_deflated();
    fs::write(bench.store.root().join("deflated"), "in the way").unwrap();
    assert!(bench.bytes(&tree, 2) == expected);
}

#[test]
fn a_blob_that_is_missing_or_damaged_is_named_and_the_earlier_archive_stays() {
    let bench = Bench::new();
    for length in [5, 100_000, WHOLE_UP_TO as usize + 5] {
        let mut tree = Tree::empty();
        bench.file(&mut tree, "a", b"fine", false);
        let earlier = bench.bytes(&tree, 2);
        let digest = bench.file(&mut tree, "b", &text(length, 9), false);
        for damaged in [true, false] {
            let blob = bench.store.blob_path(&digest);
            let _ = fs::remove_file(&blob);
            if damaged {
                fs::write(&blob, text(length, 10)).unwrap();
            }
            let error = bench.write(&tree, 2).unwrap_err();
            assert!(matches!(error, ArchiveError::Store(StoreError::Missing(found)) if found == digest));
            assert_eq!(fs::read(bench.destination()).unwrap(), earlier);
            assert_eq!(fs::read_dir(bench.folder.path().join("out")).unwrap().count(), 1);
            assert!(!bench.store.deflated_path(&digest).exists());
        }
    }
}

#[test]
fn many_entries_need_zip64() {
    let bench = Bench::new();
    let digest = bench.store.write(b"x").unwrap();
    let mut tree = Tree::empty();
    for index in 0..70_000 {
        let path = RelPath::new(format!("{}/{index}", index % 10)).unwrap();
        tree.insert(&path, Node::File(FileEntry { digest, executable: false })).unwrap();
    }
    let bytes = bench.bytes(&tree, 2);
    let mut archive = ::zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
    assert_eq!(archive.len(), 70_000);
    assert_eq!(archive.by_name("9/69999").unwrap().size(), 1);
}

#[test]
fn an_empty_tree_is_an_empty_archive() {
    let bytes = { Bench::new() }.bytes(&Tree::empty(), 2);
    assert_eq!((bytes.len(), &bytes[..4]), (22, b"PK\x05\x06".as_slice()));
}

#[test]
fn a_cancelled_archive_leaves_nothing() {
    let bench = Bench::new();
    let (tree, _) = mixed(&bench);
    let error = write_zip(&bench.store, &tree, &bench.destination(), 2, &|| true).unwrap_err();
    assert!(matches!(error, ArchiveError::Cancelled));
    assert_eq!(fs::read_dir(bench.folder.path().join("out")).unwrap().count(), 0);
}
