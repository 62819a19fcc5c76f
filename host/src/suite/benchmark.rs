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
        Self { name: shown_name(&folder), folder }
    }

    /// Its name, which is that of its folder, with control characters escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder, absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What its `config.json` says, and warnings about it.
    pub fn config(&self) -> Result<(BenchmarkConfig, Vec<String>), ConfigError> {
        let name = self.folder.file_name().unwrap_or_default().to_string_lossy();
        if *name != self.name {
            return Err(ConfigError::Name { name: self.name.clone() });
        }
        BenchmarkConfig::read(&self.folder.join("config.json"))
    }
}

/// The name of a benchmark's folder, with control characters escaped.
pub(super) fn shown_name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    name.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_control_characters_is_refused_and_shown_escaped() {
        let benchmark = Benchmark::new("/suite/a\u{1b}[31m\nb".into());
        assert_eq!(benchmark.name(), "a\\u{1b}[31m\\nb");
        let error = benchmark.config().unwrap_err().to_string();
        assert!(error.contains("control characters") && !error.contains(char::is_control), "{error}");
    }
}
