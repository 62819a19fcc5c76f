use std::fmt;

use serde_json::Value;

use super::manifest::{Found, Manifest, read};
use super::{Descriptor, Family, ImageError, Progress, Reference, Registries, Sha256};
use crate::language::Architecture;
use crate::store::Store;
use crate::tree::Digest;
use crate::tree::{FileEntry, Node, RelPath, Tree};

/// Longest configuration.
const LONGEST_CONFIG: u64 = 8 << 20;
/// Changes whenever what is kept of a base changes.
const KEPT: &str = "fnpack base image 1";

/// The machine that an image is for. Its system is always Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// x86-64.
    Amd64,
    /// ARM, 64 bit.
    Arm64,
}

impl Platform {
    /// Its name in an image's configuration.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

impl From<Architecture> for Platform {
    fn from(architecture: Architecture) -> Self {
        match architecture {
            Architecture::X64 => Self::Amd64,
            Architecture::Arm64 => Self::Arm64,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())
    }
}

/// An image to build on.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its name, with the digest of its manifest for the platform.
    pub reference: Reference,
    /// What its name stands for: the manifest, or the index that lists it.
    pub digest: Sha256,
    /// The machine that it is for.
    pub platform: Platform,
    pub(super) family: Family,
    pub(super) layers: Vec<Descriptor>,
    pub(super) config: Value,
}

impl Registries {
    /// Finds what an image's name stands for now, for a platform. What is kept in the store is not
    /// fetched again; of a name with a digest nothing is asked then.
    pub fn resolve_base(
        &self,
        reference: &Reference,
        platform: Platform,
        store: &Store,
        progress: &dyn Progress,
    ) -> Result<Base, ImageError> {
        let digest = match reference.digest() {
            Some(digest) => digest,
            None => match self.digest_of(reference, progress)? {
                Some(digest) => digest,
                // Asked for whole, the registry says why it is not there.
                None => self.manifest(reference, progress)?.digest,
            },
        };
        let key = Digest::of(format!("{KEPT}\n{digest}\n{platform}").as_bytes());
        let kept = super::file::kept(store, &key)?;
        let kept = kept.and_then(|tree| {
            Some((read_file(store, &tree, "manifest")?, read_file(store, &tree, "config")?))
        });
        let (manifest, config) = match kept {
            Some(found) => found,
            None => {
                let (manifest, config) = self.fetch_base(reference, digest, platform, progress)?;
                let mut tree = Tree::empty();
                for (name, bytes) in [("manifest", &manifest), ("config", &config)] {
                    let file = FileEntry { digest: store.write(bytes)?, executable: false };
                    let path = RelPath::new(name).expect("a name");
                    tree.insert(&path, Node::File(file)).expect("an entry of the root can be inserted");
                }
                super::file::keep(store, &key, &tree)?;
                (manifest, config)
            }
        };
        let name = reference.to_string();
        let Found::Image(parsed, family) = read(&name, "", &manifest)? else {
            unreachable!("an index is not kept as a base")
        };
        let reference = reference.with_digest(Sha256::of(&manifest));
        base_of(reference, digest, platform, family, parsed, &config)
    }

    /// The manifest for a platform and its configuration.
    fn fetch_base(
        &self,
        reference: &Reference,
        digest: Sha256,
        platform: Platform,
        progress: &dyn Progress,
    ) -> Result<(Vec<u8>, Vec<u8>), ImageError> {
        let name = reference.to_string();
        let repository = reference.repository();
        let mut fetched = self.manifest(&repository.at(digest), progress)?;
        let mut found = read(&name, &fetched.media_type, &fetched.bytes)?;
        if let Found::Index(entries) = &found {
            let entry = choose(&name, entries, platform)?;
            fetched = self.manifest(&repository.at(entry.digest), progress)?;
            found = read(&name, &fetched.media_type, &fetched.bytes)?;
        }
        let Found::Image(manifest, family) = found else {
            let reason = "its index lists another index".to_owned();
            return Err(ImageError::Unsupported { image: name, reason });
        };
        let blob = manifest.config.blob();
        if blob.size() > LONGEST_CONFIG {
            let reason = format!("its configuration has {} bytes", blob.size());
            return Err(ImageError::Unsupported { image: name, reason });
        }
        let mut config = Vec::new();
        self.copy_blob(repository, &blob, progress, |bytes| {
            config.extend_from_slice(bytes);
            Ok(())
        })?;
        // What cannot be built on is not kept.
        let at = reference.with_digest(fetched.digest);
        base_of(at, digest, platform, family, manifest.clone(), &config)?;
        // The family is told by the manifest itself from here on.
        let bytes = match serde_json::from_slice::<Value>(&fetched.bytes) {
            _ if read(&name, "", &fetched.bytes).is_ok() => fetched.bytes,
            _ => {
                let reason = "its manifest does not say of which kind it is".to_owned();
                return Err(ImageError::Unsupported { image: name, reason });
            }
        };
        Ok((bytes, config))
    }
}

fn read_file(store: &Store, tree: &Tree, name: &str) -> Option<Vec<u8>> {
    let file = tree.file(&RelPath::new(name).expect("a name"))?;
    store.read(&file.digest).ok()
}

/// The entry of an index for a platform.
fn choose<'e>(
    name: &str,
    entries: &'e [Descriptor],
    platform: Platform,
) -> Result<&'e Descriptor, ImageError> {
    let fits = |entry: &&Descriptor| {
        entry.platform.as_ref().is_some_and(|found| {
            let variant = found.variant.as_deref().unwrap_or_default();
            // amd64/v2 and later need newer processors than every platform has.
            let plain =
                matches!((platform, variant), (_, "") | (Platform::Amd64, "v1") | (Platform::Arm64, "v8"));
            found.os == "linux" && found.architecture == platform.architecture() && plain
        })
    };
    entries.iter().find(fits).ok_or_else(|| {
        let shown = |entry: &Descriptor| {
            let found = entry.platform.as_ref()?;
            let variant = found.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
            // Entries for nobody hold attestations.
            (found.os != "unknown").then(|| format!("{}/{}{variant}", found.os, found.architecture))
        };
        let mut there: Vec<String> = entries.iter().filter_map(shown).collect();
        there.dedup();
        if there.is_empty() {
            there.push("no machine at all".to_owned());
        }
        ImageError::Platform { image: name.to_owned(), wanted: platform.to_string(), there }
    })
}

fn base_of(
    reference: Reference,
    digest: Sha256,
    platform: Platform,
    family: Family,
    manifest: Manifest,
    config: &[u8],
) -> Result<Base, ImageError> {
    let image = reference.to_string();
    let unsupported = |reason: String| ImageError::Unsupported { image: image.clone(), reason };
    let config: Value = serde_json::from_slice(config)
        .map_err(|error| unsupported(format!("its configuration is malformed: {error}")))?;
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    if (text("os"), text("architecture")) != ("linux", platform.architecture()) {
        let there = vec![format!("{}/{}", text("os"), text("architecture"))];
        return Err(ImageError::Platform { image, wanted: platform.to_string(), there });
    }
    let later = config.pointer("/config/OnBuild").and_then(Value::as_array).map_or(0, Vec::len);
    if later > 0 {
        return Err(unsupported(format!(
            "it has {later} instructions for images that are built on it (ONBUILD), which only an engine carries \
             out: use --image-builder engine"
        )));
    }
    let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).map_or(0, Vec::len);
    if diff_ids != manifest.layers.len() {
        let layers = manifest.layers.len();
        return Err(unsupported(format!(
            "it has {layers} layers, and its configuration tells of {diff_ids}"
        )));
    }
    Ok(Base { reference, digest, platform, family, layers: manifest.layers, config })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::DescribedPlatform;

    fn entry(os: &str, architecture: &str, variant: Option<&str>) -> Descriptor {
        let platform = DescribedPlatform {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            variant: variant.map(str::to_owned),
        };
        let digest = Digest::of(format!("{os}{architecture}{variant:?}").as_bytes());
        Descriptor { platform: Some(platform), ..Descriptor::new(Family::Oci.manifest(), digest) }
    }

    #[test]
    fn an_index_gives_the_entry_of_the_platform_or_says_what_there_is() {
        let entries = [
            entry("windows", "amd64", None),
            entry("linux", "arm64", Some("v8")),
            entry("linux", "amd64", Some("v3")),
            entry("unknown", "unknown", None),
        ];
        assert_eq!(choose("x", &entries, Platform::Arm64).unwrap(), &entries[1]);
        let error = choose("x", &entries, Platform::Amd64).unwrap_err().to_string();
        assert!(error.contains("not there for linux/amd64"), "{error}");
        assert!(error.contains("windows/amd64, linux/arm64/v8, linux/amd64/v3;"), "{error}");
        let plain = [entry("linux", "amd64", None)];
        assert_eq!(choose("x", &plain, Platform::Amd64).unwrap(), &plain[0]);
    }
}
