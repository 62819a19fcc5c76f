use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::ImageError;

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps what must not be shown.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("****")
    }
}

/// Shorter ones are told by nothing, and would be found in any word.
const SHORTEST: usize = 4;

/// A text in which secrets are blotted out.
pub fn masked(text: &str, secrets: &[Secret]) -> String {
    let mut secrets: Vec<&str> = secrets.iter().map(Secret::reveal).collect();
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let long = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST);
    long.fold(text.to_owned(), |text, secret| text.replace(secret, "****"))
}

/// What a registry is told of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user and a password, or a token in its place.
    Password {
        /// The user, such as `AWS` or `oauth2accesstoken`.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token that the registry's token service exchanges for others.
    IdentityToken(Secret),
    /// A token that the registry itself takes.
    RegistryToken(Secret),
}

/// Knows logins. It is asked again when a registry refuses what it said before, so that what
/// expires can be renewed.
pub trait Logins: Send + Sync {
    /// The login for a registry, as [`Repository::registry`](super::Repository::registry) names it;
    /// none to go without.
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError>;

    /// Whether the login that was given last for a registry is about to end, so that another is to
    /// be asked for. Most do not say.
    fn is_ended(&self, _registry: &str) -> bool {
        false
    }
}

/// Nobody logs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLogins;

impl Logins for NoLogins {
    fn login(&self, _: &str) -> Result<Option<Login>, ImageError> {
        Ok(None)
    }
}

impl Logins for Box<dyn Logins> {
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError> {
        (**self).login(registry)
    }

    fn is_ended(&self, registry: &str) -> bool {
        (**self).is_ended(registry)
    }
}

impl<L: Logins + ?Sized> Logins for Arc<L> {
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError> {
        (**self).login(registry)
    }

    fn is_ended(&self, registry: &str) -> bool {
        (**self).is_ended(registry)
    }
}

type Ask = Box<dyn Fn() -> Result<Login, ImageError> + Send + Sync>;

/// Logins that were given for certain registries, and others for the rest.
pub struct ExplicitLogins {
    given: BTreeMap<String, Ask>,
    rest: Box<dyn Logins>,
}

impl ExplicitLogins {
    /// None yet; `rest` knows all others.
    pub fn before(rest: impl Logins + 'static) -> Self {
        Self { given: BTreeMap::new(), rest: Box::new(rest) }
    }

    /// With a login for a registry.
    pub fn with(self, registry: &str, login: Login) -> Self {
        self.with_renewed(registry, move || Ok(login.clone()))
    }

    /// With a login for a registry that is asked for each time one is needed.
    pub fn with_renewed(
        mut self,
        registry: &str,
        ask: impl Fn() -> Result<Login, ImageError> + Send + Sync + 'static,
    ) -> Self {
        self.given.insert(registry.to_owned(), Box::new(ask));
        self
    }
}

impl fmt::Debug for ExplicitLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.given.keys()).finish()
    }
}

impl Logins for ExplicitLogins {
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError> {
        match self.given.get(registry) {
            Some(ask) => ask().map(Some),
            None => self.rest.login(registry),
        }
    }

    fn is_ended(&self, registry: &str) -> bool {
        !self.given.contains_key(registry) && self.rest.is_ended(registry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_blotted_out_whole() {
        let secrets = ["hidden", "hidden-too", "a"].map(Secret::new);
        assert_eq!(masked("a hidden-too, hidden", &secrets), "a ****, ****");
    }

    #[test]
    fn a_login_does_not_show_its_secret() {
        let login = Login::Password { user: "AWS".into(), password: Secret::new("hidden") };
        let logins = ExplicitLogins::before(NoLogins).with("registry.example", login.clone());
        assert!(!format!("{login:?} {logins:?}").contains("hidden"));
        assert_eq!(logins.login("registry.example").unwrap(), Some(login));
        assert_eq!(logins.login("other.example").unwrap(), None);
    }
}
