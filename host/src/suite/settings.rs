use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::download::check_mirror;
use crate::executor::DockerSettings;
use crate::language::Indexes;
use crate::store::read_regular;

/// Why the settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It is there but cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It does not parse; the reason shows line and column.
    #[error("{}: {reason}", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

/// The suite's `fnpack.toml`. Every key is documented in `docs/configuration.md`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// Defaults of the `build` command.
    pub build: BuildSettings,
    /// Where plugins come from.
    pub plugins: PluginSettings,
    /// By name of the platform.
    pub platform: BTreeMap<String, PlatformSettings>,
    /// How containers are run.
    pub docker: DockerSettings,
    /// Where packages come from.
    pub indexes: Indexes,
    /// Where function images go.
    pub registry: RegistrySettings,
    /// Where declared downloads come from.
    pub downloads: DownloadSettings,
    /// What `fnpack cache gc` keeps.
    pub cache: CacheSettings,
}

/// Defaults of the `build` command; a flag wins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct BuildSettings {
    /// Where artifacts land; relative to the settings file.
    pub out: Option<PathBuf>,
    /// How many targets are built at once.
    pub jobs: Option<std::num::NonZeroUsize>,
    /// Who runs installers and package.sh.
    pub executor: Option<ExecutorChoice>,
    /// After this many seconds an installer or script is ended.
    pub time_limit_seconds: u64,
}

impl Default for BuildSettings {
    fn default() -> Self {
        Self { out: None, jobs: None, executor: None, time_limit_seconds: 1800 }
    }
}

/// Who runs installers and package.sh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutorChoice {
    /// Docker where an engine answers and has the build image or can get it, else this machine
    Auto,
    /// A container of the platform's build image
    Docker,
    /// This machine
    Host,
}

/// Where plugins come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PluginSettings {
    /// Component files; relative to the settings file.
    pub files: Vec<PathBuf>,
    /// Which file serves a platform of which there are two.
    pub replace: BTreeMap<String, PathBuf>,
}

/// What is set for one platform.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct PlatformSettings {
    /// Build images by "LANGUAGE-VERSION-ARCHITECTURE" (or with "-VARIANT" after the version),
    /// instead of the plugin's.
    pub build_images: BTreeMap<String, BuildImageSetting>,
    /// Bases of function images by the same names, instead of the plugin's.
    pub base_images: BTreeMap<String, String>,
    /// Where function images are pushed to: `registry.example/path`.
    pub repository: Option<String>,
    /// The plugin's own settings.
    #[serde(flatten, deserialize_with = "texts")]
    pub own: BTreeMap<String, String>,
}

/// A build image to use instead of the plugin's.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a build image is a text, its name, or a table with `recipe` alone, a folder with a Dockerfile"
)]
pub enum BuildImageSetting {
    /// As the engine is asked for it.
    Image(String),
    /// No registry has it; the engine makes it.
    Recipe {
        /// A folder with a Dockerfile; relative to the settings file.
        recipe: PathBuf,
    },
}

/// As the system says it of a file that is no text.
pub(super) fn text(bytes: Vec<u8>) -> std::io::Result<String> {
    let invalid = |_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text");
    String::from_utf8(bytes).map_err(invalid)
}

/// Settings of a plugin's own, which are texts to it; a number or a boolean is its text.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
    let text = |(key, value)| match value {
        toml::Value::String(text) => Ok((key, text)),
        toml::Value::Integer(number) => Ok((key, number.to_string())),
        toml::Value::Boolean(truth) => Ok((key, truth.to_string())),
        _ => Err(D::Error::custom(format!("`{key}` must be a text"))),
    };
    values.into_iter().map(text).collect()
}

/// Where function images go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RegistrySettings {
    /// For platforms that name none: `registry.example/path`.
    pub repository: Option<String>,
    /// Registries, as `host:port`, that are spoken to without encryption.
    pub insecure: Vec<String>,
    /// Where a registry really answers, by the name that images carry: a proxy or a tunnel.
    pub addresses: BTreeMap<String, String>,
    /// Whether a tag ends with what its build is made of, so that none is ever used again.
    pub content_tags: bool,
}

/// Where the downloads that config.json declares come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DownloadSettings {
    /// Other places, by the beginnings of URLs.
    pub mirrors: BTreeMap<String, String>,
    /// A file of certificates to trust beside the machine's; relative to the settings file.
    pub ca_bundle: Option<PathBuf>,
}

/// What `fnpack cache gc` keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CacheSettings {
    /// GiB that the cache may take after a collection.
    pub max_size_gib: u64,
    /// Days after which what was not used is removed.
    pub max_age_days: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { max_size_gib: 20, max_age_days: 30 }
    }
}

impl Settings {
    /// The settings of a suite; the defaults when it has no settings file.
    pub fn read(suite: &Path) -> Result<Self, SettingsError> {
        let file = suite.join(super::SETTINGS_FILE);
        let text = match read_regular(&file).and_then(text) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::Unreadable { file, source }),
        };
        Self::parse(&text, suite)
            .map_err(|reason| SettingsError::Malformed { file, reason: without_logins(&reason) })
    }

    fn parse(text: &str, suite: &Path) -> Result<Self, String> {
        let mut settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        let absolute = |path: &mut PathBuf| *path = suite.join(&*path);
        settings.build.out.iter_mut().for_each(absolute);
        settings.plugins.files.iter_mut().for_each(absolute);
        settings.plugins.replace.values_mut().for_each(absolute);
        settings.docker.ca_bundle.iter_mut().for_each(absolute);
        for image in settings.platform.values_mut().flat_map(|set| set.build_images.values_mut()) {
            if let BuildImageSetting::Recipe { recipe } = image {
                absolute(recipe);
            }
        }
        settings.downloads.ca_bundle.iter_mut().for_each(absolute);
        for (prefix, mirror) in &settings.downloads.mirrors {
            check_mirror(prefix, mirror).map_err(|reason| format!("[downloads] mirrors: {reason}"))?;
        }
        Ok(settings)
    }
}

/// A text that may show a line of the file, with the logins of addresses blotted out.
fn without_logins(text: &str) -> String {
    let mut parts = text.split("://");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| matches!(c, '/' | '"' | '\'' | '`' | '?') || c.is_whitespace());
        let (host, rest) = part.split_at(end.unwrap_or(part.len()));
        let host = host.rsplit_once('@').map_or(host.to_owned(), |(_, host)| format!("****@{host}"));
        masked.push_str(&format!("://{host}{rest}"));
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("/suite"))
    }

    #[test]
    fn a_platform_has_build_images_and_settings_of_its_own() {
        let settings = parse(
            "[platform.aws]\nregion = \"eu\"\n[platform.aws.build-images]\n\"python-3.12-x64\" = \"image:1\"\n",
        )
        .unwrap();
        let aws = &settings.platform["aws"];
        assert_eq!(aws.own["region"], "eu");
        assert_eq!(aws.build_images["python-3.12-x64"], BuildImageSetting::Image("image:1".to_owned()));
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let settings = parse("[build]\nout = \"artifacts\"\n[plugins]\nfiles = [\"x.wasm\"]\n").unwrap();
        assert_eq!(settings.build.out.unwrap(), Path::new("/suite/artifacts"));
        assert_eq!(settings.plugins.files, [Path::new("/suite/x.wasm")]);
    }

    #[test]
    fn a_build_image_may_be_a_recipe() {
        let settings =
            parse("[platform.aws.build-images]\n\"cpp-all-x64\" = { recipe = \"images/cpp\" }\n").unwrap();
        let recipe = BuildImageSetting::Recipe { recipe: "/suite/images/cpp".into() };
        assert_eq!(settings.platform["aws"].build_images["cpp-all-x64"], recipe);
        for value in ["3", "{ recipe = \"images/cpp\", x = 1 }"] {
            let text = format!("[platform.aws.build-images]\n\"cpp-all-x64\" = {value}\n");
            let error = parse(&text).unwrap_err();
            assert!(error.contains("recipe") && error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn an_error_shows_no_login() {
        let text = "[downloads]\nmirrors = { \"https://x.example/\" = \"https://me:secret@y.example/\" ]\n";
        let error = without_logins(&parse(text).unwrap_err());
        assert!(!error.contains("secret") && error.contains("****@y.example/"), "{error}");
    }

    #[test]
    fn an_unknown_key_and_a_wrong_type_name_their_line() {
        for (text, words) in [
            ("[build]\njbos = 3\n", ["jbos", "line 2"]),
            ("[build]\n\njobs = \"many\"\n", ["jobs", "line 3"]),
            ("[bild]\n", ["bild", "line 1"]),
            ("[build\n", ["build", "line 1"]),
            ("[platform.aws]\nregion = [3]\n", ["region", "line"]),
        ] {
            let error = parse(text).unwrap_err();
            for word in words {
                assert!(error.contains(word), "{word} in {error}");
            }
        }
    }
}
