use std::collections::HashSet;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use super::file::file_beside;
use super::tar::{file_header, pad};
use super::{Image, ImageError, Progress, Reference, Registries};
use crate::store::{Store, StoreError};
use crate::tree::Digest;

/// Writes an image to a file as `docker load` takes it. The file appears whole or not at all.
pub fn write_load_archive(
    registries: &Registries,
    image: &Image,
    names: &[Reference],
    store: &Store,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let mut file = file_beside(path)?;
    stream_load_archive(registries, image, names, store, &mut file, progress).map_err(
        |error| match error {
            ImageError::Io { action: "write", source, .. } => ImageError::io("write", path)(source),
            other => other,
        },
    )?;
    file.as_file().sync_all().map_err(ImageError::io("write", path))?;
    file.persist(path).map_err(|error| ImageError::io("write", path)(error.error))?;
    Ok(())
}

/// Writes an image as `docker load` takes it: a tar with the configuration, the layers as they are
/// kept, and `manifest.json`. On an error the writer has got a part of it.
pub fn stream_load_archive(
    registries: &Registries,
    image: &Image,
    names: &[Reference],
    store: &Store,
    writer: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let mut writer = io::BufWriter::with_capacity(128 * 1024, writer);
    let layer_name = |blob: &Digest| format!("{}.tar.gz", blob.hex());
    let config_name = format!("sha256:{}", image.config_digest().hex());
    entry(&mut writer, &config_name, &image.config)?;
    let mut written = HashSet::new();
    for layer in image.layers.iter().filter(|layer| written.insert(layer.blob)) {
        let blob = &layer.blob;
        file_header(&mut writer, &layer_name(blob), blob.size()).map_err(failed)?;
        match &layer.from {
            None => store.copy_to(blob, &mut writer).map_err(|error| match error {
                StoreError::Io { action: "copy", source, .. } => failed(source),
                other => other.into(),
            })?,
            Some(repository) => registries
                .copy_blob(repository, blob, progress, |bytes| writer.write_all(bytes).map_err(failed))?,
        }
        pad(&mut writer, blob.size()).map_err(failed)?;
    }
    // Docker's names of images have a tag and no digest.
    let tags: Vec<String> =
        names.iter().filter_map(|name| Some(format!("{}:{}", name.repository(), name.tag()?))).collect();
    let layers: Vec<String> = image.layers.iter().map(|layer| layer_name(&layer.blob)).collect();
    let tags = (!tags.is_empty()).then_some(tags);
    let manifest = json!([{ "Config": config_name, "RepoTags": tags, "Layers": layers }]);
    entry(&mut writer, "manifest.json", manifest.to_string().as_bytes())?;
    writer.write_all(&[0; 1024]).and_then(|()| writer.flush()).map_err(failed)
}

fn entry(writer: &mut impl Write, name: &str, bytes: &[u8]) -> Result<(), ImageError> {
    let mut write = || {
        file_header(writer, name, bytes.len() as u64)?;
        writer.write_all(bytes)?;
        pad(writer, bytes.len() as u64)
    };
    write().map_err(failed)
}

fn failed(source: io::Error) -> ImageError {
    ImageError::io("write", Path::new("the archive"))(source)
}
