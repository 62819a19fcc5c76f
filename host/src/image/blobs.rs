use super::registries::{Access, Call, refusal};
use super::retry::Attempts;
use super::{ImageError, Progress, Registries, Repository, Sha256};
use crate::tree::Digest;

impl Registries {
    /// Whether a repository has a blob.
    pub fn has_blob(
        &self,
        repository: &Repository,
        blob: &Digest,
        progress: &dyn Progress,
    ) -> Result<bool, ImageError> {
        self.has_blob_for(Access::pull(repository), blob, progress)
    }

    /// As [`Registries::has_blob`], with the token of what follows.
    pub(super) fn has_blob_for(
        &self,
        access: Access<'_>,
        blob: &Digest,
        progress: &dyn Progress,
    ) -> Result<bool, ImageError> {
        let sha = Sha256::from(*blob);
        let url = self.url(access.repository, &format!("blobs/{sha}"))?;
        let what = format!("looking for {sha} in {}", access.repository);
        let call = Call { access, what, method: "HEAD", url: &url, headers: Vec::new(), body: None };
        Attempts::new(self.settings.retry, progress).run(|| {
            let mut answer = self.call(&call)?;
            match answer.status() {
                // One of another size is damaged: it is sent again.
                200 => Ok(answer.length().is_none_or(|length| length == blob.size())),
                // Where nobody can be asked, it is sent.
                404 | 405 => Ok(false),
                _ => Err(refusal(&mut answer)),
            }
        })
    }
}
