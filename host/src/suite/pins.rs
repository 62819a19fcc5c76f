use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::store::read_regular;

/// The name of the file.
pub const PINS_FILE: &str = "fnpack.lock";

/// What the file begins with.
const HEAD: &str = "\
# The images that builds of this suite use, by the digests that their names stood for when they were first used.
# `fnpack build --update-images` records what they stand for now. Keep this file with the suite.

";

/// Why pinned digests cannot be used or kept.
#[derive(Debug, thiserror::Error)]
pub enum PinsError {
    /// It does not parse.
    #[error("{}: {reason}; mend it, or remove it to have the images' digests recorded anew", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// The system refuses.
    #[error("cannot {what} {}: {source}", file.display())]
    Io {
        /// "read" or "write".
        what: &'static str,
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    images: BTreeMap<String, String>,
}

/// The digests that images' names stand for in a suite, `fnpack.lock`: what a name stood for when
/// it was first used, so that a build is the same whatever its registry says of the name later.
#[derive(Debug)]
pub struct Pins {
    suite: PathBuf,
    are_forgotten: bool,
    known: Mutex<BTreeMap<String, String>>,
}

impl Pins {
    /// Those of a suite; none where it has no such file. To `forget` is to use none of them, so
    /// that each is recorded anew.
    pub fn read(suite: &Path, forget: bool) -> Result<Self, PinsError> {
        let known = read(suite)?;
        let known = if forget { BTreeMap::new() } else { known };
        Ok(Self { suite: suite.to_path_buf(), are_forgotten: forget, known: Mutex::new(known) })
    }

    /// Whether each is to be recorded anew.
    pub fn are_forgotten(&self) -> bool {
        self.are_forgotten
    }

    /// What a name stands for.
    pub fn digest(&self, image: &str) -> Option<String> {
        self.known.lock().expect("no panic while held").get(image).cloned()
    }

    /// Records what a name stands for, here and in the file. Only the file can fail.
    pub fn record(&self, image: &str, digest: &str) -> Result<(), PinsError> {
        let mut known = self.known.lock().expect("no panic while held");
        if known.insert(image.to_owned(), digest.to_owned()).as_deref() == Some(digest) {
            return Ok(());
        }
        self.write(image, digest)
    }

    /// Adds to the file what others may have written meanwhile, and replaces it in one step.
    fn write(&self, image: &str, digest: &str) -> Result<(), PinsError> {
        let file = self.suite.join(PINS_FILE);
        let failed = |source| PinsError::Io { what: "write", file: file.clone(), source };
        // A lock on the folder leaves no file behind.
        let folder = File::open(&self.suite).map_err(failed)?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let mut images = read(&self.suite)?;
        images.insert(image.to_owned(), digest.to_owned());
        let text = toml::to_string(&Content { images }).expect("texts by texts");
        let mut temporary = tempfile::NamedTempFile::new_in(&self.suite).map_err(failed)?;
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
        temporary.as_file().set_permissions(mode).map_err(failed)?;
        temporary
            .write_all(HEAD.as_bytes())
            .and_then(|()| temporary.write_all(text.as_bytes()))
            .map_err(failed)?;
        temporary.persist(&file).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn read(suite: &Path) -> Result<BTreeMap<String, String>, PinsError> {
    let file = suite.join(PINS_FILE);
    let text = match read_regular(&file).and_then(super::settings::text) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(PinsError::Io { what: "read", file, source }),
    };
    let content: Content = toml::from_str(&text)
        .map_err(|error| PinsError::Malformed { file: file.clone(), reason: error.to_string() })?;
    let is_digest = |text: &str| {
        text.strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    match content.images.iter().find(|(_, digest)| !is_digest(digest)) {
        Some((image, digest)) => {
            let reason = format!("`{digest}` of \"{image}\" is no digest (sha256: and 64 digits)");
            Err(PinsError::Malformed { file, reason })
        }
        None => Ok(content.images),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    #[test]
    fn what_is_recorded_is_read_and_what_others_recorded_stays() {
        let suite = tempfile::tempdir().unwrap();
        let (one, other) =
            (Pins::read(suite.path(), false).unwrap(), Pins::read(suite.path(), false).unwrap());
        one.record("a:1", &digest('1')).unwrap();
        other.record("b:1", &digest('2')).unwrap();
        let read = Pins::read(suite.path(), false).unwrap();
        assert_eq!((read.digest("a:1"), read.digest("b:1")), (Some(digest('1')), Some(digest('2'))));
        assert_eq!(fs::read_dir(suite.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_forgotten_is_recorded_anew_and_the_rest_stays() {
        let suite = tempfile::tempdir().unwrap();
        let pins = Pins::read(suite.path(), false).unwrap();
        pins.record("a:1", &digest('1')).unwrap();
        pins.record("b:1", &digest('1')).unwrap();
        let pins = Pins::read(suite.path(), true).unwrap();
        assert_eq!(pins.digest("a:1"), None);
        pins.record("a:1", &digest('2')).unwrap();
        let pins = Pins::read(suite.path(), false).unwrap();
        assert_eq!((pins.digest("a:1"), pins.digest("b:1")), (Some(digest('2')), Some(digest('1'))));
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it() {
        let suite = tempfile::tempdir().unwrap();
        for text in ["[images\n", "[images]\n\"a\" = \"latest\"\n", "[pins]\n"] {
            fs::write(suite.path().join(PINS_FILE), text).unwrap();
            let error = Pins::read(suite.path(), false).unwrap_err().to_string();
            assert!(error.contains("fnpack.lock") && error.contains("remove it"), "{error}");
        }
    }
}
