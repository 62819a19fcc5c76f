use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::file::file_beside;
use super::{Content, Image, ImageError, Progress, Reference, Registries};
use crate::store::Store;
use crate::tree::Digest;

/// Writes an image to a file as `docker load` takes it: a tar with the configuration, the layers as
/// they are kept, and `manifest.json`. The file appears whole or not at all. Layers of the base that
/// the file has already are not fetched again.
pub fn write_load_archive(
    registries: &Registries,
    image: &Image,
    names: &[Reference],
    store: &Store,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let earlier = Earlier::read(path);
    let mut file = file_beside(path)?;
    stream(registries, image, names, store, earlier.as_ref(), &mut file, progress).map_err(|error| {
        match error {
            ImageError::Io { action: "write", source, .. } => ImageError::io("write", path)(source),
            other => other,
        }
    })?;
    file.as_file().sync_all().map_err(ImageError::io("write", path))?;
    file.persist(path).map_err(|error| ImageError::io("write", path)(error.error))?;
    Ok(())
}

/// On an error the writer has got a part of it.
fn stream(
    registries: &Registries,
    image: &Image,
    names: &[Reference],
    store: &Store,
    earlier: Option<&Earlier>,
    writer: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    let mut tar = tar::Builder::new(io::BufWriter::with_capacity(128 * 1024, writer));
    let config_name = format!("sha256:{}", image.config_digest().hex());
    entry(&mut tar, &config_name, image.config.len() as u64, image.config.as_slice())?;
    let mut written = HashSet::new();
    for layer in image.layers.iter().filter(|layer| written.insert(layer.blob)) {
        let blob = &layer.blob;
        let content: Box<dyn Read> = match &layer.from {
            None => Content::Stored(store).open(blob, 0, progress)?,
            Some(repository) => match earlier.and_then(|earlier| earlier.layer(blob)) {
                Some(found) => Box::new(found),
                None => Content::Remote(registries, repository).open(blob, 0, progress)?,
            },
        };
        entry(&mut tar, &layer_name(blob), blob.size(), content)?;
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

fn layer_name(blob: &Digest) -> String {
    format!("{}.tar.gz", blob.hex())
}

/// The archive that is to be replaced.
struct Earlier {
    file: File,
    /// Where its entries begin.
    begins: HashMap<PathBuf, u64>,
}

impl Earlier {
    /// None where there is none that can be read.
    fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let mut begins = HashMap::new();
        for entry in tar::Archive::new(&file).entries_with_seek().ok()? {
            let entry = entry.ok()?;
            begins.insert(entry.path().ok()?.into_owned(), entry.raw_file_position());
        }
        Some(Self { file, begins })
    }

    /// A layer that it holds whole.
    fn layer(&self, blob: &Digest) -> Option<impl Read> {
        let begin = *self.begins.get(Path::new(&layer_name(blob)))?;
        let read = || {
            (&self.file).seek(SeekFrom::Start(begin))?;
            Ok::<_, io::Error>((&self.file).take(blob.size()))
        };
        let found = Digest::of_reader(&mut read().ok()?).ok()?;
        if found == *blob { read().ok() } else { None }
    }
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
