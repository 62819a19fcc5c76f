use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::DownloadError;
use super::address::{Goal, Place, place};
use super::http::Request;
use super::transfer::{Fault, Piece, Source, run};
use crate::store::{Store, StoreError};
use crate::tree::{Digest, FileEntry, Hasher, Node, RelPath, Tree};

/// When nothing arrives for so long, the connection is taken for dead.
const IDLE: Duration = Duration::from_secs(60);
/// How often cancellation is looked at.
const BEAT: Duration = Duration::from_millis(50);
/// How often a fetch that gets nowhere is tried.
const ATTEMPTS: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// A server that asks for more is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Gets files by their SHA-256.
pub struct Fetcher<'a> {
    /// Where they are kept.
    pub store: &'a Store,
    /// Other places, by the beginnings of URLs.
    pub mirrors: &'a BTreeMap<String, String>,
    /// Certificates to trust beside the machine's.
    pub certificates: Option<PathBuf>,
    /// Whether to end.
    pub cancelled: &'a dyn Fn() -> bool,
    /// Called when a fetch begins, or waits for another's.
    pub step: &'a dyn Fn(&str),
    /// Called while bytes arrive: how many there are, and of how many.
    pub progress: &'a dyn Fn(u64, Option<u64>),
}

/// Whether the cache has the file of that SHA-256.
pub fn file_is_kept(store: &Store, sha256: &str) -> Result<bool, StoreError> {
    Ok(kept_file(store, sha256)?.is_some())
}

fn kept_file(store: &Store, sha256: &str) -> Result<Option<Digest>, StoreError> {
    let tree = store.made_tree(&key(sha256))?;
    let digest = tree.and_then(|tree| tree.files().next().map(|(_, file)| file.digest));
    Ok(digest.filter(|digest| digest.hex() == sha256))
}

fn key(sha256: &str) -> Digest {
    Digest::of(format!("downloaded file\n{sha256}").as_bytes())
}

impl Fetcher<'_> {
    /// The file of that SHA-256 in lower case, from the cache or else from the URL. Of any number
    /// that need it at once, one fetches it.
    pub fn fetch(&self, url: &str, sha256: &str) -> Result<Digest, DownloadError> {
        if let Some(digest) = kept_file(self.store, sha256)? {
            return Ok(digest);
        }
        let place =
            place(url, self.mirrors).map_err(|reason| DownloadError::Fetch { from: url.into(), reason })?;
        let waiting = || (self.step)(&format!("wait for another build that downloads {url}"));
        let _lock = self.store.lock_work(&format!("download-{sha256}"), waiting)?;
        if let Some(digest) = kept_file(self.store, sha256)? {
            return Ok(digest);
        }
        (self.step)(&format!("download {}", place.shown));
        let scratch = self.store.scratch()?;
        let digest = self.whole(&place, sha256, Partial::new(scratch.path().join("file"))?)?;
        let file = Node::File(FileEntry { digest, executable: false });
        let name = RelPath::new("file").expect("a constant path");
        let tree = Tree::empty().with(&name, file).expect("an entry of the root");
        self.store.put_made_tree(&key(sha256), &tree)?;
        Ok(digest)
    }

    /// Tries until all of it is there and right.
    fn whole(&self, place: &Place, sha256: &str, mut partial: Partial) -> Result<Digest, DownloadError> {
        let (mut failed, mut farthest) = (0, 0);
        loop {
            let resumed = partial.position > 0;
            match self.attempt(place, &mut partial)? {
                Ok(()) => {
                    let digest = partial.digest();
                    if digest.hex() == sha256 {
                        return Ok(self.store.add_moved(&partial.path)?);
                    }
                    let (from, found) = (place.shown.clone(), digest.hex());
                    if !resumed {
                        return Err(DownloadError::Digest { from, found, wanted: sha256.to_owned() });
                    }
                    // The file may have changed between the two parts: all of it anew.
                    partial.restart_at(0)?;
                }
                Err(fault) => {
                    failed = if partial.position > farthest { 1 } else { failed + 1 };
                    farthest = farthest.max(partial.position);
                    self.wait(place, &fault, failed)?;
                }
            }
        }
    }

    fn attempt(&self, place: &Place, partial: &mut Partial) -> Result<Result<(), Fault>, DownloadError> {
        let source = match &place.goal {
            Goal::File(path) => Source::File(path.clone()),
            Goal::Http(url) => Source::Http(Request {
                url: url.clone(),
                login: place.login.clone(),
                certificates: self.certificates.clone(),
                from: partial.position,
            }),
        };
        let (sender, pieces) = sync_channel(8);
        thread::spawn(move || run(&source, &sender));
        let (mut heard, mut whole) = (Instant::now(), None);
        loop {
            self.check()?;
            match pieces.recv_timeout(BEAT) {
                Ok(Ok(Piece::Begin { at, whole: found })) => {
                    whole = found;
                    partial.restart_at(at)?;
                }
                Ok(Ok(Piece::Bytes(bytes))) => {
                    partial.add(&bytes)?;
                    (self.progress)(partial.position, whole);
                }
                Ok(Ok(Piece::End)) => return Ok(Ok(())),
                Ok(Err(fault)) => return Ok(Err(fault)),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() < IDLE => continue,
                Err(_) => {
                    let text = format!("nothing arrived for {} s", IDLE.as_secs());
                    return Ok(Err(Fault { text, passes: true, after: None }));
                }
            }
            heard = Instant::now();
        }
    }

    /// After a fault: waits when it may go well the next time.
    fn wait(&self, place: &Place, fault: &Fault, failed: u32) -> Result<(), DownloadError> {
        let fail = |reason: String| Err(DownloadError::Fetch { from: place.shown.clone(), reason });
        if !fault.passes {
            return fail(fault.text.clone());
        }
        let doubled = FIRST_WAIT * (1 << (failed - 1).min(8));
        // Those that failed together do not come back together.
        let wait = fault.after.unwrap_or_default().max(doubled.mul_f64(0.5 + fastrand::f64() / 2.0));
        if failed >= ATTEMPTS || wait > LONGEST_WAIT {
            return fail(format!(
                "{} (tried {failed} times); try again later, check the network and the proxy (https_proxy), or \
                 name a mirror: `mirrors` of [downloads] in fnpack.toml",
                fault.text
            ));
        }
        let end = Instant::now() + wait;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.check()?;
            thread::sleep(left.min(BEAT));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), DownloadError> {
        if (self.cancelled)() { Err(DownloadError::Cancelled) } else { Ok(()) }
    }
}

/// What has arrived of a file.
struct Partial {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    position: u64,
}

impl Partial {
    fn new(path: PathBuf) -> Result<Self, StoreError> {
        let file = File::create_new(&path).map_err(StoreError::io("create", &path))?;
        Ok(Self { path, file, hasher: Hasher::default(), position: 0 })
    }

    /// What comes next is for this byte: either where it is, or the beginning.
    fn restart_at(&mut self, at: u64) -> Result<(), StoreError> {
        if at != self.position {
            let restart = self.file.set_len(0).and_then(|()| self.file.rewind());
            restart.map_err(StoreError::io("write", &self.path))?;
            self.hasher = Hasher::default();
            self.position = 0;
        }
        Ok(())
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(StoreError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn digest(&mut self) -> Digest {
        std::mem::take(&mut self.hasher).finish()
    }
}
