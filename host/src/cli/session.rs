use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};

use super::SuiteArguments;
use crate::platform::{PluginSources, Plugins};
use crate::store::Store;
use crate::suite::{Pins, SETTINGS_FILE, Settings, Suite};

/// What a user asked for cannot be asked for: the command ends with the status for wrong usage.
#[derive(Debug)]
pub struct WrongUsage;

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrong usage")
    }
}

impl std::error::Error for WrongUsage {}

/// What most commands begin with.
pub struct Session {
    pub store: Store,
    pub suite_root: PathBuf,
    pub settings: Settings,
}

impl Session {
    /// Opens the cache and reads the suite's settings.
    pub fn open(arguments: &SuiteArguments) -> Result<Self> {
        let suite_root = match &arguments.suite {
            Some(folder) => folder.clone(),
            None => nearest_suite()?,
        };
        let settings = Settings::read(&suite_root).map_err(usage)?;
        Ok(Self { store: Store::open(&cache_folder()?)?, suite_root, settings })
    }

    /// The benchmarks of the suite.
    pub fn suite(&self) -> Result<Suite> {
        Suite::find(&self.suite_root).map_err(usage)
    }

    /// What names of images stand for in the suite; `forget` to have it recorded anew.
    pub fn pins(&self, forget: bool) -> Result<Pins> {
        Pins::read(&self.suite_root, forget).map_err(usage)
    }

    /// All plugins: the project's own, and those of the settings, the environment, the user's
    /// folder and the command line.
    pub fn plugins(&self, arguments: &SuiteArguments) -> Result<Plugins> {
        let sources = PluginSources {
            files: self.settings.plugins.files.iter().chain(&arguments.plugins).cloned().collect(),
            search_path: std::env::var_os("FNPACK_PLUGIN_PATH")
                .map(|path| {
                    std::env::split_paths(&path).filter(|part| !part.as_os_str().is_empty()).collect()
                })
                .unwrap_or_default(),
            folder: data_folder().map(|data| data.join("plugins")),
            replace: self.settings.plugins.replace.clone(),
        };
        Plugins::discover(&self.store, &sources).map_err(usage)
    }
}

/// An error of what the user asked for, not of doing it.
pub fn usage(error: impl Into<anyhow::Error>) -> anyhow::Error {
    // The words of the error come first; the mark is found behind them.
    let error: anyhow::Error = error.into();
    anyhow::Error::new(WrongUsage).context(crate::report::chain(&error))
}

/// The cache folder: FNPACK_CACHE, else `fnpack` in the folder for caches of the XDG base
/// directory specification.
pub fn cache_folder() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("FNPACK_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("fnpack")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/fnpack")))
        .map(|folder| std::path::absolute(&folder).unwrap_or(folder))
        .context("there is no folder for the cache: set FNPACK_CACHE (or HOME)")?;
    if folder.metadata().is_ok_and(|found| !found.is_dir()) {
        let what = format!("the cache folder {} is a file", folder.display());
        return Err(usage(anyhow!("{what}: remove it, or set FNPACK_CACHE to a folder")));
    }
    Ok(folder)
}

fn data_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("fnpack"))
}

fn nearest_suite() -> Result<PathBuf> {
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let is_suite = |folder: &&Path| folder.join(SETTINGS_FILE).is_file();
    Ok(here.ancestors().find(is_suite).unwrap_or(&here).to_path_buf())
}
