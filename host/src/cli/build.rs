use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};

use super::selection::{Refused, Selection, SelectionArguments};
use super::session::{Session, usage};
use super::signals::{end_on_signals, with_stop};
use super::{FAILED, Format};
use crate::executor::{Cancel, end_abandoned};
use crate::pipeline::{
    self, Context, Executors, Forced, ImageBuilder, ImageFormat, ImageOptions, Images, Job, Outcome, Step,
    StepState, size,
};
use crate::platform::Plugins;
use crate::report::{self, Colour, Display, JsonLine, coloured};
use crate::streams::{out, tell};
use crate::suite::{ExecutorChoice, Snapshot};
use crate::target::Target;

#[derive(clap::Args)]
pub struct BuildArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    common: CommonArguments,
    /// Push function images to their registry
    #[arg(long)]
    push: bool,
    /// Write function images to the output folder, in this form
    #[arg(long, value_enum, conflicts_with = "push")]
    image_format: Option<ImageFormat>,
    /// Use what the names of build images and base images stand for now in their registries, and
    /// record that in fnpack.lock
    #[arg(long)]
    update_images: bool,
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

#[derive(clap::Args)]
pub struct PushArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    #[command(flatten)]
    common: CommonArguments,
}

/// What a build and a push have in common.
#[derive(clap::Args, Clone)]
struct CommonArguments {
    /// Where artifacts land [default: out, or build.out of fnpack.toml]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Who runs installers: a container of the platform's build image, or this machine; auto
    /// takes docker where an engine answers and has the image or can get it
    #[arg(long, value_enum)]
    executor: Option<ExecutorChoice>,
    /// The repository that function images belong to, such as registry.example/functions
    /// [default: `repository` of fnpack.toml]
    #[arg(long, value_name = "REPOSITORY")]
    registry: Option<String>,
    /// Who makes function images [default: direct for what is pushed, else an engine where one
    /// answers]
    #[arg(long, value_enum)]
    image_builder: Option<ImageBuilder>,
    /// Take the tag from another image that has it in the registry
    #[arg(long)]
    overwrite: bool,
    /// How many targets are built at once [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl BuildArguments {
    fn images(&self) -> Result<ImageOptions> {
        if self.common.image_builder == Some(ImageBuilder::Engine)
            && matches!(self.image_format, Some(ImageFormat::Oci | ImageFormat::DockerArchive))
        {
            return Err(usage(anyhow!(
                "an engine writes no files: leave out --image-builder engine, or --image-format"
            )));
        }
        Ok(ImageOptions {
            builder: self.common.image_builder,
            push: self.push,
            repository: self.common.registry.clone(),
            overwrite: self.common.overwrite,
            format: self.image_format,
        })
    }
}

/// Builds what is selected.
pub fn build(arguments: &BuildArguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.selection.suite)?;
    let plugins = session.plugins(&arguments.selection.suite)?;
    run(arguments, &session, &plugins, false)
}

/// Pushes what was built.
pub fn push(arguments: &PushArguments) -> Result<ExitCode> {
    let session = Session::open(&arguments.selection.suite)?;
    let plugins = session.plugins(&arguments.selection.suite)?;
    let mut selection = arguments.selection.clone();
    selection.only_images(&plugins)?;
    let arguments = BuildArguments {
        selection,
        common: arguments.common.clone(),
        push: true,
        image_format: None,
        update_images: false,
        force: false,
        dry_run: false,
        explain: false,
    };
    run(&arguments, &session, &plugins, true)
}

fn run(
    arguments: &BuildArguments,
    session: &Session,
    plugins: &Plugins,
    only_built: bool,
) -> Result<ExitCode> {
    let cancel = Cancel::default();
    let signal = end_on_signals(&cancel)?;
    let selection = Selection::of(&arguments.selection, session, plugins)?;
    let common = &arguments.common;

    let choice = common.executor.or(session.settings.build.executor).unwrap_or(ExecutorChoice::Auto);
    let out =
        common.out.clone().or_else(|| session.settings.build.out.clone()).unwrap_or_else(|| "out".into());
    if out.metadata().is_ok_and(|found| !found.is_dir()) {
        return Err(usage(anyhow!("--out {} is a file; name a folder", out.display())));
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = common.jobs.or(session.settings.build.jobs).map_or(processors, usize::from);
    let at_once = jobs.min(selection.jobs.len()).max(1);
    let executors = Executors::new(choice, &session.store, &session.settings.docker, cancel.clone());
    let display = report::display(selection.jobs.len());
    let pins = session.pins(arguments.update_images)?;
    let images = Images::new(arguments.images()?, &session.settings, cancel.clone()).map_err(usage)?;
    let context = Context {
        store: &session.store,
        settings: &session.settings,
        pins: &pins,
        executors: &executors,
        progress: &*display,
        cancel: cancel.clone(),
        out: std::path::absolute(&out).with_context(|| format!("--out {}", out.display()))?,
        force: arguments.force,
        forced: Forced::default(),
        only_built,
        images: &images,
        threads: (jobs / at_once).max(1),
    };
    end_abandoned(&session.store);
    session.store.remove_stale_scratch()?;
    selection.warnings.iter().for_each(|warning| display.say(&format!("warning: {warning}")));
    let work = Work { arguments, context, display: &*display, snapshots: BTreeMap::new() };
    let tally = with_stop(&cancel, || images.stop(), || work.all(&selection, at_once));
    drop(display);
    Ok(tally.exit(arguments.dry_run, signal.load(Ordering::Relaxed)))
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
            tell!("{} built, {} cached, {} failed", self.built, self.cached, self.failed.len());
            self.failed.iter().for_each(|target| tell!("  failed: {target}"));
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
        for Refused { benchmarks, platform, reason } in &selection.refused {
            self.display.say(&format!("{} {reason}", coloured("failed", Colour::Red)));
            for benchmark in benchmarks {
                self.print_json(&JsonLine::refused(benchmark, platform.as_deref(), reason));
            }
            tally.lock().expect("no panic while held").failed.push(first_line(reason).to_owned());
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
                tally.failed.push(format!("{}: {}", job.target, first_line(&text)));
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
        let mut made = Vec::new();
        if let Some(archive) = &artifact.archive {
            let unpacked = size(archive.archive.unpacked_bytes);
            made.push(format!(
                "{} ({}, {unpacked} unpacked)",
                shown_path(&archive.path),
                archive.shown_size()
            ));
        }
        if let Some(image) = &artifact.image {
            made.push(format!("image {} {} ({})", image.name, image.digest, image.place));
        }
        let (word, made, time) = (coloured(word, colour), made.join(", "), outcome.time.as_secs_f64());
        let mut line = format!("{word} {target}: {made} in {time:.3} s");
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
            let key = key.map(|key| format!(", key {}", key.hex())).unwrap_or_default();
            text.push_str(&format!("\n  {title}: {state}{key}"));
        }
        self.display.done(&job.target, &text);
        Ok(())
    }

    fn print_json(&self, line: &JsonLine) {
        if self.arguments.common.format == Format::Json {
            out!("{}", line.line());
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A path as a user would type it here.
fn shown_path(path: &std::path::Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}
