use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use url::Url;

use super::answer::Answer;
use super::challenge::Challenge;
use super::http::{Http, Outgoing, Payload, is_loopback};
use super::reference::registry_name;
use super::token::{Entrance, Source, secrets_of};
use super::{Content, ImageError, Logins, Progress, RegistrySettings, Repository, Secret};
use crate::tree::Digest;

/// So often at most a request is sent on.
const MOST_REDIRECTIONS: usize = 5;

/// Speaks with registries. Connections and tokens are kept, so one is made for a whole run and used
/// on all threads.
pub struct Registries {
    pub(super) settings: RegistrySettings,
    pub(super) http: Http,
    logins: Box<dyn Logins>,
    entrances: Mutex<HashMap<String, Arc<Mutex<Entrance>>>>,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registries").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What a request may do where.
#[derive(Clone, Copy)]
pub struct Access<'r> {
    pub repository: &'r Repository,
    pub push: bool,
    /// Another repository of the same registry, to be read.
    pub from: Option<&'r Repository>,
}

impl<'r> Access<'r> {
    pub fn pull(repository: &'r Repository) -> Self {
        Self { repository, push: false, from: None }
    }

    pub fn push(repository: &'r Repository) -> Self {
        Self { repository, push: true, from: None }
    }

    fn scopes(&self) -> Vec<String> {
        let actions = if self.push { "pull,push" } else { "pull" };
        let own = format!("repository:{}:{actions}", self.repository.path());
        let from = self.from.map(|from| format!("repository:{}:pull", from.path()));
        [own].into_iter().chain(from).collect()
    }
}

/// A part of a blob, as a request's body. It is opened again when the request is sent again.
#[derive(Clone, Copy)]
pub struct Part<'p> {
    pub blob: &'p Digest,
    pub content: Content<'p>,
    pub from: u64,
    pub progress: &'p dyn Progress,
}

/// One request, and what it is to do, for errors.
pub struct Call<'r> {
    pub access: Access<'r>,
    pub what: String,
    pub method: &'static str,
    pub url: &'r Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Part<'r>>,
}

impl Registries {
    /// With these settings and logins.
    pub fn new(settings: RegistrySettings, logins: impl Logins + 'static) -> Self {
        Self {
            http: Http::new(settings.clone()),
            settings,
            logins: Box::new(logins),
            entrances: Mutex::default(),
        }
    }

    /// Ends what is under way on other threads, without its waits. Nothing can be asked afterwards:
    /// this is for a program that was told to stop.
    pub fn stop(&self) {
        self.http.stop();
    }

    /// A URL of a repository: `/v2/PATH/` and the rest.
    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Result<Url, ImageError> {
        let base = self.base(repository)?;
        base.join(&format!("v2/{}/{rest}", repository.path())).map_err(|error| ImageError::Malformed {
            what: format!("the address of {repository}"),
            reason: error.to_string(),
        })
    }

    fn base(&self, repository: &Repository) -> Result<Url, ImageError> {
        let malformed = |reason: String| ImageError::Malformed {
            what: format!("the address of the registry {}", repository.registry()),
            reason,
        };
        let parse = |text: &str| Url::parse(text).map_err(|error| malformed(format!("`{text}`: {error}")));
        let registry = repository.registry();
        let told = self.settings.addresses.iter().find(|(name, _)| registry_name(name) == registry);
        let Some((_, address)) = told else { return self.by_host(repository.host(), registry, parse) };
        let address = address.trim_end_matches('/');
        let url = match address.contains("://") {
            true => parse(&format!("{address}/"))?,
            false => self.by_host(address, registry, parse)?,
        };
        if !url.username().is_empty() || url.password().is_some() {
            let reason = "a login may not be in its address; give it by itself".to_owned();
            return Err(ImageError::Login { registry: registry.to_owned(), reason });
        }
        match url.scheme() {
            "http" | "https" => Ok(url),
            _ => Err(malformed(format!("`{address}` begins with neither https:// nor http://"))),
        }
    }

    /// The address of a registry that answers at a host: of HTTPS, unless it is on this machine or
    /// one of the two is listed.
    fn by_host(
        &self,
        host: &str,
        registry: &str,
        parse: impl Fn(&str) -> Result<Url, ImageError>,
    ) -> Result<Url, ImageError> {
        let plain = parse(&format!("http://{host}/"))?;
        if is_loopback(&plain) || self.is_insecure(registry) || self.is_insecure(host) {
            return Ok(plain);
        }
        parse(&format!("https://{host}/"))
    }

    fn is_insecure(&self, host: &str) -> bool {
        let name = registry_name(host);
        self.settings.insecure.iter().any(|listed| registry_name(listed) == name)
    }

    /// Sends one request; a login is given when the registry wants one. Any status but 401 is an
    /// answer.
    pub(super) fn call(&self, call: &Call<'_>) -> Result<Answer, ImageError> {
        let repository = call.access.repository;
        let registry = repository.registry();
        let entrance = self.entrance(registry);
        let scopes = call.access.scopes();
        let may_be_plain = |url: &Url| {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            url.host_str().is_some_and(|host| self.is_insecure(&format!("{host}{port}")))
        };
        let source =
            Source { http: &self.http, logins: &*self.logins, registry, may_be_plain: &may_be_plain };
        // Storage of its own, to which a registry may send, must not see the login.
        let own = call.url.origin() == self.base(repository)?.origin();
        let mut refused = false;
        loop {
            let authorization = match own {
                true => Some(lock(&entrance).authorization(&source, &scopes)?),
                false => None,
            };
            let mut headers = call.headers.clone();
            let header = authorization.as_ref().and_then(|found| found.header.as_ref());
            headers.extend(header.map(|header| ("authorization", header.reveal().to_owned())));
            let secrets = header.map(secrets_of).unwrap_or_default();
            let mut answer = self.send(call, headers, secrets)?;
            if answer.status() != 401 {
                return Ok(answer);
            }
            let challenges = answer.response.headers().get_all("www-authenticate");
            let challenge = challenges.iter().find_map(|header| Challenge::parse(header.to_str().ok()?));
            match challenge {
                Some(challenge) if own && !refused => lock(&entrance).refused(challenge),
                _ => {
                    return Err(ImageError::Unauthorized {
                        registry: registry.to_owned(),
                        what: call.what.clone(),
                        with_login: authorization.is_some_and(|sent| sent.with_login),
                        words: answer.words(),
                    });
                }
            }
            refused = true;
        }
    }

    /// Sends one request, and again with the same body where the registry says so.
    fn send(
        &self,
        call: &Call<'_>,
        mut headers: Vec<(&'static str, String)>,
        secrets: Vec<Secret>,
    ) -> Result<Answer, ImageError> {
        let mut next = call.url.clone();
        for _ in 0..=MOST_REDIRECTIONS {
            let outgoing = |body| Outgoing { method: call.method, url: &next, headers: &headers, body };
            let response = match &call.body {
                None => self.http.send(&call.what, outgoing(None))?,
                Some(part) => {
                    let mut reader = super::upload::Sent::new(part)?;
                    let length = part.blob.size() - part.from;
                    self.http.send(&call.what, outgoing(Some(Payload { reader: &mut reader, length })))?
                }
            };
            let answer = Answer { response, what: call.what.clone(), secrets: secrets.clone() };
            if !matches!(answer.status(), 307 | 308) {
                return Ok(answer);
            }
            next = answer.location()?;
            if next.origin() != call.url.origin() {
                headers.retain(|(name, _)| *name != "authorization");
            }
        }
        let reason = "it is redirected again and again".to_owned();
        Err(ImageError::Malformed { what: call.what.clone(), reason })
    }

    fn entrance(&self, registry: &str) -> Arc<Mutex<Entrance>> {
        lock(&self.entrances).entry(registry.to_owned()).or_default().clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is kept is whole between any two steps.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The error that an answer is.
pub fn refusal(answer: &mut Answer) -> ImageError {
    let (status, after) = (answer.status(), answer.retry_after());
    let (what, words) = (answer.what.clone(), answer.words());
    match status {
        400 | 404 if words.contains("MANIFEST_BLOB_UNKNOWN") => ImageError::BlobUnknown { what, words },
        403 => ImageError::Forbidden { what, words },
        404 => ImageError::Missing { what, words },
        429 => ImageError::TooMany { what, words, after },
        408 | 500.. => ImageError::Unavailable { what, status, words, after },
        400 if words.contains("HTTPS server") => ImageError::SpeaksHttps { what },
        _ => ImageError::Refused { what, status, words },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::NoLogins;

    #[test]
    fn only_loopback_and_listed_registries_are_asked_by_plain_http() {
        let address = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let settings = RegistrySettings {
            insecure: vec!["lan.example:5000".to_owned(), "10.0.0.9:80".to_owned()],
            addresses: [
                address("ecr.example", "http://10.0.0.1:5000/"),
                address("bad.example", "ftp://x"),
                address("told.example", "https://a:pass@x"),
                address("too.example", "a:pass@x"),
                address("Tunnel.example", "127.0.0.1:18551"),
                address("far.example:444", "10.0.0.7:443"),
                address("plain.example", "10.0.0.9:80/"),
                address("index.docker.io", "https://mirror.example"),
            ]
            .into(),
            ..RegistrySettings::default()
        };
        let registries = Registries::new(settings, NoLogins);
        let url = |name: &str| registries.url(&name.parse().unwrap(), "tags/list").map(String::from);
        for (name, expected) in [
            ("alpine", "https://mirror.example/v2/library/alpine/tags/list"),
            ("tunnel.example/a", "http://127.0.0.1:18551/v2/a/tags/list"),
            ("TUNNEL.example/a", "http://127.0.0.1:18551/v2/a/tags/list"),
            ("far.example:444/a", "https://10.0.0.7/v2/a/tags/list"),
            ("plain.example/a", "http://10.0.0.9/v2/a/tags/list"),
            ("registry.example:444/a/b", "https://registry.example:444/v2/a/b/tags/list"),
            ("localhost:5000/a", "http://localhost:5000/v2/a/tags/list"),
            ("127.1.2.3:5000/a", "http://127.1.2.3:5000/v2/a/tags/list"),
            ("[::1]:5000/a", "http://[::1]:5000/v2/a/tags/list"),
            ("lan.example:5000/a", "http://lan.example:5000/v2/a/tags/list"),
            ("lan.example:5001/a", "https://lan.example:5001/v2/a/tags/list"),
            ("localhost.example/a", "https://localhost.example/v2/a/tags/list"),
            ("ecr.example/a", "http://10.0.0.1:5000/v2/a/tags/list"),
        ] {
            assert_eq!(url(name).unwrap(), expected, "{name}");
        }
        for told in ["told.example/a", "too.example/a"] {
            let error = url(told).unwrap_err().to_string();
            assert!(error.contains("a login may not be in") && !error.contains("pass"), "{error}");
        }
        let others = Registries::new(RegistrySettings::default(), NoLogins);
        let hub = others.url(&"alpine".parse().unwrap(), "tags/list").unwrap();
        assert_eq!(hub.as_str(), "https://registry-1.docker.io/v2/library/alpine/tags/list");
        let error = url("bad.example/a").unwrap_err().to_string();
        assert!(error.contains("bad.example") && error.contains("https://"), "{error}");
    }
}
