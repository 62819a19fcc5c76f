use std::fmt;
use std::path::PathBuf;

use super::{Description, ImagePlan, Layout, PluginError, PluginFile, PluginTarget};
use crate::language::Requirement;
use crate::store::Store;
use crate::tree::{Digest, Tree};

/// Where a plugin is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginSource {
    /// It travels inside the command; its name.
    Builtin(&'static str),
    /// A component file.
    File(PathBuf),
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "the built-in plugin `{name}`"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A platform's plugin. Each call runs in a sandbox of its own; the component is loaded when the
/// first is made, and shared between threads.
#[derive(Debug)]
pub struct Plugin {
    source: PluginSource,
    digest: Digest,
    description: Description,
}

impl Plugin {
    /// Where it is from.
    pub fn source(&self) -> &PluginSource {
        &self.source
    }

    /// The digest of the component.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What the platform is and can do.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Shims between the platform's API and the benchmark's.
    pub fn wrappers(&self, _target: &PluginTarget) -> Result<Vec<PluginFile>, PluginError> {
        todo!()
    }

    /// Packages that the wrappers and modules need.
    pub fn packages(&self, _target: &PluginTarget) -> Result<Vec<Requirement>, PluginError> {
        todo!()
    }

    /// A Dockerfile, and the files that it copies, for the build image of a target whose row
    /// names a recipe.
    pub fn build_recipe(&self, _target: &PluginTarget) -> Result<Vec<PluginFile>, PluginError> {
        todo!()
    }

    /// The platform's layout of the installed tree.
    pub fn arrange(
        &self,
        _store: &Store,
        _target: &PluginTarget,
        _tree: &Tree,
    ) -> Result<Layout, PluginError> {
        todo!()
    }

    /// How the function image is made of the arranged tree.
    pub fn plan_image(
        &self,
        _store: &Store,
        _target: &PluginTarget,
        _tree: &Tree,
    ) -> Result<ImagePlan, PluginError> {
        todo!()
    }

    /// The tag of the function image.
    pub fn name_image(&self, _target: &PluginTarget) -> Result<String, PluginError> {
        todo!()
    }
}
