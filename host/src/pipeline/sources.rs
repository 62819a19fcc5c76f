use anyhow::{Context as _, Result, bail};

use super::Job;
use crate::language::Language;
use crate::suite::Snapshot;
use crate::tree::{FileEntry, LinkError, Name, Node, RelPath, Tree};

/// What a target is made from, before anything runs: metadata alone, no file is opened.
#[derive(Debug)]
pub struct Sources {
    /// The language's files, with the manifest to install under its plain name, and with the
    /// variant's overlay.
    pub tree: Tree,
    /// The same with the manifests that are not installed.
    pub with_all_manifests: Tree,
    /// The variant's patch, still to be applied.
    pub patch: Option<FileEntry>,
    /// The folders, inside the benchmark's, of the init.sh scripts to run, in order.
    pub init_scripts: Vec<RelPath>,
    /// The language's package.sh.
    pub package_script: Option<FileEntry>,
    /// What init.sh scripts may read: the benchmark's folder, without other languages' folders,
    /// and with the language's as it is built.
    pub folder: Tree,
}

const INIT_SCRIPT: &str = "init.sh";
const PACKAGE_SCRIPT: &str = "package.sh";
const PATCH: &str = "patch.diff";

/// Chooses from a benchmark's folder what a target is made from.
pub fn choose(job: &Job, snapshot: &Snapshot, language: &dyn Language) -> Result<Sources> {
    let target = &job.target;
    let name = target.language.name();
    let folder = &snapshot.tree;
    let inside = || format!("in {}", job.benchmark.folder().display());
    let at = folder.follow(&child(name)).with_context(inside)?;
    if folder.directory(&at).is_none() {
        bail!("config.json lists {name}, but {} has no folder `{name}`", job.benchmark.folder().display());
    }
    let variants = job.config.languages.iter().filter(|entry| entry.language == target.language);
    let variants: Vec<&str> = variants.flat_map(|entry| entry.variants.iter().map(String::as_str)).collect();
    let all = with_what_is_read(folder, &at, &variants).with_context(inside)?;
    let script = child(INIT_SCRIPT);
    let root_script = file_behind(folder, &script).with_context(inside)?;
    let mut init_scripts = Vec::from_iter(root_script.map(|_| RelPath::root()));
    init_scripts.extend(all.file(&script).map(|_| child(name)));
    let apart = |name: &Name| {
        [INIT_SCRIPT, PACKAGE_SCRIPT].iter().any(|script| name == *script)
            || variants.iter().any(|variant| *variant != "default" && name == *variant)
    };
    let base = all.filter(&mut |path, _| path.names().len() > 1 || !path.name().is_some_and(apart));
    let package_script = all.file(&child(PACKAGE_SCRIPT));

    let runtime = job.runtime();
    let mut tree = language.select_manifest(&base, &runtime)?;
    let mut with_all_manifests = base.clone();
    let mut patch = None;
    if target.variant != "default" {
        let variant = child(&target.variant);
        let Some(Node::Directory(overlay)) = all.get(&variant) else {
            bail!(
                "config.json lists the variant `{}` of {name}, but {}/{name} has no folder of that name",
                target.variant,
                job.benchmark.folder().display()
            );
        };
        patch = overlay.file(&child(PATCH));
        if patch.is_some() {
            // The patch may be meant for a versioned manifest under its own name.
            tree = overlay_manifests(&base, &tree);
        } else {
            tree = language.select_manifest(&tree.overlay(overlay), &runtime)?;
            with_all_manifests = base.overlay(overlay);
        }
    }
    let folder = if init_scripts.is_empty() {
        Tree::empty()
    } else {
        readable(job, folder, root_script, &all, &tree)?
    };
    Ok(Sources { tree, with_all_manifests, patch, init_scripts, package_script, folder })
}

/// The language's folder without the links that cannot stay: those to other parts of the
/// benchmark's folder, of which what is there comes along, and those where fnpack itself looks for
/// manifests, scripts and patches: directly in the folder and in those of variants.
fn with_what_is_read(folder: &Tree, at: &RelPath, variants: &[&str]) -> Result<Tree, LinkError> {
    let is_variant = |path: &RelPath| variants.iter().any(|variant| *path == at.join(&child(variant)));
    let is_read = |link: &RelPath| {
        let parent = link.parent().unwrap_or_default();
        is_variant(link)
            || (parent == *at || is_variant(&parent))
                && file_behind(folder, link).is_ok_and(|file| file.is_some())
    };
    folder.without_links(at, &|link, goal| !goal.starts_with(at) || is_read(link))
}

/// The file at a path, or where the link there leads to.
fn file_behind(folder: &Tree, path: &RelPath) -> Result<Option<FileEntry>, LinkError> {
    Ok(folder.file(&folder.follow(path)?))
}

/// The benchmark's folder as its init.sh scripts see it.
fn readable(
    job: &Job,
    folder: &Tree,
    root_script: Option<FileEntry>,
    language: &Tree,
    built: &Tree,
) -> Result<Tree> {
    let mut readable = folder.clone();
    for entry in &job.config.languages {
        readable.remove(&child(entry.language.name()));
    }
    let at = child(job.target.language.name());
    readable.insert(&at, Node::Directory(built.clone()))?;
    let script = child(INIT_SCRIPT);
    if let Some(file) = root_script {
        readable.insert(&script, Node::File(file))?;
    }
    if let Some(own) = language.get(&script) {
        readable.insert(&at.join(&script), own.clone())?;
    }
    Ok(readable)
}

/// The chosen manifest beside all that there were, so that a patch finds the one it names; what
/// is not chosen goes when the manifest is selected again, after the patch.
fn overlay_manifests(base: &Tree, selected: &Tree) -> Tree {
    base.overlay(selected)
}

/// A path of one constant or checked name.
pub fn child(name: &str) -> RelPath {
    RelPath::new(name).expect("one name is a path")
}
