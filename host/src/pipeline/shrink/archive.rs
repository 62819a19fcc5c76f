use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};

use super::{tell, text};
use crate::archive::write_zip;
use crate::language::split_module;
use crate::pipeline::build::Run;
use crate::pipeline::limits::size;
use crate::tree::{Digest, FileEntry, Node, RelPath, Tree};

/// What unpacks the archive when the function starts: a wrapper of the platform, which every layout
/// leaves where it is.
const UNPACKER: &str = ".python_packages/unpacked_packages.py";
/// Beside it.
const ARCHIVE: &str = ".python_packages/packages.zip";

/// A tree without the unpacker, which has nothing to unpack.
pub fn without_unpacker(mut tree: Tree) -> Tree {
    tree.remove(&path(UNPACKER));
    if let Some(folder) = path(UNPACKER).parent()
        && tree.directory(&folder).is_some_and(Tree::is_empty)
    {
        tree.remove(&folder);
    }
    tree
}

/// Moves packages into an archive. `at` is where the packages are.
pub fn archive(run: &Run, mut tree: Tree, at: &RelPath, names: &BTreeSet<String>) -> Result<Tree> {
    let platform = &run.job.plugin.description().title;
    if tree.file(&path(UNPACKER)).is_none() {
        bail!(
            "the wrappers for {platform} cannot unpack archived packages; leave out {{\"archive\": ...}} of `shrink`"
        );
    }
    run.step("shrink (archive)");
    let Some(packages) = tree.directory(at).cloned() else {
        bail!("`shrink` archives packages, but the function requires none: add them to requirements.txt");
    };
    let mut found = BTreeSet::new();
    let mut moved = Tree::empty();
    for (name, node) in &packages {
        if let Some(owner) = names.iter().find(|owner| belongs(text(name), owner)) {
            found.insert(owner.clone());
            moved.insert(&RelPath::root().child(name.clone()), node.clone())?;
        }
    }
    if let Some(missing) = names.difference(&found).next() {
        let known: BTreeSet<&str> = packages.iter().filter_map(|(name, _)| importable(text(name))).collect();
        let known = Vec::from_iter(known).join(", ");
        bail!("`shrink` archives `{missing}`, which is not installed; installed are {known}");
    }
    let left = packages.filter(&mut |path, _| moved.get(path).is_none() || path.names().len() > 1);
    // An unpacked archive has no links.
    let moved = moved.resolve_links().context("in the packages to archive")?;
    let file = zip(run, &moved)?;
    tell(run, "archive", packages.size(), left.size() + file.digest.size());
    run.warn(format!(
        "packages.zip is unpacked to the function's temporary folder when it starts, and takes {} there",
        size(moved.size())
    ));
    let left = run.language.normalise(run.context.store, &left)?;
    tree.insert(at, Node::Directory(left))?;
    tree.insert(&path(ARCHIVE), Node::File(file))?;
    Ok(tree)
}

/// Whether an entry among the packages is part of what is imported by a name: the package, its
/// module, or the libraries that wheels put beside it and their modules look for there.
fn belongs(entry: &str, name: &str) -> bool {
    importable(entry) == Some(name) || entry.strip_suffix(".libs") == Some(name)
}

/// The name by which an entry among the packages is imported.
fn importable(entry: &str) -> Option<&str> {
    if entry.ends_with(".dist-info") || entry.ends_with(".libs") || entry == "bin" {
        return None;
    }
    let stem = split_module(entry).map(|(stem, _)| stem).or_else(|| entry.strip_suffix(".abi3.so"));
    Some(stem.or_else(|| entry.strip_suffix(".py")).or_else(|| entry.strip_suffix(".so")).unwrap_or(entry))
}

fn zip(run: &Run, tree: &Tree) -> Result<FileEntry> {
    let store = run.context.store;
    let key = Digest::of(format!("archive of packages 1\n{}", tree.digest()).as_bytes());
    let known = store.made_tree(&key)?.and_then(|tree| tree.files().next().map(|(_, file)| file));
    if let Some(known) = known.filter(|_| !run.context.force) {
        return Ok(known);
    }
    let scratch = store.scratch()?;
    let goal = scratch.path().join("packages.zip");
    let cancelled = || run.context.cancel.is_set();
    write_zip(store, tree, &goal, run.context.threads, &cancelled)?;
    let file = FileEntry { digest: store.add_moved(&goal)?, executable: false };
    store.put_made_tree(&key, &Tree::empty().with(&path("packages.zip"), Node::File(file))?)?;
    Ok(file)
}

fn path(text: &str) -> RelPath {
    RelPath::new(text).expect("a constant path")
}
