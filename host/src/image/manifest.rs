//! The documents that an image is named by: manifests, and indexes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::media::{DOCKER_INDEX, OCI_INDEX, SCHEMA_1};
use super::null::null_is_empty;
use super::{Family, ImageError, Sha256};
use crate::tree::Digest;

/// Names content, with its kind and size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    pub media_type: String,
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256.
    pub digest: Sha256,
    /// What else is told of it.
    #[serde(default, deserialize_with = "null_is_empty", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// For an entry of an index: the machine that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<DescribedPlatform>,
}

/// The machine of an index's entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedPlatform {
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `linux`.
    pub os: String,
    /// Such as `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Descriptor {
    /// Of content of this kind.
    pub fn new(media_type: &str, digest: Digest) -> Self {
        Self {
            media_type: media_type.to_owned(),
            size: digest.size(),
            digest: digest.into(),
            annotations: BTreeMap::new(),
            platform: None,
        }
    }

    /// The content's digest with its size.
    pub fn blob(&self) -> Digest {
        self.digest.sized(self.size)
    }
}

/// An image manifest: its configuration and its layers, the lowest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// The manifest's own media type.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub media_type: String,
    /// The configuration.
    pub config: Descriptor,
    /// The layers.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
}

/// What a registry handed out under an image's name.
#[derive(Debug)]
pub enum Found {
    Image(Manifest, Family),
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// The bytes, the same for equal manifests.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a manifest is plain data")
    }
}

/// Reads a manifest or index. `told` is the media type that the registry gave.
pub fn read(image: &str, told: &str, bytes: &[u8]) -> Result<Found, ImageError> {
    let unsupported = |reason: String| ImageError::Unsupported { image: image.to_owned(), reason };
    let malformed = |error: serde_json::Error| unsupported(format!("its manifest is malformed: {error}"));
    let outline: Outline = serde_json::from_slice(bytes).map_err(malformed)?;
    let told = told.split(';').next().unwrap_or_default().trim();
    let media_type = outline.media_type.as_deref().unwrap_or(told);
    if outline.schema_version == 1 || media_type.starts_with(SCHEMA_1) {
        let reason = "its manifest is of schema 1, which is out of use; push it anew with a tool of today";
        return Err(unsupported(reason.to_owned()));
    }
    let is_index = matches!(media_type, OCI_INDEX | DOCKER_INDEX);
    if let Some(entries) = outline.manifests.filter(|_| is_index || media_type.is_empty()) {
        return Ok(Found::Index(entries));
    }
    let families = [Family::Oci, Family::Docker];
    let of_config = |family: &Family| {
        let config = serde_json::from_slice::<Manifest>(bytes).map(|manifest| manifest.config.media_type);
        config.is_ok_and(|config| config == family.config())
    };
    let named = families.iter().find(|family| family.manifest() == media_type);
    let family = named.or_else(|| families.iter().find(|family| media_type.is_empty() && of_config(family)));
    let family = *family
        .ok_or_else(|| unsupported(format!("`{media_type}` is neither an image of OCI nor one of Docker")))?;
    let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
    check_family(&manifest, family).map_err(unsupported)?;
    Ok(Found::Image(manifest, family))
}

fn check_family(manifest: &Manifest, family: Family) -> Result<(), String> {
    let found = &manifest.config.media_type;
    if found != family.config() {
        return Err(format!(
            "its configuration is `{found}` where `{}` goes with its manifest; convert it to one kind",
            family.config()
        ));
    }
    let foreign = manifest.layers.iter().find(|layer| !family.has_layer(&layer.media_type));
    foreign.map_or(Ok(()), |layer| {
        Err(format!(
            "its layer {} is `{}`, which does not go with its manifest",
            layer.digest, layer.media_type
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(family: Family) -> Manifest {
        let descriptor = |media_type| Descriptor::new(media_type, Digest::of(b"x"));
        Manifest {
            schema_version: 2,
            media_type: family.manifest().to_owned(),
            config: descriptor(family.config()),
            layers: vec![descriptor(family.layer())],
        }
    }

    fn error(manifest: &Manifest) -> String {
        read("a:b", "", &manifest.to_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn both_families_are_read_and_a_mixture_is_refused() {
        for (family, other) in [(Family::Oci, Family::Docker), (Family::Docker, Family::Oci)] {
            let good = manifest(family);
            let Found::Image(found, of) = read("a:b", "", &good.to_bytes()).unwrap() else { panic!() };
            assert_eq!((&found, of), (&good, family));
            let mut unnamed: serde_json::Value = serde_json::to_value(&good).unwrap();
            unnamed.as_object_mut().unwrap().remove("mediaType");
            let unnamed = serde_json::to_vec(&unnamed).unwrap();
            for told in [family.manifest(), ""] {
                assert!(matches!(read("a:b", told, &unnamed), Ok(Found::Image(_, of)) if of == family));
            }
            let mut mixed = good.clone();
            mixed.layers[0].media_type = other.layer().to_owned();
            assert!(error(&mixed).contains("does not go with its manifest"));
            let mut mixed = good.clone();
            mixed.config.media_type = other.config().to_owned();
            assert!(error(&mixed).contains("convert it"));
        }
    }

    #[test]
    fn what_is_empty_may_be_null() {
        let mut empty = serde_json::to_value(manifest(Family::Oci)).unwrap();
        empty["mediaType"] = serde_json::Value::Null;
        empty["config"]["annotations"] = serde_json::Value::Null;
        empty["layers"] = serde_json::Value::Null;
        let found = read("a:b", "", &serde_json::to_vec(&empty).unwrap()).unwrap();
        assert!(matches!(found, Found::Image(found, Family::Oci) if found.layers.is_empty()));
    }

    #[test]
    fn what_is_no_image_of_today_is_refused() {
        for (body, told) in [
            (r#"{"schemaVersion": 1, "fsLayers": []}"#, "schema 1"),
            (r#"{"schemaVersion": 2, "mediaType": "application/x"}"#, "neither an image of OCI"),
            ("{", "malformed"),
        ] {
            let error = read("a:b", "", body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told) && error.contains("a:b"), "{error}");
        }
    }
}
