use std::fmt;
use std::str::FromStr;

use super::Sha256;

/// Docker Hub, as names write it.
const DOCKER_HUB: &str = "docker.io";
/// Where Docker Hub's registry answers.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
/// Longest tag.
const MAX_TAG: usize = 128;
/// Longest path of a repository.
const MAX_PATH: usize = 255;

/// Why text is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {kind}: {reason}")]
pub struct ReferenceError {
    text: String,
    kind: &'static str,
    reason: String,
}

impl ReferenceError {
    fn new(text: &str, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { text: text.to_owned(), kind, reason: reason.into() }
    }
}

/// Where images of one name are: `registry/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    registry: String,
    path: String,
}

/// The name of one image: a repository with a tag, a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    repository: Repository,
    tag: Option<String>,
    digest: Option<Sha256>,
}

/// Checks a tag: at most 128 of letters, digits, `_`, `.` and `-`, of which the last two do not come
/// first.
pub fn check_tag(tag: &str) -> Result<(), ReferenceError> {
    let error = |reason: String| Err(ReferenceError::new(tag, "tag", reason));
    if tag.is_empty() {
        return error("it is empty".to_owned());
    }
    for (at, character) in tag.chars().enumerate() {
        let first_too = character.is_ascii_alphanumeric() || character == '_';
        if !first_too && !matches!(character, '.' | '-') {
            return error(format!("{} may not be in it", shown(character, at)));
        }
        if at == 0 && !first_too {
            return error(format!("it may not begin with `{character}`"));
        }
    }
    if tag.len() > MAX_TAG {
        return error(format!("it has {} characters, and {MAX_TAG} is the most", tag.len()));
    }
    Ok(())
}

/// A registry's name as images carry it, however it is written: in small letters, Docker Hub by one
/// of its names.
pub fn registry_name(host: &str) -> String {
    let name = host.to_ascii_lowercase();
    if matches!(name.as_str(), "index.docker.io" | DOCKER_HUB_HOST) { DOCKER_HUB.to_owned() } else { name }
}

fn shown(character: char, at: usize) -> String {
    format!("`{}` (character {})", character.escape_default(), at + 1)
}

impl Repository {
    /// The registry: a host with or without a port; Docker Hub is `docker.io`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path in the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The host and port at which the registry answers.
    pub fn host(&self) -> &str {
        if self.registry == DOCKER_HUB { DOCKER_HUB_HOST } else { &self.registry }
    }

    /// An image here by its tag.
    pub fn tagged(&self, tag: &str) -> Result<Reference, ReferenceError> {
        check_tag(tag)?;
        Ok(Reference { repository: self.clone(), tag: Some(tag.to_owned()), digest: None })
    }

    /// An image here by its digest.
    pub fn at(&self, digest: Sha256) -> Reference {
        Reference { repository: self.clone(), tag: None, digest: Some(digest) }
    }
}

impl Reference {
    /// Where the image is.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag; without tag and digest it is `latest`.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest or index.
    pub fn digest(&self) -> Option<Sha256> {
        self.digest
    }

    /// What is asked for at the registry: the digest, or else the tag.
    pub fn wanted(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => unreachable!("a reference has a tag or a digest"),
        }
    }

    /// The same name for exactly this manifest.
    pub fn with_digest(&self, digest: Sha256) -> Self {
        Self { digest: Some(digest), ..self.clone() }
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason: String| ReferenceError::new(text, "repository", reason);
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(error(format!("leave out `{scheme}://`")));
        }
        let (registry, path) = match text.split_once('/') {
            // As Docker tells a host from the first part of a path.
            Some((first, rest)) if first.contains(['.', ':', '[']) || first == "localhost" => (first, rest),
            _ => (DOCKER_HUB, text),
        };
        check_host(registry).map_err(error)?;
        check_path(path).map_err(error)?;
        let registry = registry_name(registry);
        let path = if registry == DOCKER_HUB && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        Ok(Self { registry, path })
    }
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or("an address in brackets has no `]`")?;
            address.parse::<std::net::Ipv6Addr>().map_err(|_| format!("`{address}` is no IPv6 address"))?;
            match after.strip_prefix(':') {
                None if !after.is_empty() => return Err(format!("`{after}` may not follow the address")),
                port => (None, port),
            }
        }
        None => match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        },
    };
    if let Some(port) = port
        && !(port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0))
    {
        return Err(format!("`{port}` is no port of a registry"));
    }
    for part in name.into_iter().flat_map(|name| name.split('.')) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if part.is_empty() || !part.bytes().all(allowed) || part.starts_with('-') || part.ends_with('-') {
            return Err(format!("`{part}` is no part of the host name of a registry"));
        }
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("it has no path".to_owned());
    }
    if path.len() > MAX_PATH {
        return Err(format!("its path has {} characters, and {MAX_PATH} is the most", path.len()));
    }
    for (at, character) in path.chars().enumerate() {
        if character.is_ascii_uppercase() {
            return Err(format!("{} of the path must be a lower-case letter", shown(character, at)));
        }
        let allowed = character.is_ascii_alphanumeric() || matches!(character, '/' | '.' | '_' | '-');
        if !allowed {
            return Err(format!("{} may not be in the path", shown(character, at)));
        }
    }
    path.split('/').try_for_each(check_component)
}

/// Letters and digits, in runs that are joined by `.`, `_`, `__` or any number of `-`.
fn check_component(component: &str) -> Result<(), String> {
    let mut rest = component;
    loop {
        let run = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if run == 0 {
            let reason = if component.is_empty() {
                "two `/` follow each other, or one is first or last".to_owned()
            } else {
                format!(
                    "`{component}` must begin and end with a letter or digit, with `.`, `_`, `__` or `-` between"
                )
            };
            return Err(reason);
        }
        rest = &rest[run..];
        let joint = rest.bytes().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        match &rest[..joint] {
            "" => return Ok(()),
            "." | "_" | "__" => {}
            dashes if dashes.bytes().all(|byte| byte == b'-') => {}
            other => return Err(format!("`{other}` may not be in `{component}`")),
        }
        rest = &rest[joint..];
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason: String| ReferenceError::new(text, "image name", reason);
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Sha256>().map_err(error)?)),
            None => (text, None),
        };
        // A colon after the last slash is a tag's, one before it a port's.
        let path_at = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[path_at..].find(':') {
            Some(colon) => (&name[..path_at + colon], Some(&name[path_at + colon + 1..])),
            None => (name, None),
        };
        let repository = name.parse().map_err(|inner: ReferenceError| error(inner.reason))?;
        let tag = match (tag, digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        tag.map_or(Ok(()), check_tag).map_err(|inner| error(format!("its tag: {}", inner.reason)))?;
        Ok(Self { repository, tag: tag.map(str::to_owned), digest })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_completed_as_docker_completes_them() {
        let digest = Sha256::of(b"");
        for (text, whole) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("me/tool:1.0", "docker.io/me/tool:1.0"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("localhost/tool", "localhost/tool:latest"),
            ("localhost:5000/a/b__c/d-.x".trim_end_matches("-.x"), "localhost:5000/a/b__c/d:latest"),
            ("127.0.0.1:5000/tool:x", "127.0.0.1:5000/tool:x"),
            ("[::1]:5000/tool:x", "[::1]:5000/tool:x"),
            ("Registry.Example/a---b", "registry.example/a---b:latest"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), whole, "{text}");
        }
        let both = format!("registry.example/a:1@{digest}");
        assert_eq!(both.parse::<Reference>().unwrap().to_string(), both);
        let only = format!("registry.example/a@{digest}").parse::<Reference>().unwrap();
        assert_eq!((only.tag(), only.digest()), (None, Some(digest)));
        assert_eq!("alpine".parse::<Repository>().unwrap().host(), "registry-1.docker.io");
    }

    #[test]
    fn what_is_wrong_with_a_name_is_told() {
        let long = "a".repeat(256);
        for (text, told) in [
            ("", "it has no path"),
            ("registry.example/", "it has no path"),
            ("https://registry.example/a", "leave out `https://`"),
            ("registry.example/Tool", "`T` (character 1) of the path must be a lower-case letter"),
            ("registry.example/a b", "` ` (character 2) may not be in the path"),
            ("registry.example/a//b", "two `/`"),
            ("registry.example/-a", "must begin and end"),
            ("registry.example/a-", "must begin and end"),
            ("registry.example/a_.b", "`_.` may not be in `a_.b`"),
            ("registry.example:x/a", "`x` is no port"),
            ("registry.example:99999/a", "`99999` is no port"),
            ("-registry.example/a", "`-registry` is no part of the host name"),
            ("[::g]/a", "no IPv6 address"),
            ("a:b:c", "`:` (character 2)"),
            ("a@sha256:12", "64 of 0-9"),
            ("a@sha512:12", "only sha256"),
            (&format!("registry.example/{long}"), "256 characters, and 255"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_tag_has_its_own_rule() {
        for good in ["a", "_", "1.0-x_Y", &"x".repeat(128)] {
            check_tag(good).unwrap();
        }
        for (tag, told) in [
            ("", "empty"),
            (".a", "may not begin with `.`"),
            ("-a", "may not begin with `-`"),
            ("a/b", "`/` (character 2)"),
            ("a\u{e4}", "(character 2)"),
            (&"x".repeat(129), "129 characters, and 128"),
        ] {
            let error = check_tag(tag).unwrap_err().to_string();
            assert!(error.contains(told), "{tag}: {error}");
        }
    }
}
