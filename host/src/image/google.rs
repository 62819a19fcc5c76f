//! Google's registries: logins by an access token.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{ImageError, Login, Secret};

/// The user that stands for whoever has an access token:
/// <https://cloud.google.com/artifact-registry/docs/docker/authentication#token>.
const USER: &str = "oauth2accesstoken";
/// Variables with a token: of Google's command line tool, and as others name it.
const VARIABLES: [&str; 2] = ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_OAUTH_ACCESS_TOKEN"];
/// A tool that does not answer so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);

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
pub fn login_of_tool(registry: &str) -> Result<Option<Login>, ImageError> {
    let unusable = |reason: String| ImageError::Login { registry: registry.to_owned(), reason };
    let started = Command::new("gcloud")
        .args(["auth", "print-access-token"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match started {
        Ok(tool) => tool,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(format!("gcloud cannot be run: {error}"))),
    };
    if !ends_in_time(&mut tool) {
        return Err(unusable("gcloud did not answer within a minute".to_owned()));
    }
    let (mut said, mut complained) = (String::new(), String::new());
    let _ = tool.stdout.take().map(|mut out| out.read_to_string(&mut said));
    let _ = tool.stderr.take().map(|mut out| out.read_to_string(&mut complained));
    match tool.wait() {
        Ok(status) if status.success() && !said.trim().is_empty() => Ok(Some(login(&said))),
        _ => Err(ImageError::Nobody {
            registry: registry.to_owned(),
            reason: format!("`gcloud auth print-access-token` gives no token: {}", complained.trim()),
        }),
    }
}

fn login(token: &str) -> Login {
    Login::Password { user: USER.to_owned(), password: Secret::new(token.trim()) }
}

/// Whether a program ended; one that does not is killed. What it says is shorter than a pipe holds.
fn ends_in_time(tool: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        match tool.try_wait() {
            Ok(None) => std::thread::sleep(Duration::from_millis(20)),
            _ => return true,
        }
    }
    let _ = tool.kill();
    let _ = tool.wait();
    false
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
