use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Plugin, PluginError, PluginSource};
use crate::store::Store;

/// Where plugins are looked for, beside those that travel inside the command.
#[derive(Clone, Debug, Default)]
pub struct PluginSources {
    /// Files that the user names: `--plugin`, fnpack.toml, FNPACK_PLUGIN_PATH. One that cannot be
    /// used is an error.
    pub files: Vec<PathBuf>,
    /// Folders whose `*.wasm` files are taken. One of these that cannot be used is an error only
    /// when a platform is asked for that nothing else serves.
    pub folders: Vec<PathBuf>,
    /// For platforms that more than one plugin serves: the file that is taken.
    pub replace: BTreeMap<String, PathBuf>,
}

impl PluginSources {
    /// What the environment says: FNPACK_PLUGIN_PATH, and the user's own plugin folder.
    pub fn from_environment() -> Self {
        todo!()
    }
}

/// A file of a plugin folder that cannot be used.
#[derive(Debug)]
pub struct Broken {
    /// The file.
    pub source: PluginSource,
    /// Why.
    pub error: PluginError,
}

/// All plugins that there are.
#[derive(Debug)]
pub struct Plugins {
    by_name: BTreeMap<String, Arc<Plugin>>,
    broken: Vec<Broken>,
}

impl Plugins {
    /// Finds all plugins. Unless something changed, no plugin is read, let alone loaded.
    pub fn discover(_store: &Store, _sources: &PluginSources) -> Result<Self, PluginError> {
        todo!()
    }

    /// The plugins, by the name of their platform.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.by_name.values()
    }

    /// The plugin of a platform.
    pub fn get(&self, name: &str) -> Result<&Arc<Plugin>, PluginError> {
        self.by_name.get(name).ok_or_else(|| PluginError::Unknown {
            name: name.to_owned(),
            known: self.by_name.keys().cloned().collect(),
            broken: self.broken.iter().map(|broken| broken.error.to_string()).collect(),
        })
    }

    /// The files of plugin folders that cannot be used.
    pub fn broken(&self) -> &[Broken] {
        &self.broken
    }
}
