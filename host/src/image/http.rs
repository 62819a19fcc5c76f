//! HTTP as registries need it: the two kinds of connection, and what their failures mean.

use std::io::{self, Read};
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::config::RedirectAuthHeaders;
use ureq::http::{Request, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, SendBody};
use url::Url;

use super::{ImageError, RegistrySettings};

/// A body of more bytes waits, for a second at most, until the other side wants it: what is refused
/// is then refused in words, and not by a connection that breaks.
const ASKS_FIRST: u64 = 1 << 20;

/// What is sent.
pub struct Outgoing<'r> {
    pub method: &'static str,
    pub url: &'r Url,
    pub headers: &'r [(&'static str, String)],
    pub body: Option<Payload<'r>>,
}

/// A body of known length.
pub struct Payload<'r> {
    pub reader: &'r mut dyn Read,
    pub length: u64,
}

/// The connections of one run, kept for the next request.
pub struct Http {
    settings: RegistrySettings,
    /// By the proxy of the environment, and without. Made when first needed: reading the machine's
    /// certificates takes some milliseconds.
    secure: OnceLock<(Agent, Agent)>,
    plain: Agent,
    stopped: AtomicBool,
}

impl Http {
    pub fn new(settings: RegistrySettings) -> Self {
        let plain = builder(&settings).proxy(None).build().new_agent();
        Self { settings, secure: OnceLock::new(), plain, stopped: AtomicBool::new(false) }
    }

    /// Sends a request; any status is an answer, that of a redirection only where something is sent.
    pub fn send(&self, what: &str, outgoing: Outgoing<'_>) -> Result<Response<Body>, ImageError> {
        let agent = match outgoing.url.scheme() {
            "https" => self.secure(is_loopback(outgoing.url))?,
            _ => self.plain.clone(),
        };
        // One that was just made may be unknown to who stops.
        if self.stopped.load(Ordering::Acquire) {
            return Err(ImageError::Cancelled);
        }
        let mut request = Request::builder().method(outgoing.method).uri(outgoing.url.as_str());
        for (name, value) in outgoing.headers {
            request = request.header(*name, value);
        }
        // Some registries close the connection without this.
        let sends = matches!(outgoing.method, "POST" | "PUT" | "PATCH");
        let length = outgoing.body.as_ref().map(|body| body.length).or(sends.then_some(0));
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        if length.is_some_and(|length| length > ASKS_FIRST) {
            request = request.header("expect", "100-continue");
        }
        let mut nothing = io::empty();
        let answer = match sends {
            true => {
                let reader = outgoing.body.map_or(&mut nothing as &mut dyn Read, |body| body.reader);
                let request = request.body(SendBody::from_reader(reader)).map_err(ureq::Error::from);
                request.and_then(|request| {
                    // Whoever has the body follows, for it has to be opened again.
                    let request = agent.configure_request(request).max_redirects(0);
                    agent.run(request.max_redirects_will_error(false).build())
                })
            }
            false => request.body(()).map_err(ureq::Error::from).and_then(|request| agent.run(request)),
        };
        answer.map_err(|error| self.explain(what, error))
    }

    /// Ends what is under way on other threads; nothing can be sent afterwards.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.plain.clone().shutdown();
        if let Some((proxied, direct)) = self.secure.get() {
            proxied.clone().shutdown();
            direct.clone().shutdown();
        }
    }

    /// What a failure while a body is read means.
    pub fn broken(&self, what: &str, error: io::Error) -> ImageError {
        ImageError::from_io(error, |error| self.explain(what, ureq::Error::from(error)))
    }

    fn secure(&self, loopback: bool) -> Result<Agent, ImageError> {
        let agents = match self.secure.get() {
            Some(agents) => agents,
            None => {
                let tls = TlsConfig::builder().root_certs(roots(&self.settings)?).build();
                let config = || builder(&self.settings).tls_config(tls.clone());
                let agents = (config().build().new_agent(), config().proxy(None).build().new_agent());
                self.secure.get_or_init(|| agents)
            }
        };
        Ok(if loopback { agents.1.clone() } else { agents.0.clone() })
    }

    fn explain(&self, what: &str, error: ureq::Error) -> ImageError {
        if self.stopped.load(Ordering::Acquire) {
            return ImageError::Cancelled;
        }
        let what = what.to_owned();
        let seconds = |wait: std::time::Duration| wait.as_secs_f32();
        let text = match error {
            ureq::Error::Io(error) => match error.get_ref() {
                Some(inner) if inner.is::<ImageError>() => {
                    return ImageError::from_io(error, |_| unreachable!("it was looked at"));
                }
                _ => error.to_string(),
            },
            ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
                format!("no connection within {} s", seconds(self.settings.connect_timeout))
            }
            ureq::Error::Timeout(_) => {
                format!("nothing moved for {} s", seconds(self.settings.idle_timeout))
            }
            ureq::Error::HostNotFound => "no such host".to_owned(),
            other => other.to_string(),
        };
        let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if holds(&["InvalidContentType", "corrupt message"]) {
            return ImageError::SpeaksPlainHttp { what };
        }
        if text.contains("CaUsedAsEndEntity") {
            let reason = "it is one of an authority (CA:TRUE), with which no server may show itself; give the \
                          server one with CA:FALSE, signed by that authority or by itself";
            return ImageError::Certificate { what, reason: reason.to_owned() };
        }
        if holds(&["invalid peer certificate", "UnknownIssuer", "certificate"]) {
            let hint = "give the bundle of its authority as the CA bundle or in SSL_CERT_FILE";
            return ImageError::Certificate { what, reason: format!("{text}; {hint}") };
        }
        ImageError::Connection { what, reason: text }
    }
}

fn builder(settings: &RegistrySettings) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("fnpack/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_per_read(Some(settings.idle_timeout))
        .timeout_per_write(Some(settings.idle_timeout))
        // Blobs are often redirected to a storage service, which must not see the login.
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .max_idle_connections_per_host(settings.parallel.max(1))
        .input_buffer_size(128 * 1024)
        .output_buffer_size(128 * 1024)
}

/// The machine's certificates, or those of SSL_CERT_FILE, and the user's bundle.
fn roots(settings: &RegistrySettings) -> Result<RootCerts, ImageError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if let Some(file) = &settings.ca_bundle {
        roots.extend(certificates(file)?);
    }
    Ok(RootCerts::new_with_certs(&roots))
}

/// The certificates of a file in PEM form; it must have one.
pub fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, ImageError> {
    let bad = |reason: String| ImageError::CaBundle { file: file.to_path_buf(), reason };
    let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    let mut found = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| bad(error.to_string()))? {
            // Others panic at what is none.
            let der = certificate.der().to_vec().into();
            rustls::RootCertStore::empty().add(der).map_err(|error| bad(error.to_string()))?;
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(bad("no certificate is in it".to_owned()));
    }
    Ok(found)
}

/// Whether a URL is of this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
