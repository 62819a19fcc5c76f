//! Python: uv or pip installs what `requirements.txt` asks for.

mod explain;
mod install;
mod installer;
mod interpreter;
mod local;
mod manifest;
mod normalise;
mod requirements;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    HostTool, Indexes, Installation, Language, LanguageError, Place, Requirement, Runtime, ScriptContract,
};
use crate::store::Store;
use crate::tree::Tree;

pub use interpreter::{Interpreter, split_module};

/// Where the packages are, in the tree and as package.sh is told.
const PACKAGES: &str = ".python_packages/lib/site-packages";

/// Python.
pub struct Python;

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn host_tools(&self) -> &'static [HostTool] {
        &[
            HostTool {
                name: installer::UV,
                version_command: &["uv", "--version"],
                also: &[],
                hint: "install uv",
            },
            HostTool {
                name: installer::PIP,
                version_command: &["python3", "-I", "-m", "pip", "--version"],
                also: &[],
                hint: "install Python 3 with pip",
            },
        ]
    }

    fn select_manifest(&self, sources: &Tree, runtime: &Runtime) -> Result<Tree, LanguageError> {
        manifest::select(sources, runtime)
    }

    fn passed_over(
        &self,
        store: &Store,
        sources: &Tree,
        selected: &Tree,
        runtime: &Runtime,
    ) -> Result<Option<String>, LanguageError> {
        manifest::passed_over(store, sources, selected, runtime)
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

    fn normalise(&self, store: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        normalise::normalise(store, installed)
    }

    fn explain_failure(&self, output: &str, place: &Place) -> Option<String> {
        explain::explain(output, place)
    }

    fn warnings(
        &self,
        _: &Store,
        _: &Tree,
        _: &Tree,
        _: &Runtime,
        _: &Place,
    ) -> Result<Vec<String>, LanguageError> {
        Ok(Vec::new())
    }

    fn without_run_state(&self, tree: &Tree) -> Tree {
        normalise::without_byte_code(tree)
    }

    fn script_contract(&self, runtime: &Runtime) -> ScriptContract {
        let variables = BTreeMap::from([("PYTHON_VERSION".to_owned(), runtime.version.clone())]);
        ScriptContract { argument: PACKAGES, variables }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Architecture, read_text};
    use crate::tree::{FileEntry, Node, RelPath};

    pub fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    pub fn runtime(version: &str, architecture: Architecture) -> Runtime {
        Runtime {
            version: version.into(),
            variant: "default".into(),
            architecture,
            libc: "glibc-2.34".parse().unwrap(),
        }
    }

    pub fn tree_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Store, Tree) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut tree = Tree::empty();
        for (at, text) in files {
            let file = FileEntry {
                digest: store.write(text.as_bytes()).unwrap(),
                executable: at.starts_with("bin/"),
            };
            tree.insert(&path(at), Node::File(file)).unwrap();
        }
        (folder, store, tree)
    }

    pub fn text_of(store: &Store, tree: &Tree, at: &str) -> Option<String> {
        read_text(store, tree, &path(at)).unwrap()
    }
}
