/// Whose media types an image's parts carry; they are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Of the Open Container Initiative.
    Oci,
    /// Docker's image manifest version 2, schema 2.
    Docker,
}

/// The media type of an index of each family, and what schema 1 called itself.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1";

/// All that can be built on, for the `Accept` header.
pub fn accepted() -> String {
    [Family::Oci.manifest(), Family::Docker.manifest(), OCI_INDEX, DOCKER_INDEX].join(", ")
}

impl Family {
    /// The media type of a manifest.
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.manifest.v1+json",
            Self::Docker => "application/vnd.docker.distribution.manifest.v2+json",
        }
    }

    /// The media type of an image's configuration.
    pub fn config(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.config.v1+json",
            Self::Docker => "application/vnd.docker.container.image.v1+json",
        }
    }

    /// The media type of a gzipped layer.
    pub fn layer(self) -> &'static str {
        match self {
            Self::Oci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Docker => "application/vnd.docker.image.rootfs.diff.tar.gzip",
        }
    }

    /// Whether a base's layer is of this family and of a kind that every engine unpacks.
    pub fn has_layer(self, media_type: &str) -> bool {
        let kind = match self {
            Self::Oci => media_type.strip_prefix("application/vnd.oci.image.layer.v1.tar"),
            Self::Docker => media_type.strip_prefix("application/vnd.docker.image.rootfs.diff.tar"),
        };
        matches!(kind, Some("" | ".gzip" | "+gzip" | "+zstd" | ".zstd"))
    }
}
