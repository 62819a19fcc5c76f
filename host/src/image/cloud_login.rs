use std::path::PathBuf;

use super::ecr::{Ecr, EcrRegistry};
use super::google::{is_google, login_of_environment, login_of_tool};
use super::{ImageError, Login, Logins, Repository};
use crate::executor::Cancel;

/// The logins of the clouds, for their own registries, and others for the rest and where the user
/// is not known to the cloud.
pub struct CloudLogins {
    ecr: Ecr,
    rest: Box<dyn Logins>,
    cancel: Cancel,
}

impl CloudLogins {
    /// Before other logins. Clouds are spoken to by trusting a file of certificates beside the
    /// machine's, and not waited for once it is cancelled.
    pub fn before(rest: impl Logins + 'static, ca_bundle: Option<PathBuf>, cancel: Cancel) -> Self {
        Self { ecr: Ecr::new(ca_bundle, cancel.clone()), rest: Box::new(rest), cancel }
    }

    /// Makes a repository where its registry wants that before a push, unless it is there.
    pub fn prepare(&self, repository: &Repository) -> Result<(), ImageError> {
        match EcrRegistry::parse(repository.registry()) {
            Some(registry) => self.ecr.prepare(repository, &registry),
            None => Ok(()),
        }
    }
}

impl Logins for CloudLogins {
    fn login(&self, registry: &str) -> Result<Option<Login>, ImageError> {
        if let Some(ecr) = EcrRegistry::parse(registry) {
            if let Some(login) = self.ecr.login(registry, &ecr)? {
                return Ok(Some(login));
            }
            let login = self.rest.login(registry)?;
            return login.map(Some).ok_or_else(|| ImageError::Login {
                registry: registry.to_owned(),
                reason: "there are no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
                         AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`"
                    .to_owned(),
            });
        }
        if is_google(registry) {
            if let Some(login) = login_of_environment() {
                return Ok(Some(login));
            }
            return match self.rest.login(registry)? {
                Some(login) => Ok(Some(login)),
                None => login_of_tool(registry, &self.cancel),
            };
        }
        self.rest.login(registry)
    }

    fn is_ended(&self, registry: &str) -> bool {
        self.ecr.is_ended(registry) || self.rest.is_ended(registry)
    }
}
