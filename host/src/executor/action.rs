use std::collections::BTreeMap;
use std::time::Duration;

use prost::Message;

use crate::tree::message::{self, ActionMessage, CommandMessage, Pair};
use crate::tree::{Digest, RelPath, Tree};

/// Where an action runs. Two actions that differ in this never share a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environment {
    /// A process on this machine; the tools it uses and their versions, such as `uv` and `0.9.3`.
    Host {
        /// By name of the tool.
        tools: BTreeMap<String, String>,
    },
    /// A container.
    Docker {
        /// The image as the engine is asked for it.
        image: String,
        /// The digest by which the engine knows it.
        digest: String,
    },
}

/// A value that reaches the program and nothing else: no key, no log, no message of fnpack's.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the program's environment.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A foreign program to run: everything that can change what it gives.
///
/// The program sees its input tree as the folder it starts in, or a folder below that. What it is
/// lent beside that (download caches, certificates, proxies, logins) is the executor's business.
#[derive(Clone, Debug)]
pub struct Action {
    /// What it is for, in a few words; shown to the user, no part of the key.
    pub title: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Beside what every executor sets (PATH, HOME ...).
    pub variables: BTreeMap<String, String>,
    /// Set over `variables` when the program runs, and no part of the key: logins. What they
    /// open is named in `variables` without them, so that it counts.
    pub secret_variables: BTreeMap<String, Secret>,
    /// The files that it gets.
    pub input: Tree,
    /// Where it starts, inside the input.
    pub working_directory: RelPath,
    /// The directories whose contents are its result; the root for everything. One that is not
    /// there afterwards is empty.
    pub outputs: Vec<RelPath>,
    /// Where it runs.
    pub environment: Environment,
    /// Whether it may use the network.
    pub network: bool,
    /// When it has run this long it is ended, and the action fails.
    pub time_limit: Duration,
}

impl Action {
    /// The name of its program.
    pub fn program(&self) -> String {
        self.command
            .first()
            .map(|program| program.rsplit('/').next().unwrap_or(program).to_owned())
            .unwrap_or_default()
    }

    /// The key of its result: the digest of the Remote Execution API's `Action`.
    pub fn digest(&self) -> Digest {
        let pairs = |pairs: &BTreeMap<String, String>| {
            pairs.iter().map(|(name, value)| Pair { name: name.clone(), value: value.clone() }).collect()
        };
        let mut outputs: Vec<String> = self.outputs.iter().map(ToString::to_string).collect();
        outputs.sort();
        let command = CommandMessage {
            arguments: self.command.clone(),
            environment_variables: pairs(&self.variables),
            working_directory: self.working_directory.to_string(),
            output_paths: outputs,
        };
        let action = ActionMessage {
            command_digest: Some(Digest::of(&command.encode_to_vec()).into()),
            input_root_digest: Some(self.input.digest().into()),
            timeout: Some(message::Duration { seconds: self.time_limit.as_secs() as i64 }),
            platform: Some(message::Platform { properties: pairs(&self.properties()) }),
        };
        Digest::of(&action.encode_to_vec())
    }

    fn properties(&self) -> BTreeMap<String, String> {
        let mut properties = match &self.environment {
            Environment::Host { tools } => {
                tools.iter().map(|(tool, version)| (format!("tool-{tool}"), version.clone())).collect()
            }
            Environment::Docker { digest, .. } => {
                BTreeMap::from([("container-image".to_owned(), digest.clone())])
            }
        };
        let network = if self.network { "standard" } else { "off" };
        properties.insert("network".to_owned(), network.to_owned());
        properties
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> Action {
        Action {
            title: "install".into(),
            command: vec!["uv".into(), "pip".into()],
            variables: BTreeMap::from([("A".into(), "1".into())]),
            secret_variables: BTreeMap::new(),
            input: Tree::empty(),
            working_directory: RelPath::root(),
            outputs: vec![RelPath::root()],
            environment: Environment::Host { tools: BTreeMap::from([("uv".into(), "1".into())]) },
            network: true,
            time_limit: Duration::from_secs(60),
        }
    }

    #[test]
    fn everything_but_the_title_and_secrets_is_part_of_the_key() {
        let same = Action { title: "other".into(), ..action() };
        assert_eq!(same.digest(), action().digest());
        let secret_variables = BTreeMap::from([("A".into(), Secret::new("login"))]);
        let same = Action { secret_variables, ..action() };
        assert_eq!(same.digest(), action().digest());
        assert!(!format!("{same:?}").contains("login"));
        let docker = Environment::Docker { image: "image".into(), digest: "sha256:1".into() };
        for (what, other) in [
            ("command", Action { command: vec!["uv".into()], ..action() }),
            ("variables", Action { variables: BTreeMap::new(), ..action() }),
            ("directory", Action { working_directory: "a".parse().unwrap(), ..action() }),
            ("outputs", Action { outputs: vec!["out".parse().unwrap()], ..action() }),
            ("environment", Action { environment: docker, ..action() }),
            ("network", Action { network: false, ..action() }),
            ("limit", Action { time_limit: Duration::from_secs(61), ..action() }),
        ] {
            assert_ne!(other.digest(), action().digest(), "{what}");
        }
    }
}
