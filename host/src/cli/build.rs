use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::session::{Session, usage};
use super::{FAILED, Format, SuiteArguments};
use crate::executor::{Cancel, end_abandoned};
use crate::pipeline::{self, Context, Executors, Job, Outcome, Step, StepState, size};
use crate::platform::Plugins;
use crate::report::{self, Colour, Display, JsonLine, coloured};
use crate::suite::{Benchmark, ExecutorChoice, ShrinkStep, Snapshot};
use crate::target::{Filters, Target};

#[derive(clap::Args)]
pub struct BuildArguments {
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
    #[command(flatten)]
    suite: SuiteArguments,
    /// Where artifacts land [default: out, or build.out of fnpack.toml]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who runs installers: a container of the platform's build image, or this machine; auto
    /// takes docker where an engine answers and has the image or can get it
    #[arg(long, value_enum)]
    executor: Option<ExecutorChoice>,
    /// How many targets are built at once [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Make the installed packages smaller by these steps too, besides those of config.json
    #[arg(long, value_enum, value_name = "STEPS", value_delimiter = ',')]
    shrink: Vec<ShrinkStep>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Do everything anew, whatever is in the cache
    #[arg(long)]
    force: bool,
    /// Tell what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell for each target which input changed since its last build
    #[arg(long)]
    explain: bool,
}

impl BuildArguments {
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

pub fn run(arguments: &BuildArguments) -> Result<ExitCode> {
    let cancel = Cancel::default();
    let signal = end_on_signals(&cancel)?;
    let session = Session::open(&arguments.suite)?;
    let plugins = session.plugins(&arguments.suite)?;
    let selection = Selection::of(arguments, &session, &plugins)?;

    let choice = arguments.executor.or(session.settings.build.executor).unwrap_or(ExecutorChoice::Auto);
    let out =
        arguments.out.clone().or_else(|| session.settings.build.out.clone()).unwrap_or_else(|| "out".into());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.or(session.settings.build.jobs).map_or(processors, usize::from);
    let at_once = jobs.min(selection.jobs.len()).max(1);
    let executors = Executors::new(choice, &session.store, &session.settings.docker, cancel.clone());
    let display = report::display(selection.jobs.len());
    let context = Context {
        store: &session.store,
        settings: &session.settings,
        executors: &executors,
        progress: &*display,
        cancel: cancel.clone(),
        out: std::path::absolute(&out).with_context(|| format!("--out {}", out.display()))?,
        force: arguments.force,
        threads: (jobs / at_once).max(1),
    };
    end_abandoned(&session.store);
    session.store.remove_stale_scratch()?;
    selection.warnings.iter().for_each(|warning| display.say(&format!("warning: {warning}")));
    let work = Work { arguments, context, display: &*display, snapshots: BTreeMap::new() };
    let tally = work.all(&selection, at_once);
    drop(display);
    Ok(tally.exit(arguments.dry_run, signal.load(Ordering::Relaxed)))
}

/// The first signal asks for an orderly end, the second ends at once. Gives where the number of
/// the signal will be; 0 until there is one.
fn end_on_signals(cancel: &Cancel) -> Result<Arc<AtomicUsize>> {
    let received = Arc::new(AtomicUsize::new(0));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, cancel.flag())
            .and_then(|_| signal_hook::flag::register_usize(signal, received.clone(), signal as usize))
            .and_then(|_| signal_hook::flag::register(signal, cancel.flag()))
            .context("cannot listen for signals")?;
    }
    Ok(received)
}

/// What is to be built, and what cannot be.
struct Selection {
    jobs: Vec<Job>,
    /// Benchmarks that cannot be read, each with the reason.
    unreadable: Vec<(Benchmark, String)>,
    warnings: Vec<String>,
}

impl Selection {
    fn of(arguments: &BuildArguments, session: &Session, plugins: &Plugins) -> Result<Self> {
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
                        "nothing to build for {name}: it is written in {languages}, and no default build of that is supported by {titles} (see `fnpack list platforms`)"
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
    }
    Ok(())
}

/// How many targets ended in which way.
#[derive(Default)]
struct Tally {
    built: usize,
    cached: usize,
    failed: Vec<String>,
}

impl Tally {
    fn exit(&self, planned: bool, signal: usize) -> ExitCode {
        let total = self.built + self.cached + self.failed.len();
        if !planned && total > 1 {
            eprintln!("{} built, {} cached, {} failed", self.built, self.cached, self.failed.len());
            self.failed.iter().for_each(|target| eprintln!("  failed: {target}"));
        }
        match (signal, self.failed.is_empty()) {
            (0, true) => ExitCode::SUCCESS,
            (0, false) => ExitCode::from(FAILED),
            // As shells count.
            (signal, _) => ExitCode::from(128 + signal as u8),
        }
    }
}

/// All targets of a command, being built.
struct Work<'a> {
    arguments: &'a BuildArguments,
    context: Context<'a>,
    display: &'a dyn Display,
    snapshots: BTreeMap<PathBuf, OnceLock<Result<Snapshot, String>>>,
}

impl Work<'_> {
    fn all(mut self, selection: &Selection, at_once: usize) -> Tally {
        for job in &selection.jobs {
            self.snapshots.entry(job.benchmark.folder().to_path_buf()).or_default();
        }
        let tally = Mutex::new(Tally::default());
        for (benchmark, error) in &selection.unreadable {
            self.display.say(&format!("{} {}: {error}", coloured("failed", Colour::Red), benchmark.name()));
            self.print_json(&JsonLine::unreadable(benchmark.name(), error));
            tally.lock().expect("no panic while held").failed.push(benchmark.name().to_owned());
        }
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..at_once {
                scope.spawn(|| {
                    while let Some(job) = selection.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if self.context.cancel.is_set() {
                            break;
                        }
                        self.one(job, &tally);
                    }
                });
            }
        });
        tally.into_inner().expect("no panic while held")
    }

    fn one(&self, job: &Job, tally: &Mutex<Tally>) {
        let start = Instant::now();
        let result = self.snapshot(job).and_then(|snapshot| {
            if self.arguments.dry_run {
                self.plan(job, snapshot)?;
                return Ok(None);
            }
            pipeline::build(&self.context, job, snapshot).map(Some)
        });
        let mut tally = tally.lock().expect("no panic while held");
        match result {
            Ok(None) => {}
            Ok(Some(outcome)) => {
                *(if outcome.cached { &mut tally.cached } else { &mut tally.built }) += 1;
                self.finished(&job.target, &outcome);
            }
            Err(error) => {
                let text = report::cause_with_output(&error);
                let line = format!("{} {}: {text}", coloured("failed", Colour::Red), job.target);
                self.display.done(&job.target, &line);
                self.print_json(&JsonLine::failed(&job.target, &text, start.elapsed().as_secs_f64()));
                tally.failed.push(format!("{}: {}", job.target, text.lines().next().unwrap_or_default()));
            }
        }
    }

    /// The benchmark's folder, looked at once for all of its targets.
    fn snapshot(&self, job: &Job) -> Result<&Snapshot> {
        let take = || {
            let snapshot = Snapshot::take(self.context.store, job.benchmark.folder());
            if let Ok(snapshot) = &snapshot {
                snapshot.warnings.iter().for_each(|text| self.display.say(&format!("warning: {text}")));
            }
            snapshot.map_err(|error| error.to_string())
        };
        let taken = self.snapshots[job.benchmark.folder()].get_or_init(take);
        taken.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn finished(&self, target: &Target, outcome: &Outcome) {
        let (word, colour) = if outcome.cached { ("cached", Colour::Blue) } else { ("built", Colour::Green) };
        let artifact = &outcome.artifact;
        let mut line = format!(
            "{} {target}: {} ({}, {} unpacked) in {:.3} s",
            coloured(word, colour),
            shown_path(&artifact.path),
            artifact.shown_size(),
            size(artifact.archive.unpacked_bytes),
            outcome.time.as_secs_f64(),
        );
        if !outcome.cached {
            line.push_str(&format!(", packages by {}", outcome.place));
            let deploy: Vec<_> =
                artifact.deploy.iter().map(|(key, value)| format!("{key} {value}")).collect();
            if !deploy.is_empty() {
                self.display.say(&format!("{target}: to be deployed with {}", deploy.join(", ")));
            }
        }
        if self.arguments.explain {
            let told = outcome.reasons.iter().chain(&outcome.notes);
            told.for_each(|text| line.push_str(&format!("\n  {text}")));
        }
        outcome.warnings.iter().for_each(|warning| self.context.progress.warn(target, warning));
        self.display.done(target, &line);
        self.print_json(&JsonLine::finished(target, outcome));
    }

    fn plan(&self, job: &Job, snapshot: &Snapshot) -> Result<()> {
        let (steps, reasons) = pipeline::plan(&self.context, job, snapshot)?;
        let mut text = format!("{}:", job.target);
        if self.arguments.explain {
            reasons.iter().for_each(|reason| text.push_str(&format!("\n  {reason}")));
        }
        for Step { title, key, state } in steps {
            let state = match state {
                StepState::Cached => "cached",
                StepState::Runs => "to do",
                StepState::Unknown => "to do, after what is above",
            };
            let key = key.map(|key| key.hex()).unwrap_or_default();
            text.push_str(&format!("\n  {title}: {state}, key {key}"));
        }
        self.display.done(&job.target, &text);
        Ok(())
    }

    fn print_json(&self, line: &JsonLine) {
        if self.arguments.format == Format::Json {
            // A reader that has gone away does not undo what was built.
            let _ = writeln!(std::io::stdout().lock(), "{}", line.line());
        }
    }
}

/// A path as a user would type it here.
fn shown_path(path: &std::path::Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
