//! Language runtimes: which manifest names a function's dependencies, how packages are added to
//! it, which action installs them, and how what was installed is made the same every time. Nothing
//! here knows platforms.

mod base64;
mod cpp;
mod indexes;
mod java;
mod libc;
mod nodejs;
mod python;
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

pub use indexes::Indexes;
pub use java::OWN_ENTRIES;
pub use libc::Libc;
pub use python::{Interpreter, split_module};
use serde::{Deserialize, Serialize};

use crate::executor::Action;
use crate::store::{Store, StoreError};
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// A processor architecture that functions run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// x86-64.
    X64,
    /// 64-bit ARM.
    Arm64,
}

impl Architecture {
    /// Both, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::X64, Self::Arm64];

    /// The word for it in commands and contracts.
    pub fn name(self) -> &'static str {
        match self {
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name() == name)
    }

    /// This machine's; none when functions do not run on its kind.
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// By one of the words for it that machines and engines use: `x86_64`, `amd64`, `aarch64`.
    pub fn of_machine(word: &str) -> Option<Self> {
        match word {
            "amd64" | "x86_64" => Some(Self::X64),
            "arm64" | "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// As Linux and the Python and C worlds write it: `x86_64`, `aarch64`.
    pub fn machine(self) -> &'static str {
        match self {
            Self::X64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A package of the runtime's ecosystem, with the one version to install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// A PyPI or npm name; for Maven `group:artifact`.
    pub name: String,
    /// The version, without an operator.
    pub version: String,
}

/// What a function will run on.
#[derive(Clone, Debug)]
pub struct Runtime {
    /// Such as "3.12".
    pub version: String,
    /// "default", or the language variant whose engine it is.
    pub variant: String,
    /// The processor.
    pub architecture: Architecture,
    /// The C library, which decides what prebuilt packages fit.
    pub libc: Libc,
}

/// Where an installer runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine, for a runtime that need not be on it. The tools that are there, by name,
    /// with their versions.
    Host {
        /// Of [`Language::host_tools`], those that were found.
        tools: BTreeMap<String, String>,
    },
    /// In a container of the runtime's build image.
    Docker {
        /// The image as the engine is asked for it.
        image: String,
        /// The digest by which the engine knows it.
        digest: String,
        /// The processor that the container has; where it is not the runtime's, packages are
        /// chosen for the runtime's, and nothing is compiled.
        architecture: Architecture,
    },
}

impl Place {
    /// Whether what an installer compiles here runs where the function will run.
    fn is_native(&self, runtime: &Runtime) -> bool {
        matches!(self, Self::Docker { architecture, .. } if *architecture == runtime.architecture)
    }
}

/// A program on this machine that installs a language's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTool {
    /// The word for it in [`Place::Host`].
    pub name: &'static str,
    /// Prints its version, with words around it.
    pub version_command: &'static [&'static str],
    /// Further tools that its answer tells of: the word for each in [`Place::Host`], and what is
    /// before its version.
    pub also: &'static [(&'static str, &'static str)],
    /// How to get it.
    pub hint: &'static str,
}

/// The action that installs a function's dependencies.
#[derive(Clone, Debug)]
pub struct Installation {
    /// With one output directory.
    pub action: Action,
    /// Where that directory belongs in the build tree; in the root it is laid over what is there.
    pub into: RelPath,
    /// The build tree from here on: the one that was asked for, without what only the installation
    /// needs.
    pub tree: Tree,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// What is wrong, where, and what to do.
    #[error("{0}")]
    Manifest(String),
    /// A tool is missing, with how to get it.
    #[error("{0}")]
    NoTool(String),
    /// The cache.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// A language that functions are written in.
pub trait Language: Send + Sync {
    /// The word for it in config.json and commands.
    fn name(&self) -> &'static str;

    /// The tools that can install on this machine, best first; the first that is there is used,
    /// and is part of the action's key.
    fn host_tools(&self) -> &'static [HostTool];

    /// Whether platforms bring wrappers of their services, `storage` and `nosql`, in this language.
    fn has_modules(&self) -> bool {
        true
    }

    /// Whether installing takes all of these tools, and not the first that is there.
    fn takes_all_tools(&self) -> bool {
        false
    }

    /// Gives the manifest that will be installed its unversioned name and takes out those of
    /// other versions. A function without any manifest is fine where the language allows it.
    fn select_manifest(&self, sources: &Tree, runtime: &Runtime) -> Result<Tree, LanguageError>;

    /// What the user should know of the manifest that was selected, and those that were not; none
    /// when there is nothing odd about it.
    fn passed_over(
        &self,
        _: &Store,
        _sources: &Tree,
        _selected: &Tree,
        _: &Runtime,
    ) -> Result<Option<String>, LanguageError> {
        Ok(None)
    }

    /// Adds packages to the manifest of a tree, but those that it requires itself.
    fn add_packages(
        &self,
        store: &Store,
        tree: &Tree,
        packages: &[Requirement],
    ) -> Result<Tree, LanguageError>;

    /// Writes the manifest of a language whose functions mostly have none, for the libraries that
    /// config.json names; a tree that has one keeps it.
    fn write_manifest(&self, _: &Store, tree: &Tree, _: &[String]) -> Result<Tree, LanguageError> {
        Ok(tree.clone())
    }

    /// The action that installs what the manifest of a tree requires; none when it requires
    /// nothing. Its input is the manifest alone, unless that points into the tree.
    fn installation(
        &self,
        store: &Store,
        tree: &Tree,
        runtime: &Runtime,
        place: &Place,
        indexes: &Indexes,
        time_limit: Duration,
    ) -> Result<Option<Installation>, LanguageError>;

    /// Removes from what an installation left all that differs from run to run or tool to tool.
    fn normalise(&self, store: &Store, installed: &Tree) -> Result<Tree, LanguageError>;

    /// The tree for an image, with dependencies in files of their own, so that they can be a layer; as
    /// most languages install them.
    fn split(&self, _: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
        Ok(installed.clone())
    }

    /// What a failed installation's output means, in a sentence with a hint; none when the output
    /// speaks for itself.
    fn explain_failure(&self, output: &str, place: &Place) -> Option<String>;

    /// What the user must know of a successful installation. `tree` is the one that the
    /// installation was made for, `installed` what its action left, not yet normalised.
    fn warnings(
        &self,
        store: &Store,
        tree: &Tree,
        installed: &Tree,
        runtime: &Runtime,
        place: &Place,
    ) -> Result<Vec<String>, LanguageError>;

    /// A tree without what tools leave when they run, after package.sh.
    fn without_run_state(&self, tree: &Tree) -> Tree;

    /// The environment of package.sh and its first argument.
    fn script_contract(&self, runtime: &Runtime) -> ScriptContract;
}

/// How a language's package.sh is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptContract {
    /// Its argument: where the packages are.
    pub argument: &'static str,
    /// Variables beside those that every language has.
    pub variables: BTreeMap<String, String>,
}

/// The languages that there are.
pub const NAMES: [&str; 4] = ["cpp", "java", "nodejs", "python"];

/// The language of that name.
pub fn language(name: &str) -> Option<&'static dyn Language> {
    match name {
        "cpp" => Some(&cpp::Cpp),
        "java" => Some(&java::Java),
        "nodejs" => Some(&nodejs::Nodejs),
        "python" => Some(&python::Python),
        _ => None,
    }
}

/// A path that is known to be one.
fn constant(path: &str) -> RelPath {
    RelPath::new(path).expect("a constant path")
}

/// The text of a tree's file, or of the one that a link leads to, without a byte order mark; none
/// when it is not there.
fn read_text(store: &Store, tree: &Tree, path: &RelPath) -> Result<Option<String>, LanguageError> {
    let real = tree.follow(path).map_err(|error| LanguageError::Manifest(error.to_string()))?;
    let Some(file) = tree.file(&real) else { return Ok(None) };
    let text = String::from_utf8(store.read(&file.digest)?)
        .map_err(|_| LanguageError::Manifest(format!("{path} is not UTF-8 text; save it as UTF-8")))?;
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// Puts a file with these bytes into a tree.
fn write_file(store: &Store, tree: &mut Tree, path: &RelPath, bytes: &[u8]) -> Result<(), LanguageError> {
    let digest = store.write(bytes)?;
    let executable = tree.file(path).is_some_and(|file| file.executable);
    tree.insert(path, Node::File(FileEntry { digest, executable }))
        .map_err(|error| LanguageError::Manifest(format!("cannot write {path}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_language() {
        for name in NAMES {
            assert_eq!(language(name).unwrap().name(), name);
        }
        assert!(language("cobol").is_none());
    }
}
