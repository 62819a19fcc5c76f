use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builtin::BUILTIN;
use super::{Plugin, PluginError};
use crate::store::Store;

/// Where plugins are looked for, beside those that travel inside the command.
#[derive(Clone, Debug, Default)]
pub struct PluginSources {
    /// Files that the user names: `--plugin`, fnpack.toml. One that cannot be used is an error.
    pub files: Vec<PathBuf>,
    /// FNPACK_PLUGIN_PATH: files, or folders whose `*.wasm` files are taken. What is not there is
    /// passed over. A file in a folder that cannot be used is an error only when a platform is
    /// asked for that nothing else serves; until then it is a warning.
    pub search_path: Vec<PathBuf>,
    /// The user's own folder, which is like one of the search path.
    pub folder: Option<PathBuf>,
    /// For platforms that more than one plugin serves: the file that is taken.
    pub replace: BTreeMap<String, PathBuf>,
}

/// All plugins that there are.
#[derive(Debug)]
pub struct Plugins {
    by_name: BTreeMap<String, Arc<Plugin>>,
    warnings: Vec<String>,
}

impl Plugins {
    /// Finds all plugins. Unless something changed, no plugin is read, let alone loaded.
    pub fn discover(store: &Store, sources: &PluginSources) -> Result<Self, PluginError> {
        let mut found = Self { by_name: BTreeMap::new(), warnings: Vec::new() };
        let replaced = found.replacements(store, &sources.replace)?;
        for builtin in BUILTIN {
            found.add(Plugin::open_builtin(store, builtin)?, &replaced)?;
        }
        let mut seen = Vec::new();
        let named = sources.files.iter().chain(sources.search_path.iter().filter(|entry| entry.is_file()));
        for file in named.filter(|file| is_first(&mut seen, file)) {
            found.add(Plugin::open_file(store, file)?, &replaced)?;
        }
        let folders = sources.search_path.iter().chain(&sources.folder).filter(|entry| entry.is_dir());
        let files: Vec<PathBuf> = folders.flat_map(|folder| components(folder)).collect();
        for file in files.iter().filter(|file| is_first(&mut seen, file)) {
            match Plugin::open_file(store, file) {
                Ok(plugin) => found.add(plugin, &replaced)?,
                Err(error) => found.warnings.push(error.to_string()),
            }
        }
        Ok(found)
    }

    /// Opens the files that are to be taken for platforms that more than one plugin serves.
    fn replacements(
        &mut self,
        store: &Store,
        replace: &BTreeMap<String, PathBuf>,
    ) -> Result<Vec<String>, PluginError> {
        for (name, file) in replace {
            let plugin = Plugin::open_file(store, file)?;
            let served = &plugin.description().name;
            if served != name {
                return Err(PluginError::Refused {
                    plugin: plugin.source().clone(),
                    reason: format!("it serves the platform `{served}`, not `{name}`"),
                    hint_text: Some("correct [plugins.replace] in fnpack.toml".to_owned()),
                });
            }
            self.by_name.insert(name.clone(), Arc::new(plugin));
        }
        Ok(replace.keys().cloned().collect())
    }

    fn add(&mut self, plugin: Plugin, replaced: &[String]) -> Result<(), PluginError> {
        let name = &plugin.description().name;
        match self.by_name.get(name) {
            Some(_) if replaced.contains(name) => Ok(()),
            // The same component in two places.
            Some(first) if first.digest() == plugin.digest() => Ok(()),
            Some(first) => Err(PluginError::Twice {
                name: name.clone(),
                first: first.source().clone(),
                second: plugin.source().clone(),
            }),
            None => {
                self.by_name.insert(name.clone(), Arc::new(plugin));
                Ok(())
            }
        }
    }

    /// The plugins, by the name of their platform.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Plugin>> {
        self.by_name.values()
    }

    /// The plugin of a platform, if there is one.
    pub fn named(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.by_name.get(name)
    }

    /// The plugins of platforms in the order of their names here, each once; without any name,
    /// all of them.
    pub fn selected(&self, names: &[String]) -> Result<Vec<Arc<Plugin>>, PluginError> {
        if names.is_empty() {
            return Ok(self.all().cloned().collect());
        }
        let mut selected: Vec<Arc<Plugin>> = Vec::new();
        for name in names {
            let plugin = self.named(name).ok_or_else(|| PluginError::Unknown {
                name: name.clone(),
                known: self.by_name.keys().cloned().collect(),
                broken: self.warnings.clone(),
            })?;
            if !selected.iter().any(|other| Arc::ptr_eq(other, plugin)) {
                selected.push(plugin.clone());
            }
        }
        Ok(selected)
    }

    /// Why files of plugin folders cannot be used.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// Whether a file is not among those that were seen, by whatever name.
fn is_first(seen: &mut Vec<PathBuf>, file: &Path) -> bool {
    let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let first = !seen.contains(&real);
    seen.push(real);
    first
}

/// The component files of a folder, sorted by name.
fn components(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_component =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm") && path.is_file();
    let mut files: Vec<PathBuf> = entries.filter(is_component).collect();
    files.sort();
    files
}
