use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::registries::Access;
use super::retry::Attempts;
use super::upload::{Arrival, Upload};
use super::{Content, Event, Image, ImageError, Progress, Reference, Registries, Repository};
use crate::store::Store;
use crate::tree::Digest;

/// How an image is pushed.
#[derive(Clone, Copy, Debug, Default)]
pub struct PushOptions {
    /// Whether a tag that is another image's is taken from it.
    pub overwrite: bool,
}

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The image by its digest: what to hand out.
    pub reference: Reference,
    /// Whether the name stood for the image already, and nothing of it was missing.
    pub was_there: bool,
    /// How many blobs were there already.
    pub there: usize,
    /// How many were mounted from another repository.
    pub mounted: usize,
    /// How many were sent.
    pub uploaded: usize,
    /// How many bytes these have.
    pub uploaded_bytes: u64,
}

/// A blob to be pushed.
struct Job<'j> {
    blob: Digest,
    content: Content<'j>,
    mount: Option<&'j Repository>,
}

/// Tells everybody to stop after the first failure.
struct Together<'t> {
    inner: &'t dyn Progress,
    failed: AtomicBool,
}

impl Progress for Together<'_> {
    fn report(&self, event: Event<'_>) {
        self.inner.report(event);
    }

    fn cancelled(&self) -> bool {
        self.failed.load(Ordering::Acquire) || self.inner.cancelled()
    }
}

impl Registries {
    /// Pushes an image under a tag: what is missing of its blobs, a few at a time, and its manifest
    /// last, so that no tag ever stands for half an image. The blobs are looked at even where the tag
    /// stands for the image already: a registry may have lost one of them.
    pub fn push(
        &self,
        image: &Image,
        to: &Reference,
        store: &Store,
        options: PushOptions,
        progress: &dyn Progress,
    ) -> Result<Pushed, ImageError> {
        let repository = to.repository();
        let by_digest = repository.at(image.digest);
        let mut pushed = Pushed {
            reference: by_digest,
            was_there: false,
            there: 0,
            mounted: 0,
            uploaded: 0,
            uploaded_bytes: 0,
        };
        let tag = to.tag().map(|tag| repository.tagged(tag)).transpose()?;
        let name = tag.unwrap_or_else(|| pushed.reference.clone());
        let there = self.digest_for(Access::push(repository), &name, progress)?;
        let is_ours = there == Some(image.digest);
        if let Some(there) = there
            && !is_ours
            && !options.overwrite
        {
            let reference = name.to_string();
            return Err(ImageError::TagTaken { reference, there, ours: image.digest });
        }
        let mut attempts = Attempts::new(self.settings.retry, progress);
        loop {
            let jobs = self.jobs(image, repository, store);
            let blobs = jobs.len();
            for (blob, arrival) in self.push_blobs(repository, jobs, progress)? {
                match arrival {
                    Arrival::AlreadyThere => {}
                    Arrival::Mounted => pushed.mounted += 1,
                    Arrival::Uploaded => {
                        pushed.uploaded += 1;
                        pushed.uploaded_bytes += blob.size();
                    }
                }
            }
            pushed.there = blobs.saturating_sub(pushed.mounted + pushed.uploaded);
            if is_ours && pushed.there == blobs {
                return Ok(Pushed { was_there: true, ..pushed });
            }
            match self.put_manifest(&name, &image.media_type, &image.manifest) {
                Ok(()) => return Ok(pushed),
                // Where it says that a blob is gone again, the blobs are looked at again, too.
                Err(error) => attempts.wait(error)?,
            }
        }
    }

    /// Each blob of an image once.
    fn jobs<'j>(&'j self, image: &'j Image, to: &Repository, store: &'j Store) -> Vec<Job<'j>> {
        let mut seen = HashSet::new();
        let config =
            Job { blob: image.config_digest(), content: Content::Memory(&image.config), mount: None };
        let layers = image.layers.iter().map(|layer| match &layer.from {
            None => Job { blob: layer.blob, content: Content::Stored(store), mount: None },
            Some(from) => {
                let mount = (from.registry() == to.registry() && from != to).then_some(from);
                Job { blob: layer.blob, content: Content::Remote(self, from), mount }
            }
        });
        layers.chain([config]).filter(|job| seen.insert(job.blob)).collect()
    }

    fn push_blobs(
        &self,
        to: &Repository,
        jobs: Vec<Job<'_>>,
        progress: &dyn Progress,
    ) -> Result<Vec<(Digest, Arrival)>, ImageError> {
        let together = Together { inner: progress, failed: AtomicBool::new(false) };
        let threads = self.settings.parallel.clamp(1, jobs.len().max(1));
        let (jobs, done) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
        let first_error = Mutex::new(None);
        let work = || {
            while !together.cancelled() {
                let Some(job) = jobs.lock().expect("no panic while held").next() else { return };
                let Job { blob, content, mount } = job;
                let upload =
                    Upload { registries: self, to, blob: &blob, content, mount, progress: &together };
                match upload.run() {
                    Ok(arrival) => done.lock().expect("no panic while held").push((blob, arrival)),
                    Err(error) => {
                        // Before the others hear of it, whose own errors then come later.
                        first_error.lock().expect("no panic while held").get_or_insert(error);
                        together.failed.store(true, Ordering::Release);
                        return;
                    }
                }
            }
        };
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        match first_error.into_inner().expect("no panic while held") {
            Some(error) => Err(error),
            None if progress.cancelled() => Err(ImageError::Cancelled),
            None => Ok(done.into_inner().expect("no panic while held")),
        }
    }
}
