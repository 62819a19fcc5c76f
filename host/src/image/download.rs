//! Blobs from a registry, streamed: a broken connection is made again where it broke, and what
//! arrives is checked.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::registries::{Access, Call, refusal};
use super::retry::Attempts;
use super::{Event, ImageError, Progress, Registries, Repository, Sha256};
use crate::store::Store;
use crate::tree::{Digest, Hasher};

const CHUNK: usize = 128 * 1024;

/// Reads a blob to its end. The end comes only when its size and digest are right.
pub struct BlobReader<'r> {
    registries: &'r Registries,
    repository: &'r Repository,
    blob: Digest,
    position: u64,
    body: Option<Body>,
    /// None where the beginning is not read.
    hasher: Option<Hasher>,
    attempts: Attempts<'r>,
    progress: &'r dyn Progress,
}

struct Body {
    reader: Box<dyn Read + Send + Sync>,
    /// Whether nothing but the end of the connection tells its end, so that it may have broken.
    is_open_ended: bool,
}

impl<'r> BlobReader<'r> {
    /// Of a blob from a byte on.
    pub fn new(
        registries: &'r Registries,
        repository: &'r Repository,
        blob: Digest,
        from: u64,
        progress: &'r dyn Progress,
    ) -> Self {
        let attempts = Attempts::new(registries.settings.retry, progress);
        let hasher = (from == 0).then(Hasher::default);
        Self { registries, repository, blob, position: from, body: None, hasher, attempts, progress }
    }

    fn what(&self) -> String {
        format!("fetching {} from {}", Sha256::from(self.blob), self.repository)
    }

    /// Asks for what is still to come.
    fn open(&self) -> Result<Body, ImageError> {
        let rest = format!("blobs/{}", Sha256::from(self.blob));
        let url = self.registries.url(self.repository, &rest)?;
        let mut headers = Vec::new();
        if self.position > 0 {
            headers.push(("range", format!("bytes={}-", self.position)));
        }
        let access = Access::pull(self.repository);
        let call = Call { access, what: self.what(), method: "GET", url: &url, headers, body: None };
        let mut answer = self.registries.call(&call)?;
        let skip = match answer.status() {
            200 => self.position,
            206 => 0,
            _ => return Err(refusal(&mut answer)),
        };
        let is_open_ended = answer.length().is_none() && answer.header("transfer-encoding").is_none();
        let mut body = answer.response.into_body().into_with_config().limit(u64::MAX).reader();
        io::copy(&mut (&mut body).take(skip), &mut io::sink()).map_err(|error| self.broken(error))?;
        Ok(Body { reader: Box::new(body), is_open_ended })
    }

    fn broken(&self, error: io::Error) -> ImageError {
        self.registries.http.broken(&self.what(), error)
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, ImageError> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let opened = self.open()?;
                self.body.insert(opened)
            }
        };
        let left = (self.blob.size() - self.position).min(buffer.len() as u64) as usize;
        let is_open_ended = body.is_open_ended;
        let read = body.reader.read(&mut buffer[..left]).map_err(|error| self.broken(error))?;
        if read == 0 && is_open_ended {
            let reason = format!("it ended after {} of {} bytes", self.position, self.blob.size());
            return Err(ImageError::Connection { what: self.what(), reason });
        }
        self.position += read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        let ended = self.position == self.blob.size();
        if ended {
            // The connection is free for another request once its end was seen.
            let _ = self.body.take().map(|mut body| body.reader.read(&mut [0]));
        }
        if ended || read == 0 {
            self.check_end()?;
        }
        self.attempts.went_on();
        self.progress.report(Event::Received { blob: &self.blob, bytes: self.position });
        Ok(read)
    }

    /// Whoever reads may stop at the last byte, so this comes before it is handed out.
    fn check_end(&mut self) -> Result<(), ImageError> {
        let found = match self.hasher.take() {
            Some(hasher) => hasher.finish(),
            None => Sha256::from(self.blob).sized(self.position),
        };
        if found == self.blob {
            return Ok(());
        }
        let shown = |digest: Digest| format!("{} ({} bytes)", Sha256::from(digest), digest.size());
        let (expected, found) = (shown(self.blob), shown(found));
        Err(ImageError::WrongDigest { what: self.what(), expected, found })
    }
}

impl Read for BlobReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.position == self.blob.size() {
            return Ok(0);
        }
        loop {
            if self.progress.cancelled() {
                return Err(ImageError::Cancelled.into_io());
            }
            match self.read_some(buffer) {
                Ok(read) => return Ok(read),
                Err(error) => {
                    self.body = None;
                    self.attempts.wait(error).map_err(ImageError::into_io)?;
                }
            }
        }
    }
}

impl Registries {
    /// Copies a blob to a writer, checked: on an error the writer has got bytes that must not be used.
    pub(super) fn copy_blob(
        &self,
        repository: &Repository,
        blob: &Digest,
        progress: &dyn Progress,
        mut write: impl FnMut(&[u8]) -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        let mut reader = BlobReader::new(self, repository, *blob, 0, progress);
        let mut buffer = vec![0; CHUNK];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => write(&buffer[..read])?,
                Err(error) => return Err(self.http.broken(&format!("fetching from {repository}"), error)),
            }
        }
    }

    /// Fetches a blob into the store, unless it is there.
    pub fn fetch_blob(
        &self,
        repository: &Repository,
        blob: &Digest,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        if store.has(blob) {
            return Ok(());
        }
        let scratch = store.scratch()?;
        let path = scratch.path().join("blob");
        self.fetch_blob_to(repository, blob, &path, progress)?;
        store.add_moved(&path)?;
        Ok(())
    }

    /// Fetches a blob into a new file; what of it was written is removed on an error.
    pub fn fetch_blob_to(
        &self,
        repository: &Repository,
        blob: &Digest,
        path: &Path,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        let mut file = File::create_new(path).map_err(ImageError::io("create", path))?;
        let write = |bytes: &[u8]| file.write_all(bytes).map_err(ImageError::io("write", path));
        self.copy_blob(repository, blob, progress, write).inspect_err(|_| {
            let _ = std::fs::remove_file(path);
        })
    }
}
