use std::path::{Path, PathBuf};

use super::{BenchmarkConfig, ConfigError};

/// One benchmark's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benchmark {
    name: String,
    folder: PathBuf,
}

impl Benchmark {
    pub(super) fn new(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, folder }
    }

    /// Its name, which is that of its folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its `config.json` says, and warnings about it.
    pub fn config(&self) -> Result<(BenchmarkConfig, Vec<String>), ConfigError> {
        BenchmarkConfig::read(&self.folder.join("config.json"))
    }
}
