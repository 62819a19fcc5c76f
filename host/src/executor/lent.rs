use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::maven;
use crate::store::Store;
use crate::tree::Digest;

/// Where packages come from, as the installers' own settings say it.
const INDEXES: [&str; 12] = [
    "UV_DEFAULT_INDEX",
    "UV_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_TRUSTED_HOST",
    "PIP_DEFAULT_TIMEOUT",
    "UV_HTTP_TIMEOUT",
    "npm_config_registry",
    "NPM_CONFIG_REGISTRY",
    "UV_INSECURE_HOST",
];

const PROXIES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Where programs of many kinds look for a file of certificates.
const CERTIFICATES: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "npm_config_cafile",
    "GIT_SSL_CAINFO",
];

/// Variables that name files of this machine; programs that run elsewhere are not given them.
const FILES: [&str; 3] = ["SSL_CERT_DIR", "PIP_FIND_LINKS", "JAVA_HOME"];

/// What a program is lent beside its input, so that it can do its work on this machine and in this
/// network: download caches, package indexes with their logins, proxies, certificates. None of it
/// is part of an action's key, for none of it should change what the program makes.
#[derive(Clone, Debug)]
pub struct Lent {
    downloads: PathBuf,
    certificates: Option<PathBuf>,
    /// Whether the settings name the certificates.
    certificates_are_set: bool,
    /// The name below `downloads` of the certificates in Java's form, once somebody asked.
    trust_store: OnceLock<Option<String>>,
    environment: BTreeMap<String, String>,
    home: Option<PathBuf>,
}

impl Lent {
    /// What the environment of this process and the settings lend. `certificates` is the file
    /// that the settings name.
    pub fn new(store: &Store, certificates: Option<&Path>) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let certificates_are_set = certificates.is_some();
        let certificates = certificates.map(Path::to_path_buf).or_else(|| {
            let names = CERTIFICATES.iter();
            names.filter_map(|name| environment.get(*name)).map(PathBuf::from).find(|file| file.is_file())
        });
        let home = environment.get("HOME").map(PathBuf::from);
        Self {
            downloads: store.root().join("downloads"),
            certificates,
            certificates_are_set,
            trust_store: OnceLock::new(),
            environment,
            home,
        }
    }

    /// The installers' own caches; to be there before a program runs.
    pub fn downloads(&self) -> &Path {
        &self.downloads
    }

    /// A file of certificates to trust.
    pub fn certificates(&self) -> Option<&Path> {
        self.certificates.as_deref()
    }

    /// The settings files of installers that the user has, by the variable that names one.
    pub fn settings_files(&self) -> BTreeMap<&'static str, PathBuf> {
        let beside_home = |path: &str| self.home.as_ref().map(|home| home.join(path));
        [
            ("PIP_CONFIG_FILE", ".config/pip/pip.conf"),
            ("NPM_CONFIG_USERCONFIG", ".npmrc"),
            ("UV_CONFIG_FILE", ".config/uv/uv.toml"),
        ]
        .into_iter()
        .chain(maven::SETTINGS)
        .filter_map(|(variable, usual)| {
            let named = self.environment.get(variable).map(PathBuf::from);
            let named = named.or_else(|| {
                maven::settings_file(&self.environment).filter(|_| variable == maven::SETTINGS[0].0)
            });
            named.or_else(|| beside_home(usual)).filter(|file| file.is_file()).map(|file| (variable, file))
        })
        .collect()
    }

    /// Variables for a program that sees the download caches and the certificates at these paths.
    pub fn variables(&self, downloads: &str, certificates: Option<&str>) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([
            ("UV_CACHE_DIR".to_owned(), format!("{downloads}/uv")),
            ("PIP_CACHE_DIR".to_owned(), format!("{downloads}/pip")),
            ("npm_config_cache".to_owned(), format!("{downloads}/npm")),
            (maven::REPOSITORY.to_owned(), format!("{downloads}/maven")),
        ]);
        for name in INDEXES.iter().chain(&PROXIES) {
            if let Some(value) = self.environment.get(*name) {
                variables.insert((*name).to_owned(), value.clone());
            }
        }
        for name in CERTIFICATES {
            if let Some(path) = certificates {
                variables.insert(name.to_owned(), path.to_owned());
            }
        }
        variables
    }

    /// The same for a program that does not see this machine's files. What Java trusts there is
    /// unknown, so it is told.
    pub fn variables_there(&self, downloads: &str, certificates: Option<&str>) -> BTreeMap<String, String> {
        let mut variables = self.variables(downloads, certificates);
        variables.extend(maven::variables(&self.environment, false));
        variables.extend(self.trust_store(downloads));
        variables
    }

    /// The variable that names the certificates in Java's form; the file is there then.
    fn trust_store(&self, downloads: &str) -> Option<(String, String)> {
        let make = || {
            let certificates = std::fs::read(self.certificates.as_ref()?).ok()?;
            let name = format!("certificates-{}.jks", Digest::of(&certificates).hex());
            let place = self.downloads.join(&name);
            if !place.is_file() {
                let mut file = tempfile::NamedTempFile::new_in(&self.downloads).ok()?;
                file.write_all(&maven::key_store(&certificates)?).ok()?;
                file.persist(place).ok()?;
            }
            Some(name)
        };
        let name = self.trust_store.get_or_init(make).as_ref()?;
        Some((maven::TRUST_STORE.to_owned(), format!("{downloads}/{name}")))
    }

    /// The variables for a program on this machine.
    pub fn variables_here(&self) -> BTreeMap<String, String> {
        let certificates = self.certificates.as_ref().and_then(|path| path.to_str());
        let mut variables = self.variables(&self.downloads.to_string_lossy(), certificates);
        variables.extend(maven::variables(&self.environment, true));
        // This machine's Java has certificates of its own.
        if self.certificates_are_set {
            variables.extend(self.trust_store(&self.downloads.to_string_lossy()));
        }
        for (variable, file) in self.settings_files() {
            variables.insert(variable.to_owned(), file.to_string_lossy().into_owned());
        }
        for name in FILES {
            if let Some(value) = self.environment.get(name) {
                variables.insert(name.to_owned(), value.clone());
            }
        }
        variables
    }

    /// Logins in what is lent: the user names and passwords of addresses.
    pub fn secrets(&self) -> Vec<String> {
        let lent = INDEXES.iter().chain(&PROXIES).filter_map(|name| self.environment.get(*name));
        let logins = lent.flat_map(|value| value.split_whitespace()).flat_map(logins);
        logins.chain(maven::secrets(&self.environment)).collect()
    }
}

/// The parts of an address that matter for a connection.
pub struct Address<'a> {
    /// `user:password`, or a token alone.
    pub login: Option<&'a str>,
    /// The machine.
    pub host: &'a str,
    /// Its port.
    pub port: Option<u16>,
}

impl<'a> Address<'a> {
    /// Takes an address apart that has a scheme.
    pub fn of(address: &'a str) -> Option<Self> {
        let (_, rest) = address.split_once("://")?;
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (login, host) = match rest[..host_end].rsplit_once('@') {
            Some((login, host)) => (Some(login), host),
            None => (None, &rest[..host_end]),
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() => (name, port.parse().ok()),
            _ => (host, None),
        };
        Some(Self { login, host, port })
    }
}

/// The login of an address, and the password in it.
pub fn logins(address: &str) -> Vec<String> {
    let Some(login) = Address::of(address).and_then(|address| address.login) else { return Vec::new() };
    let password = login.split_once(':').map(|(_, password)| password.to_owned());
    std::iter::once(login.to_owned()).chain(password).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_of_an_address_is_secret() {
        assert_eq!(logins("https://me:secret@index.example/simple"), ["me:secret", "secret"]);
        assert_eq!(logins("https://token@index.example"), ["token"]);
        assert!(logins("https://index.example/@scope/package").is_empty());
    }
}
