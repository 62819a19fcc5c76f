use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How registries are reached.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Registries, as `host` or `host:port`, that are spoken to by plain HTTP. Those on loopback
    /// addresses are, without being listed. No proxy is used for them.
    pub insecure: Vec<String>,
    /// Where a registry really answers, by the name that images carry: `https://host:port`,
    /// `http://host:port`, or `host:port` for whichever of the two it would be by that name.
    pub addresses: BTreeMap<String, String>,
    /// A file of certificates in PEM form that are trusted beside the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long nothing may arrive or be taken; a transfer as a whole may take any time. A registry
    /// is silent while it looks through a large blob that it has received.
    pub idle_timeout: Duration,
    /// What is done about faults that pass.
    pub retry: Retry,
    /// How many blobs are transferred at once.
    pub parallel: usize,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            insecure: Vec::new(),
            addresses: BTreeMap::new(),
            ca_bundle: None,
            connect_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(120),
            retry: Retry::default(),
            parallel: 4,
        }
    }
}

/// When something is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often it is tried in all.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait; a registry that asks for more is not waited for.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, first_wait: Duration::from_millis(250), longest_wait: Duration::from_secs(60) }
    }
}
