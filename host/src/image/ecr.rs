//! Amazon's Elastic Container Registry: logins by the user's AWS credentials, and repositories that
//! have to be there before a push.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::ProvideCredentials;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::runtime::Runtime;
use url::Url;

use super::{ImageError, Login, Repository, Secret};
use crate::executor::Cancel;

/// A token is renewed so long before it ends, for what is under way then.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// The registry of an account in a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrRegistry {
    account: String,
    region: String,
}

impl EcrRegistry {
    /// A registry by its host, as
    /// <https://docs.aws.amazon.com/general/latest/gr/ecr.html> and
    /// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html> name them.
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        let region = if let Some(region) = rest.strip_suffix(".on.aws") {
            region.strip_prefix("dkr-ecr.").or_else(|| region.strip_prefix("dkr-ecr-fips."))?
        } else {
            let rest =
                rest.strip_suffix(".amazonaws.com").or_else(|| rest.strip_suffix(".amazonaws.com.cn"))?;
            rest.strip_prefix("dkr.ecr.").or_else(|| rest.strip_prefix("dkr.ecr-fips."))?
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_region = !region.is_empty() && !region.contains(['.', ':']);
        (is_account && is_region).then(|| Self { account: account.to_owned(), region: region.to_owned() })
    }
}

/// Speaks with AWS, once a registry of it is met.
#[derive(Default)]
pub struct Ecr {
    /// Certificates that are trusted beside the machine's.
    ca_bundle: Option<PathBuf>,
    cancel: Cancel,
    runtime: OnceLock<Runtime>,
    /// By region; none where the user has no credentials.
    clients: Mutex<HashMap<String, Option<Client>>>,
    /// When the tokens that were handed out end, by registry.
    ends: Mutex<HashMap<String, SystemTime>>,
    /// Repositories that are there.
    there: Mutex<HashSet<Repository>>,
}

impl Ecr {
    /// Trusts a file of certificates beside the machine's, and ends when it is cancelled.
    pub fn new(ca_bundle: Option<PathBuf>, cancel: Cancel) -> Self {
        Self { ca_bundle, cancel, ..Self::default() }
    }

    /// A fresh login; none where the user has no AWS credentials.
    pub fn login(&self, host: &str, registry: &EcrRegistry) -> Result<Option<Login>, ImageError> {
        let Some(client) = self.client(host, registry)? else { return Ok(None) };
        let unusable = |reason: String| ImageError::Login { registry: host.to_owned(), reason };
        let answer = self.wait(client.get_authorization_token().send())?;
        let answer =
            answer.map_err(|error| unusable(format!("AWS gives no token for it: {}", words(&error))))?;
        let data = answer.authorization_data.unwrap_or_default().into_iter().next();
        let (token, ends) = data
            .and_then(|data| Some((data.authorization_token?, data.expires_at)))
            .ok_or_else(|| unusable("AWS's answer has no token".to_owned()))?;
        let ends = ends.and_then(|ends| SystemTime::try_from(ends).ok());
        let mut known = lock(&self.ends);
        match ends.and_then(|ends| renewal(ends, SystemTime::now())) {
            Some(renewal) => known.insert(host.to_owned(), renewal),
            None => known.remove(host),
        };
        let text = STANDARD.decode(&token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = text.as_deref().and_then(|text| text.split_once(':'));
        let (user, password) = pair.ok_or_else(|| unusable("AWS's token is in no known form".to_owned()))?;
        Ok(Some(Login::Password { user: user.to_owned(), password: Secret::new(password) }))
    }

    /// Whether the login that was handed out last is about to end.
    pub fn is_ended(&self, host: &str) -> bool {
        lock(&self.ends).get(host).is_some_and(|ends| *ends <= SystemTime::now())
    }

    /// Makes a repository that is missing. That another process does so at the same time is no error.
    pub fn prepare(&self, repository: &Repository, registry: &EcrRegistry) -> Result<(), ImageError> {
        let mut there = lock(&self.there);
        if there.contains(repository) {
            return Ok(());
        }
        let Some(client) = self.client(repository.registry(), registry)? else { return Ok(()) };
        let (account, name) = (registry.account.as_str(), repository.path());
        let refused =
            |words: String| ImageError::Forbidden { what: format!("preparing {repository} in ECR"), words };
        let found =
            self.wait(client.describe_repositories().registry_id(account).repository_names(name).send())?;
        match found {
            Ok(_) => {}
            Err(error) if is(&error, "RepositoryNotFoundException") => {
                let made =
                    self.wait(client.create_repository().registry_id(account).repository_name(name).send())?;
                match made {
                    Ok(_) => {}
                    Err(error) if is(&error, "RepositoryAlreadyExistsException") => {}
                    Err(error) => {
                        let words =
                            format!("the repository is not there and cannot be created: {}", words(&error));
                        return Err(refused(words));
                    }
                }
            }
            // Who may push need not be allowed to list: the push itself will tell.
            Err(error) if is(&error, "AccessDeniedException") => {}
            Err(error) => return Err(refused(words(&error))),
        }
        there.insert(repository.clone());
        Ok(())
    }

    /// The client for a region, with the credentials of AWS's usual places.
    fn client(&self, host: &str, registry: &EcrRegistry) -> Result<Option<Client>, ImageError> {
        let mut clients = lock(&self.clients);
        if let Some(client) = clients.get(&registry.region) {
            return Ok(client.clone());
        }
        let unusable = |reason: String| ImageError::Login { registry: host.to_owned(), reason };
        let trusted = self.trusted()?;
        let tls = TlsContext::builder().with_trust_store(trusted).build();
        let tls = tls.map_err(|error| unusable(error.to_string()))?;
        let proxy = proxy().map_err(unusable)?;
        let http =
            aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
                let mut connector = Connector::builder()
                    .proxy_config(proxy.clone())
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .tls_context(tls.clone());
                connector.set_connector_settings(settings.cloned());
                connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
                connector.build()
            });
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(registry.region.clone()))
            .http_client(http);
        let config = self.wait(config.load())?;
        let client = match self.wait(credentials(&config))? {
            Ok(true) => Some(Client::new(&config)),
            Ok(false) => None,
            Err(reason) => return Err(unusable(format!("the AWS credentials cannot be used: {reason}"))),
        };
        clients.insert(registry.region.clone(), client.clone());
        Ok(client)
    }

    fn trusted(&self) -> Result<TrustStore, ImageError> {
        let trusted = TrustStore::default().with_native_roots(true);
        let Some(file) = &self.ca_bundle else { return Ok(trusted) };
        // The SDK panics at what is no certificate.
        super::http::certificates(file)?;
        Ok(trusted.with_pem_certificate(std::fs::read(file).map_err(ImageError::io("read", file))?))
    }

    /// Waits for an answer of AWS, until it is cancelled.
    fn wait<F: Future>(&self, question: F) -> Result<F::Output, ImageError> {
        let runtime = self.runtime.get_or_init(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("an event loop can be started")
        });
        runtime.block_on(async {
            tokio::select! {
                answer = question => Ok(answer),
                () = self.cancel.wait() => Err(ImageError::Cancelled),
            }
        })
    }
}

/// The proxy of the environment, for what is encrypted: what tells a machine of its role is asked
/// without.
fn proxy() -> Result<ProxyConfig, String> {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let first = |names: &[&str]| names.iter().find_map(set);
    let Some(address) = first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]) else {
        return Ok(ProxyConfig::disabled());
    };
    let bad = |reason: String| format!("the proxy of the environment cannot be used: {reason}");
    let mut url = Url::parse(&address).map_err(|error| bad(error.to_string()))?;
    let login = (url.username().to_owned(), url.password().unwrap_or_default().to_owned());
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let mut proxy = ProxyConfig::https(url.as_str()).map_err(|error| bad(error.to_string()))?;
    if !login.0.is_empty() {
        proxy = proxy.with_basic_auth(login.0, login.1);
    }
    Ok(match first(&["no_proxy", "NO_PROXY"]) {
        Some(rules) => proxy.no_proxy(rules),
        None => proxy,
    })
}

/// Whether there are credentials; an error where there are some that cannot be used.
async fn credentials(config: &SdkConfig) -> Result<bool, String> {
    use aws_credential_types::provider::error::CredentialsError;
    let Some(provider) = config.credentials_provider() else { return Ok(false) };
    match provider.provide_credentials().await {
        Ok(_) => Ok(true),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Ok(false),
        Err(error) => Err(causes(&error)),
    }
}

/// When to ask for another token than one that ends then; none where the clocks differ too much to tell.
fn renewal(ends: SystemTime, now: SystemTime) -> Option<SystemTime> {
    ends.checked_sub(MARGIN).filter(|renewal| *renewal > now)
}

fn is<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>, code: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(code)
}

/// What AWS, or the way to it, says.
fn words<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    match error.as_service_error() {
        Some(service) => {
            let (code, message) =
                (service.code().unwrap_or("an error"), service.message().unwrap_or_default());
            format!("{code}: {message}")
        }
        None => causes(error),
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_known_by_their_hosts() {
        let found =
            |host: &str| EcrRegistry::parse(host).map(|found| format!("{} {}", found.account, found.region));
        for (host, expected) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "123456789012 eu-west-1"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "123456789012 cn-north-1"),
            ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com", "123456789012 us-east-1"),
            ("123456789012.dkr-ecr.us-east-1.on.aws", "123456789012 us-east-1"),
        ] {
            assert_eq!(found(host).as_deref(), Some(expected), "{host}");
        }
        for other in [
            "public.ecr.aws",
            "1234.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com.example",
            "123456789012.dkr.ecr..amazonaws.com",
            "docker.io",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn a_token_is_renewed_before_it_ends() {
        let now = SystemTime::now();
        let hour = Duration::from_secs(3600);
        assert_eq!(renewal(now + hour, now), Some(now + hour - MARGIN));
        assert_eq!(renewal(now - hour, now), None);
    }
}
