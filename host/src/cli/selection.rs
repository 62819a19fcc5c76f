use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Result, anyhow};

use super::SuiteArguments;
use super::platform_settings::check_settings;
use super::session::{Session, usage};
use crate::pipeline::Job;
use crate::platform::{Plugin, Plugins};
use crate::suite::{Benchmark, BenchmarkConfig, ShrinkStep};
use crate::target::{Filters, NothingLeft, Target};

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
    /// What was asked for and cannot be built.
    pub refused: Vec<Refused>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What was asked for and cannot be built, which is known before anything is.
pub struct Refused {
    /// The benchmarks.
    pub benchmarks: Vec<String>,
    /// The platform that does not take them; none where that is no matter.
    pub platform: Option<String>,
    /// Why, in words that name both.
    pub reason: String,
}

impl Selection {
    /// Chooses among all that the suite's benchmarks and the platforms support.
    pub fn of(arguments: &SelectionArguments, session: &Session, plugins: &Plugins) -> Result<Self> {
        let mut warnings = plugins.warnings().to_vec();
        check_settings(session, plugins, &mut warnings)?;
        let filters = arguments.filters();
        let platforms = plugins.selected(&filters.platforms).map_err(usage)?;
        let mut choice = Choice {
            are_named: !arguments.benchmarks.is_empty(),
            filters,
            platforms,
            selection: Self { jobs: Vec::new(), refused: Vec::new(), warnings },
            all: Vec::new(),
            skipped: Vec::new(),
        };
        for benchmark in benchmarks(arguments, session)? {
            match benchmark.config() {
                Ok((mut config, warnings)) => {
                    choice.selection.warnings.extend(warnings);
                    config.shrink.steps.extend(&arguments.shrink);
                    choice.add(&benchmark, &Arc::new(config))?;
                }
                Err(error) => choice.selection.refused.push(Refused {
                    benchmarks: vec![benchmark.name().to_owned()],
                    platform: None,
                    reason: format!("{}: {error}", benchmark.name()),
                }),
            }
        }
        choice.end()
    }
}

/// The benchmarks that are named, each once, else all of the suite.
fn benchmarks(arguments: &SelectionArguments, session: &Session) -> Result<Vec<Benchmark>> {
    let suite = session.suite()?;
    if arguments.benchmarks.is_empty() {
        let all = suite.benchmarks().map_err(usage)?;
        if all.is_empty() {
            return Err(usage(anyhow!(
                "there are no benchmarks (folders with a config.json) in {}: say where with --suite DIR, or name a folder",
                suite.root().display()
            )));
        }
        return Ok(all);
    }
    let mut found: Vec<Benchmark> = Vec::new();
    for name in &arguments.benchmarks {
        let benchmark = suite.benchmark(name).map_err(usage)?;
        match found.iter().find(|other| other.name() == benchmark.name()) {
            None => found.push(benchmark),
            Some(other) if other.folder() == benchmark.folder() => {}
            Some(other) => {
                return Err(usage(anyhow!(
                    "{} and {} have the same name, and what is made of them would land in the same place; build one \
                     after the other, each with its own --out",
                    other.folder().display(),
                    benchmark.folder().display()
                )));
            }
        }
    }
    Ok(found)
}

/// A selection being made, one benchmark after the other.
struct Choice {
    /// Whether the user named the benchmarks.
    are_named: bool,
    filters: Filters,
    platforms: Vec<Arc<Plugin>>,
    selection: Selection,
    /// All that could be chosen.
    all: Vec<Target>,
    /// What nobody named, and a platform leaves nothing of.
    skipped: Vec<Skipped>,
}

/// A benchmark of which a platform leaves nothing.
struct Skipped {
    benchmark: String,
    platform: String,
    /// Whether the platform never takes it, whatever the filters are.
    always: bool,
    reason: String,
}

impl Choice {
    fn add(&mut self, benchmark: &Benchmark, config: &Arc<BenchmarkConfig>) -> Result<()> {
        let name = benchmark.name();
        let (mut chosen_of_it, mut all_of_it, mut nothing) = (0, Vec::new(), Vec::new());
        for plugin in &self.platforms {
            let possible = possible(benchmark, config, plugin);
            let targets: Vec<Target> = possible.iter().map(|job| job.target.clone()).collect();
            let mut skip = |always: bool, reason: String| {
                let (benchmark, platform) = (name.to_owned(), plugin.description().name.clone());
                nothing.push(Skipped { benchmark, platform, always, reason });
            };
            match self.filters.choose(name, &targets) {
                Ok(chosen) if chosen.is_empty() => skip(true, unsupported(name, config, plugin)),
                Ok(chosen) => {
                    chosen_of_it += chosen.len();
                    let jobs = possible.into_iter().filter(|job| chosen.contains(&job.target));
                    self.selection.jobs.extend(jobs);
                }
                Err(left) => skip(false, explained(&left, std::slice::from_ref(plugin))),
            }
            all_of_it.extend(targets);
        }
        match self.are_named {
            true if chosen_of_it == 0 => {
                let reasons: Vec<_> = nothing.into_iter().map(|skipped| skipped.reason).collect();
                return Err(match self.filters.choose(name, &all_of_it) {
                    // One sentence for all of the platforms.
                    Err(left) if self.platforms.len() > 1 => {
                        usage(anyhow!(explained(&left, &self.platforms)))
                    }
                    _ => usage(anyhow!(reasons.join("; "))),
                });
            }
            // What nobody named is no matter where it is not supported.
            _ if self.filters.platforms.is_empty() => {}
            true => self.selection.refused.extend(nothing.into_iter().map(|skipped| Refused {
                benchmarks: vec![skipped.benchmark],
                platform: Some(skipped.platform),
                reason: skipped.reason,
            })),
            false => self.skipped.extend(nothing),
        }
        self.all.extend(all_of_it);
        Ok(())
    }

    /// That a platform which was named takes none of the suite is not what was asked for.
    fn end(mut self) -> Result<Selection> {
        if self.selection.refused.is_empty()
            && let Some(slip) = self.filters.unknown(self.all.iter())
        {
            return Err(usage(anyhow!(explained(&slip, &self.platforms))));
        }
        for plugin in &self.platforms {
            let platform = &plugin.description().name;
            let skipped: Vec<_> =
                self.skipped.iter().filter(|skipped| skipped.platform == *platform).collect();
            let Some(first) = skipped.first() else { continue };
            if self.selection.jobs.iter().any(|job| job.target.platform == *platform) {
                // A filter is meant for some of the suite; what a platform never takes is worth a word.
                let never =
                    skipped.iter().filter(|skipped| skipped.always && self.filters.languages.is_empty());
                self.selection.warnings.extend(never.map(|skipped| skipped.reason.clone()));
                continue;
            }
            let others = match skipped.len() - 1 {
                0 => String::new(),
                others => format!(" (and the like for {others} more benchmarks)"),
            };
            self.selection.refused.push(Refused {
                benchmarks: skipped.iter().map(|skipped| skipped.benchmark.clone()).collect(),
                platform: Some(platform.clone()),
                reason: format!("nothing can be built for {platform}: {}{others}", first.reason),
            });
        }
        Ok(self.selection)
    }
}

/// That a platform supports nothing of what a benchmark is written in, and what it does.
fn unsupported(benchmark: &str, config: &BenchmarkConfig, plugin: &Plugin) -> String {
    let written: Vec<&str> = config.languages.iter().map(|entry| entry.language.name()).collect();
    let description = plugin.description();
    let supported: BTreeSet<&str> =
        description.supports.iter().map(|support| support.language.as_str()).collect();
    format!(
        "{benchmark} is written in {}, which {} does not run; it runs {}",
        written.join(", "),
        description.title,
        supported.into_iter().collect::<Vec<_>>().join(", ")
    )
}

/// Why a filter leaves nothing. A deployment that a platform names and has for no runtime is one that it
/// refuses; the notes of its limits say why.
fn explained(left: &NothingLeft, platforms: &[Arc<Plugin>]) -> String {
    let mut text = left.to_string();
    let deployments = platforms.iter().flat_map(|plugin| &plugin.description().deployments);
    let refused = deployments.filter(|deployment| {
        left.dimension == "deployment"
            && left.wanted.contains(&deployment.name)
            && !left.known.contains(&deployment.name)
    });
    for limit in refused.flat_map(|deployment| &deployment.limits) {
        text.push_str(&format!(" ({})", limit.note));
    }
    text
}

/// Everything that a benchmark and a platform both support.
fn possible(benchmark: &Benchmark, config: &Arc<BenchmarkConfig>, plugin: &Arc<Plugin>) -> Vec<Job> {
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
