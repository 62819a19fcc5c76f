//! Makes the installed packages smaller, a file a step.

mod archive;
mod binaries;
mod caches;
mod elf;
mod elf_file;
mod imports;
mod strip;
mod tests;

use anyhow::{Result, bail};

use super::build::Run;
use super::limits::size;
use super::record::StepState;
use crate::suite::{LanguageName, ShrinkStep};
use crate::tree::{Node, RelPath, Tree};

/// Refuses before anything runs what could not be done after all.
pub fn check(run: &Run) -> Result<()> {
    let config = &run.job.config;
    let python = |language: LanguageName| language == LanguageName::Python;
    if !config.shrink.archive.is_empty() && !config.languages.iter().any(|entry| python(entry.language)) {
        bail!(
            "config.json: `shrink` has an archive of {}, but only packages of Python are archived, and the benchmark \
             is written in {}",
            Vec::from_iter(config.shrink.archive.clone()).join(", "),
            run.job.target.language
        );
    }
    Ok(())
}

/// Runs the steps that config.json and the command ask for. Each tells what it came to.
pub fn shrink(run: &Run, mut tree: Tree) -> Result<Tree> {
    let wanted = &run.job.config.shrink;
    let is_python = run.job.target.language == LanguageName::Python;
    let archived = is_python && !wanted.archive.is_empty();
    let at = match run.language.script_contract(&run.job.runtime()).argument {
        // What is compiled lies in the root.
        "." => RelPath::root(),
        directory => RelPath::new(directory)?,
    };
    if run.is_plan() && !wanted.is_empty() && tree.directory(&at).is_some() {
        run.planned(format!("shrink ({wanted})"), StepState::Runs);
        return Ok(tree);
    }
    if let Some(packages) = tree.directory(&at).cloned() {
        let smaller = wanted.steps.iter().try_fold(packages.clone(), |packages, step| {
            run.context.cancel.check()?;
            run.step(&format!("shrink ({})", step.name()));
            let smaller = one_step(run, *step, &tree, &packages)?;
            tell(run, step.name(), packages.size(), smaller.size());
            Ok::<_, anyhow::Error>(smaller)
        })?;
        if smaller != packages {
            let smaller = run.language.normalise(run.context.store, &smaller)?;
            match at.is_root() {
                true => tree = smaller,
                false => tree.insert(&at, Node::Directory(smaller))?,
            }
        }
    }
    match archived {
        true => archive::archive(run, tree, &at, &wanted.archive),
        false => Ok(archive::without_unpacker(tree)),
    }
}

fn one_step(run: &Run, step: ShrinkStep, tree: &Tree, packages: &Tree) -> Result<Tree> {
    let runtime = run.job.runtime();
    match (step, run.job.target.language) {
        (ShrinkStep::Binaries, language) => {
            binaries::without_foreign(run.context.store, packages, language, &runtime)
        }
        (ShrinkStep::Caches, _) => Ok(caches::without_caches(packages)),
        (ShrinkStep::Tests, LanguageName::Python) => tests::without_tests(run.context.store, tree, packages),
        (ShrinkStep::Tests, LanguageName::Nodejs) => Ok(tests::without_documents(packages)),
        (ShrinkStep::Tests, _) => Ok(packages.clone()),
        (ShrinkStep::Strip, _) => strip::stripped(run, packages),
    }
}

fn tell(run: &Run, step: &str, before: u64, after: u64) {
    run.note(format!("shrink: {step} {} -> {}", size(before), size(after)));
}

/// The text of a name; one that is not UTF-8 matches nothing.
fn text(name: &crate::tree::Name) -> &str {
    name.to_str().unwrap_or_default()
}
