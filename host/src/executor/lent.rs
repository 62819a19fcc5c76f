use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::store::Store;

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
const FILES: [&str; 2] = ["SSL_CERT_DIR", "PIP_FIND_LINKS"];

/// What a program is lent beside its input, so that it can do its work on this machine and in this
/// network: download caches, package indexes with their logins, proxies, certificates. None of it
/// is part of an action's key, for none of it should change what the program makes.
#[derive(Clone, Debug)]
pub struct Lent {
    downloads: PathBuf,
    certificates: Option<PathBuf>,
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
        let certificates = certificates.map(Path::to_path_buf).or_else(|| {
            let names = CERTIFICATES.iter();
            names.filter_map(|name| environment.get(*name)).map(PathBuf::from).find(|file| file.is_file())
        });
        let home = environment.get("HOME").map(PathBuf::from);
        Self { downloads: store.root().join("downloads"), certificates, environment, home }
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
        .filter_map(|(variable, usual)| {
            let named = self.environment.get(variable).map(PathBuf::from);
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

    /// The variables for a program on this machine.
    pub fn variables_here(&self) -> BTreeMap<String, String> {
        let certificates = self.certificates.as_ref().and_then(|path| path.to_str());
        let mut variables = self.variables(&self.downloads.to_string_lossy(), certificates);
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
        lent.flat_map(|value| value.split_whitespace()).flat_map(logins).collect()
    }
}

/// The login of an address, and the password in it.
pub fn logins(address: &str) -> Vec<String> {
    let Some((_, rest)) = address.split_once("://") else { return Vec::new() };
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some((login, _)) = rest[..host_end].rsplit_once('@') else { return Vec::new() };
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
