//! Blobs to a registry, streamed: resumed where the registry says how far it came, else begun again.

use std::io::{self, Read};

use url::Url;

use super::answer::Answer;
use super::registries::{Access, Call, Part, refusal};
use super::retry::Attempts;
use super::{Content, Event, ImageError, Progress, Registries, Repository, Sha256};
use crate::tree::Digest;

/// A blob up to this size is sent with the request that ends the upload, which saves one.
const AT_ONCE: u64 = 1 << 20;
/// So often an upload of which the registry has lost count is begun again.
const BEGUN_AGAIN: u32 = 2;

/// The reader of a request's body: it tells the progress, and stops when asked to.
pub struct Sent<'s> {
    part: Part<'s>,
    reader: Box<dyn Read + 's>,
    position: u64,
}

impl<'s> Sent<'s> {
    pub fn new(part: &Part<'s>) -> Result<Self, ImageError> {
        let reader = part.content.open(part.blob, part.from, part.progress)?;
        Ok(Self { part: *part, reader, position: part.from })
    }
}

impl Read for Sent<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.progress.cancelled() {
            return Err(ImageError::Cancelled.into_io());
        }
        let read = self.reader.read(buffer)?;
        self.position += read as u64;
        if read == 0 && !buffer.is_empty() && self.position < self.part.blob.size() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.part.progress.report(Event::Sent { blob: self.part.blob, bytes: self.position });
        Ok(read)
    }
}

/// How a repository came by a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    AlreadyThere,
    Mounted,
    Uploaded,
}

/// A blob on its way.
pub struct Upload<'u> {
    pub registries: &'u Registries,
    pub to: &'u Repository,
    pub blob: &'u Digest,
    pub content: Content<'u>,
    /// Another repository of the same registry that has the blob.
    pub mount: Option<&'u Repository>,
    pub progress: &'u dyn Progress,
}

impl Registries {
    /// Sends a blob to a repository, unless it is there.
    pub fn upload_blob(
        &self,
        to: &Repository,
        blob: &Digest,
        content: Content<'_>,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        Upload { registries: self, to, blob, content, mount: None, progress }.run().map(drop)
    }

    /// Makes a blob of one repository one of another in the same registry; false when the registry
    /// does not do so.
    pub fn mount_blob(
        &self,
        to: &Repository,
        from: &Repository,
        blob: &Digest,
        progress: &dyn Progress,
    ) -> Result<bool, ImageError> {
        let content = Content::Memory(&[]);
        let upload = Upload { registries: self, to, blob, content, mount: Some(from), progress };
        match Attempts::new(self.settings.retry, progress).run(|| upload.begin())? {
            None => Ok(true),
            Some(location) => {
                upload.cancel(&location);
                Ok(false)
            }
        }
    }
}

/// Whether a registry says that what it was sent does not go on where it is, or is not what came.
fn lost_count(error: &ImageError) -> bool {
    match error {
        ImageError::Refused { status: 416, .. } => true,
        ImageError::Refused { status: 400, words, .. } => {
            ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID"]
                .iter()
                .any(|code| words.contains(code))
        }
        _ => false,
    }
}

impl Upload<'_> {
    /// Sends the blob in whatever way is the shortest.
    pub fn run(&self) -> Result<Arrival, ImageError> {
        if self.registries.has_blob_for(Access::push(self.to), self.blob, self.progress)? {
            self.progress.report(Event::AlreadyThere { blob: self.blob });
            return Ok(Arrival::AlreadyThere);
        }
        let mut attempts = Attempts::new(self.registries.settings.retry, self.progress);
        let mut begun: Option<(Url, u64)> = None;
        let (mut furthest, mut begun_again) = (0, 0);
        loop {
            let tried = match begun.take() {
                Some((location, from)) => self.send(&location, from).map_err(|error| (error, location)),
                None => match attempts.run(|| self.begin_somehow())? {
                    None => {
                        self.progress.report(Event::Mounted { blob: self.blob });
                        return Ok(Arrival::Mounted);
                    }
                    Some(location) => self.send(&location, 0).map_err(|error| (error, location)),
                },
            };
            let Err((error, location)) = tried else { return Ok(Arrival::Uploaded) };
            let lost_count = lost_count(&error) && begun_again < BEGUN_AGAIN;
            let error = match error {
                // A registry that lost the upload may have kept all of the blob; where it comes from, it
                // may be missing, too.
                ImageError::Missing { what, words } if what == self.what() => {
                    ImageError::Unavailable { what, status: 404, words, after: None }
                }
                ImageError::Refused { what, status, words } if lost_count => {
                    begun_again += 1;
                    ImageError::Unavailable { what, status, words, after: None }
                }
                other => other,
            };
            attempts.wait(error)?;
            begun = if lost_count { None } else { self.came_so_far(&location).unwrap_or(None) };
            if let Some((_, from)) = &begun
                && *from > furthest
            {
                furthest = *from;
                attempts.went_on();
            }
            // An answer that was lost may have been the good one.
            if begun.is_none()
                && self.registries.has_blob_for(Access::push(self.to), self.blob, self.progress)?
            {
                return Ok(Arrival::Uploaded);
            }
        }
    }

    fn what(&self) -> String {
        format!("uploading {} to {}", Sha256::from(*self.blob), self.to)
    }

    fn call(&self, method: &'static str, url: &Url, body: Option<Part<'_>>) -> Result<Answer, ImageError> {
        let mut headers = Vec::new();
        if let Some(part) = &body {
            headers.push(("content-type", "application/octet-stream".to_owned()));
            if part.from > 0 {
                let end = self.blob.size() - 1;
                headers.push(("content-range", format!("{}-{end}", part.from)));
            }
        }
        let what = self.what();
        // Only what begins an upload reads another repository.
        let from = self.mount.filter(|_| method == "POST");
        let access = Access { from, ..Access::push(self.to) };
        self.registries.call(&Call { access, what, method, url, headers, body })
    }

    /// As [`Upload::begin`]; without a mount where the registry does not allow it.
    fn begin_somehow(&self) -> Result<Option<Url>, ImageError> {
        match self.begin() {
            Err(error) if self.mount.is_some() && !error.passes() => {
                let without = Upload { mount: None, ..*self };
                without.begin()
            }
            other => other,
        }
    }

    /// Where to send the blob; none when it could be mounted.
    fn begin(&self) -> Result<Option<Url>, ImageError> {
        let mut url = self.registries.url(self.to, "blobs/uploads/")?;
        if let Some(from) = self.mount {
            let mount = Sha256::from(*self.blob).to_string();
            url.query_pairs_mut().append_pair("mount", &mount).append_pair("from", from.path());
        }
        let mut answer = self.call("POST", &url, None)?;
        match answer.status() {
            201 if self.mount.is_some() => Ok(None),
            202 => answer.location().map(Some),
            _ => Err(refusal(&mut answer)),
        }
    }

    /// Sends what follows a byte, and ends the upload.
    fn send(&self, location: &Url, from: u64) -> Result<(), ImageError> {
        let Self { blob, content, progress, .. } = *self;
        let part = Part { blob, content, from, progress };
        let at_once = from == 0 && blob.size() <= AT_ONCE;
        let location = if at_once || from == blob.size() {
            location.clone()
        } else {
            let mut answer = self.call("PATCH", location, Some(part))?;
            match answer.status() {
                202 | 204 => answer.location()?,
                _ => return Err(refusal(&mut answer)),
            }
        };
        let mut end = location;
        end.query_pairs_mut().append_pair("digest", &Sha256::from(*blob).to_string());
        let mut answer = self.call("PUT", &end, at_once.then_some(part))?;
        match answer.status() {
            201 | 204 => Ok(()),
            _ => Err(refusal(&mut answer)),
        }
    }

    /// Where and from which byte on an upload that broke can be resumed.
    fn came_so_far(&self, location: &Url) -> Result<Option<(Url, u64)>, ImageError> {
        if self.blob.size() <= AT_ONCE {
            return Ok(None);
        }
        let answer = self.call("GET", location, None)?;
        if !matches!(answer.status(), 200 | 202 | 204) {
            return Ok(None);
        }
        // `0-0` is both nothing and one byte, so it is begun again.
        let end = answer.header("range").and_then(|range| range.rsplit_once('-')?.1.parse::<u64>().ok());
        let next = answer.location().unwrap_or_else(|_| location.clone());
        Ok(end.filter(|end| *end > 0 && *end < self.blob.size()).map(|end| (next, end + 1)))
    }

    /// Best effort: the registry forgets an upload by itself some day.
    fn cancel(&self, location: &Url) {
        let _ = self.call("DELETE", location, None);
    }
}
