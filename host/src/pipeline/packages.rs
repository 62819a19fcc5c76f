use anyhow::Result;

use super::build::Run;
use crate::tree::Tree;

/// Adds the packages that the platform's wrappers and modules need to the language's manifest.
pub fn add_packages(run: &Run, tree: Tree) -> Result<Tree> {
    let (store, target) = (run.context.store, &run.plugin_target);
    if !target.modules.is_empty() && !run.language.has_modules() {
        let (modules, language) = (target.modules.join(" and "), run.language.name());
        run.warn(format!(
            "{language} has no wrapper for {modules}: the function has to bring its own client"
        ));
    }
    let tree = run.language.write_manifest(store, &tree, &target.native_dependencies)?;
    let packages = run.job.plugin.packages(target)?;
    Ok(run.language.add_packages(store, &tree, &packages)?)
}
