//! What a platform is and can do, in the host's own types: a plugin's `describe`, checked. It is
//! kept as JSON by the plugin's digest, so that platforms are listed without loading a plugin.

use serde::{Deserialize, Serialize};

use crate::language::{Architecture, Libc};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The bytes of the archive.
    Archive,
    /// The bytes of all files in it.
    Unpacked,
    /// The bytes of the function image, unpacked.
    Image,
}

/// A size that a platform enforces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What is counted.
    pub subject: Subject,
    /// How much is allowed, in KiB.
    pub kibibytes: u32,
    /// Whether the platform refuses what is larger; otherwise it is only uploaded in another way.
    pub hard: bool,
    /// What passing it means for the user, and what to do.
    pub note: String,
}

impl Limit {
    /// How much is allowed, in bytes.
    pub fn bytes(&self) -> u64 {
        u64::from(self.kibibytes) * 1024
    }
}

/// A way to hand a function to the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// "package", "container", or a name of the platform's own.
    pub name: String,
    /// Whether it has a function image.
    pub image: bool,
    /// Whether symbolic links survive it. Where they do not, they are replaced by what they point
    /// to.
    pub symlinks: bool,
    /// The sizes that the platform enforces.
    pub limits: Vec<Limit>,
}

/// Where a build image comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageSource {
    /// A registry's reference.
    Reference(String),
    /// Made from what the plugin's `build-recipe` answers; tagged with this name and the digest of
    /// those files.
    Recipe(String),
}

/// The image in which dependencies for an architecture are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildImage {
    /// For which architecture.
    pub architecture: Architecture,
    /// Where it comes from.
    pub source: ImageSource,
}

/// A row of what can be built. What no row names is refused before anything is built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// "python", "nodejs", "java" or "cpp".
    pub language: String,
    /// As the platform's documentation writes it: "3.12", "22".
    pub version: String,
    /// "default", or an alternative engine.
    pub variant: String,
    /// On which processors.
    pub architectures: Vec<Architecture>,
    /// Names of deployments of the same description.
    pub deployments: Vec<String>,
    /// At most one for an architecture.
    pub build_images: Vec<BuildImage>,
    /// The C library of the platform's runtime.
    pub libc: Libc,
}

impl Support {
    /// Where the build image for an architecture comes from; without one, dependencies can be
    /// installed on the machine that runs the build only.
    pub fn build_image(&self, architecture: Architecture) -> Option<&ImageSource> {
        let found = self.build_images.iter().find(|image| image.architecture == architecture);
        found.map(|image| &image.source)
    }
}

/// A setting that the platform knows; any other is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSetting {
    /// Its name in fnpack.toml.
    pub key: String,
    /// Its value when the user sets none.
    pub default: String,
    /// What it is for.
    pub note: String,
}

/// What a platform is and can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What a user writes after `--platform`.
    pub name: String,
    /// What it is called in print.
    pub title: String,
    /// At least one.
    pub deployments: Vec<Deployment>,
    /// What can be built.
    pub supports: Vec<Support>,
    /// What can be set.
    pub settings: Vec<KnownSetting>,
}

impl Description {
    /// The deployment of that name.
    ///
    /// # Panics
    /// When there is none: a target's deployment was chosen among those of its platform.
    pub fn deployment(&self, name: &str) -> &Deployment {
        let found = self.deployments.iter().find(|deployment| deployment.name == name);
        found.expect("a target's deployment is one of its platform's")
    }

    /// The row that allows a runtime, an architecture and a deployment.
    pub fn support(
        &self,
        (language, version, variant): (&str, &str, &str),
        architecture: Architecture,
        deployment: &str,
    ) -> Option<&Support> {
        self.supports.iter().find(|row| {
            (row.language.as_str(), row.version.as_str(), row.variant.as_str())
                == (language, version, variant)
                && row.architectures.contains(&architecture)
                && row.deployments.iter().any(|name| name == deployment)
        })
    }
}
