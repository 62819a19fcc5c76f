//! The messages of the Remote Execution API v2 that fnpack keeps, field for field
//! (`build/bazel/remote/execution/v2/remote_execution.proto`). Only the fields that fnpack sets are
//! listed; an absent field and its default are the same bytes, so the digests agree.
//!
//! Names and link targets are declared as `bytes` where the API says `string`: on the wire the two
//! are one, and a file name need not be UTF-8.

use super::Digest;

/// `build.bazel.remote.execution.v2.Digest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DigestMessage {
    /// The SHA-256 in lower-case hexadecimal digits.
    #[prost(string, tag = "1")]
    pub hash: String,
    /// The blob's size.
    #[prost(int64, tag = "2")]
    pub size_bytes: i64,
}

impl From<Digest> for DigestMessage {
    fn from(digest: Digest) -> Self {
        Self { hash: digest.hex(), size_bytes: digest.size() as i64 }
    }
}

impl TryFrom<&DigestMessage> for Digest {
    type Error = String;

    fn try_from(message: &DigestMessage) -> Result<Self, String> {
        let hash = super::digest::parse_hex(&message.hash)
            .ok_or_else(|| format!("`{}` is no SHA-256", message.hash))?;
        let size = u64::try_from(message.size_bytes).map_err(|_| "a blob's size is negative".to_owned())?;
        Ok(Self::new(hash, size))
    }
}

/// `FileNode`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct FileNode {
    /// The file's name.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// Its contents.
    #[prost(message, optional, tag = "2")]
    pub digest: Option<DigestMessage>,
    /// Whether it may be executed.
    #[prost(bool, tag = "4")]
    pub is_executable: bool,
}

/// `DirectoryNode`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DirectoryNode {
    /// The directory's name.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// The digest of its `Directory` message.
    #[prost(message, optional, tag = "2")]
    pub digest: Option<DigestMessage>,
}

/// `SymlinkNode`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct SymlinkNode {
    /// The link's name.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// What it points to.
    #[prost(bytes = "vec", tag = "2")]
    pub target: Vec<u8>,
}

/// `Directory`. Each list is sorted by name.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct DirectoryMessage {
    /// Its files.
    #[prost(message, repeated, tag = "1")]
    pub files: Vec<FileNode>,
    /// Its directories.
    #[prost(message, repeated, tag = "2")]
    pub directories: Vec<DirectoryNode>,
    /// Its symbolic links.
    #[prost(message, repeated, tag = "3")]
    pub symlinks: Vec<SymlinkNode>,
}

/// `Tree`: a directory with all below it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TreeMessage {
    /// The top directory.
    #[prost(message, optional, tag = "1")]
    pub root: Option<DirectoryMessage>,
    /// Each distinct directory below it, once.
    #[prost(message, repeated, tag = "2")]
    pub children: Vec<DirectoryMessage>,
}

/// `Command.EnvironmentVariable` and `Platform.Property`: both are a name and a value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Pair {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its value.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `Platform`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Platform {
    /// Sorted by name, then value.
    #[prost(message, repeated, tag = "1")]
    pub properties: Vec<Pair>,
}

/// `Command`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CommandMessage {
    /// The program and its arguments.
    #[prost(string, repeated, tag = "1")]
    pub arguments: Vec<String>,
    /// Sorted by name.
    #[prost(message, repeated, tag = "2")]
    pub environment_variables: Vec<Pair>,
    /// Below the input root.
    #[prost(string, tag = "6")]
    pub working_directory: String,
    /// Sorted; below the working directory.
    #[prost(string, repeated, tag = "7")]
    pub output_paths: Vec<String>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Duration {
    /// Whole seconds.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
}

/// `Action`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ActionMessage {
    /// The digest of the [`CommandMessage`].
    #[prost(message, optional, tag = "1")]
    pub command_digest: Option<DigestMessage>,
    /// The digest of the input's root [`DirectoryMessage`].
    #[prost(message, optional, tag = "2")]
    pub input_root_digest: Option<DigestMessage>,
    /// The time limit.
    #[prost(message, optional, tag = "6")]
    pub timeout: Option<Duration>,
    /// Where it runs.
    #[prost(message, optional, tag = "10")]
    pub platform: Option<Platform>,
}

/// `OutputDirectory`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct OutputDirectory {
    /// Where it was, below the working directory.
    #[prost(string, tag = "1")]
    pub path: String,
    /// The digest of its [`TreeMessage`].
    #[prost(message, optional, tag = "3")]
    pub tree_digest: Option<DigestMessage>,
}

/// `ActionResult`. Output files are kept as a directory's contents too, so there are no others.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ActionResultMessage {
    /// The directories that were asked for and are there.
    #[prost(message, repeated, tag = "3")]
    pub output_directories: Vec<OutputDirectory>,
    /// The program's exit status; only 0 is kept.
    #[prost(int32, tag = "4")]
    pub exit_code: i32,
}
