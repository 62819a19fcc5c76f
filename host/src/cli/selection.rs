use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow};

use super::SuiteArguments;
use super::session::{Session, usage};
use crate::language::Architecture;
use crate::pipeline::Job;
use crate::platform::{Description, Plugins, Support};
use crate::suite::{Benchmark, PlatformSettings, ShrinkStep};
use crate::target::{Filters, Target, runtime_name};

/// Which targets a command is about.
#[derive(clap::Args, Clone)]
pub struct SelectionArguments {
    /// Benchmarks, by name or by the path of their folder [default: all of the suite]
    #[arg(value_name = "BENCHMARK")]
    benchmarks: Vec<String>,
    /// Platforms to build for [default: all]
    #[arg(long = "platform", value_name = "NAMES", value_delimiter = ',')]
    platforms: Vec<String>,
    /// Languages to build [default: all that benchmark and platform have]
    #[arg(long = "language", value_name = "NAMES", value_delimiter = ',')]
    languages: Vec<String>,
    /// Versions of languages [default: all that the platform has]
    #[arg(long = "language-version", value_name = "VERSIONS", value_delimiter = ',')]
    versions: Vec<String>,
    /// Language variants [default: "default"]
    #[arg(long = "variant", value_name = "NAMES", value_delimiter = ',')]
    variants: Vec<String>,
    /// Processors, of x64 and arm64 [default: x64]
    #[arg(long = "architecture", value_name = "NAMES", value_delimiter = ',')]
    architectures: Vec<String>,
    /// Deployments, such as package and container [default: package, or a platform's only one]
    #[arg(long = "deployment", value_name = "NAMES", value_delimiter = ',')]
    deployments: Vec<String>,
    /// Make the installed packages smaller by these steps too, besides those of config.json
    #[arg(long, value_enum, value_name = "STEPS", value_delimiter = ',')]
    shrink: Vec<ShrinkStep>,
    #[command(flatten)]
    pub suite: SuiteArguments,
}

impl SelectionArguments {
    /// Chooses deployments with a function image, where the user chose none.
    pub fn only_images(&mut self, plugins: &Plugins) -> Result<()> {
        if self.deployments.is_empty() {
            let descriptions = plugins.selected(&self.platforms).map_err(usage)?;
            let deployments = descriptions.iter().flat_map(|plugin| &plugin.description().deployments);
            let images: BTreeSet<&str> =
                deployments.filter(|deployment| deployment.image).map(|one| one.name.as_str()).collect();
            if images.is_empty() {
                return Err(usage(anyhow!("there are no function images on {}", self.platforms.join(", "))));
            }
            self.deployments = images.into_iter().map(str::to_owned).collect();
        }
        Ok(())
    }

    fn filters(&self) -> Filters {
        Filters {
            platforms: self.platforms.clone(),
            languages: self.languages.clone(),
            versions: self.versions.clone(),
            variants: self.variants.clone(),
            architectures: self.architectures.clone(),
            deployments: self.deployments.clone(),
        }
    }
}

/// What is to be built, and what cannot be.
pub struct Selection {
    /// What is to be built.
    pub jobs: Vec<Job>,
    /// Benchmarks that cannot be read, each with the reason.
    pub unreadable: Vec<(Benchmark, String)>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Selection {
    /// Chooses among all that the suite's benchmarks and the platforms support.
    pub fn of(arguments: &SelectionArguments, session: &Session, plugins: &Plugins) -> Result<Self> {
        let suite = session.suite()?;
        let named = !arguments.benchmarks.is_empty();
        let benchmarks = if named {
            let found = arguments.benchmarks.iter().map(|name| suite.benchmark(name));
            found.collect::<Result<Vec<_>, _>>().map_err(usage)?
        } else {
            suite.benchmarks().map_err(usage)?
        };
        if benchmarks.is_empty() {
            let what =
                format!("there are no benchmarks (folders with a config.json) in {}", suite.root().display());
            return Err(usage(anyhow!("{what}: say where with --suite DIR, or name a folder")));
        }
        let filters = arguments.filters();
        let platforms = plugins.selected(&filters.platforms).map_err(usage)?;
        let mut selection =
            Self { jobs: Vec::new(), unreadable: Vec::new(), warnings: plugins.warnings().to_vec() };
        check_settings(session, plugins, &mut selection.warnings)?;
        let mut all = Vec::new();
        for benchmark in benchmarks {
            let (config, warnings) = match benchmark.config() {
                Ok(read) => read,
                Err(error) => {
                    selection.unreadable.push((benchmark, error.to_string()));
                    continue;
                }
            };
            selection.warnings.extend(warnings);
            let mut config = config;
            config.shrink.steps.extend(&arguments.shrink);
            let config = Arc::new(config);
            let possible: Vec<Job> =
                platforms.iter().flat_map(|plugin| possible(&benchmark, &config, plugin)).collect();
            let targets: Vec<Target> = possible.iter().map(|job| job.target.clone()).collect();
            match filters.choose(benchmark.name(), &targets) {
                Ok(chosen) if chosen.is_empty() && named => {
                    let languages: Vec<&str> =
                        config.languages.iter().map(|entry| entry.language.name()).collect();
                    let titles: Vec<&str> =
                        platforms.iter().map(|p| p.description().title.as_str()).collect();
                    let (languages, titles) = (languages.join(", "), titles.join(", "));
                    let name = benchmark.name();
                    return Err(usage(anyhow!(
                        "nothing to build for {name}: it is written in {languages}, and nothing of that is supported by {titles} (see `fnpack list platforms`)"
                    )));
                }
                Ok(chosen) => {
                    selection.jobs.extend(possible.into_iter().filter(|job| chosen.contains(&job.target)));
                }
                Err(nothing) if named => return Err(usage(nothing)),
                Err(_) => {}
            }
            all.extend(targets);
        }
        if selection.unreadable.is_empty()
            && let Some(slip) = filters.unknown(all.iter())
        {
            return Err(usage(slip));
        }
        Ok(selection)
    }
}

/// Everything that a benchmark and a platform both support.
fn possible(
    benchmark: &Benchmark,
    config: &Arc<crate::suite::BenchmarkConfig>,
    plugin: &Arc<crate::platform::Plugin>,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    for support in &plugin.description().supports {
        let offered = config.languages.iter().find(|entry| {
            entry.language.name() == support.language && entry.variants.contains(&support.variant)
        });
        let Some(offered) = offered else { continue };
        for (architecture, deployment) in
            support.architectures.iter().flat_map(|a| support.deployments.iter().map(move |d| (a, d)))
        {
            let target = Target {
                platform: plugin.description().name.clone(),
                benchmark: benchmark.name().to_owned(),
                language: offered.language,
                version: support.version.clone(),
                variant: support.variant.clone(),
                architecture: *architecture,
                deployment: deployment.clone(),
            };
            jobs.push(Job {
                target,
                benchmark: benchmark.clone(),
                config: config.clone(),
                plugin: plugin.clone(),
                support: support.clone(),
            });
        }
    }
    jobs
}

/// A setting that a platform's plugin does not know is a slip.
fn check_settings(session: &Session, plugins: &Plugins, warnings: &mut Vec<String>) -> Result<()> {
    let file = session.suite_root.join(crate::suite::SETTINGS_FILE);
    for (platform, set) in &session.settings.platform {
        let Some(plugin) = plugins.named(platform) else {
            let known: Vec<&str> = plugins.all().map(|plugin| plugin.description().name.as_str()).collect();
            let (file, list) = (file.display(), known.join(", "));
            let text = format!("{file}: [platform.{platform}]: there is no such platform; there is {list}");
            // The plugin may be named on the command line at other times; a slip is none.
            if known.iter().any(|known| strsim::osa_distance(known, platform) <= 2) {
                return Err(usage(anyhow!(text)));
            }
            warnings.push(text);
            continue;
        };
        let known: Vec<&str> =
            plugin.description().settings.iter().map(|setting| setting.key.as_str()).collect();
        if let Some(slip) = set.own.keys().find(|key| !known.contains(&key.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(usage(anyhow!(
                "{}: {platform} knows no setting `{slip}`; it knows {known}",
                file.display()
            )));
        }
        let slips = unknown_runtimes(set, plugin.description());
        warnings.extend(slips.map(|slip| format!("{}: [platform.{platform}.{slip}", file.display())));
    }
    Ok(())
}

/// What the settings name images for that is no runtime of the platform, each with the nearest that
/// is one: such an image is never used. An engine may be of another processor than functions are.
fn unknown_runtimes<'s>(
    set: &'s PlatformSettings,
    description: &Description,
) -> impl Iterator<Item = String> + use<'s> {
    let of = |row: &Support| {
        let name = |one| runtime_name(&row.language, &row.version, &row.variant, one);
        Architecture::ALL.map(name)
    };
    let known: BTreeSet<String> = description.supports.iter().flat_map(of).collect();
    let build = set.build_images.keys().map(|key| ("build-images", key));
    let base = set.base_images.keys().map(|key| ("base-images", key));
    build.chain(base).filter_map(move |(table, key)| {
        let nearest = known.iter().min_by_key(|one| strsim::osa_distance(one, key))?;
        (!known.contains(key))
            .then(|| format!("{table}]: `{key}` is no runtime of the platform; the nearest is `{nearest}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::BuildImageSetting;

    #[test]
    fn an_image_for_what_is_no_runtime_is_told_with_the_nearest_one() {
        let row = Support {
            language: "python".into(),
            version: "3.11".into(),
            variant: "default".into(),
            architectures: vec![Architecture::X64],
            deployments: Vec::new(),
            build_images: Vec::new(),
            libc: "glibc-2.34".parse().unwrap(),
        };
        let description = Description {
            name: "p".into(),
            title: "P".into(),
            deployments: Vec::new(),
            supports: vec![row.clone(), Support { variant: "pypy".into(), ..row }],
            settings: Vec::new(),
        };
        let mut set = PlatformSettings::default();
        for key in ["python-3.11-x64", "python-3.11-pypy-arm64", "pyton-3.11-x64"] {
            set.build_images.insert(key.into(), BuildImageSetting::Image("i".into()));
        }
        set.base_images.insert("python-3.11".into(), "i".into());
        let told: Vec<String> = unknown_runtimes(&set, &description).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("build-images]: `pyton-3.11-x64`"), "{told:?}");
        assert!(told.iter().all(|text| text.ends_with("nearest is `python-3.11-x64`")), "{told:?}");
    }
}
