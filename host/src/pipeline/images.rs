use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::engine_base::Bases;
use super::record::ImageRecord;
use super::{Context, Job};
use crate::executor::Cancel;
use crate::image::{
    self, CloudLogins, DockerLogins, Login, Logins, NoLogins, Reference, Registries, Repository,
};
use crate::suite::Settings;

/// Who makes function images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ImageBuilder {
    /// A Docker engine, from a Dockerfile
    Engine,
    /// fnpack itself, without an engine
    Direct,
}

/// In which form an image is written that goes neither into an engine nor to a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ImageFormat {
    /// A folder in the layout of the OCI image specification
    Oci,
    /// An archive for `docker load`
    DockerArchive,
    /// A folder with a Dockerfile, for `docker build`
    Dockerfile,
}

/// What a user wants done with function images.
#[derive(Clone, Debug, Default)]
pub struct ImageOptions {
    /// None for whichever fits.
    pub builder: Option<ImageBuilder>,
    /// Whether images go to a registry.
    pub push: bool,
    /// Where to, instead of what the settings say: `registry.example/path`.
    pub repository: Option<String>,
    /// Whether a tag that another image has is taken from it.
    pub overwrite: bool,
    /// None for the engine, where one answers, else for a folder.
    pub format: Option<ImageFormat>,
}

/// The registries of a command, and what is wanted of images.
pub struct Images {
    /// What the user wants.
    pub options: ImageOptions,
    settings: image::RegistrySettings,
    logins: Arc<CloudLogins>,
    registries: OnceLock<Registries>,
    /// Of the engine's builds.
    pub bases: Bases,
}

impl Images {
    /// With a suite's settings. A repository that is none is an error now, before anything is built. Who is
    /// asked for a login is not waited for once it is cancelled.
    pub fn new(options: ImageOptions, settings: &Settings, cancel: Cancel) -> Result<Self> {
        let registry = &settings.registry;
        let set = settings.platform.values().filter_map(|set| set.repository.as_ref());
        for repository in options.repository.iter().chain(&registry.repository).chain(set) {
            check_repository(repository)?;
        }
        let settings = image::RegistrySettings {
            insecure: registry.insecure.clone(),
            addresses: registry.addresses.clone(),
            ca_bundle: settings.docker.ca_bundle.clone(),
            ..Default::default()
        };
        let rest = docker_logins(&cancel);
        let logins = Arc::new(CloudLogins::before(rest, settings.ca_bundle.clone(), cancel));
        Ok(Self { options, settings, logins, registries: OnceLock::new(), bases: Bases::default() })
    }

    /// Speaks with registries.
    pub fn registries(&self) -> &Registries {
        self.registries.get_or_init(|| Registries::new(self.settings.clone(), self.logins.clone()))
    }

    /// Ends what registries are asked, and all that they would be asked from now on.
    pub fn stop(&self) {
        self.registries().stop();
    }

    /// The login for the registry of an image.
    pub fn login(&self, image: &Reference) -> Result<Option<Login>> {
        Ok(self.logins.login(image.repository().registry())?)
    }

    /// Makes a repository where its registry wants that before a push.
    pub fn prepare_repository(&self, repository: &Repository) -> Result<()> {
        Ok(self.logins.prepare(repository)?)
    }
}

/// A host alone would be taken for a repository of Docker Hub.
fn check_repository(text: &str) -> Result<()> {
    let text = text.trim_end_matches('/');
    if !text.contains('/') && (text.contains(['.', ':']) || text == "localhost") {
        bail!(
            "`{text}` is no repository: it is a registry without a path; write {text}/NAME, such as {text}/functions"
        );
    }
    text.parse::<Repository>()?;
    Ok(())
}

/// The user's logins, as `docker login` left them.
fn docker_logins(cancel: &Cancel) -> Box<dyn Logins> {
    match DockerLogins::of_user() {
        Some(logins) => Box::new(logins.until(cancel.clone())),
        None => Box::new(NoLogins),
    }
}

/// Where an image belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImagePlace {
    /// In the engine, under a name.
    Engine {
        /// The name.
        name: String,
    },
    /// In a registry, under a name.
    Registry {
        /// The name.
        name: String,
        /// Who makes it.
        builder: ImageBuilder,
    },
    /// In the output folder, as an OCI image layout.
    Layout {
        /// Its name for those who read it.
        name: String,
        /// The folder.
        path: PathBuf,
    },
    /// In the output folder, as an archive for `docker load`.
    LoadArchive {
        /// Its name where it is loaded.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// Not made yet: what `docker build` makes it of, in the output folder.
    Context {
        /// The name that it may be given.
        name: String,
        /// The folder.
        path: PathBuf,
    },
}

impl fmt::Display for ImagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine { .. } => f.write_str("in the engine"),
            Self::Registry { builder: ImageBuilder::Direct, .. } => {
                f.write_str("pushed, by the direct builder")
            }
            Self::Registry { builder: ImageBuilder::Engine, .. } => f.write_str("pushed, by the engine"),
            Self::Layout { path, .. } => {
                write!(f, "an OCI layout in {}, by the direct builder", path.display())
            }
            Self::Context { path, .. } => write!(f, "for `docker build`, {}", path.display()),
            Self::LoadArchive { path, .. } => {
                write!(f, "for `docker load`, {}, by the direct builder", path.display())
            }
        }
    }
}

/// The repository of images that are not meant for a registry.
const LOCAL_REPOSITORY: &str = "fnpack/functions";

/// How much of what an image is made of its tag ends with, where tags tell it.
pub const TAG_END: usize = 12;

impl ImagePlace {
    /// Where a target's image belongs. An engine takes what is not pushed, where one answers; what
    /// is pushed needs none.
    pub fn of(context: &Context, job: &Job, image: &ImageRecord) -> Result<Self> {
        let options = &context.images.options;
        let set = context.settings.platform.get(&job.target.platform);
        let repository = options
            .repository
            .as_ref()
            .or_else(|| set.and_then(|set| set.repository.as_ref()))
            .or(context.settings.registry.repository.as_ref());
        let name = |repository: &str| format!("{}:{}", repository.trim_end_matches('/'), image.tag);
        let needs_engine = !image.plan.run.is_empty();
        let is_written = options.format.is_some_and(|format| format != ImageFormat::Dockerfile);
        if needs_engine && (options.builder == Some(ImageBuilder::Direct) || is_written) {
            bail!(
                "the image of {} runs commands ({}), which needs an engine: leave out --image-builder direct and \
                 --image-format",
                job.target,
                image.plan.run.join("; ")
            );
        }
        if options.push {
            let repository = repository.with_context(|| {
                format!(
                    "there is no repository to push the image to: name one by --registry, or by `repository` of \
                     [platform.{}] or [registry] in fnpack.toml, such as \"registry.example/functions\"",
                    job.target.platform
                )
            })?;
            let builder = match options.builder {
                None if needs_engine => ImageBuilder::Engine,
                None => ImageBuilder::Direct,
                Some(builder) => builder,
            };
            return Ok(Self::Registry { name: name(repository), builder });
        }
        let name = name(repository.map_or(LOCAL_REPOSITORY, String::as_str));
        // An engine is asked only where it matters whether there is one.
        let format = match (options.format, options.builder) {
            (Some(format), _) => format,
            (None, Some(ImageBuilder::Direct)) => ImageFormat::Oci,
            (None, wanted) => match context.executors.engine() {
                Ok(_) => return Ok(Self::Engine { name }),
                Err(error) if needs_engine || wanted.is_some() => bail!("{error}"),
                Err(_) => ImageFormat::Oci,
            },
        };
        let stem = match job.target.deployment.as_str() {
            "container" => String::new(),
            deployment => format!("{deployment}-"),
        };
        let path = |file: &str| context.out.join(job.target.folder()).join(format!("{stem}{file}"));
        Ok(match format {
            ImageFormat::Oci => Self::Layout { name, path: path("image") },
            ImageFormat::DockerArchive => Self::LoadArchive { name, path: path("image.tar") },
            ImageFormat::Dockerfile => Self::Context { name, path: path("context") },
        })
    }

    /// The same place, where the image's tag ends with what it is made of.
    pub fn with_tag_end(mut self, end: &str) -> Result<Self> {
        match &mut self {
            Self::Engine { name }
            | Self::Registry { name, .. }
            | Self::Layout { name, .. }
            | Self::LoadArchive { name, .. }
            | Self::Context { name, .. } => *name = format!("{name}-{end}"),
        }
        self.name().parse::<Reference>()?;
        Ok(self)
    }

    /// What images in this place are asked for by.
    pub fn name(&self) -> &str {
        match self {
            Self::Engine { name }
            | Self::Registry { name, .. }
            | Self::Layout { name, .. }
            | Self::LoadArchive { name, .. }
            | Self::Context { name, .. } => name,
        }
    }

    /// Who makes the image.
    pub fn builder(&self) -> ImageBuilder {
        match self {
            Self::Engine { .. } => ImageBuilder::Engine,
            Self::Registry { builder, .. } => *builder,
            Self::Layout { .. } | Self::LoadArchive { .. } | Self::Context { .. } => ImageBuilder::Direct,
        }
    }

    /// What a delivery to this place is remembered under.
    pub fn identity(&self) -> String {
        format!("{self:?}")
    }
}
