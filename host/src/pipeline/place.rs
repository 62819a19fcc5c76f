use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{Context, Job};
use crate::executor::{
    Cancel, DockerExecutor, DockerSettings, Environment, ExecutionError, Executor, HostExecutor, Lent,
    tool_version,
};
use crate::language::{Architecture, Language, Place};
use crate::platform::ImageSource;
use crate::store::Store;
use crate::suite::ExecutorChoice;

/// Where a target's dependencies are installed, and why there.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The place.
    pub place: Place,
    /// Why, where the user did not say; for people.
    why: Option<String>,
    /// Whether the engine was not yet asked to get the build image, so that this may change.
    provisional: bool,
}

impl Chosen {
    /// Whether [`Executors::decide`] may still find another place.
    pub fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// What of the place is an input of the build.
    pub fn inputs(&self) -> Vec<(String, String)> {
        match &self.place {
            Place::Host { tools } => {
                let tools = tools.iter().map(|(tool, version)| (format!("tool {tool}"), version.clone()));
                std::iter::once(("executor".to_owned(), "host".to_owned())).chain(tools).collect()
            }
            Place::Docker { digest, architecture, .. } => vec![
                ("executor".to_owned(), "docker".to_owned()),
                ("build image".to_owned(), digest.clone()),
                ("build image architecture".to_owned(), architecture.to_string()),
            ],
        }
    }

    /// Who runs actions there.
    pub fn executor<'e>(&self, executors: &'e Executors<'_>) -> &'e dyn Executor {
        match (&self.place, executors.docker()) {
            (Place::Docker { .. }, Ok(docker)) => docker,
            _ => &executors.host,
        }
    }

    /// Where package.sh runs.
    pub fn script_environment(&self, context: &Context) -> Result<Environment> {
        match &self.place {
            Place::Host { .. } => context.executors.host_environment(&["bash"]),
            Place::Docker { image, digest, .. } => {
                Ok(Environment::Docker { image: image.clone(), digest: digest.clone() })
            }
        }
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Host { tools } if tools.is_empty() => f.write_str("this machine")?,
            Place::Host { tools } => {
                let tools: Vec<_> = tools.iter().map(|(tool, version)| format!("{tool} {version}")).collect();
                write!(f, "{} on this machine", tools.join(", "))?;
            }
            Place::Docker { image, .. } => write!(f, "docker, {image}")?,
        }
        match &self.why {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

/// The executors of a command; the engine is asked only when a build may need it.
pub struct Executors<'a> {
    choice: ExecutorChoice,
    store: &'a Store,
    settings: DockerSettings,
    cancel: Cancel,
    lent: Lent,
    host: HostExecutor,
    docker: OnceLock<Result<DockerExecutor, String>>,
    /// What became of images that the engine was asked to get, so that each is asked for once.
    pulled: Mutex<BTreeMap<String, Result<String, String>>>,
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
            pulled: Mutex::default(),
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

    fn docker(&self) -> Result<&DockerExecutor, &str> {
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
        let Some((image, architecture)) = build_image(context, job, docker) else {
            if must {
                bail!(
                    "{} has no build image for {}; use --executor host",
                    job.target.platform,
                    job.target.runtime_name()
                );
            }
            return host(Some("the platform has no build image for it".to_owned()), false);
        };
        match docker.image_digest(&image)? {
            Some(digest) => {
                let why = (!must).then(|| "the engine has the build image".to_owned());
                let place = Place::Docker { image, digest, architecture };
                Ok(vec![Chosen { place, why, provisional: false }])
            }
            None if must => {
                let place = Place::Docker { image, digest: "not yet pulled".to_owned(), architecture };
                Ok(vec![Chosen { place, why: None, provisional: true }])
            }
            None => host(Some(format!("the engine does not have {image}")), true),
        }
    }

    /// Where a target's dependencies are installed; the engine is asked to get a missing image.
    pub fn decide(&self, context: &Context, job: &Job, language: &dyn Language) -> Result<Chosen> {
        let docker = self.docker().map_err(|error| anyhow!("{error}"))?;
        let (image, architecture) = build_image(context, job, docker).context("there is no build image")?;
        let pulled = self.pull(context, job, docker, &image);
        match pulled {
            Ok(digest) => {
                let why = (self.choice == ExecutorChoice::Auto)
                    .then(|| "the engine got the build image".to_owned());
                Ok(Chosen { place: Place::Docker { image, digest, architecture }, why, provisional: false })
            }
            Err(error) if self.choice == ExecutorChoice::Docker => {
                bail!(
                    "the build image {image} is not there and cannot be pulled: {error}; name another in fnpack.toml \
                     ([platform.{}.build-images]), or use --executor host",
                    job.target.platform
                )
            }
            Err(error) => {
                let why = Some(format!("the engine does not have {image} and cannot get it: {error}"));
                Ok(Chosen { place: host_place(context.store, language)?, why, provisional: false })
            }
        }
    }

    fn pull(
        &self,
        context: &Context,
        job: &Job,
        docker: &DockerExecutor,
        image: &str,
    ) -> Result<String, String> {
        let mut pulled = self.pulled.lock().expect("no panic while held");
        if let Some(known) = pulled.get(image) {
            return known.clone();
        }
        // A registry that cannot be reached is not waited for once for each of its images.
        let same = |other: &&String| registry(other) == registry(image);
        let unreachable = |other: &String| pulled[other].as_ref().err().filter(|error| is_of_network(error));
        if let Some(error) = pulled.keys().filter(same).find_map(unreachable) {
            return Err(error.clone());
        }
        context.progress.step(&job.target, &format!("pulling {image}"));
        let result = docker
            .pull(image, &mut |line| context.progress.output(&job.target, line))
            .map_err(|error: ExecutionError| error.to_string());
        pulled.insert(image.to_owned(), result.clone());
        result
    }
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

/// The image to install in, and the processor that its containers have. A container of another
/// processor would need emulation; the image for the engine's own is taken then, and packages are
/// chosen for the target's.
fn build_image(context: &Context, job: &Job, docker: &DockerExecutor) -> Option<(String, Architecture)> {
    let target = &job.target;
    let engine = Architecture::of_machine(docker.machine()).unwrap_or(target.architecture);
    let key = crate::target::Target { architecture: engine, ..target.clone() }.runtime_name();
    let set = context.settings.platform.get(&target.platform);
    let image = match set.and_then(|set| set.build_images.get(&key)) {
        Some(image) => image.clone(),
        None => match job.support.build_image(engine)? {
            ImageSource::Reference(reference) => reference.clone(),
            ImageSource::Recipe(_) => return None,
        },
    };
    Some((image, engine))
}

fn host_place(store: &Store, language: &dyn Language) -> Result<Place> {
    let mut tools = BTreeMap::new();
    for tool in language.host_tools() {
        let (program, arguments) = tool.version_command.split_first().context("a tool has a command")?;
        if let Some(version) = tool_version(store, program, arguments)? {
            tools.insert(tool.name.to_owned(), version);
            if !language.takes_all_tools() {
                break;
            }
        }
    }
    Ok(Place::Host { tools })
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
