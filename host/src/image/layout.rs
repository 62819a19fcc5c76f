use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::file::{folder_beside, write_new};
use super::{Image, ImageError, Progress, Registries, Sha256};
use crate::store::{Fingerprint, RecordKind, Store, StoreError};
use crate::tree::Digest;

/// Where an image layout has its parts, by the specification.
const BLOBS: &str = "blobs/sha256";
const INDEX: &str = "index.json";
const MARK: &str = "oci-layout";

/// What a layout was when it was written, as it is remembered by its folder.
#[derive(Serialize, Deserialize)]
struct Written {
    digest: Sha256,
    name: Option<String>,
    /// By their paths in the folder.
    files: BTreeMap<PathBuf, Fingerprint>,
}

impl Written {
    fn of(store: &Store, folder: &Path) -> Result<Option<Self>, StoreError> {
        store.record(RecordKind::Image, &key(folder))
    }

    fn is_untouched(&self, folder: &Path, file: &Path) -> bool {
        self.files.get(file).is_some_and(|then| fingerprint(&folder.join(file)).as_ref() == Some(then))
    }
}

fn key(folder: &Path) -> Digest {
    Digest::of(&[b"OCI layout ", folder.as_os_str().as_bytes()].concat())
}

fn fingerprint(file: &Path) -> Option<Fingerprint> {
    fs::symlink_metadata(file).ok().filter(|found| found.is_file()).map(|found| Fingerprint::of(&found))
}

/// Writes an image as an OCI layout: a folder that appears whole or not at all. What is there is
/// replaced, if it is a layout; the blobs that it has in common with the image are taken over.
/// `name` is the tag that its index gives the image.
pub fn write_layout(
    registries: &Registries,
    image: &Image,
    name: Option<&str>,
    store: &Store,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    check_place(folder)?;
    let earlier = Written::of(store, folder)?;
    let (temporary, lock) = folder_beside(folder)?;
    let blobs = temporary.path().join(BLOBS);
    fs::create_dir_all(&blobs).map_err(ImageError::io("create", &blobs))?;
    let mut files = vec![PathBuf::from(INDEX), PathBuf::from(MARK)];
    let mut written = HashSet::new();
    for layer in image.layers.iter().filter(|layer| written.insert(layer.blob)) {
        let file = Path::new(BLOBS).join(layer.blob.hex());
        let path = temporary.path().join(&file);
        let is_known = earlier.as_ref().is_some_and(|earlier| earlier.is_untouched(folder, &file));
        if !take_over(&folder.join(&file), &layer.blob, is_known, &path) {
            match &layer.from {
                Some(repository) => registries.fetch_blob_to(repository, &layer.blob, &path, progress)?,
                None => write_stored(store, &layer.blob, &path)?,
            }
        }
        files.push(file);
    }
    for bytes in [&image.config, &image.manifest] {
        let file = Path::new(BLOBS).join(Digest::of(bytes).hex());
        write_new(&temporary.path().join(&file), bytes)?;
        files.push(file);
    }
    write_new(&temporary.path().join(INDEX), index(image, name).to_string().as_bytes())?;
    write_new(&temporary.path().join(MARK), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    rustix::fs::syncfs(&lock).map_err(|error| ImageError::io("write", folder)(error.into()))?;
    put_in_place(temporary.path(), folder).map_err(ImageError::io("write", folder))?;
    // What was replaced has the temporary name now, and goes with it. That changes the times of what
    // was taken over, which are looked at afterwards.
    drop(temporary);
    let known = |file: PathBuf| Some((file.clone(), fingerprint(&folder.join(file))?));
    let files = files.into_iter().filter_map(known).collect();
    let written = Written { digest: image.digest, name: name.map(str::to_owned), files };
    // Not remembering costs the next run a look at the blobs, no more.
    let _ = store.put_record(RecordKind::Image, &key(folder), &written);
    Ok(())
}

/// Whether a folder is the layout of an image under a name as it was written: none of its files was
/// touched since. No file is read.
pub fn has_layout(
    store: &Store,
    folder: &Path,
    digest: Sha256,
    name: Option<&str>,
) -> Result<bool, StoreError> {
    Ok(Written::of(store, folder)?.is_some_and(|written| {
        written.digest == digest
            && written.name.as_deref() == name
            && written.files.keys().all(|file| written.is_untouched(folder, file))
    }))
}

/// Makes a blob of an earlier layout one of the new layout, if it is what its name says; one that
/// is known to be need not be read.
fn take_over(from: &Path, blob: &Digest, is_known: bool, to: &Path) -> bool {
    let is_whole = || {
        let has_size = |found: fs::Metadata| found.is_file() && found.len() == blob.size();
        fs::symlink_metadata(from).is_ok_and(has_size)
            && fs::File::open(from)
                .and_then(|mut file| Digest::of_reader(&mut file))
                .is_ok_and(|found| found == *blob)
    };
    // Not every file system has hard links.
    (is_known || is_whole()) && (fs::hard_link(from, to).is_ok() || fs::copy(from, to).is_ok())
}

fn write_stored(store: &Store, blob: &Digest, path: &Path) -> Result<(), ImageError> {
    let mut file = fs::File::create_new(path).map_err(ImageError::io("create", path))?;
    store.copy_to(blob, &mut file).map_err(|error| match error {
        StoreError::Io { action: "copy", source, .. } => ImageError::io("write", path)(source),
        other => other.into(),
    })
}

fn index(image: &Image, name: Option<&str>) -> Value {
    let mut entry = json!({
        "mediaType": image.media_type,
        "size": image.manifest.len(),
        "digest": image.digest,
        "platform": { "architecture": image.platform.architecture(), "os": "linux" },
    });
    if let Some(name) = name {
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    }
    json!({ "schemaVersion": 2, "mediaType": super::media::OCI_INDEX, "manifests": [entry] })
}

/// Nothing but a layout is replaced: a folder that is marked as one, or has nothing but what one has.
fn check_place(folder: &Path) -> Result<(), ImageError> {
    if fs::symlink_metadata(folder).is_err() || folder.join(MARK).is_file() || has_only_parts(folder) {
        return Ok(());
    }
    let reason = "something else is there; remove it, or choose another folder";
    Err(ImageError::io("replace", folder)(io::Error::new(io::ErrorKind::AlreadyExists, reason)))
}

fn has_only_parts(folder: &Path) -> bool {
    let only = |folder: &Path, is_part: &dyn Fn(&str) -> bool| {
        fs::read_dir(folder).is_ok_and(|mut entries| {
            entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_part)))
        })
    };
    let absent_or = |name: &str, is_part: &dyn Fn(&str) -> bool| {
        let folder = folder.join(name);
        fs::symlink_metadata(&folder).is_err() || only(&folder, is_part)
    };
    only(folder, &|name| matches!(name, INDEX | MARK | "blobs"))
        && absent_or("blobs", &|name| name == "sha256")
        && absent_or(BLOBS, &|name| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Moves a new folder to its place; what was there gets the new folder's former name.
fn put_in_place(new: &Path, folder: &Path) -> io::Result<()> {
    if fs::symlink_metadata(folder).is_err() {
        return fs::rename(new, folder);
    }
    match renameat_with(CWD, new, CWD, folder, RenameFlags::EXCHANGE) {
        // The file system cannot exchange: there is a moment without the layout.
        Err(Errno::INVAL | Errno::NOSYS) => {
            let earlier = new.join("earlier");
            fs::rename(folder, &earlier)?;
            fs::rename(new, folder)?;
            fs::rename(folder.join("earlier"), new)
        }
        done => done.map_err(io::Error::from),
    }
}
