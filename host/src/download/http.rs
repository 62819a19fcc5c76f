use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::http::Response;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};
use url::Url;

use super::proxy::proxy_for;
use super::transfer::Fault;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(20);
/// As browsers have it.
const MOST_REDIRECTS: usize = 10;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    pub url: Url,
    pub login: Option<String>,
    /// Certificates to trust beside the machine's.
    pub certificates: Option<PathBuf>,
    /// From which byte on.
    pub from: u64,
}

/// Sends a request, also to where it is redirected; the answer is 200 or 206.
pub fn get(request: &Request) -> Result<Response<Body>, Fault> {
    let mut url = request.url.clone();
    for _ in 0..=MOST_REDIRECTS {
        let mut call = agent(&url, request)?.get(url.as_str()).header("accept-encoding", "identity");
        if request.from > 0 {
            call = call.header("range", format!("bytes={}-", request.from));
        }
        // Where the file really lies must not see the login.
        if let Some(login) = request.login.as_ref().filter(|_| url.origin() == request.url.origin()) {
            call = call.header("authorization", format!("Basic {}", BASE64_STANDARD.encode(login)));
        }
        let answer = call.call().map_err(explained)?;
        let status = answer.status().as_u16();
        if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            return checked(answer, request.login.is_some());
        }
        let to = header(&answer, "location").and_then(|to| url.join(to).ok());
        url = to.filter(|to| matches!(to.scheme(), "http" | "https")).ok_or_else(|| {
            Fault::lasting(format!("it answers {status} and does not say where the file is"))
        })?;
    }
    Err(Fault::lasting(format!("it redirects more than {MOST_REDIRECTS} times")))
}

/// A header's text.
pub fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok().map(str::trim)
}

fn checked(answer: Response<Body>, has_login: bool) -> Result<Response<Body>, Fault> {
    let status = answer.status();
    let lasting = match status.as_u16() {
        200 | 206 => return Ok(answer),
        404 | 410 => "there is no such file; correct the url in config.json",
        401 | 403 if has_login => "it refuses the login of the mirror's address in fnpack.toml",
        401 | 403 => {
            "it is not for everybody; a login is given in the address of a mirror: `mirrors` of [downloads] in \
             fnpack.toml"
        }
        407 => "the proxy wants a login; give it in https_proxy",
        408 | 429 | 500 | 502..=599 => "",
        _ => "correct the url in config.json",
    };
    let text = format!("it answers {status}");
    if !lasting.is_empty() {
        return Err(Fault::lasting(format!("{text}: {lasting}")));
    }
    Err(Fault { text, passes: true, after: retry_after(&answer) })
}

fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let text = header(answer, "retry-after")?;
    let seconds = text.parse().ok().map(Duration::from_secs);
    let at = || httpdate::parse_http_date(text).ok();
    seconds.or_else(|| at()?.duration_since(SystemTime::now()).ok())
}

fn agent(url: &Url, request: &Request) -> Result<Agent, Fault> {
    let proxy = proxy_for(url, &|name| std::env::var(name).ok()).map(|proxy| Proxy::new(&proxy));
    let unusable =
        "the proxy of the environment (https_proxy, http_proxy, all_proxy) is no http or https URL";
    let proxy = proxy.transpose().map_err(|_| Fault::lasting(unusable.into()))?;
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("fnpack/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .input_buffer_size(128 * 1024)
        .proxy(proxy);
    if url.scheme() == "https" {
        let roots = roots(request.certificates.as_deref()).map_err(Fault::lasting)?;
        config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    }
    Ok(config.build().new_agent())
}

/// The machine's certificates, or those of SSL_CERT_FILE, and those of a file.
fn roots(file: Option<&Path>) -> Result<RootCerts, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots: Vec<Certificate<'static>> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if let Some(file) = file {
        let bad = |reason: String| format!("cannot use the certificates of {}: {reason}", file.display());
        let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|error| bad(error.to_string()))? {
                roots.push(certificate);
            }
        }
    }
    if roots.is_empty() {
        return Err(
            "this machine has no certificates to trust: install its package ca-certificates, or name a \
                    file of them by `ca-bundle` of [downloads] in fnpack.toml"
                .to_owned(),
        );
    }
    Ok(RootCerts::new_with_certs(&roots))
}

/// What a failure means. None of ureq's words hold a login: it is not in the URL.
fn explained(error: ureq::Error) -> Fault {
    let text = match error {
        ureq::Error::Timeout(_) => format!("no connection within {} s", CONNECT.as_secs()),
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        other => other.to_string(),
    };
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        let hint =
            "name the file of your network's certificates by `ca-bundle` of [downloads] in fnpack.toml";
        return Fault::lasting(format!("its certificate is not trusted ({text}); {hint}"));
    }
    if text.contains("corrupt message") || text.contains("InvalidContentType") {
        return Fault::lasting(
            "the server does not speak https there; is the url to begin with http://?".into(),
        );
    }
    Fault { text, passes: true, after: None }
}
