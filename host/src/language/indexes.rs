use serde::Deserialize;

/// The user's settings for installers, from fnpack.toml.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Indexes {
    /// Instead of PyPI.
    pub python_index: Option<String>,
    /// Looked at beside the index.
    pub python_extra_indexes: Vec<String>,
    /// Instead of the npm registry.
    pub npm_registry: Option<String>,
}

impl Indexes {
    /// What of the settings is an input of a build: the addresses without the logins in them.
    pub fn inputs(&self) -> Vec<(String, String)> {
        let public = |url: &String| Address::of(url).public;
        let join = |urls: &[String]| urls.iter().map(public).collect::<Vec<_>>().join(" ");
        let single = |url: &Option<String>| url.as_ref().map(public).unwrap_or_default();
        [
            ("python-index", single(&self.python_index)),
            ("python-extra-indexes", join(&self.python_extra_indexes)),
            ("npm-registry", single(&self.npm_registry)),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

/// A URL apart from the login in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'u> {
    /// The URL without the login.
    pub public: String,
    /// `user:password`, or a token alone.
    pub login: Option<&'u str>,
}

impl<'u> Address<'u> {
    /// Takes a URL apart.
    pub fn of(url: &'u str) -> Self {
        let whole = Self { public: url.to_owned(), login: None };
        let Some((scheme, rest)) = url.split_once("://") else { return whole };
        let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let Some((login, host)) = rest[..host_end].rsplit_once('@') else { return whole };
        Self { public: format!("{scheme}://{host}{}", &rest[host_end..]), login: Some(login) }
    }
}

/// Whether a text, such as a line of a manifest, has an address with a login in it: a password, or
/// whatever comes before the host of an http address. A user alone, as `git+ssh://git@host` has it,
/// is none, and neither is a variable (`${TOKEN}`).
pub fn holds_login(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let scheme = text[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).next();
        let scheme = scheme.unwrap_or_default().to_ascii_lowercase();
        let address = text[at..].split(|c: char| c.is_whitespace() || "'\"".contains(c)).next();
        Address::of(address.unwrap_or_default()).login.is_some_and(|login| {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            let secret = match scheme.ends_with("http") || scheme.ends_with("https") {
                true => [user, password].concat(),
                false => password.to_owned(),
            };
            !secret.is_empty() && !secret.starts_with("${")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_in_a_line_is_found() {
        for (line, holds) in [
            ("--index-url https://me:secret@host/simple", true),
            ("--extra-index-url=https://token@host/simple", true),
            ("six @ git+https://token@host/six.git@v1", true),
            ("ssh://git:secret@host/x", true),
            ("git+ssh://git@host/x.git", false),
            ("https://host/@scope/x", false),
            ("https://${USER}:${TOKEN}@host/simple", false),
            ("https://host/a https://host/b@1", false),
        ] {
            assert_eq!(holds_login(line), holds, "{line}");
        }
    }

    #[test]
    fn a_login_is_taken_out_of_a_url() {
        for (url, public, login) in [
            ("https://pypi.example/simple", "https://pypi.example/simple", None),
            ("https://me:p@ss@pypi.example/simple", "https://pypi.example/simple", Some("me:p@ss")),
            ("https://token@npm.example:8443", "https://npm.example:8443", Some("token")),
            ("https://npm.example/@scope/", "https://npm.example/@scope/", None),
        ] {
            assert_eq!(Address::of(url), Address { public: public.into(), login }, "{url}");
        }
    }
}
