use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;

use super::FAILED;
use super::selection::{Selection, SelectionArguments};
use super::session::{Session, usage};
use super::signals::end_on_signals;
use crate::executor::Cancel;
use crate::pipeline::{Context, Executors, Forced, ImageOptions, Images};
use crate::report::{self, Colour, coloured};
use crate::suite::ExecutorChoice;

#[derive(clap::Args)]
pub struct BuildImagesArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// How many images are made at once [default: one for each processor]
    #[arg(long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Get what the images' names stand for now in their registries, and record that in fnpack.lock
    #[arg(long)]
    update: bool,
    /// Make images anew that the engine has
    #[arg(long)]
    force: bool,
}

/// Gets or makes the images that the selected targets' dependencies are installed in.
pub fn run(arguments: &BuildImagesArguments) -> Result<ExitCode> {
    let cancel = Cancel::default();
    let signal = end_on_signals(&cancel)?;
    let session = Session::open(&arguments.selection.suite)?;
    let plugins = session.plugins(&arguments.selection.suite)?;
    let selection = Selection::of(&arguments.selection, &session, &plugins)?;
    let settings = &session.settings;
    let executors = Executors::new(ExecutorChoice::Docker, &session.store, &settings.docker, cancel.clone());
    let display = report::display(selection.jobs.len());
    selection.warnings.iter().for_each(|warning| display.say(&format!("warning: {warning}")));
    let context = Context {
        store: &session.store,
        settings,
        pins: &session.pins(arguments.update)?,
        executors: &executors,
        progress: &*display,
        cancel: cancel.clone(),
        out: std::path::PathBuf::new(),
        force: arguments.force,
        forced: Forced::default(),
        only_built: false,
        images: &Images::new(ImageOptions::default(), settings, cancel.clone()).map_err(usage)?,
        threads: 1,
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = arguments.jobs.or(settings.build.jobs).map_or(processors, usize::from);
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(selection.refused.len()));
    for refused in &selection.refused {
        display.say(&format!("{} {}", coloured("failed", Colour::Red), refused.reason));
    }
    let told = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(selection.jobs.len()) {
            scope.spawn(|| {
                while let Some(job) = selection.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if cancel.is_set() {
                        break;
                    }
                    let (what, line) = match executors.prepare_image(&context, job) {
                        Ok(None) => continue,
                        Ok(Some((name, new))) => {
                            let word = if new {
                                coloured("made", Colour::Green)
                            } else {
                                coloured("there", Colour::Blue)
                            };
                            (name.clone(), format!("{word} {name}"))
                        }
                        Err(error) => {
                            failed.fetch_add(1, Ordering::Relaxed);
                            let text = format!("{error:#}");
                            (text.clone(), format!("{} {text}", coloured("failed", Colour::Red)))
                        }
                    };
                    // Many targets share an image.
                    if told.lock().expect("no panic while held").insert(what) {
                        display.done(&job.target, &line);
                    }
                }
            });
        }
    });
    drop(display);
    Ok(match (signal.load(Ordering::Relaxed), failed.into_inner()) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(FAILED),
        // As shells count.
        (signal, _) => ExitCode::from(128 + signal as u8),
    })
}
