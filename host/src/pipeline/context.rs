use std::path::PathBuf;
use std::sync::Arc;

use crate::executor::Cancel;
use crate::language::Runtime;
use crate::platform::{Plugin, PluginTarget, Support};
use crate::store::Store;
use crate::suite::{Benchmark, BenchmarkConfig, Download, Pins, Settings};
use crate::target::Target;

use super::{Executors, Forced, Images};

/// What all builds of a command share.
pub struct Context<'a> {
    /// The cache.
    pub store: &'a Store,
    /// The suite's settings.
    pub settings: &'a Settings,
    /// What names of images stand for.
    pub pins: &'a Pins,
    /// Who runs foreign programs.
    pub executors: &'a Executors<'a>,
    /// Hears how builds go.
    pub progress: &'a dyn Progress,
    /// Whether to end.
    pub cancel: Cancel,
    /// Where artifacts land, absolute.
    pub out: PathBuf,
    /// Whether to do everything anew.
    pub force: bool,
    /// What has been done anew.
    pub forced: Forced,
    /// Whether what is not built is an error.
    pub only_built: bool,
    /// What becomes of function images.
    pub images: &'a Images,
    /// How many threads one archive may use.
    pub threads: usize,
}

/// Hears how builds go: a terminal, a log, a test.
pub trait Progress: Sync {
    /// A target's build has come to a step.
    fn step(&self, target: &Target, step: &str);
    /// Something that the user should know of a target.
    fn warn(&self, target: &Target, text: &str);
    /// What a step came to.
    fn note(&self, target: &Target, text: &str);
    /// A line that a foreign program printed.
    fn output(&self, target: &Target, line: &str);
}

/// One target, with all that its build looks at.
#[derive(Clone)]
pub struct Job {
    /// What to build.
    pub target: Target,
    /// From which folder.
    pub benchmark: Benchmark,
    /// What its config.json says.
    pub config: Arc<BenchmarkConfig>,
    /// The platform.
    pub plugin: Arc<Plugin>,
    /// The row of the platform's description that allows the target.
    pub support: Support,
}

impl Job {
    /// The files to download for the target.
    pub fn downloads(&self) -> impl Iterator<Item = &Download> {
        let (language, architecture) = (self.target.language, self.target.architecture);
        self.config.downloads.iter().filter(move |download| download.is_for(language, architecture))
    }

    /// Whether the target's deployment has a function image.
    pub fn has_image(&self) -> bool {
        self.plugin.description().deployment(&self.target.deployment).image
    }

    /// What the function will run on.
    pub fn runtime(&self) -> Runtime {
        Runtime {
            version: self.target.version.clone(),
            variant: self.target.variant.clone(),
            architecture: self.target.architecture,
            libc: self.support.libc,
        }
    }

    /// The base of the function image, where the settings name one.
    pub fn base_image<'s>(&self, settings: &'s Settings) -> Option<&'s str> {
        let set = settings.platform.get(&self.target.platform)?;
        set.base_images.get(&self.target.runtime_name()).map(String::as_str)
    }

    /// The target in the words of the plugin contract.
    pub fn plugin_target(&self, settings: &Settings) -> PluginTarget {
        let set = settings.platform.get(&self.target.platform);
        let known = self.plugin.description().settings.iter();
        let value = |key: &str| set.and_then(|set| set.own.get(key)).cloned();
        let mut settings: Vec<(String, String)> = known
            .map(|known| (known.key.clone(), value(&known.key).unwrap_or_else(|| known.default.clone())))
            .collect();
        settings.sort();
        PluginTarget {
            benchmark: self.target.benchmark.clone(),
            language: self.target.language.name().to_owned(),
            version: self.target.version.clone(),
            variant: self.target.variant.clone(),
            architecture: self.target.architecture,
            deployment: self.target.deployment.clone(),
            modules: self.config.modules.iter().map(|module| module.name().to_owned()).collect(),
            native_dependencies: match self.target.language {
                crate::suite::LanguageName::Cpp => {
                    self.config.cpp_dependencies.iter().map(|library| library.name().to_owned()).collect()
                }
                _ => Vec::new(),
            },
            timeout_seconds: self.config.timeout,
            memory_mib: self.config.memory,
            settings,
        }
    }
}
