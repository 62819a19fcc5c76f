//! Java: Maven makes one program, `function.jar`, of the function, the wrappers and what
//! `pom.xml` requires.

mod explain;
mod install;
mod jar;
mod pom;
mod split;
mod xml;

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    HostTool, Indexes, Installation, Language, LanguageError, Place, Requirement, Runtime, ScriptContract,
    constant,
};
use crate::store::Store;
use crate::tree::Tree;

/// The program, as Maven must name it and as it lies in the tree.
const PROGRAM: &str = "function.jar";
/// Beside the program: the names of its entries that were made of the function's folder, so that
/// the rest is what it depends on. No part of what is deployed.
pub const OWN_ENTRIES: &str = ".own-entries";
/// The word for Maven's Java in [`Place::Host`].
const JAVA: &str = "java";

/// Java, built by Maven.
pub struct Java;

impl Language for Java {
    fn name(&self) -> &'static str {
        "java"
    }

    fn has_modules(&self) -> bool {
        false
    }

    fn host_tools(&self) -> &'static [HostTool] {
        &[HostTool {
            name: "mvn",
            version_command: &["mvn", "--batch-mode", "--version"],
            also: &[(JAVA, "Java version:")],
            hint: "install Maven and a JDK",
        }]
    }

    fn select_manifest(&self, sources: &Tree, _: &Runtime) -> Result<Tree, LanguageError> {
        let folder = pom::folder(sources)?;
        let mut selected = sources.clone();
        // What an earlier build left.
        selected.remove(&folder.join(&constant("target")));
        Ok(selected)
    }

    fn add_packages(
        &self,
        store: &Store,
        tree: &Tree,
        packages: &[Requirement],
    ) -> Result<Tree, LanguageError> {
        pom::add(store, tree, packages)
    }

    fn installation(
        &self,
        store: &Store,
        tree: &Tree,
        runtime: &Runtime,
        place: &Place,
        _: &Indexes,
        time_limit: Duration,
    ) -> Result<Option<Installation>, LanguageError> {
        install::installation(store, tree, runtime, place, time_limit).map(Some)
    }

    fn normalise(&self, store: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        jar::normalise(store, installed)
    }

    fn split(&self, store: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        split::split(store, installed)
    }

    fn explain_failure(&self, output: &str, _: &Place) -> Option<String> {
        explain::explain(output)
    }

    fn warnings(
        &self,
        store: &Store,
        _: &Tree,
        installed: &Tree,
        runtime: &Runtime,
        _: &Place,
    ) -> Result<Vec<String>, LanguageError> {
        jar::check(store, installed, runtime)?;
        Ok(Vec::new())
    }

    fn without_run_state(&self, tree: &Tree) -> Tree {
        tree.clone()
    }

    fn script_contract(&self, runtime: &Runtime) -> ScriptContract {
        ScriptContract { argument: ".", variables: variables(runtime) }
    }
}

/// What Maven and package.sh find in their environment: a pom.xml may take its version from there.
fn variables(runtime: &Runtime) -> BTreeMap<String, String> {
    BTreeMap::from([("JAVA_VERSION".to_owned(), runtime.version.clone())])
}

/// The number of a Java release: 17 of "17.0.15", 8 of "1.8.0_392" and of "8".
fn release(version: &str) -> Option<u32> {
    let version = version.strip_prefix("1.").unwrap_or(version);
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_one_number() {
        for (version, number) in [("17.0.15", 17), ("1.8.0_392", 8), ("8", 8), ("25", 25), ("26-ea", 26)] {
            assert_eq!(release(version), Some(number), "{version}");
        }
        assert_eq!(release("newest"), None);
    }
}
