use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};

use super::data::add_data;
use super::deliver::{deliver_image, plan_delivery};
use super::downloads::add_downloads;
use super::image::{image_tag, plan_image};
use super::install::install;
use super::package::{arrange, package_code};
use super::packages::add_packages;
use super::place::Chosen;
use super::prepare::prepare;
use super::query::{keep, missing, query};
use super::record::{Artifact, ImageRecord, Step, StepState, Told};
use super::sources::{Sources, choose};
use super::wrappers::add_wrappers;
use super::{Context, Inputs, Job, shrink};
use crate::executor::{Action, ExecutionError, Executor, has_result, run_cached};
use crate::language::{Language, language};
use crate::platform::PluginTarget;
use crate::suite::Snapshot;
use crate::tree::{Digest, Tree};

/// How a build ended well.
#[derive(Debug)]
pub struct Outcome {
    /// What was made or found.
    pub artifact: Artifact,
    /// Whether it was found, for exactly these inputs.
    pub cached: bool,
    /// Why it was made.
    pub reasons: Vec<String>,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What steps came to.
    pub notes: Vec<String>,
    /// Where dependencies were installed, and why there.
    pub place: String,
    /// The time it took.
    pub time: Duration,
}

/// Builds one target.
pub fn build(context: &Context, job: &Job, snapshot: &Snapshot) -> Result<Outcome> {
    let start = Instant::now();
    let question = Question::of(context, job, snapshot, true)?;
    let key = &question.key;
    context.executors.pin(context, job, &question.chosen)?;
    let mut made = false;
    let known = query(context, job, key, &question.inputs)?;
    let (mut artifact, image, told) = match known.artifact {
        Some((artifact, told)) => (artifact, known.image, told),
        None if context.only_built => bail!(
            "it is not built for what its sources are now: `fnpack build` it, with the same choices ({})",
            known.reasons.join("; ")
        ),
        None => {
            // Of many processes that build the same, one does; the others then find it.
            let waiting = || context.progress.step(&job.target, "waiting for another build of the same");
            let _lock = context.store.lock_work(&key.hex(), waiting)?;
            let again = query(context, job, key, &question.inputs)?;
            match again.artifact.filter(|_| !context.force) {
                Some((artifact, told)) => (artifact, again.image, told),
                None => {
                    made = true;
                    Run::new(context, job, &question).steps_until_whole(snapshot)?
                }
            }
        }
    };
    let mut reasons = if made { known.reasons } else { Vec::new() };
    if let Some(image) = image {
        let delivered = match deliver_image(context, job, key, &image) {
            // What goes into it was lost or damaged: it is made again.
            Err(error) if missing(&error).is_some() && !made && !context.only_built => {
                made = true;
                reasons.push("part of what the image is made of is gone from the cache".to_owned());
                Run::new(context, job, &question).steps_until_whole(snapshot)?;
                deliver_image(context, job, key, &image)
            }
            other => other,
        };
        let (delivered, new) = delivered?;
        if new && !made {
            reasons.push("the image is not in its place".to_owned());
        }
        made |= new;
        artifact.image = Some(delivered);
    }
    let (place, time) = (question.chosen.to_string(), start.elapsed());
    let Told { warnings, notes } = told;
    Ok(Outcome { artifact, cached: !made, reasons, warnings, notes, place, time })
}

/// What a build made: its artifact, the image that is still to be delivered, and what the user
/// should know.
pub(super) type Built = (Artifact, Option<ImageRecord>, Told);

/// What a build is asked for, and its key.
struct Question {
    language: &'static dyn Language,
    sources: Sources,
    chosen: Chosen,
    inputs: Inputs,
    key: Digest,
}

impl Question {
    /// `may_pull`: whether the engine may be asked to get a missing build image.
    fn of(context: &Context, job: &Job, snapshot: &Snapshot, may_pull: bool) -> Result<Self> {
        let language = language(job.target.language.name())
            .ok_or_else(|| anyhow!("fnpack cannot build {} yet", job.target.language))?;
        let sources = choose(job, snapshot, language)?;
        let (mut last, mut finished) = (None, false);
        // More than one place may do (docker or this machine); a finished build in one is taken.
        for chosen in context.executors.candidates(context, job, language)? {
            let inputs = Inputs::of(context, job, &sources, &chosen);
            let key = inputs.key();
            finished = context.store.record_path(crate::store::RecordKind::Build, &key).exists();
            last = Some((chosen, inputs, key));
            if finished {
                break;
            }
        }
        let (mut chosen, mut inputs, mut key) = last.expect("there is at least one candidate, or an error");
        // A build that was finished here is as good as one that the engine could make.
        let anew = context.force || context.pins.are_forgotten();
        if chosen.is_provisional() && may_pull && (!finished || anew) && !context.only_built {
            chosen = context.executors.decide(context, job, language)?;
            inputs = Inputs::of(context, job, &sources, &chosen);
            key = inputs.key();
        }
        Ok(Self { language, sources, chosen, inputs, key })
    }
}

/// One run through the steps.
pub(super) struct Run<'a> {
    pub context: &'a Context<'a>,
    pub job: &'a Job,
    pub language: &'static dyn Language,
    pub chosen: &'a Chosen,
    pub plugin_target: PluginTarget,
    question: &'a Question,
    /// What the user is told of the target, now and when it is found finished.
    told: Mutex<Told>,
    /// For a plan: what the steps are, none of which is to run a program.
    plan: Option<Mutex<Vec<Step>>>,
}

impl<'a> Run<'a> {
    fn new(context: &'a Context<'a>, job: &'a Job, question: &'a Question) -> Self {
        Self {
            context,
            job,
            language: question.language,
            chosen: &question.chosen,
            plugin_target: job.plugin_target(context.settings),
            question,
            told: Mutex::default(),
            plan: None,
        }
    }

    /// Runs through the steps, and again where a blob was lost or damaged: then its maker runs.
    fn steps_until_whole(&self, snapshot: &Snapshot) -> Result<Built> {
        let mut lost = BTreeSet::new();
        loop {
            match self.steps(snapshot) {
                Err(error) if missing(&error).is_some_and(|digest| lost.insert(digest)) => {
                    // Where one is damaged others are: they are found at once, not one by one.
                    if lost.len() == 1 {
                        self.step("part of the cache is lost; checking all of it");
                        self.context.store.verify()?;
                    }
                }
                other => return other,
            }
        }
    }

    fn steps(&self, snapshot: &Snapshot) -> Result<Built> {
        *self.told.lock().expect("no panic while held") = Told::default();
        let tag = image_tag(self)?;
        let tree = self.install_tree(snapshot)?;
        let (arranged, layout) = arrange(self, tree)?;
        let archive = package_code(self, &arranged, &layout)?;
        let image = plan_image(self, &arranged, tag)?;
        let artifact = Artifact { archive, image: None, deploy: layout.deploy };
        keep(self, &self.question.key, &self.question.inputs, artifact, image)
    }

    /// Keeps something that the user should know.
    pub fn warn(&self, text: String) {
        self.told.lock().expect("no panic while held").warnings.push(text);
    }

    /// Tells what a step came to.
    pub fn note(&self, text: String) {
        self.context.progress.note(&self.job.target, &text);
        self.told.lock().expect("no panic while held").notes.push(text);
    }

    /// All that the user was told.
    pub fn told(&self) -> Told {
        let mut told = self.told.lock().expect("no panic while held").clone();
        told.warnings.dedup();
        told
    }

    /// The picture in docs/architecture.md, a line a box.
    fn install_tree(&self, snapshot: &Snapshot) -> Result<Tree> {
        let sources = &self.question.sources;
        shrink::check(self)?;
        snapshot.keep(self.context.store, &snapshot.tree, &crate::tree::RelPath::root())?;
        let tree = prepare(self, sources)?;
        let tree = add_downloads(self, tree)?;
        let tree = add_data(self, sources, tree)?;
        let tree = add_wrappers(self, tree)?;
        let tree = add_packages(self, tree)?;
        let tree = install(self, sources, tree)?;
        shrink::shrink(self, tree)
    }

    /// Tells that a step begins.
    pub fn step(&self, title: &str) {
        self.context.progress.step(&self.job.target, title);
    }

    /// Whether nothing is to be done, only told.
    pub fn is_plan(&self) -> bool {
        self.plan.is_some()
    }

    /// Adds a step without an action to a plan.
    pub fn planned(&self, title: String, state: StepState) {
        if let Some(plan) = &self.plan {
            plan.lock().expect("no panic while held").push(Step { title, key: None, state });
        }
    }

    /// A plan goes no further: what comes next is known only when a step has run.
    pub fn plan_ends(&self) -> anyhow::Error {
        PlanEnds.into()
    }

    /// How long a foreign program may run.
    pub fn time_limit(&self) -> Duration {
        Duration::from_secs(self.context.settings.build.time_limit_seconds)
    }

    /// The result of an action with one output.
    pub fn action(&self, action: &Action, executor: &dyn Executor) -> Result<Tree> {
        self.context.cancel.check()?;
        if let Some(plan) = &self.plan {
            let cached = !self.context.force && has_result(self.context.store, action)?;
            let state = if cached { StepState::Cached } else { StepState::Runs };
            let step = Step { title: action.title.clone(), key: Some(action.digest()), state };
            plan.lock().expect("no panic while held").push(step);
            if !cached {
                return Err(self.plan_ends());
            }
        }
        let mut echo = Echo { run: self, line: Vec::new() };
        let mut run = |anew| run_cached(self.context.store, executor, action, anew, &mut echo);
        let result = match self.context.force {
            true => self.context.forced.once(action.digest(), run)?,
            false => run(false)?,
        };
        Ok(result.outputs.into_iter().next().expect("the action has one output"))
    }
}

/// What building a target would do, as far as can be known without doing it.
pub fn plan(context: &Context, job: &Job, snapshot: &Snapshot) -> Result<(Vec<Step>, Vec<String>)> {
    let question = Question::of(context, job, snapshot, false)?;
    let known = query(context, job, &question.key, &question.inputs)?;
    let whole = |state| Step { title: "package code".to_owned(), key: Some(question.key), state };
    if known.artifact.is_some() {
        let mut steps = vec![whole(StepState::Cached)];
        if let Some(image) = known.image {
            let (title, is_there) = plan_delivery(context, job, &question.key, &image)?;
            let state = if is_there { StepState::Cached } else { StepState::Runs };
            steps.push(Step { title, key: None, state });
        }
        return Ok((steps, Vec::new()));
    }
    let mut run = Run::new(context, job, &question);
    run.plan = Some(Mutex::default());
    image_tag(&run)?;
    let end = match run.install_tree(snapshot) {
        Ok(_) => StepState::Runs,
        Err(error) if error.is::<PlanEnds>() => StepState::Unknown,
        Err(error) => return Err(error),
    };
    let before_install = question.sources.init_scripts.len() + job.downloads().count();
    let mut steps = run.plan.take().expect("it was set").into_inner().expect("no panic while held");
    if end == StepState::Unknown && steps.len() <= before_install {
        steps.push(Step { title: "install".to_owned(), key: None, state: StepState::Unknown });
    }
    steps.push(whole(end));
    if job.has_image() {
        steps.push(Step { title: "image".to_owned(), key: None, state: StepState::Unknown });
    }
    Ok((steps, known.reasons))
}

/// A plan comes to an action that is yet to run.
#[derive(Debug, thiserror::Error)]
#[error("the action has not been run")]
struct PlanEnds;

impl From<PlanEnds> for ExecutionError {
    fn from(_: PlanEnds) -> Self {
        Self::Cancelled
    }
}

/// Passes a program's output on, line by line.
struct Echo<'a> {
    run: &'a Run<'a>,
    line: Vec<u8>,
}

impl Write for Echo<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => {
                    let line = String::from_utf8_lossy(&self.line).into_owned();
                    if !line.trim().is_empty() {
                        self.run.context.progress.output(&self.run.job.target, &line);
                    }
                    self.line.clear();
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
