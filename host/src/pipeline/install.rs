use std::collections::BTreeMap;

use anyhow::{Result, anyhow};

use super::build::Run;
use super::sources::{Sources, child};
use crate::executor::{Action, ActionFailure, ExecutionError};
use crate::tree::{Node, RelPath, Tree};

/// Installs what the manifest requires, then runs package.sh.
pub fn install(run: &Run, sources: &Sources, tree: Tree) -> Result<Tree> {
    let tree = install_packages(run, tree)?;
    match &sources.package_script {
        Some(script) => run_package_script(run, tree, Node::File(*script)),
        None => Ok(tree),
    }
}

fn install_packages(run: &Run, tree: Tree) -> Result<Tree> {
    let (store, language, place) = (run.context.store, run.language, &run.chosen.place);
    let indexes = &run.context.settings.indexes;
    let installation =
        language.installation(store, &tree, &run.job.runtime(), place, indexes, run.time_limit())?;
    let Some(installation) = installation else { return Ok(tree) };
    run.step(&format!("install ({})", run.chosen));
    let installed = run
        .action(&installation.action, run.chosen.executor(run.context.executors))
        .map_err(|error| explained(run, error))?;
    let warnings = language.warnings(store, &tree, &installed, &run.job.runtime(), place)?;
    warnings.into_iter().for_each(|warning| run.warn(warning));
    let packages = language.normalise(store, &installed)?;
    if installation.into.is_root() {
        return Ok(installation.tree.overlay(&packages));
    }
    Ok(installation.tree.with(&installation.into, Node::Directory(packages))?)
}

/// Puts before an installer's words what they mean.
fn explained(run: &Run, error: anyhow::Error) -> anyhow::Error {
    let Some(failure) = error.downcast_ref::<ActionFailure>() else { return error };
    if !matches!(failure.cause, ExecutionError::Failed { .. }) {
        return error;
    }
    let output = failure.log.as_ref().and_then(|log| std::fs::read(log).ok()).unwrap_or_default();
    match run.language.explain_failure(&String::from_utf8_lossy(&output), &run.chosen.place) {
        Some(meaning) => error.context(anyhow!(meaning)),
        None => error,
    }
}

/// package.sh runs where the installer ran, in the root of the whole tree, with the script there
/// beside it, and may change everything.
fn run_package_script(run: &Run, mut tree: Tree, script: Node) -> Result<Tree> {
    run.step("install (package.sh)");
    let at = child("package.sh");
    tree.insert(&at, script)?;
    let target = &run.job.target;
    let contract = run.language.script_contract(&run.job.runtime());
    let mut variables = BTreeMap::from([
        ("PLATFORM".to_owned(), target.platform.to_uppercase()),
        ("TARGET_ARCHITECTURE".to_owned(), target.architecture.name().to_owned()),
        ("APP".to_owned(), target.benchmark.clone()),
    ]);
    variables.extend(contract.variables);
    let action = Action {
        title: format!("package.sh of {}", target.benchmark),
        command: ["/bin/bash", "package.sh", contract.argument].map(str::to_owned).to_vec(),
        variables,
        input: tree,
        working_directory: RelPath::root(),
        outputs: vec![RelPath::root()],
        environment: run.chosen.script_environment(run.context)?,
        network: true,
        time_limit: run.time_limit(),
        secret_variables: BTreeMap::new(),
    };
    let mut tree = run.action(&action, run.chosen.executor(run.context.executors))?;
    tree.remove(&at);
    Ok(run.language.without_run_state(&tree))
}
