use std::path::PathBuf;

use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::file::{read_used, remove_if_there, write_atomically};
use super::{Store, StoreError};
use crate::tree::message::{ActionResultMessage, TreeMessage};
use crate::tree::{Digest, Tree};

/// The kinds of records that the store keeps as JSON, each in a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A finished build, by its key.
    Build,
    /// The last build of a target in a place, by the digest of both.
    Target,
    /// What a plugin answered about itself, by the plugin's digest.
    Plugin,
    /// An image that was delivered, by the digest of its build and its place.
    Image,
    /// What a tool said its version is, by the digest of the tool's path.
    Tool,
}

impl RecordKind {
    fn folder(self) -> &'static str {
        match self {
            Self::Build => "builds",
            Self::Target => "targets",
            Self::Plugin => "descriptions",
            Self::Image => "images",
            Self::Tool => "tools",
        }
    }
}

impl Store {
    /// Where a record is kept.
    pub fn record_path(&self, kind: RecordKind, key: &Digest) -> PathBuf {
        self.sharded(kind.folder(), &key.hex())
    }

    /// Keeps a record; the blobs that it names are synced first.
    pub fn put_record(
        &self,
        kind: RecordKind,
        key: &Digest,
        record: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.sync()?;
        let json = serde_json::to_vec(record).expect("a record is plain data");
        write_atomically(&self.record_path(kind, key), &json)
    }

    /// A record; none when it is not there or was written by a release that wrote it differently.
    pub fn record<T: DeserializeOwned>(
        &self,
        kind: RecordKind,
        key: &Digest,
    ) -> Result<Option<T>, StoreError> {
        let bytes = read_used(&self.record_path(kind, key))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Removes a record.
    pub fn remove_record(&self, kind: RecordKind, key: &Digest) -> Result<(), StoreError> {
        remove_if_there(&self.record_path(kind, key))
    }

    /// Keeps a tree, as one blob; its files must be kept already.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest, StoreError> {
        self.write(&tree.to_message().encode_to_vec())
    }

    /// The tree of a blob that [`Store::put_tree`] made.
    pub fn tree(&self, digest: &Digest) -> Result<Tree, StoreError> {
        let malformed = |source| StoreError::Tree { digest: *digest, source };
        let message = TreeMessage::decode(self.read(digest)?.as_slice())
            .map_err(|error| malformed(crate::tree::TreeError::Malformed(error.to_string())))?;
        Tree::from_message(&message).map_err(malformed)
    }

    /// Whether all files of a tree are there.
    pub fn has_all(&self, tree: &Tree) -> bool {
        tree.iter().all(|(_, node)| match node {
            crate::tree::Node::File(file) => self.has(&file.digest),
            crate::tree::Node::Directory(below) => self.has_all(below),
            crate::tree::Node::Symlink(_) => true,
        })
    }

    /// Where an action's result is kept.
    pub fn action_path(&self, action: &Digest) -> PathBuf {
        self.sharded("actions", &action.hex())
    }

    /// Keeps what an action gave; the blobs are synced first.
    pub fn put_action_result(&self, action: &Digest, result: &ActionResultMessage) -> Result<(), StoreError> {
        self.sync()?;
        write_atomically(&self.action_path(action), &result.encode_to_vec())
    }

    /// What an action gave, when it was run before.
    pub fn action_result(&self, action: &Digest) -> Result<Option<ActionResultMessage>, StoreError> {
        let bytes = read_used(&self.action_path(action))?;
        Ok(bytes.and_then(|bytes| ActionResultMessage::decode(bytes.as_slice()).ok()))
    }

    /// Forgets what an action gave, so that it runs again.
    pub fn remove_action_result(&self, action: &Digest) -> Result<(), StoreError> {
        remove_if_there(&self.action_path(action))
    }
}
