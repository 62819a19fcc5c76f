//! What can be built: platform x benchmark x runtime x architecture x deployment, and the choice
//! among all of these that a command makes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::language::Architecture;
use crate::suite::LanguageName;

/// One thing to build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The platform's name.
    pub platform: String,
    /// The benchmark's name.
    pub benchmark: String,
    /// The language.
    pub language: LanguageName,
    /// Its version.
    pub version: String,
    /// "default", or an alternative engine or implementation.
    pub variant: String,
    /// The processor.
    pub architecture: Architecture,
    /// The name of one of the platform's deployments.
    pub deployment: String,
}

impl Target {
    /// The runtime and processor in one word: `python-3.12-x64`, `nodejs-22-bun-arm64`.
    pub fn runtime_name(&self) -> String {
        runtime_name(self.language.name(), &self.version, &self.variant, self.architecture)
    }

    /// Where its artifacts land, below the output folder.
    pub fn folder(&self) -> PathBuf {
        [self.platform.as_str(), &self.benchmark, &self.runtime_name()].iter().collect()
    }
}

/// A runtime and a processor in one word, as [`Target::runtime_name`].
pub fn runtime_name(language: &str, version: &str, variant: &str, architecture: Architecture) -> String {
    let variant = match variant {
        "default" => String::new(),
        variant => format!("-{variant}"),
    };
    format!("{language}-{version}{variant}-{architecture}")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.platform, self.benchmark, self.runtime_name())?;
        if self.deployment != "package" {
            write!(f, " ({})", self.deployment)?;
        }
        Ok(())
    }
}

/// What a command wants built; an empty list is a filter that was left out.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Platforms.
    pub platforms: Vec<String>,
    /// Languages.
    pub languages: Vec<String>,
    /// Versions, of whatever language.
    pub versions: Vec<String>,
    /// Variants; left out, the default one.
    pub variants: Vec<String>,
    /// Architectures; left out, x64 alone.
    pub architectures: Vec<String>,
    /// Deployments; left out, "package", or a platform's only one.
    pub deployments: Vec<String>,
}

/// A filter that leaves nothing, with what there would have been.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{subject} has no {}; there is {}", self.missing(), list(known))]
pub struct NothingLeft {
    /// The benchmark or the suite.
    pub subject: String,
    /// What kind of thing was asked for.
    pub dimension: &'static str,
    /// Which; empty where the default is not there.
    pub wanted: Vec<String>,
    /// What there is.
    pub known: Vec<String>,
}

impl NothingLeft {
    fn missing(&self) -> String {
        match &self.wanted[..] {
            [] => {
                format!("default {0} (name one with --{1})", self.dimension, self.dimension.replace(' ', "-"))
            }
            wanted => format!("{} {}", self.dimension, quoted(wanted)),
        }
    }
}

fn quoted(words: &[String]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
}

/// Words in a row; versions by their numbers, 3.9 before 3.10.
fn list(words: &[String]) -> String {
    let mut sorted = words.to_vec();
    sorted.sort_by_cached_key(|word| {
        let parts = word.split('.').map(|part| (part.parse::<u32>().ok(), part.to_owned()));
        parts.collect::<Vec<_>>()
    });
    if words.is_empty() { "none".to_owned() } else { sorted.join(", ") }
}

/// One filter: what of a target it looks at, what was asked for, and what a left-out one means.
struct Filter<'a> {
    dimension: &'static str,
    wanted: &'a [String],
    of: fn(&Target) -> String,
    left_out: fn(&Target, &[&Target]) -> bool,
}

impl Filters {
    fn all(&self) -> [Filter<'_>; 6] {
        let any: fn(&Target, &[&Target]) -> bool = |_, _| true;
        [
            Filter {
                dimension: "platform",
                wanted: &self.platforms,
                of: |t| t.platform.clone(),
                left_out: any,
            },
            Filter {
                dimension: "language",
                wanted: &self.languages,
                of: |t| t.language.to_string(),
                left_out: any,
            },
            Filter {
                dimension: "language version",
                wanted: &self.versions,
                of: |t| t.version.clone(),
                left_out: any,
            },
            Filter {
                dimension: "variant",
                wanted: &self.variants,
                of: |t| t.variant.clone(),
                left_out: |target, _| target.variant == "default",
            },
            Filter {
                dimension: "architecture",
                wanted: &self.architectures,
                of: |t| t.architecture.to_string(),
                left_out: |target, _| target.architecture == Architecture::X64,
            },
            Filter {
                dimension: "deployment",
                wanted: &self.deployments,
                of: |t| t.deployment.clone(),
                left_out: |target, all| {
                    let of_platform = || all.iter().filter(|other| other.platform == target.platform);
                    target.deployment == "package"
                        || of_platform().all(|other| other.deployment == target.deployment)
                },
            },
        ]
    }

    /// The targets that a benchmark is to be built for, of all that it and the platforms support.
    /// A filter that leaves nothing, and a default that is not there, are errors that say what there is.
    pub fn choose(&self, benchmark: &str, all: &[Target]) -> Result<Vec<Target>, NothingLeft> {
        let mut left: Vec<&Target> = all.iter().collect();
        for filter in self.all() {
            let before = left.clone();
            left.retain(|target| match filter.wanted {
                [] => (filter.left_out)(target, all.iter().collect::<Vec<_>>().as_slice()),
                wanted => wanted.contains(&(filter.of)(target)),
            });
            let nothing = |wanted: &[String]| NothingLeft {
                subject: subject(benchmark, &before, filter.dimension),
                dimension: filter.dimension,
                wanted: wanted.to_vec(),
                known: before.iter().map(|t| (filter.of)(t)).collect::<BTreeSet<_>>().into_iter().collect(),
            };
            if left.is_empty() && !before.is_empty() {
                return Err(nothing(filter.wanted));
            }
        }
        Ok(left.into_iter().cloned().collect())
    }

    /// The words asked for that no target at all has: most likely a slip. Platforms are known by their
    /// plugins.
    pub fn unknown<'a>(&self, all: impl Iterator<Item = &'a Target> + Clone) -> Option<NothingLeft> {
        for filter in self.all().into_iter().filter(|filter| filter.dimension != "platform") {
            let known: BTreeSet<String> = all.clone().map(|target| (filter.of)(target)).collect();
            if let Some(wanted) = filter.wanted.iter().find(|wanted| !known.contains(*wanted)) {
                return Some(NothingLeft {
                    subject: "the selection".into(),
                    dimension: filter.dimension,
                    wanted: vec![wanted.clone()],
                    known: known.into_iter().collect(),
                });
            }
        }
        None
    }
}

/// "010.sleep on aws in python": what the earlier filters have left.
fn subject(benchmark: &str, left: &[&Target], dimension: &str) -> String {
    let platforms: BTreeSet<&str> = left.iter().map(|target| target.platform.as_str()).collect();
    let languages: BTreeSet<&str> = left.iter().map(|target| target.language.name()).collect();
    let join = |words: BTreeSet<&str>| words.into_iter().collect::<Vec<_>>().join(", ");
    match dimension {
        "platform" => benchmark.to_owned(),
        "language" => format!("{benchmark} on {}", join(platforms)),
        _ => format!("{benchmark} on {} in {}", join(platforms), join(languages)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(platform: &str, language: LanguageName, version: &str, deployment: &str) -> Target {
        Target {
            platform: platform.into(),
            benchmark: "b".into(),
            language,
            version: version.into(),
            variant: "default".into(),
            architecture: Architecture::X64,
            deployment: deployment.into(),
        }
    }

    fn all() -> Vec<Target> {
        use LanguageName::{Nodejs, Python};
        let arm = Target { architecture: Architecture::Arm64, ..target("aws", Python, "3.12", "package") };
        let bun = Target { variant: "bun".into(), ..target("aws", Nodejs, "22", "package") };
        vec![
            target("aws", Python, "3.12", "package"),
            target("aws", Python, "3.12", "container"),
            target("aws", Nodejs, "22", "package"),
            target("openwhisk", Python, "3.11", "container"),
            arm,
            bun,
        ]
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn left_out_filters_mean_everything_but_of_variant_architecture_and_deployment() {
        let chosen = Filters::default().choose("b", &all()).unwrap();
        let names: Vec<_> = chosen.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            ["aws/b/python-3.12-x64", "aws/b/nodejs-22-x64", "openwhisk/b/python-3.11-x64 (container)"]
        );
    }

    #[test]
    fn a_filter_that_leaves_nothing_says_what_there_is() {
        for (filters, words) in [
            (
                Filters { platforms: words(&["asw"]), ..Filters::default() },
                ["platform `asw`", "aws, openwhisk"],
            ),
            (
                Filters { languages: words(&["cpp"]), ..Filters::default() },
                ["language `cpp`", "nodejs, python"],
            ),
            (
                Filters { versions: words(&["3.9"]), ..Filters::default() },
                ["version `3.9`", "3.11, 3.12, 22"],
            ),
            (Filters { architectures: words(&["riscv"]), ..Filters::default() }, ["`riscv`", "x64"]),
        ] {
            let error = filters.choose("b", &all()).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{word} in {error}");
            }
            assert_eq!(filters.unknown(all().iter()).is_some(), filters.platforms.is_empty());
        }
    }

    #[test]
    fn what_has_no_default_is_to_be_named() {
        let image =
            Target { variant: "pypy".into(), ..target("gcp", LanguageName::Python, "3.11", "container") };
        let all = [target("gcp", LanguageName::Python, "3.11", "package"), image.clone()];
        let filters = Filters { variants: words(&["pypy"]), ..Filters::default() };
        let error = filters.choose("b", &all).unwrap_err().to_string();
        assert_eq!(
            error,
            "b on gcp in python has no default deployment (name one with --deployment); there is container"
        );
        let filters = Filters { deployments: words(&["container"]), ..filters };
        assert_eq!(filters.choose("b", &all).unwrap(), [image]);
    }

    #[test]
    fn a_variant_and_an_architecture_are_chosen_by_name() {
        let filters = Filters {
            variants: words(&["bun"]),
            architectures: words(&["x64", "arm64"]),
            ..Filters::default()
        };
        let chosen = filters.choose("b", &all()).unwrap();
        assert_eq!(
            chosen.iter().map(Target::folder).collect::<Vec<_>>(),
            [PathBuf::from("aws/b/nodejs-22-bun-x64")]
        );
    }
}
