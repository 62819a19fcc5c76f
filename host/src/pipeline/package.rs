use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::build::Run;
use super::limits::{self, size};
use super::record::{ArchiveArtifact, ArchiveRecord};
use super::sources::child;
use super::{Context, Job};
use crate::archive;
use crate::language::OWN_ENTRIES;
use crate::platform::{ArchiveFormat, Layout, Subject, apply_edits};
use crate::store::remove_stale_temporaries;
use crate::tree::{Digest, Node, RelPath, Tree};

/// Files that serve the install and are no part of the package.
const INSTALL_ONLY: [&str; 3] = [".npmrc", ".mvn", OWN_ENTRIES];

/// The tree in the platform's layout, and what the plugin says of it.
pub fn arrange(run: &Run, mut tree: Tree) -> Result<(Tree, Layout)> {
    let (context, job) = (run.context, run.job);
    context.cancel.check()?;
    run.step("package code");
    if job.has_image() {
        tree = run.language.split(context.store, &tree)?;
    }
    for name in INSTALL_ONLY {
        tree.remove(&child(name));
    }
    let layout = job.plugin.arrange(context.store, &run.plugin_target, &tree)?;
    let arranged = apply_edits(context.store, &job.plugin, tree, &layout.edits)?;
    Ok((arranged, layout))
}

/// Writes the archive that the layout wants, if it wants one.
pub fn package_code(run: &Run, arranged: &Tree, layout: &Layout) -> Result<Option<ArchiveArtifact>> {
    let (context, job) = (run.context, run.job);
    let deployment = job.plugin.description().deployment(&job.target.deployment);
    let Some(wanted) = &layout.archive else {
        if !deployment.image {
            bail!(
                "{} makes neither an archive nor an image of this deployment",
                job.plugin.description().title
            );
        }
        return Ok(None);
    };
    let arranged = match deployment.symlinks {
        true => arranged.check_links().map(|()| arranged.clone()),
        false => arranged.resolve_links(),
    };
    let tree = contents(&arranged.context("in the package")?, &wanted.format, &wanted.path)?;

    let unpacked_bytes = tree.size();
    refuse(run, limits::passed(&deployment.limits, Subject::Unpacked, unpacked_bytes, &tree))?;
    let name = file_name(job, &wanted.format, &wanted.path);
    let path = context.out.join(job.target.folder()).join(&name);
    let format = wanted.format.name();
    let digest = write(context, job, format, &tree, &path)?;
    let over = limits::passed(&deployment.limits, Subject::Archive, digest.size(), &tree);
    if let Err(error) = refuse(run, over) {
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    let tree = context.store.put_tree(&tree)?;
    let archive = ArchiveRecord { format: format.to_owned(), name, digest, unpacked_bytes, tree };
    Ok(Some(ArchiveArtifact { path, archive }))
}

/// What of the arranged tree goes into the archive; for a lone file a tree of that file.
fn contents(arranged: &Tree, format: &ArchiveFormat, path: &RelPath) -> Result<Tree> {
    if *format == ArchiveFormat::File {
        let file =
            arranged.file(path).with_context(|| format!("the plugin packages `{path}`, which is no file"))?;
        let name = path.name().context("the root is no file")?.clone();
        return Ok(Tree::empty().with(&RelPath::root().child(name), Node::File(file))?);
    }
    let directory = arranged.directory(path);
    Ok(directory.with_context(|| format!("the plugin packages `{path}`, which is no directory"))?.clone())
}

/// The archive's name: the benchmark's, and the deployment's where that is not the usual one.
fn file_name(job: &Job, format: &ArchiveFormat, path: &RelPath) -> String {
    let target = &job.target;
    let stem = match target.deployment.as_str() {
        "package" => target.benchmark.clone(),
        deployment => format!("{}-{deployment}", target.benchmark),
    };
    match format {
        ArchiveFormat::Zip => format!("{stem}.zip"),
        ArchiveFormat::Directory => stem,
        ArchiveFormat::File => {
            let name = path.name().map(ToString::to_string).unwrap_or_default();
            match name.rsplit_once('.') {
                Some((_, extension)) => format!("{stem}.{extension}"),
                None => stem,
            }
        }
    }
}

/// Writes an artifact to its place, whole or not at all.
pub fn write(context: &Context, job: &Job, format: &str, tree: &Tree, path: &Path) -> Result<Digest> {
    let what = || format!("cannot write {}", path.display());
    path.parent().into_iter().for_each(remove_stale_temporaries);
    match ArchiveFormat::parse(format).context("an unknown archive format")? {
        ArchiveFormat::Zip => {
            let cancelled = || context.cancel.is_set();
            archive::write_zip(context.store, tree, path, context.threads, &cancelled).with_context(what)
        }
        ArchiveFormat::Directory => archive::write_directory(context.store, tree, path).with_context(what),
        ArchiveFormat::File => {
            let (_, file) = tree.files().next().with_context(|| format!("{} has no file", job.target))?;
            archive::write_file(context.store, &file, path).with_context(what)
        }
    }
}

/// Whether an artifact in its place is what was recorded, looking at its bytes.
pub fn is_whole(artifact: &ArchiveArtifact) -> Result<bool> {
    if artifact.archive.format == "directory" {
        return Ok(
            archive::directory_digest(&artifact.path).is_ok_and(|found| found == artifact.archive.digest)
        );
    }
    let Ok(mut file) = File::open(&artifact.path) else { return Ok(false) };
    Ok(Digest::of_reader(&mut file).is_ok_and(|found| found == artifact.archive.digest))
}

/// Makes warnings of the soft limits that are passed; a hard one is an error.
pub(super) fn refuse(run: &Run, passed: Vec<limits::Passed>) -> Result<()> {
    if let Some(hard) = passed.iter().find(|passed| passed.hard) {
        bail!("{}", hard.text);
    }
    passed.into_iter().for_each(|passed| run.warn(passed.text));
    Ok(())
}

impl ArchiveArtifact {
    /// Its size, for people.
    pub fn shown_size(&self) -> String {
        size(self.archive.digest.size())
    }
}
