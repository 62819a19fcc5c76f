use anyhow::{Context as _, Result};

use super::Context;
use super::build::Run;
use super::patch::{self, Kind, PatchError};
use super::sources::Sources;
use crate::tree::{FileEntry, Node, Tree};

/// The benchmark's sources with its language variant's patch.
pub fn prepare(run: &Run, sources: &Sources) -> Result<Tree> {
    let tree = match &sources.patch {
        Some(patch) => patched(run, sources, patch)?,
        None => sources.tree.clone(),
    };
    let (store, runtime) = (run.context.store, run.job.runtime());
    let told = run.language.passed_over(store, &sources.with_all_manifests, &tree, &runtime)?;
    told.into_iter().for_each(|text| run.warn(text));
    Ok(tree)
}

fn patched(run: &Run, sources: &Sources, patch: &FileEntry) -> Result<Tree> {
    let Run { context, job, language, .. } = run;
    let what = || {
        let (language, variant) = (&job.target.language, &job.target.variant);
        format!("cannot apply {}/{language}/{variant}/patch.diff", job.benchmark.folder().display())
    };
    let text = context.store.read(&patch.digest)?;
    let text = String::from_utf8(text).context("it is no UTF-8 text").with_context(what)?;
    let patched = apply(context, &sources.tree, &text).with_context(what)?;
    Ok(language.select_manifest(&patched, &job.runtime())?)
}

fn apply(context: &Context, tree: &Tree, text: &str) -> Result<Tree> {
    let mut patched = tree.clone();
    for change in patch::parse(text)? {
        let refuse = |reason| PatchError::File { path: change.path.clone(), reason };
        let there = patched.file(&change.path);
        let before = match (change.kind, there) {
            (Kind::Create, None) => Vec::new(),
            (Kind::Create, Some(_)) => {
                return Err(refuse("is to be made by the patch, but is there already").into());
            }
            (_, Some(file)) => context.store.read(&file.digest)?,
            (_, None) if patched.get(&change.path).is_some() => {
                return Err(refuse("is no file that can be patched, but a folder or a link").into());
            }
            (_, None) => return Err(refuse("is not there to be patched").into()),
        };
        let after = change.apply(&before)?;
        if change.kind == Kind::Remove {
            if !after.is_empty() {
                return Err(
                    refuse("is to be removed by the patch, but has more lines than it removes").into()
                );
            }
            patched.remove(&change.path);
            continue;
        }
        let executable = change.executable.unwrap_or(there.is_some_and(|file| file.executable));
        let file = FileEntry { digest: context.store.write(&after)?, executable };
        patched.insert(&change.path, Node::File(file))?;
    }
    Ok(patched)
}
