use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::path::Path;

use serde_json::json;

use super::file::file_beside;
use super::{Content, Image, ImageError, Progress, Reference, Registries};
use crate::store::Store;
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
    let mut tar = tar::Builder::new(io::BufWriter::with_capacity(128 * 1024, writer));
    let layer_name = |blob: &Digest| format!("{}.tar.gz", blob.hex());
    let config_name = format!("sha256:{}", image.config_digest().hex());
    entry(&mut tar, &config_name, image.config.len() as u64, image.config.as_slice())?;
    let mut written = HashSet::new();
    for layer in image.layers.iter().filter(|layer| written.insert(layer.blob)) {
        let blob = &layer.blob;
        let content = match &layer.from {
            None => Content::Stored(store),
            Some(repository) => Content::Remote(registries, repository),
        };
        entry(&mut tar, &layer_name(blob), blob.size(), content.open(blob, 0, progress)?)?;
    }
    // Docker's names of images have a tag and no digest.
    let tags: Vec<String> =
        names.iter().filter_map(|name| Some(format!("{}:{}", name.repository(), name.tag()?))).collect();
    let layers: Vec<String> = image.layers.iter().map(|layer| layer_name(&layer.blob)).collect();
    let tags = (!tags.is_empty()).then_some(tags);
    let manifest = json!([{ "Config": config_name, "RepoTags": tags, "Layers": layers }]);
    let manifest = manifest.to_string();
    entry(&mut tar, "manifest.json", manifest.len() as u64, manifest.as_bytes())?;
    tar.into_inner().and_then(|mut writer| writer.flush()).map_err(failed)
}

fn entry(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    size: u64,
    bytes: impl Read,
) -> Result<(), ImageError> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    tar.append_data(&mut header, name, bytes).map_err(|error| ImageError::from_io(error, failed))
}

fn failed(source: io::Error) -> ImageError {
    ImageError::io("write", Path::new("the archive"))(source)
}
