//! Benchmark folders and what their `config.json` says, and the suite's `fnpack.toml`. It knows
//! files and trees, but neither platforms nor targets.

mod benchmark;
mod config;
mod downloads;
mod ignored;
mod pins;
mod settings;
mod shrink;
mod snapshot;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use benchmark::Benchmark;
pub use config::{BenchmarkConfig, ConfigError, LanguageConfig, LanguageName};
pub use downloads::Download;
pub use pins::{Pins, PinsError};
pub use settings::{BuildImageSetting, ExecutorChoice, PlatformSettings, Settings, SettingsError};
pub use shrink::{Shrink, ShrinkStep};
pub use snapshot::{Snapshot, SnapshotError};

/// The name of the suite's settings file.
pub const SETTINGS_FILE: &str = "fnpack.toml";

/// Categories may nest this deep.
const MAX_DEPTH: usize = 6;

/// Folders that never hold benchmarks.
const NO_BENCHMARKS: [&str; 3] = ["node_modules", "target", "out"];

/// Why a suite cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// The folder is not there or cannot be listed.
    #[error("cannot read the suite's folder {}: {source}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Two folders of one name.
    #[error("two benchmarks are named `{name}`: {} and {}; rename one, or name one of them by its path", one.display(), two.display())]
    Duplicate {
        /// The name.
        name: String,
        /// A folder of that name.
        one: PathBuf,
        /// The other one.
        two: PathBuf,
    },
    /// A name that no folder has.
    #[error("there is no benchmark `{name}` in {}; {}", suite.display(), what_there_is(known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        suite: PathBuf,
        /// What is there.
        known: Vec<String>,
    },
}

fn what_there_is(known: &[String]) -> String {
    match known {
        [] => "no folder there has a config.json (say where with --suite DIR)".to_owned(),
        known => format!("there is {}", known.join(", ")),
    }
}

/// A folder of benchmarks.
#[derive(Debug)]
pub struct Suite {
    root: PathBuf,
    /// The benchmarks' folders by name, once somebody asked: a large folder takes time.
    folders: OnceLock<BTreeMap<String, Vec<PathBuf>>>,
}

impl Suite {
    /// The suite in a folder. Its benchmarks are the folders with a `config.json`, at any depth that
    /// categories have.
    pub fn find(root: &Path) -> Result<Self, SuiteError> {
        let root = root
            .canonicalize()
            .map_err(|source| SuiteError::Folder { folder: root.to_path_buf(), source })?;
        Ok(Self { root, folders: OnceLock::new() })
    }

    fn folders(&self) -> Result<&BTreeMap<String, Vec<PathBuf>>, SuiteError> {
        if let Some(known) = self.folders.get() {
            return Ok(known);
        }
        let mut found = BTreeMap::new();
        collect(&self.root, 0, &mut found)?;
        Ok(self.folders.get_or_init(|| found))
    }

    /// The suite's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All benchmarks, by name.
    pub fn benchmarks(&self) -> Result<Vec<Benchmark>, SuiteError> {
        self.folders()?.keys().map(|name| self.named(name)).collect()
    }

    /// One benchmark: by its name, or by the path of its folder.
    pub fn benchmark(&self, name: &str) -> Result<Benchmark, SuiteError> {
        let as_path = Path::new(name);
        // With a separator it cannot be a name.
        if as_path.join("config.json").is_file()
            && (name.contains('/') || !self.folders()?.contains_key(name))
        {
            let folder = as_path
                .canonicalize()
                .map_err(|source| SuiteError::Folder { folder: as_path.into(), source })?;
            return Ok(Benchmark::new(folder));
        }
        self.named(name.trim_end_matches('/'))
    }

    fn named(&self, name: &str) -> Result<Benchmark, SuiteError> {
        match self.folders()?.get(name).map(Vec::as_slice) {
            Some([folder]) => Ok(Benchmark::new(folder.clone())),
            Some([one, two, ..]) => {
                Err(SuiteError::Duplicate { name: name.to_owned(), one: one.clone(), two: two.clone() })
            }
            _ => Err(SuiteError::Unknown {
                name: name.to_owned(),
                suite: self.root.clone(),
                known: self.folders()?.keys().cloned().collect(),
            }),
        }
    }
}

fn collect(
    folder: &Path,
    depth: usize,
    found: &mut BTreeMap<String, Vec<PathBuf>>,
) -> Result<(), SuiteError> {
    // A cache, of fnpack or of anything (https://bford.info/cachedir/).
    if folder.join("CACHEDIR.TAG").exists() {
        return Ok(());
    }
    if folder.join("config.json").symlink_metadata().is_ok() {
        found.entry(benchmark::shown_name(folder)).or_default().push(folder.to_path_buf());
        return Ok(());
    }
    let error = |source| SuiteError::Folder { folder: folder.to_path_buf(), source };
    let mut below: Vec<PathBuf> = Vec::new();
    let entries = match fs::read_dir(folder) {
        // Some folder beside the benchmarks that is nobody's business.
        Err(_) if depth > 0 => return Ok(()),
        entries => entries.map_err(error)?,
    };
    for entry in entries {
        let entry = entry.map_err(error)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && !name.starts_with('.') && !NO_BENCHMARKS.contains(&name.as_ref()) {
            below.push(entry.path());
        }
    }
    below.sort();
    for folder in below {
        if depth < MAX_DEPTH {
            collect(&folder, depth + 1, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
            fs::write(root.path().join(folder).join("config.json"), "{}").unwrap();
        }
        root
    }

    #[test]
    fn benchmarks_may_lie_in_category_folders() {
        let root =
            suite(&["100.webapps/110.dynamic-html", "200.multimedia/210.thumbnailer", ".git/x", "out/y"]);
        let suite = Suite::find(root.path()).unwrap();
        let names: Vec<_> = suite.benchmarks().unwrap().iter().map(|b| b.name().to_owned()).collect();
        assert_eq!(names, ["110.dynamic-html", "210.thumbnailer"]);
    }

    #[test]
    fn an_unknown_name_lists_those_that_are_there() {
        let root = suite(&["010.sleep"]);
        let error = Suite::find(root.path()).unwrap().benchmark("010.slep").unwrap_err().to_string();
        assert!(error.contains("010.slep") && error.contains("there is 010.sleep"), "{error}");
    }

    #[test]
    fn two_of_one_name_are_an_error_only_when_that_name_is_asked_for() {
        let root = suite(&["a/010.sleep", "b/010.sleep", "c/020.network"]);
        let suite = Suite::find(root.path()).unwrap();
        let error = suite.benchmark("010.sleep").unwrap_err().to_string();
        assert!(error.contains("a/010.sleep") && error.contains("b/010.sleep"), "{error}");
        assert!(suite.benchmark("020.network").is_ok());
    }
}
