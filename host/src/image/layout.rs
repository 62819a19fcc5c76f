use std::collections::HashSet;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::file::write_new;
use super::manifest::Manifest;
use super::{Image, ImageError, Progress, Registries, Sha256};
use crate::archive::temporary::{folder_beside, folder_of};
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
    let parent = folder_of(folder);
    let (temporary, _lock) = folder_beside(folder).map_err(ImageError::io("create a folder in", parent))?;
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
    replace(temporary, folder)
}

/// Whether a folder is the layout of an image, with all of its blobs. No blob is read.
pub fn has_layout(folder: &Path, digest: Sha256) -> bool {
    let blob = |digest: Digest| {
        let path = folder.join("blobs/sha256").join(digest.hex());
        fs::metadata(&path).is_ok_and(|found| found.len() == digest.size()).then_some(path)
    };
    let index = fs::read(folder.join("index.json")).unwrap_or_default();
    let names_it = serde_json::from_slice::<serde_json::Value>(&index)
        .is_ok_and(|index| index["manifests"][0]["digest"] == json!(digest));
    let manifest = fs::read(folder.join("blobs/sha256").join(digest.hex())).unwrap_or_default();
    let manifest =
        serde_json::from_slice::<Manifest>(&manifest).ok().filter(|_| Sha256::of(&manifest) == digest);
    names_it
        && manifest.is_some_and(|manifest| {
            manifest.layers.iter().chain([&manifest.config]).all(|entry| blob(entry.blob()).is_some())
        })
}

/// Gives the finished folder its name.
fn replace(temporary: tempfile::TempDir, folder: &Path) -> Result<(), ImageError> {
    let renamed = |from: &Path, to: &Path| fs::rename(from, to).map_err(ImageError::io("write", to));
    let is_empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if folder.exists() && !is_empty() {
        if !folder.join("oci-layout").is_file() {
            let reason = "something else is there; remove it, or choose another folder";
            let source = std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason);
            return Err(ImageError::io("replace", folder)(source));
        }
        // Away under a temporary name, so that there is no moment with half of it.
        let old = folder_beside(folder);
        let (old, _lock) = old.map_err(ImageError::io("create a folder in", folder_of(folder)))?;
        renamed(folder, &old.path().join("old"))?;
        renamed(temporary.path(), folder)?;
    } else {
        renamed(temporary.path(), folder)?;
    }
    // It has another name now, so that nothing is left to be removed.
    let _ = temporary.keep();
    Ok(())
}
