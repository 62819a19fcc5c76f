use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};

use super::build_image::{BuildImage, ImageOrigin};
use super::pinned::{is_to_update, pin};
use super::place::{Chosen, host_place};
use super::{Context, Job};
use crate::executor::{
    Cancel, DockerExecutor, DockerSettings, Engine, Environment, Executor, HostExecutor, Lent, tool_version,
};
use crate::image::{Reference, pull_by_engine};
use crate::language::{Language, Place};
use crate::store::Store;
use crate::suite::ExecutorChoice;

/// The digest of an image that the engine was asked for, or why it has none.
type Gotten = OnceLock<Result<String, String>>;

/// The executors of a command; the engine is asked only when a build may need it.
pub struct Executors<'a> {
    choice: ExecutorChoice,
    store: &'a Store,
    settings: DockerSettings,
    cancel: Cancel,
    lent: Lent,
    host: HostExecutor,
    docker: OnceLock<Result<DockerExecutor, String>>,
    /// What became of images that the engine was asked to get or make.
    gotten: Mutex<BTreeMap<String, Arc<Gotten>>>,
}

impl<'a> Executors<'a> {
    /// The executors for a choice of the user's.
    pub fn new(choice: ExecutorChoice, store: &'a Store, settings: &DockerSettings, cancel: Cancel) -> Self {
        let lent = Lent::new(store, settings.ca_bundle.as_deref());
        Self {
            choice,
            store,
            settings: settings.clone(),
            host: HostExecutor::new(lent.clone(), cancel.clone()),
            cancel,
            lent,
            docker: OnceLock::new(),
            gotten: Mutex::default(),
        }
    }

    /// Runs programs on this machine.
    pub fn host(&self) -> &dyn Executor {
        &self.host
    }

    /// The environment of an action on this machine that uses these tools.
    pub fn host_environment(&self, tools: &[&str]) -> Result<Environment> {
        let mut found = BTreeMap::new();
        for tool in tools {
            let version = tool_version(self.store, tool, &["--version"])?;
            found.insert((*tool).to_owned(), version.unwrap_or_else(|| "absent".to_owned()));
        }
        Ok(Environment::Host { tools: found })
    }

    /// The engine, where one answers.
    pub fn engine(&self) -> Result<&Engine, &str> {
        self.docker().map(DockerExecutor::engine)
    }

    pub(super) fn docker(&self) -> Result<&DockerExecutor, &str> {
        let connect = || {
            DockerExecutor::connect(self.store, &self.settings, self.lent.clone(), self.cancel.clone())
                .map_err(|error| error.to_string())
        };
        self.docker.get_or_init(connect).as_ref().map_err(String::as_str)
    }

    /// Where a target's dependencies may be installed, without asking anybody to get an image.
    pub fn candidates(&self, context: &Context, job: &Job, language: &dyn Language) -> Result<Vec<Chosen>> {
        let host = |why: Option<String>, provisional| -> Result<Vec<Chosen>> {
            Ok(vec![Chosen { place: host_place(context.store, language)?, why, provisional }])
        };
        if self.choice == ExecutorChoice::Host {
            return host(None, false);
        }
        let must = self.choice == ExecutorChoice::Docker;
        let docker = match self.docker() {
            Ok(docker) => docker,
            Err(error) if must => bail!("{error}"),
            Err(_) => return host(Some("no Docker engine answers".to_owned()), false),
        };
        let Some(image) = BuildImage::of(context, job, docker.engine().machine())? else {
            if must {
                bail!(
                    "{} has no build image for {}; use --executor host",
                    job.target.platform,
                    job.target.runtime_name()
                );
            }
            return host(Some("the platform has no build image for it".to_owned()), false);
        };
        let mut there = docker.engine().image_digest(&image.name)?;
        if matches!(image.origin, ImageOrigin::Registry) && is_to_update(context, &image.name) {
            there = None;
        }
        let why = (!must).then(|| "the engine has the build image".to_owned());
        match (there, &image.origin) {
            (Some(digest), _) => {
                let mut candidates = vec![Chosen { place: image.place(digest), why, provisional: false }];
                // What is built may have been built by either.
                if context.only_built && !must {
                    candidates.extend(host(None, false)?);
                }
                Ok(candidates)
            }
            (None, ImageOrigin::Recipe(_)) => {
                Ok(vec![Chosen { place: image.place(String::new()), why: None, provisional: true }])
            }
            (None, ImageOrigin::Registry) if must => {
                let place = image.place("not yet pulled".to_owned());
                Ok(vec![Chosen { place, why: None, provisional: true }])
            }
            (None, ImageOrigin::Registry) => {
                host(Some(format!("the engine does not have {}", image.name)), true)
            }
        }
    }

    /// Where a target's dependencies are installed; the engine is asked to get or make a missing
    /// image.
    pub fn decide(&self, context: &Context, job: &Job, language: &dyn Language) -> Result<Chosen> {
        let docker = self.docker().map_err(|error| anyhow!("{error}"))?;
        let image = BuildImage::of(context, job, docker.engine().machine())?;
        let image = image.context("there is no build image")?;
        let got = self.get(context, job, docker, &image);
        match (got, &image.origin) {
            (Ok(digest), origin) => {
                let how = if matches!(origin, ImageOrigin::Registry) { "got" } else { "made" };
                let why = (self.choice == ExecutorChoice::Auto)
                    .then(|| format!("the engine {how} the build image"));
                Ok(Chosen { place: image.place(digest), why, provisional: false })
            }
            (Err(error), ImageOrigin::Recipe(_)) => {
                bail!("the build image {} cannot be made from its recipe: {error}", image.name)
            }
            (Err(error), _)
                if self.choice == ExecutorChoice::Docker || is_to_update(context, &image.name) =>
            {
                bail!(
                    "the build image {} is not there and cannot be pulled: {error}; name another in fnpack.toml \
                     ([platform.{}.build-images]), or use --executor host",
                    image.name,
                    job.target.platform
                )
            }
            (Err(error), _) => {
                let why = Some(format!("the engine does not have {} and cannot get it: {error}", image.name));
                Ok(Chosen { place: host_place(context.store, language)?, why, provisional: false })
            }
        }
    }

    /// The image that a target's dependencies are installed in, made or pulled where the engine
    /// does not have it; whether something was to do. None for a target without a build image.
    pub fn prepare_image(&self, context: &Context, job: &Job) -> Result<Option<(String, bool)>> {
        let docker = self.docker().map_err(|error| anyhow!("{error}"))?;
        let engine = docker.engine();
        let Some(image) = BuildImage::of(context, job, engine.machine())? else { return Ok(None) };
        let there = engine.image_digest(&image.name)?.is_some();
        let new = !there || context.force || is_to_update(context, &image.name);
        if new {
            self.get(context, job, docker, &image).map_err(|error| anyhow!("{}: {error}", image.name))?;
        }
        pin(context, job, engine, &image.name)?;
        Ok(Some((image.name, new)))
    }

    /// Records what the name of the image stands for that a target's dependencies were installed in.
    pub(super) fn pin(&self, context: &Context, job: &Job, chosen: &Chosen) -> Result<()> {
        let Place::Docker { image, .. } = &chosen.place else { return Ok(()) };
        self.docker().map_or(Ok(()), |docker| pin(context, job, docker.engine(), image))
    }

    /// Has the engine get or make an image; each is asked for once in a command. Gives the digest
    /// by which the engine knows it then.
    fn get(
        &self,
        context: &Context,
        job: &Job,
        docker: &DockerExecutor,
        image: &BuildImage,
    ) -> Result<String, String> {
        let this = {
            let mut gotten = self.gotten.lock().expect("no panic while held");
            // A registry that cannot be reached is not waited for once for each of its images.
            let same = |other: &&String| registry(other) == registry(&image.name);
            let unreachable = |other: &String| {
                gotten[other].get()?.as_ref().err().filter(|error| is_of_network(error)).cloned()
            };
            let is_pulled = matches!(image.origin, ImageOrigin::Registry);
            if is_pulled && let Some(error) = gotten.keys().filter(same).find_map(unreachable) {
                return Err(error);
            }
            gotten.entry(image.name.clone()).or_default().clone()
        };
        let said = &mut |line: &str| context.progress.output(&job.target, line);
        this.get_or_init(|| match &image.origin {
            ImageOrigin::Registry => {
                context.progress.step(&job.target, &format!("pulling {}", image.name));
                pull(context, docker.engine(), &image.name, said).map_err(|error| format!("{error:#}"))
            }
            ImageOrigin::Recipe(recipe) => {
                let title = format!("making the build image {} (no registry has it)", image.name);
                context.progress.step(&job.target, &title);
                image.make(context, job, recipe, docker.engine(), said).map_err(|error| format!("{error:#}"))
            }
        })
        .clone()
    }
}

fn pull(context: &Context, engine: &Engine, image: &str, said: &mut dyn FnMut(&str)) -> Result<String> {
    let name: Reference = image.parse()?;
    let login = context.images.login(&name)?;
    pull_by_engine(engine, &name, None, login, said)?;
    // By the name as the user gave it, which is not the whole one.
    engine.forget(image);
    engine.image_digest(image)?.with_context(|| format!("the engine lost the image {image}"))
}

/// The host of an image's registry.
fn registry(image: &str) -> &str {
    let host = image.split('/').next().filter(|_| image.contains('/')).unwrap_or_default();
    if host.contains(['.', ':']) || host == "localhost" { host } else { "" }
}

/// Whether an engine's words are about the way to a registry, not about an image.
fn is_of_network(error: &str) -> bool {
    let words = [
        "dial tcp",
        "no such host",
        "timeout",
        "deadline exceeded",
        "connection refused",
        "unreachable",
        "x509",
        "TLS",
    ];
    words.iter().any(|word| error.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_one_registry_share_its_host() {
        for (image, host) in [
            ("public.ecr.aws/sam/build-python3.12:latest", "public.ecr.aws"),
            ("localhost:5000/x", "localhost:5000"),
            ("library/python:3.12", ""),
            ("python:3.12", ""),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }
}
