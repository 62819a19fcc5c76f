use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::helper::{PATIENCE, Said, Silence, ask};
use super::null::null_is_empty;
use super::{ImageError, Login, Logins, Secret};
use crate::executor::Cancel;

/// What a helper says when it knows no login; its other failures are told.
const NOT_FOUND: &str = "credentials not found";
/// What else Docker's own helpers say on their standard output. All else there may be a secret.
const KNOWN: [&str; 2] = ["no credentials server URL", "no credentials username"];
/// The name under which Docker keeps the login for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The logins that `docker login` left: in its `config.json` or with a credential helper.
#[derive(Clone, Debug)]
pub struct DockerLogins {
    file: PathBuf,
    /// Where helpers are looked for instead of `PATH`.
    path: Option<String>,
    patience: Duration,
    cancel: Cancel,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DockerConfig {
    #[serde(deserialize_with = "null_is_empty")]
    auths: BTreeMap<String, Option<Entry>>,
    #[serde(deserialize_with = "null_is_empty")]
    creds_store: String,
    /// None for the file itself, whatever the store is.
    #[serde(deserialize_with = "null_is_empty")]
    cred_helpers: BTreeMap<String, Option<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "lowercase")]
struct Entry {
    #[serde(deserialize_with = "null_is_empty")]
    auth: String,
    #[serde(deserialize_with = "null_is_empty")]
    username: String,
    #[serde(deserialize_with = "null_is_empty")]
    password: String,
    #[serde(deserialize_with = "null_is_empty")]
    identitytoken: String,
    #[serde(deserialize_with = "null_is_empty")]
    registrytoken: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

impl DockerLogins {
    /// Those of the user: in `DOCKER_CONFIG`, or in `.docker` of the home folder.
    pub fn of_user() -> Option<Self> {
        let folder = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
            Some(folder) => PathBuf::from(folder),
            None => PathBuf::from(std::env::var_os("HOME")?).join(".docker"),
        };
        Some(Self::in_file(folder.join("config.json")))
    }

    /// Those of one file, which need not be there.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), path: None, patience: PATIENCE, cancel: Cancel::default() }
    }

    /// Helpers are not waited for once this is cancelled.
    pub fn until(self, cancel: Cancel) -> Self {
        Self { cancel, ..self }
    }

    fn config(&self) -> Result<DockerConfig, ImageError> {
        let bytes = match std::fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
            Err(error) => return Err(ImageError::io("read", &self.file)(error)),
        };
        // As Docker takes an empty file.
        if bytes.trim_ascii().is_empty() {
            return Ok(Default::default());
        }
        // Only the place is told of a mistake: the words around it may be a secret.
        serde_json::from_slice(&bytes).map_err(|error| ImageError::DockerConfig {
            file: self.file.clone(),
            reason: format!("line {}, column {} is not understood", error.line(), error.column()),
        })
    }

    fn ask_helper(&self, helper: &str, server: &str) -> Result<Option<Login>, ImageError> {
        let program = format!("docker-credential-{helper}");
        let failed = |reason: String| ImageError::Helper { program: program.clone(), reason };
        let mut command = Command::new(&program);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        let asked = ask(command.arg("get"), server.as_bytes(), self.patience, &self.cancel);
        let Said { status, output, complaint } = asked.map_err(|silence| match silence {
            Silence::NotInstalled => failed(format!(
                "it is not on the PATH; install it, or take it out of {}",
                self.file.display()
            )),
            Silence::Failed(reason) => failed(reason),
            Silence::Cancelled => ImageError::Cancelled,
        })?;
        if !status.success() {
            // Standard output of a failure is the reason, by the helpers' protocol.
            let output = String::from_utf8_lossy(&output);
            if [&output, complaint.as_str()].iter().any(|said| said.contains(NOT_FOUND)) {
                return Ok(None);
            }
            let known = KNOWN.into_iter().find(|known| output.contains(known));
            let reason = match known.unwrap_or(&complaint) {
                "" => format!("`echo {server} | {program} get` tells why"),
                said => said.to_owned(),
            };
            return Err(failed(format!("{status}: {reason}")));
        }
        let answer: HelperAnswer =
            serde_json::from_slice(&output).map_err(|_| failed("its answer is not understood".to_owned()))?;
        let secret = Secret::new(answer.secret);
        Ok(Some(match answer.username.as_str() {
            "<token>" => Login::IdentityToken(secret),
            _ => Login::Password { user: answer.username, password: secret },
        }))
    }
}

impl Logins for DockerLogins {
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError> {
        let config = self.config()?;
        let names = names_of(registry);
        let server = &names[0];
        let own = names.iter().find_map(|name| config.cred_helpers.get(name));
        let is_own = own.is_some();
        let helper = own.map_or(Some(&config.creds_store), Option::as_ref);
        if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
            let login = self.ask_helper(helper, server)?;
            if login.is_some() || is_own {
                return Ok(login);
            }
        }
        let entry = config.auths.iter().find(|(key, _)| names.contains(&stripped(key)));
        let entry = entry.and_then(|(key, entry)| Some((key, entry.as_ref()?)));
        entry.map_or(Ok(None), |(key, entry)| entry.login(&self.file, key))
    }
}

impl Entry {
    fn login(&self, file: &Path, key: &str) -> Result<Option<Login>, ImageError> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::IdentityToken(Secret::new(&self.identitytoken))));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Login::RegistryToken(Secret::new(&self.registrytoken))));
        }
        if !self.auth.is_empty() {
            let decode = |text: &str| STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok();
            let pair = decode(self.auth.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
            let Some((user, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
                let reason = format!("`auth` of `{key}` is not USER:PASSWORD in Base64; log in again");
                return Err(ImageError::DockerConfig { file: file.to_owned(), reason });
            };
            let password = Secret::new(password.trim_end_matches('\0'));
            return Ok(Some(Login::Password { user: user.to_owned(), password }));
        }
        let whole = !self.username.is_empty() && !self.password.is_empty();
        Ok(whole
            .then(|| Login::Password { user: self.username.clone(), password: Secret::new(&self.password) }))
    }
}

/// The names under which a registry's login may be kept; a helper is asked for the first.
fn names_of(registry: &str) -> Vec<String> {
    if registry == "docker.io" {
        let others = ["index.docker.io", "docker.io", "registry-1.docker.io"];
        return [DOCKER_HUB_KEY].into_iter().chain(others).map(str::to_owned).collect();
    }
    vec![registry.to_owned()]
}

/// A key of `auths` without the scheme and path that older releases wrote.
fn stripped(key: &str) -> String {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn logins(config: &str) -> (tempfile::TempDir, DockerLogins) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let file = DockerLogins::in_file(folder.path().join("config.json"));
        let logins = DockerLogins { path: Some(path), ..file };
        (folder, logins)
    }

    fn helper(folder: &tempfile::TempDir, name: &str, script: &str) {
        let path = folder.path().join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn password(user: &str, password: &str) -> Option<Login> {
        Some(Login::Password { user: user.into(), password: Secret::new(password) })
    }

    #[test]
    fn logins_in_the_file_are_found_under_every_name() {
        let (_folder, logins) = logins(
            r#"{"auths": {"registry.example:5000": {"auth": "bWU6cGE6c3M="},
                "https://index.docker.io/v1/": {"username": "hub", "password": "pw"},
                "https://old.example/v2/": {"auth": "bWU6b2xk", "email": "x"},
                "token.example": {"auth": "eDp5", "identitytoken": "t"}, "none.example": {}}}"#,
        );
        assert_eq!(logins.login("registry.example:5000").unwrap(), password("me", "pa:ss"));
        assert_eq!(logins.login("docker.io").unwrap(), password("hub", "pw"));
        assert_eq!(logins.login("old.example").unwrap(), password("me", "old"));
        assert_eq!(logins.login("token.example").unwrap(), Some(Login::IdentityToken(Secret::new("t"))));
        assert_eq!(logins.login("none.example").unwrap(), None);
        assert_eq!(logins.login("registry.example").unwrap(), None);
    }

    #[test]
    fn what_docker_takes_for_nothing_is_nothing() {
        for nothing in ["", " \n", "{}", r#"{"auths": null, "credsStore": null, "credHelpers": null}"#] {
            let (_folder, logins) = logins(nothing);
            assert_eq!(logins.login("a.example").unwrap(), None, "{nothing}");
        }
        let (_folder, logins) = logins(
            r#"{"credsStore": "absent-here", "credHelpers": {"a.example": "", "b.example": null},
                "auths": {"a.example": {"auth": "bWU6b2xk", "identitytoken": null}, "b.example": null}}"#,
        );
        assert_eq!(logins.login("a.example").unwrap(), password("me", "old"));
        assert_eq!(logins.login("b.example").unwrap(), None);
    }

    #[test]
    fn a_helper_is_asked_for_the_server_and_the_registrys_own_comes_first() {
        let (folder, logins) =
            logins(r#"{"credsStore": "store", "credHelpers": {"own.example": "own"}, "auths": {}}"#);
        helper(&folder, "own", r#"read -r server; echo "{\"Username\":\"<token>\",\"Secret\":\"$server\"}""#);
        let store = r#"read -r server; case $server in
            *docker.io*) echo "{\"ServerURL\":\"\",\"Username\":\"$1\",\"Secret\":\"$server\"}" ;;
            broken*) echo hidden; echo locked >&2; exit 3 ;;
            mute*) echo hidden; exit 3 ;;
            nameless*) echo "no credentials username"; exit 1 ;;
            *) echo "credentials not found in native keychain"; exit 1 ;; esac"#;
        helper(&folder, "store", store);
        let own = logins.login("own.example").unwrap();
        assert_eq!(own, Some(Login::IdentityToken(Secret::new("own.example"))));
        assert_eq!(logins.login("docker.io").unwrap(), password("get", DOCKER_HUB_KEY));
        assert_eq!(logins.login("unknown.example").unwrap(), None);
        for (server, words) in [
            ("broken.example", "exit status: 3: locked"),
            ("mute.example", "`echo mute.example | docker-credential-store get` tells why"),
            ("nameless.example", "no credentials username"),
        ] {
            let error = logins.login(server).unwrap_err().to_string();
            assert!(error.contains("docker-credential-store") && error.contains(words), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_helper_that_is_not_there_is_named() {
        let (_folder, logins) = logins(r#"{"credsStore": "absent-here"}"#);
        let error = logins.login("registry.example").unwrap_err().to_string();
        assert!(error.contains("docker-credential-absent-here") && error.contains("PATH"), "{error}");
    }

    #[test]
    fn a_helper_that_hangs_is_not_waited_for() {
        let (folder, logins) = logins(r#"{"credsStore": "slow"}"#);
        helper(&folder, "slow", "sleep 5; true");
        let hurried = DockerLogins { patience: Duration::from_millis(100), ..logins.clone() };
        let error = hurried.login("registry.example").unwrap_err().to_string();
        assert!(error.contains("docker-credential-slow") && error.contains("within 0.1 s"), "{error}");
        let cancel = Cancel::default();
        cancel.flag().store(true, std::sync::atomic::Ordering::Relaxed);
        let error = logins.until(cancel).login("registry.example").unwrap_err();
        assert!(matches!(error, ImageError::Cancelled), "{error}");
    }

    #[test]
    fn a_mistake_in_the_file_shows_no_secret() {
        let (_folder, one) = logins(r#"{"auths": {"a.example": {"auth": "secret" "#);
        let (_folder, two) = logins(r#"{"auths": {"a.example": {"auth": "not*secret"}}}"#);
        for logins in [one, two] {
            let error = logins.login("a.example").unwrap_err();
            assert!(error.to_string().contains("config.json"), "{error}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn without_a_file_nobody_logs_in() {
        assert_eq!(DockerLogins::in_file("/nowhere/config.json").login("a.example").unwrap(), None);
    }
}
