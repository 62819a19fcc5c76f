//! C++: CMake builds the program out of all of the function's sources; the package has it with every
//! shared library that it is linked with, the C library and its loader included.

mod cmake;
mod explain;
mod install;
mod sources;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    HostTool, Indexes, Installation, Language, LanguageError, Place, Requirement, Runtime, ScriptContract,
};
use crate::store::Store;
use crate::tree::Tree;

/// C++17.
pub struct Cpp;

impl Language for Cpp {
    fn name(&self) -> &'static str {
        "cpp"
    }

    fn host_tools(&self) -> &'static [HostTool] {
        &install::TOOLS
    }

    fn takes_all_tools(&self) -> bool {
        true
    }

    fn select_manifest(&self, sources: &Tree, _: &Runtime) -> Result<Tree, LanguageError> {
        Ok(sources.clone())
    }

    fn write_manifest(
        &self,
        store: &Store,
        tree: &Tree,
        native_dependencies: &[String],
    ) -> Result<Tree, LanguageError> {
        cmake::write(store, tree, native_dependencies)
    }

    fn add_packages(&self, _: &Store, tree: &Tree, packages: &[Requirement]) -> Result<Tree, LanguageError> {
        match packages {
            [] => Ok(tree.clone()),
            [first, ..] => Err(LanguageError::Manifest(format!(
                "the platform's plugin asks for the package {}, but C++ has no packages: its build image brings the \
                 libraries",
                first.name
            ))),
        }
    }

    fn installation(
        &self,
        _: &Store,
        tree: &Tree,
        runtime: &Runtime,
        place: &Place,
        _: &Indexes,
        time_limit: Duration,
    ) -> Result<Option<Installation>, LanguageError> {
        install::installation(tree, runtime, place, time_limit).map(Some)
    }

    fn normalise(&self, _: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        Ok(installed.without_empty_directories())
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
        tree.clone()
    }

    fn script_contract(&self, _: &Runtime) -> ScriptContract {
        ScriptContract { argument: ".", variables: BTreeMap::new() }
    }
}
