use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ReferenceError, Sha256};
use crate::store::StoreError;

/// Why an image could not be made or moved. Texts hold what a registry said, and never a secret.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A name that is none.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The connection could not be made, or broke.
    #[error("{what}: {reason}; check the address, the network and HTTPS_PROXY")]
    Connection {
        /// What was to be done.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The registry's certificate is not trusted.
    #[error("{what}: its certificate is not trusted: {reason}")]
    Certificate {
        /// What was to be done.
        what: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A file of certificates is of no use.
    #[error("the CA bundle {} cannot be used: {reason}", file.display())]
    CaBundle {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Plain HTTP answered where HTTPS was spoken.
    #[error(
        "{what}: the registry speaks no HTTPS; when it is to be reached by plain HTTP, list it as insecure"
    )]
    SpeaksPlainHttp {
        /// What was to be done.
        what: String,
    },
    /// HTTPS was expected where plain HTTP was spoken.
    #[error(
        "{what}: it wants HTTPS, and was asked by plain HTTP; do not list it as insecure, and give \
         one on a loopback address by its `https://` address"
    )]
    SpeaksHttps {
        /// What was to be done.
        what: String,
    },
    /// The registry wants to know who asks, or does not take the login.
    #[error("{what}: {registry} {}{}; {}",
        if *with_login { "does not take the login" } else { "wants a login, and there is none" },
        said(words),
        if *with_login { "log in again, for it may be wrong or have expired" } else { 
            "log in, as with `docker login`, or check the name: some registries say this of what is not there" })]
    Unauthorized {
        /// Which registry.
        registry: String,
        /// What was to be done.
        what: String,
        /// Whether there was a login.
        with_login: bool,
        /// The registry's own words.
        words: String,
    },
    /// The login may not do this.
    #[error(
        "{what} is forbidden{}; the login needs that right, and the repository may have to be created first",
        said(words)
    )]
    Forbidden {
        /// What was to be done.
        what: String,
        /// The registry's own words.
        words: String,
    },
    /// Something is not in the registry.
    #[error(
        "{what}: it is not there{}; check the name, and that the repository exists and the login may see it",
        said(words)
    )]
    Missing {
        /// What was to be done.
        what: String,
        /// The registry's own words.
        words: String,
    },
    /// The registry misses a blob that it was given: somebody removed it, or it is slow to see what
    /// is written to it at this very moment.
    #[error("{what}: the registry does not find all that was pushed to it{}; push again", said(words))]
    BlobUnknown {
        /// What was to be done.
        what: String,
        /// The registry's own words.
        words: String,
    },
    /// The registry has had enough for now.
    #[error("{what}: too many requests{}; {}", said(words), match after {
        Some(wait) => format!("it asks for {} s of patience", wait.as_secs()),
        None => "wait, or log in for a higher limit".to_owned(),
    })]
    TooMany {
        /// What was to be done.
        what: String,
        /// The registry's own words.
        words: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// The registry failed.
    #[error("{what}: the registry failed with status {status}{}; try again later", said(words))]
    Unavailable {
        /// What was to be done.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own words.
        words: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// The registry refused for another reason.
    #[error("{what}: the registry answered with status {status}{}", said(words))]
    Refused {
        /// What was to be done.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The registry's own words.
        words: String,
    },
    /// An answer that is not what the specification asks for.
    #[error("{what}: the answer is not understood: {reason}")]
    Malformed {
        /// What was to be done.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// Content that is not what its digest says.
    #[error(
        "{what}: the content has the digest {found} where {expected} was to come; \
         the registry, or something on the way, changes what it hands out"
    )]
    WrongDigest {
        /// What was fetched.
        what: String,
        /// What was asked for, with its size.
        expected: String,
        /// What came, with its size.
        found: String,
    },
    /// The base is not for the target's machine.
    #[error("{image} is not there for {wanted}, but for {}; choose another base image or architecture", there.join(", "))]
    Platform {
        /// Which image.
        image: String,
        /// What is needed.
        wanted: String,
        /// What there is.
        there: Vec<String>,
    },
    /// An image of a kind that cannot be built on.
    #[error("{image} cannot be used: {reason}")]
    Unsupported {
        /// Which image.
        image: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The tag is another image's.
    #[error(
        "{reference} is there already, with the digest {there} where {ours} was to go; \
         choose another tag, or allow it to be overwritten"
    )]
    TagTaken {
        /// The tag.
        reference: String,
        /// What it is now.
        there: Sha256,
        /// What it was to become.
        ours: Sha256,
    },
    /// A layer cannot be written.
    #[error("a layer cannot hold {path}: {reason}")]
    Layer {
        /// What is meant.
        path: String,
        /// Why.
        reason: String,
    },
    /// A variable cannot be set in an image.
    #[error("`{0}` is no name of an environment variable: it is empty, or holds `=` or a NUL byte")]
    Environment(String),
    /// A credential helper of Docker failed.
    #[error("the credential helper {program} failed: {reason}")]
    Helper {
        /// Its name.
        program: String,
        /// What it said.
        reason: String,
    },
    /// Docker's settings are of no use.
    #[error("{}: {reason}", file.display())]
    DockerConfig {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A login could not be had.
    #[error("no login for {registry}: {reason}")]
    Login {
        /// Which registry.
        registry: String,
        /// Why.
        reason: String,
    },
    /// Nobody is logged in who could be; what anybody may read can be read all the same.
    #[error("no login for {registry}: {reason}")]
    Nobody {
        /// Which registry.
        registry: String,
        /// Why.
        reason: String,
    },
    /// The cache could not give or take what an image is made of.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A file or folder could not be used.
    #[error("cannot {action} {}: {source}{}", path.display(), hint(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl ImageError {
    /// For `map_err`: says what was tried with which path.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether it may go well the next time.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Connection { .. }
                | Self::BlobUnknown { .. }
                | Self::TooMany { .. }
                | Self::Unavailable { .. }
        )
    }

    /// How long the registry wants to be left alone.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { after, .. } | Self::Unavailable { after, .. } => *after,
            _ => None,
        }
    }

    /// As an error of a reader; [`ImageError::from_io`] takes it out again.
    pub(super) fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// The error that a reader of this module gave, or what `otherwise` makes of another.
    pub(super) fn from_io(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Self>()) {
            let inner = error.into_inner().expect("it was looked at").downcast::<Self>();
            return *inner.expect("it was looked at");
        }
        otherwise(error)
    }
}

fn said(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(" (it says: {words})") }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            " (free some space, or choose another output folder)"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            " (check its permissions, or choose another output folder)"
        }
        _ => "",
    }
}
