use super::config::configuration;
use super::manifest::Manifest;
use super::{Base, ConfigChanges, Descriptor, ImageError, Layer, Platform, Repository, Sha256};
use crate::tree::Digest;

/// More layers than this no engine stacks.
const MOST_LAYERS: usize = 127;

/// An image that is ready to be written somewhere: its manifest and configuration are here, its
/// layers in the store or in the base's repository.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest's digest: the same inputs give the same.
    pub digest: Sha256,
    /// The manifest's media type.
    pub media_type: String,
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The configuration.
    pub config: Vec<u8>,
    /// The layers, the lowest first.
    pub layers: Vec<ImageLayer>,
    /// The machine that it is for.
    pub platform: Platform,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLayer {
    /// Its blob.
    pub blob: Digest,
    /// Where it is when it is the base's; none for one in the store.
    pub from: Option<Repository>,
}

impl Image {
    /// The digest of the configuration, by which an engine names the image.
    pub fn config_digest(&self) -> Digest {
        Digest::of(&self.config)
    }

    /// The bytes of all blobs, as a registry keeps them.
    pub fn size(&self) -> u64 {
        self.layers.iter().map(|layer| layer.blob.size()).sum::<u64>() + self.config.len() as u64
    }

    /// The bytes of the base's layers, as its registry keeps them: compressed.
    pub fn base_size(&self) -> u64 {
        self.layers.iter().filter(|layer| layer.from.is_some()).map(|layer| layer.blob.size()).sum()
    }
}

/// Puts layers on a base. Each comes with what the image's history tells of it: a few words without
/// times and secrets.
pub fn assemble(base: &Base, layers: &[(Layer, &str)], changes: &ConfigChanges) -> Result<Image, ImageError> {
    let count = base.layers.len() + layers.len();
    if count > MOST_LAYERS {
        let reason = format!("with {count} layers no engine runs it; {MOST_LAYERS} is the most");
        return Err(ImageError::Unsupported { image: base.reference.to_string(), reason });
    }
    let unusable = |name: &String| name.is_empty() || name.contains(['=', '\0']);
    if let Some((name, _)) = changes.environment.iter().find(|(name, _)| unusable(name)) {
        return Err(ImageError::Environment(name.clone()));
    }
    let added: Vec<(Sha256, &str)> = layers.iter().map(|(layer, told)| (layer.diff_id, *told)).collect();
    let config = configuration(&base.config, changes, &added);
    let family = base.family;
    let mut descriptors = base.layers.clone();
    descriptors.extend(layers.iter().map(|(layer, _)| Descriptor::new(family.layer(), layer.blob)));
    let from = Some(base.reference.repository().clone());
    let of_base = base.layers.iter().map(|layer| ImageLayer { blob: layer.blob(), from: from.clone() });
    let own = layers.iter().map(|(layer, _)| ImageLayer { blob: layer.blob, from: None });
    let manifest = Manifest {
        schema_version: 2,
        media_type: family.manifest().to_owned(),
        config: Descriptor::new(family.config(), Digest::of(&config)),
        layers: descriptors,
    };
    let bytes = manifest.to_bytes();
    Ok(Image {
        digest: Sha256::of(&bytes),
        media_type: manifest.media_type,
        manifest: bytes,
        layers: of_base.chain(own).collect(),
        config,
        platform: base.platform,
    })
}
