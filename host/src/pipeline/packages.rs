use anyhow::Result;

use super::build::Run;
use crate::tree::Tree;

/// Adds the packages that the platform's wrappers and modules need to the language's manifest.
pub fn add_packages(run: &Run, tree: Tree) -> Result<Tree> {
    let packages = run.job.plugin.packages(&run.plugin_target)?;
    Ok(run.language.add_packages(run.context.store, &tree, &packages)?)
}
