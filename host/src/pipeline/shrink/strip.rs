use std::fs::File;
use std::io::Read;

use anyhow::Result;

use super::elf;
use crate::pipeline::build::Run;
use crate::store::{Store, StoreError};
use crate::tree::{Digest, FileEntry, Name, Node, RelPath, Tree};

/// Goes up when the same file comes out different.
const RECIPE: &str = "stripped file 2";

/// A tree with its native files stripped, each once: the result is kept by the file's digest.
pub fn stripped(run: &Run, tree: &Tree) -> Result<Tree> {
    let mut smaller = tree.clone();
    for (path, file) in tree.files() {
        run.context.cancel.check()?;
        if !is_elf(run.context.store, &file.digest)? {
            continue;
        }
        let digest = one(run.context.store, &file.digest, run.context.force)?;
        if digest != file.digest {
            smaller.insert(&path, Node::File(FileEntry { digest, ..file }))?;
        }
    }
    Ok(smaller)
}

fn is_elf(store: &Store, digest: &Digest) -> Result<bool, StoreError> {
    let mut start = [0; 4];
    if digest.size() < 64 {
        return Ok(false);
    }
    let path = store.blob_path(digest);
    let mut file = File::open(&path).map_err(|_| StoreError::Missing(*digest))?;
    file.read_exact(&mut start).map_err(StoreError::io("read", &path))?;
    Ok(&start == b"\x7fELF")
}

fn one(store: &Store, digest: &Digest, force: bool) -> Result<Digest, StoreError> {
    let key = Digest::of(format!("{RECIPE}\n{digest}").as_bytes());
    let known = store.made_tree(&key)?.and_then(|tree| tree.files().next().map(|(_, file)| file.digest));
    if let Some(known) = known.filter(|_| !force) {
        return Ok(known);
    }
    let stripped = match elf::stripped(&store.read(digest)?) {
        Some(bytes) => store.write(&bytes)?,
        None => *digest,
    };
    let file = Node::File(FileEntry { digest: stripped, executable: false });
    let at = RelPath::root().child(Name::new("file").expect("a constant name"));
    store.put_made_tree(&key, &Tree::empty().with(&at, file).expect("an entry of the root"))?;
    Ok(stripped)
}
