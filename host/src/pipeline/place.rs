use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result};

use super::{Context, Executors};
use crate::executor::{Environment, Executor, tool_version, tool_version_after};
use crate::language::{Language, Place};
use crate::store::Store;

/// Where a target's dependencies are installed, and why there.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The place.
    pub place: Place,
    /// Why, where the user did not say; for people.
    pub(super) why: Option<String>,
    /// Whether the engine was not yet asked to get the build image, so that this may change.
    pub(super) provisional: bool,
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
        match &self.place {
            Place::Docker { .. } => executors.docker().map_or(executors.host(), |docker| docker),
            Place::Host { .. } => executors.host(),
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

/// This machine, with the tools that install there.
pub(super) fn host_place(store: &Store, language: &dyn Language) -> Result<Place> {
    let mut tools = BTreeMap::new();
    for tool in language.host_tools() {
        let (program, arguments) = tool.version_command.split_first().context("a tool has a command")?;
        let Some(version) = tool_version(store, program, arguments)? else { continue };
        tools.insert(tool.name.to_owned(), version);
        for (name, words) in tool.also {
            let version = tool_version_after(store, program, arguments, words)?;
            tools.extend(version.map(|version| ((*name).to_owned(), version)));
        }
        if !language.takes_all_tools() {
            break;
        }
    }
    Ok(Place::Host { tools })
}
