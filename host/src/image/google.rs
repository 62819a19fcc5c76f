//! Google's registries: logins by an access token.

use std::process::Command;

use super::helper::{PATIENCE, Said, Silence, ask};
use super::{ImageError, Login, Secret};
use crate::executor::Cancel;

/// The user that stands for whoever has an access token:
/// <https://cloud.google.com/artifact-registry/docs/docker/authentication#token>.
const USER: &str = "oauth2accesstoken";
/// Variables with a token: of Google's command line tool, and as others name it.
const VARIABLES: [&str; 2] = ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"];

/// Whether a registry is Google's.
pub fn is_google(host: &str) -> bool {
    host == "gcr.io" || host.ends_with(".gcr.io") || host.ends_with("-docker.pkg.dev")
}

/// The login by a token of the environment.
pub fn login_of_environment() -> Option<Login> {
    let set = |name: &&str| std::env::var(name).ok().filter(|token| !token.trim().is_empty());
    VARIABLES.iter().find_map(set).map(|token| login(&token))
}

/// The login of Google's command line tool; none where it is not installed.
pub fn login_of_tool(registry: &str, cancel: &Cancel) -> Result<Option<Login>, ImageError> {
    let mut command = Command::new("gcloud");
    let asked = ask(command.args(["auth", "print-access-token"]), b"", PATIENCE, cancel);
    let Said { status, output, complaint } = match asked {
        Ok(said) => said,
        Err(Silence::NotInstalled) => return Ok(None),
        Err(Silence::Cancelled) => return Err(ImageError::Cancelled),
        Err(Silence::Failed(reason)) => {
            let reason = format!("gcloud: {reason}");
            return Err(ImageError::Login { registry: registry.to_owned(), reason });
        }
    };
    let token = String::from_utf8_lossy(&output);
    match status.success() && !token.trim().is_empty() {
        true => Ok(Some(login(&token))),
        false => Err(ImageError::Nobody {
            registry: registry.to_owned(),
            reason: format!("`gcloud auth print-access-token` gives no token: {complaint}"),
        }),
    }
}

fn login(token: &str) -> Login {
    Login::Password { user: USER.to_owned(), password: Secret::new(token.trim()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_hosts() {
        for host in ["gcr.io", "eu.gcr.io", "europe-west1-docker.pkg.dev"] {
            assert!(is_google(host), "{host}");
        }
        for host in ["notgcr.io", "gcr.io.example", "docker.pkg.dev.example", "docker.io"] {
            assert!(!is_google(host), "{host}");
        }
    }
}
