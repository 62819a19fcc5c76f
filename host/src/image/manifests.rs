//! Manifests and tags in a registry.

use serde::Deserialize;

use super::answer::Answer;
use super::media::accepted;
use super::registries::{Access, Call, Part, refusal};
use super::retry::Attempts;
use super::{Content, ImageError, Progress, Quiet, Reference, Registries, Repository, Sha256};
use crate::tree::Digest;

/// Longest manifest or index, by the specification.
const LONGEST: usize = 4 << 20;
/// So many tags are asked for at once.
const PAGE: usize = 1000;
/// A registry may give fewer at once.
const MOST_PAGES: usize = 10_000;

/// A manifest as a registry hands it out.
#[derive(Debug)]
pub struct FetchedManifest {
    pub digest: Sha256,
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Registries {
    /// The digest of what a name stands for now; none when it is not there. One request.
    pub fn digest_of(
        &self,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<Option<Sha256>, ImageError> {
        self.digest_for(Access::pull(reference.repository()), reference, progress)
    }

    /// Whether a name stands for exactly this manifest. One request.
    pub fn verify(
        &self,
        reference: &Reference,
        digest: Sha256,
        progress: &dyn Progress,
    ) -> Result<bool, ImageError> {
        Ok(self.digest_of(reference, progress)? == Some(digest))
    }

    pub(super) fn digest_for(
        &self,
        access: Access<'_>,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<Option<Sha256>, ImageError> {
        let Some(answer) = self.ask_manifest("HEAD", access, reference, progress)? else { return Ok(None) };
        match answer.digest().or(reference.digest()) {
            Some(digest) => Ok(Some(digest)),
            // The header is only recommended.
            None => Ok(Some(self.manifest(reference, progress)?.digest)),
        }
    }

    /// A manifest or index, checked against the digest that was asked for.
    pub(super) fn manifest(
        &self,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<FetchedManifest, ImageError> {
        let what = format!("fetching {reference}");
        let mut attempts = Attempts::new(self.settings.retry, progress);
        let (told, media_type, bytes) = attempts.run(|| {
            let found =
                self.ask_manifest("GET", Access::pull(reference.repository()), reference, progress)?;
            let missing = || ImageError::Missing { what: what.clone(), words: String::new() };
            let answer = found.ok_or_else(missing)?;
            let media_type = answer.header("content-type").unwrap_or_default().to_owned();
            Ok((answer.digest(), media_type, answer.bytes(LONGEST)?))
        })?;
        let digest = Sha256::of(&bytes);
        let expected = reference.digest().or(told).unwrap_or(digest);
        if digest != expected {
            let (expected, found) = (expected.to_string(), digest.to_string());
            return Err(ImageError::WrongDigest { what, expected, found });
        }
        Ok(FetchedManifest { digest, media_type, bytes })
    }

    fn ask_manifest(
        &self,
        method: &'static str,
        access: Access<'_>,
        reference: &Reference,
        progress: &dyn Progress,
    ) -> Result<Option<Answer>, ImageError> {
        let url = self.url(reference.repository(), &format!("manifests/{}", reference.wanted()))?;
        let headers = vec![("accept", accepted())];
        let what = format!("fetching {reference}");
        let ask = |method| {
            let (what, headers) = (what.clone(), headers.clone());
            let mut answer = self.call(&Call { access, what, method, url: &url, headers, body: None })?;
            match answer.status() {
                200 => Ok(Some(answer)),
                // With GET a registry says in words whether the repository is missing, too.
                404 if method == "HEAD" => Ok(None),
                _ => Err(refusal(&mut answer)),
            }
        };
        Attempts::new(self.settings.retry, progress).run(|| match ask(method) {
            // An answer to HEAD has no words, and some registries do not know it.
            Err(error) if method == "HEAD" && !error.passes() => match ask("GET") {
                Err(ImageError::Missing { .. }) => Ok(None),
                other => other,
            },
            other => other,
        })
    }

    /// Puts a manifest, whose blobs are there, under a tag or its digest. Once: what is to be done
    /// before another attempt is the caller's to know.
    pub(super) fn put_manifest(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), ImageError> {
        let name = reference.tag().map_or_else(|| reference.wanted(), str::to_owned);
        let url = self.url(reference.repository(), &format!("manifests/{name}"))?;
        let blob = Digest::of(bytes);
        // It is no blob of which anybody wants to hear.
        let body = Part { blob: &blob, content: Content::Memory(bytes), from: 0, progress: &Quiet };
        let call = Call {
            access: Access::push(reference.repository()),
            what: format!("pushing {reference}"),
            method: "PUT",
            url: &url,
            headers: vec![("content-type", media_type.to_owned())],
            body: Some(body),
        };
        let mut answer = self.call(&call)?;
        match answer.status() {
            200..=204 => match answer.digest() {
                Some(found) if found != Sha256::from(blob) => Err(ImageError::WrongDigest {
                    what: call.what,
                    expected: Sha256::from(blob).to_string(),
                    found: found.to_string(),
                }),
                _ => Ok(()),
            },
            _ => Err(refusal(&mut answer)),
        }
    }

    /// The tags of a repository, in the registry's order; none when the repository is not there.
    pub fn tags(&self, repository: &Repository, progress: &dyn Progress) -> Result<Vec<String>, ImageError> {
        #[derive(Deserialize)]
        struct Page {
            tags: Option<Vec<String>>,
        }
        let (mut tags, mut pages) = (Vec::new(), 0);
        let mut url = self.url(repository, &format!("tags/list?n={PAGE}"))?;
        loop {
            let what = format!("listing {repository}");
            let access = Access::pull(repository);
            let call = Call { access, what, method: "GET", url: &url, headers: Vec::new(), body: None };
            let (next, page) = Attempts::new(self.settings.retry, progress).run(|| {
                let mut answer = self.call(&call)?;
                match answer.status() {
                    200 => Ok((answer.header("link").and_then(next_of), Some(answer.bytes(LONGEST)?))),
                    404 => Ok((None, None)),
                    _ => Err(refusal(&mut answer)),
                }
            })?;
            let Some(page) = page else { return Ok(tags) };
            let malformed = |reason: String| ImageError::Malformed { what: call.what.clone(), reason };
            let page: Page = serde_json::from_slice(&page).map_err(|error| malformed(error.to_string()))?;
            tags.extend(page.tags.unwrap_or_default());
            let Some(next) = next else { return Ok(tags) };
            let joined = url.join(&next).map_err(|error| malformed(error.to_string()))?;
            pages += 1;
            if joined == url || pages > MOST_PAGES {
                return Err(malformed("its pages have no end".to_owned()));
            }
            url = joined;
        }
    }
}

/// The URL of `<URL>; rel="next"`.
fn next_of(link: &str) -> Option<String> {
    let (url, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| url.to_owned())
}
