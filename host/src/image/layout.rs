use std::collections::HashSet;
use std::path::Path;
use std::{fs, io};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use serde_json::json;

use super::file::{folder_beside, write_new};
use super::manifest::Manifest;
use super::{Image, ImageError, Progress, Registries, Sha256};
use crate::store::{Store, StoreError};
use crate::tree::Digest;

/// Writes an image as an OCI layout: a folder that appears whole or not at all. What is there is
/// replaced, if it is a layout. `name` is the tag that its index gives the image.
pub fn write_layout(
    registries: &Registries,
    image: &Image,
    name: Option<&str>,
    store: &Store,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    check_place(folder)?;
    let (temporary, lock) = folder_beside(folder)?;
    let blobs = temporary.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(ImageError::io("create", &blobs))?;
    let mut written = HashSet::new();
    for layer in image.layers.iter().filter(|layer| written.insert(layer.blob)) {
        let path = blobs.join(layer.blob.hex());
        match &layer.from {
            Some(repository) => registries.fetch_blob_to(repository, &layer.blob, &path, progress)?,
            None => {
                let mut file = fs::File::create_new(&path).map_err(ImageError::io("create", &path))?;
                store.copy_to(&layer.blob, &mut file).map_err(|error| match error {
                    StoreError::Io { action: "copy", source, .. } => ImageError::io("write", &path)(source),
                    other => other.into(),
                })?;
            }
        }
    }
    for bytes in [&image.config, &image.manifest] {
        write_new(&blobs.join(Digest::of(bytes).hex()), bytes)?;
    }
    let mut entry = json!({
        "mediaType": image.media_type,
        "size": image.manifest.len(),
        "digest": image.digest,
        "platform": { "architecture": image.platform.architecture(), "os": "linux" },
    });
    if let Some(name) = name {
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": super::media::OCI_INDEX,
        "manifests": [entry],
    });
    write_new(&temporary.path().join("index.json"), index.to_string().as_bytes())?;
    write_new(&temporary.path().join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    rustix::fs::syncfs(&lock).map_err(|error| ImageError::io("write", folder)(error.into()))?;
    put_in_place(temporary.path(), folder).map_err(ImageError::io("write", folder))?;
    // What was replaced has the temporary name now, and goes with it.
    drop(temporary);
    Ok(())
}

/// Whether a folder is the layout of an image, with all of its blobs. No layer is read.
pub fn has_layout(folder: &Path, digest: Sha256) -> bool {
    let path = |hex: &str| folder.join("blobs/sha256").join(hex);
    let index = fs::read(folder.join("index.json")).unwrap_or_default();
    let names_it = serde_json::from_slice::<serde_json::Value>(&index)
        .is_ok_and(|index| index["manifests"][0]["digest"] == json!(digest));
    let manifest = fs::read(path(&digest.hex())).unwrap_or_default();
    let whole = |blob: Digest| fs::metadata(path(&blob.hex())).is_ok_and(|found| found.len() == blob.size());
    names_it
        && Sha256::of(&manifest) == digest
        && serde_json::from_slice::<Manifest>(&manifest).is_ok_and(|manifest| {
            manifest.layers.iter().chain([&manifest.config]).all(|entry| whole(entry.blob()))
        })
}

/// Nothing but a layout is replaced.
fn check_place(folder: &Path) -> Result<(), ImageError> {
    let is_empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if fs::symlink_metadata(folder).is_err() || folder.join("oci-layout").is_file() || is_empty() {
        return Ok(());
    }
    let reason = "something else is there; remove it, or choose another folder";
    Err(ImageError::io("replace", folder)(io::Error::new(io::ErrorKind::AlreadyExists, reason)))
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
