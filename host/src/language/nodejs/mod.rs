//! Node.js: npm installs what `package.json` requires.

mod install;
mod installed;
mod manifest;

use std::collections::BTreeMap;
use std::time::Duration;

use installed::{HIDDEN_LOCK, Notes, without_notes};
use manifest::MANIFEST;

use super::{
    HostTool, Indexes, Installation, Language, LanguageError, Place, Requirement, Runtime, ScriptContract,
    constant, read_text,
};
use crate::store::Store;
use crate::tree::{Node, Tree};

/// Where the packages are, in the tree and as package.sh is told.
const PACKAGES: &str = "node_modules";

/// JavaScript on Node.js.
pub struct Nodejs;

impl Language for Nodejs {
    fn name(&self) -> &'static str {
        "nodejs"
    }

    fn host_tools(&self) -> &'static [HostTool] {
        &[HostTool {
            name: "npm",
            version_command: &["npm", "--version"],
            also: &[],
            hint: "install Node.js, which brings npm",
        }]
    }

    fn select_manifest(&self, sources: &Tree, runtime: &Runtime) -> Result<Tree, LanguageError> {
        manifest::select(sources, &runtime.version)
    }

    fn add_packages(
        &self,
        store: &Store,
        tree: &Tree,
        packages: &[Requirement],
    ) -> Result<Tree, LanguageError> {
        manifest::add(store, tree, packages)
    }

    fn installation(
        &self,
        store: &Store,
        tree: &Tree,
        runtime: &Runtime,
        place: &Place,
        indexes: &Indexes,
        time_limit: Duration,
    ) -> Result<Option<Installation>, LanguageError> {
        install::installation(store, tree, runtime, place, indexes, time_limit)
    }

    fn normalise(&self, _: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        Ok(without_notes(installed).without_empty_directories())
    }

    fn explain_failure(&self, output: &str, place: &Place) -> Option<String> {
        install::explain(output, place)
    }

    fn warnings(
        &self,
        store: &Store,
        tree: &Tree,
        installed: &Tree,
        runtime: &Runtime,
        place: &Place,
    ) -> Result<Vec<String>, LanguageError> {
        if place.is_native(runtime) {
            return Ok(Vec::new());
        }
        let notes = Notes::parse(&read_text(store, installed, &constant(HIDDEN_LOCK))?.unwrap_or_default());
        let others = notes.for_others(runtime);
        if !others.is_empty() {
            return Err(LanguageError::NoTool(format!(
                "npm installed packages for another machine than Linux on {} with {}: {}; install npm 10.4 or newer, \
                 which can choose, or build with --executor docker",
                runtime.architecture,
                runtime.libc.npm_name(),
                others.join(", ")
            )));
        }
        let manifest = manifest::Manifest::read(store, tree)?;
        let own = manifest.install_scripts().into_iter().map(|name| format!("{MANIFEST}'s own `{name}`"));
        let names: Vec<String> = own.chain(notes.with_scripts().into_iter().map(str::to_owned)).collect();
        Ok(match names.as_slice() {
            [] => Vec::new(),
            names => vec![format!(
                "install scripts were not run: {}; if the function needs what they make, build with --executor docker",
                names.join(", ")
            )],
        })
    }

    fn without_run_state(&self, tree: &Tree) -> Tree {
        let packages = constant(PACKAGES);
        match tree.directory(&packages) {
            Some(installed) => tree
                .with(&packages, Node::Directory(without_notes(installed)))
                .expect("a directory takes the place of one"),
            None => tree.clone(),
        }
    }

    fn script_contract(&self, runtime: &Runtime) -> ScriptContract {
        let variables = BTreeMap::from([("NODE_VERSION".to_owned(), runtime.version.clone())]);
        ScriptContract { argument: PACKAGES, variables }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Architecture;

    #[test]
    fn the_functions_own_install_scripts_are_told_where_they_do_not_run() {
        let manifest = r#"{"scripts": {"postinstall": "make", "test": "no"}, "dependencies": {"ms": "1"}}"#;
        let (_folder, store, tree) = manifest::tests::tree_of(&[(MANIFEST, manifest)]);
        let runtime = Runtime {
            version: "22".into(),
            variant: "default".into(),
            architecture: Architecture::X64,
            libc: "glibc-2.34".parse().unwrap(),
        };
        let warnings =
            |place: &Place| Nodejs.warnings(&store, &tree, &Tree::empty(), &runtime, place).unwrap();
        let told = warnings(&Place::Host { tools: BTreeMap::new() });
        assert!(told[0].contains("own `postinstall`") && !told[0].contains("test"), "{told:?}");
        let native = Place::Docker { image: "i".into(), digest: "d".into(), architecture: Architecture::X64 };
        assert!(warnings(&native).is_empty(), "it ran");
    }
}
