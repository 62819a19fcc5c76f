//! What is said in a build's calls, in the host's own types: the target that a plugin is asked
//! about, and its answers, checked. The contract, `wit/0.1/platform.wit`, tells what each means.

use crate::language::Architecture;
use crate::tree::{Name, RelPath};

/// One thing to build, as a plugin is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginTarget {
    /// The name of the benchmark's folder.
    pub benchmark: String,
    /// "python", "nodejs", "java" or "cpp".
    pub language: String,
    /// Such as "3.12".
    pub version: String,
    /// "default", or an alternative engine.
    pub variant: String,
    /// The processor.
    pub architecture: Architecture,
    /// The name of one of the deployments in the platform's description.
    pub deployment: String,
    /// What the benchmark needs of the platform: "storage", "nosql".
    pub modules: Vec<String>,
    /// What a C++ benchmark is linked with; empty for other languages.
    pub native_dependencies: Vec<String>,
    /// The time limit that the benchmark asks for, in seconds.
    pub timeout_seconds: u32,
    /// The memory that the benchmark asks for, in MiB.
    pub memory_mib: u32,
    /// The settings that the platform's description knows, each with its value, sorted by key.
    pub settings: Vec<(String, String)>,
}

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileContents {
    /// Text, as UTF-8.
    Text(String),
    /// Any bytes.
    Binary(Vec<u8>),
}

impl FileContents {
    /// The bytes, either way.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A file to put into a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFile {
    /// Where; never the root.
    pub path: RelPath,
    /// What it holds.
    pub contents: FileContents,
    /// Whether it may be executed.
    pub executable: bool,
}

/// An edit of the build tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Moves one entry into a directory, under its own name.
    Move {
        /// What.
        source: RelPath,
        /// Where to.
        directory: RelPath,
    },
    /// Moves everything in a directory into another.
    MoveAll {
        /// Whose entries.
        source: RelPath,
        /// Where to.
        directory: RelPath,
        /// Names that stay.
        except: Vec<Name>,
    },
    /// Gives an entry a new path.
    Rename {
        /// What.
        source: RelPath,
        /// Its new path.
        destination: RelPath,
    },
    /// Writes a file, or replaces one.
    Write(PluginFile),
    /// Removes an entry, if it is there.
    Remove(RelPath),
}

/// The form of what is handed to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFormat {
    /// A zip of a directory's contents.
    Zip,
    /// A lone file, such as a jar.
    File,
    /// A directory as it is.
    Directory,
}

impl ArchiveFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Zip, Self::File, Self::Directory];

    /// The word for it in the contract and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::File => "file",
            Self::Directory => "directory",
        }
    }

    /// The format of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// What is handed to the platform beside an image, or instead of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// In which form.
    pub format: ArchiveFormat,
    /// The file, or the directory whose contents are packaged.
    pub path: RelPath,
}

/// The platform's form of the installed tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Applied in order.
    pub edits: Vec<Edit>,
    /// Paths in the tree that the edits leave.
    pub archive: Option<Archive>,
    /// What to tell the platform on deployment.
    pub deploy: Vec<(String, String)>,
}

/// What goes into an image layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerPath {
    /// A file or directory, under its own name.
    Entry(RelPath),
    /// Everything in a directory.
    Everything(RelPath),
}

/// A layer of a function image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Of the arranged tree.
    pub paths: Vec<LayerPath>,
    /// The absolute directory of the image that they go into, such as "/var/task".
    pub directory: String,
}

/// How a function image is made of the arranged tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImagePlan {
    /// The reference of the base image.
    pub base: String,
    /// Shell commands to run on the base before the layers are added.
    pub run: Vec<String>,
    /// In order.
    pub layers: Vec<Layer>,
    /// Variables.
    pub environment: Vec<(String, String)>,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// None keeps the base image's.
    pub working_directory: Option<String>,
    /// None keeps the base image's.
    pub user: Option<String>,
    /// Empty keeps the base image's.
    pub entrypoint: Vec<String>,
    /// Empty keeps the base image's.
    pub command: Vec<String>,
}
