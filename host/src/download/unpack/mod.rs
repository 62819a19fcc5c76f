//! Archives as trees. No entry is ever written under its own name, so none can climb out; what
//! would have is an error all the same, for somebody meant it to.

mod collector;
mod kind;
mod tar;
mod zip;

use std::fs::File;

use collector::Collector;
use kind::Kind;

use super::DownloadError;
use crate::store::{Store, StoreError};
use crate::tree::{Digest, Tree};

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes, unpacked.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: usize,
}

/// More than any platform takes.
const LIMITS: Limits = Limits { bytes: 4 << 30, entries: 200_000 };

/// What of an archive is unpacked.
#[derive(Clone, Debug)]
pub struct Unpacking<'a> {
    /// The SHA-256 of the archive, in lower case.
    pub sha256: &'a str,
    /// So many leading names of each path are left out.
    pub strip: usize,
    /// Patterns of what is taken, of the paths that are left; none for all.
    pub include: &'a [String],
}

/// Whether the cache has the unpacked archive.
pub fn unpacked_is_kept(store: &Store, wanted: &Unpacking) -> Result<bool, StoreError> {
    Ok(store.made_tree(&wanted.key())?.is_some())
}

impl Unpacking<'_> {
    fn key(&self) -> Digest {
        let words = serde_json::json!(["unpacked archive", "1", self.sha256, self.strip, self.include]);
        Digest::of(words.to_string().as_bytes())
    }

    /// What the archive holds, from the cache if it was unpacked before.
    pub fn kept(&self, store: &Store) -> Result<Option<Tree>, DownloadError> {
        Ok(store.made_tree(&self.key())?)
    }

    /// Unpacks the archive, a blob, and keeps what it holds.
    pub fn unpack(
        &self,
        store: &Store,
        archive: &Digest,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Tree, DownloadError> {
        let collector = Collector::new(store, self.strip, self.include, LIMITS, cancelled)?;
        let tree = read(store, archive, collector)?;
        store.put_made_tree(&self.key(), &tree)?;
        Ok(tree)
    }
}

fn read(store: &Store, archive: &Digest, mut collector: Collector) -> Result<Tree, DownloadError> {
    let path = store.blob_path(archive);
    let file = match File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::Missing(*archive).into());
        }
        other => other.map_err(StoreError::io("read", &path))?,
    };
    match Kind::of(&file).map_err(StoreError::io("read", &path))? {
        Some(Kind::Zip) => zip::read(file, &mut collector)?,
        Some(compressed) => {
            let reader =
                compressed.reader(file).map_err(|error| DownloadError::Archive(error.to_string()))?;
            tar::read(reader, &mut collector)?;
        }
        None => {
            return Err(DownloadError::Archive(
                "it is no archive that fnpack knows: a zip, or a tar as it is or compressed by gzip, xz or zstd; \
                 leave out `unpack` to take the file as it is"
                    .to_owned(),
            ));
        }
    }
    collector.finish()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn unpacked(bytes: &[u8], limits: Limits) -> Result<Vec<String>, String> {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let archive = store.write(bytes).unwrap();
        let collector = Collector::new(&store, 0, &[], limits, &|| false).unwrap();
        let tree = read(&store, &archive, collector).map_err(|error| error.to_string())?;
        Ok(tree.files().map(|(path, _)| path.to_string()).collect())
    }

    fn tar_of(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut tar = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
        tar.into_inner().unwrap()
    }

    fn zip_of(name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut zip = ::zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, ::zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_that_swells_beyond_the_limit_is_refused() {
        let (bytes, name) = (vec![0; 3 << 20], "big");
        let limits = Limits { bytes: 2 << 20, entries: 10 };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar_of(name, &bytes)).unwrap();
        for archive in [tar_of(name, &bytes), gzip.finish().unwrap(), zip_of(name, &bytes)] {
            let error = unpacked(&archive, limits).unwrap_err();
            assert!(error.contains("2.0 MiB") && error.contains(name), "{error}");
            assert_eq!(unpacked(&archive, LIMITS).unwrap(), [name]);
        }
    }

    #[test]
    fn an_entry_that_is_too_deep_or_too_long_is_named_by_its_beginning() {
        for (name, words) in [("d/".repeat(2600) + "f", "4096 bytes"), ("d/".repeat(600) + "f", "256 names")]
        {
            let error = unpacked(&zip_of(&name, b"x"), LIMITS).unwrap_err();
            assert!(error.contains(words) && error.contains("d/d/") && error.len() < 400, "{error}");
        }
    }

    #[test]
    fn an_archive_of_too_many_entries_is_refused() {
        let error = unpacked(&tar_of("a", b""), Limits { bytes: 1 << 20, entries: 0 }).unwrap_err();
        assert!(error.contains("0 entries"), "{error}");
    }
}
