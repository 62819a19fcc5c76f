use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::btree_map::Iter;
use std::sync::{Arc, OnceLock};

use prost::Message;

use super::message::{DirectoryMessage, DirectoryNode, FileNode, SymlinkNode, TreeMessage};
use super::reach::Reach;
use super::{Digest, Name, PathError, RelPath};

/// Why a tree cannot hold an entry, or a message is no tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A path leads through a file or a link.
    #[error("`{0}` is no directory")]
    NotADirectory(RelPath),
    /// A path that would be longer than a path may be.
    #[error("{0}")]
    TooLong(Box<PathError>),
    /// The root is a directory.
    #[error("the root of a tree is a directory and cannot be replaced")]
    Root,
    /// A message that is malformed.
    #[error("malformed tree: {0}")]
    Malformed(String),
}

/// A file's contents and whether it may be executed; no other mode, owner or time is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The digest of its contents.
    pub digest: Digest,
    /// Whether it may be executed.
    pub executable: bool,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File(FileEntry),
    /// A directory and all below it.
    Directory(Tree),
    /// A symbolic link and its target, as it was written.
    Symlink(Box<[u8]>),
}

/// One directory: its entries by name, and its digest once somebody asked.
#[derive(Default)]
pub struct Directory {
    entries: BTreeMap<Name, Node>,
    digest: OnceLock<Digest>,
    reach: OnceLock<Reach>,
}

impl Clone for Directory {
    /// A copy is made in order to change it, so what is known of it is not taken along.
    fn clone(&self) -> Self {
        Self::of(self.entries.clone())
    }
}

impl Directory {
    fn of(entries: BTreeMap<Name, Node>) -> Self {
        Self { entries, digest: OnceLock::new(), reach: OnceLock::new() }
    }
}

/// An immutable directory with all below it. To copy one is cheap, and an edit shares with the
/// original whatever it does not touch.
#[derive(Clone, Default)]
pub struct Tree(Arc<Directory>);

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.digest() == other.digest()
    }
}

impl Eq for Tree {}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries().iter().map(|(path, _)| path)).finish()
    }
}

impl Tree {
    /// A tree with nothing in it.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The entries of the root, by name.
    pub fn iter(&self) -> Iter<'_, Name, Node> {
        self.0.entries.iter()
    }

    /// What is at a path; none for the root, which is the tree itself.
    pub fn get(&self, path: &RelPath) -> Option<&Node> {
        let (name, parents) = path.names().split_last()?;
        let mut tree = self;
        for parent in parents {
            match tree.0.entries.get(parent)? {
                Node::Directory(below) => tree = below,
                _ => return None,
            }
        }
        tree.0.entries.get(name)
    }

    /// The file at a path.
    pub fn file(&self, path: &RelPath) -> Option<FileEntry> {
        match self.get(path)? {
            Node::File(file) => Some(*file),
            _ => None,
        }
    }

    /// The directory at a path; for the root the tree itself.
    pub fn directory(&self, path: &RelPath) -> Option<&Tree> {
        if path.is_root() {
            return Some(self);
        }
        match self.get(path)? {
            Node::Directory(tree) => Some(tree),
            _ => None,
        }
    }

    /// This tree with an entry at a path; directories on the way are made, what is there is
    /// replaced.
    pub fn with(&self, path: &RelPath, node: Node) -> Result<Self, TreeError> {
        let mut tree = self.clone();
        tree.insert(path, node)?;
        Ok(tree)
    }

    /// Puts an entry at a path; directories on the way are made, what is there is replaced. No path
    /// of the tree gets longer than a [`RelPath`] may be.
    pub fn insert(&mut self, path: &RelPath, node: Node) -> Result<(), TreeError> {
        let (name, parents) = path.names().split_last().ok_or(TreeError::Root)?;
        Reach::of(&node).check_at(path).map_err(|error| TreeError::TooLong(error.into()))?;
        let mut tree = self;
        let mut seen = RelPath::root();
        for parent in parents {
            seen = seen.child(parent.clone());
            match tree.entries_mut().entry(parent.clone()).or_insert_with(|| Node::Directory(Tree::empty())) {
                Node::Directory(below) => tree = below,
                _ => return Err(TreeError::NotADirectory(seen)),
            }
        }
        tree.entries_mut().insert(name.clone(), node);
        Ok(())
    }

    /// Takes out what is at a path; none when nothing is there. The directories above stay.
    pub fn remove(&mut self, path: &RelPath) -> Option<Node> {
        self.get(path)?;
        let (name, parents) = path.names().split_last()?;
        let mut tree = self;
        for parent in parents {
            match tree.entries_mut().get_mut(parent)? {
                Node::Directory(below) => tree = below,
                _ => return None,
            }
        }
        tree.entries_mut().remove(name)
    }

    /// This tree with another laid over it: directories are merged, other entries replaced.
    pub fn overlay(&self, over: &Self) -> Self {
        let mut merged = self.clone();
        for (name, node) in over.iter() {
            let node = match (self.0.entries.get(name), node) {
                (Some(Node::Directory(below)), Node::Directory(above)) => {
                    Node::Directory(below.overlay(above))
                }
                _ => node.clone(),
            };
            merged.entries_mut().insert(name.clone(), node);
        }
        merged
    }

    /// This tree without the entries for which `keep` is false; what is below a dropped directory
    /// is not asked for.
    pub fn filter(&self, keep: &mut impl FnMut(&RelPath, &Node) -> bool) -> Self {
        self.filter_below(&RelPath::root(), keep)
    }

    fn filter_below(&self, at: &RelPath, keep: &mut impl FnMut(&RelPath, &Node) -> bool) -> Self {
        let mut kept = BTreeMap::new();
        for (name, node) in self.iter() {
            let path = at.child(name.clone());
            if !keep(&path, node) {
                continue;
            }
            let node = match node {
                Node::Directory(tree) => Node::Directory(tree.filter_below(&path, keep)),
                other => other.clone(),
            };
            kept.insert(name.clone(), node);
        }
        Self(Arc::new(Directory::of(kept)))
    }

    /// Everything in the tree, directories too, sorted by the bytes of the whole path.
    pub fn entries(&self) -> Vec<(RelPath, &Node)> {
        fn collect<'t>(tree: &'t Tree, at: &RelPath, found: &mut Vec<(RelPath, &'t Node)>) {
            for (name, node) in tree.iter() {
                let path = at.child(name.clone());
                if let Node::Directory(below) = node {
                    found.push((path.clone(), node));
                    collect(below, &path, found);
                } else {
                    found.push((path, node));
                }
            }
        }
        let mut found = Vec::new();
        collect(self, &RelPath::root(), &mut found);
        found.sort_by_cached_key(|(path, _)| path.to_bytes());
        found
    }

    /// The files of the tree, sorted by the bytes of the whole path.
    pub fn files(&self) -> impl Iterator<Item = (RelPath, FileEntry)> {
        self.entries().into_iter().filter_map(|(path, node)| match node {
            Node::File(file) => Some((path, *file)),
            _ => None,
        })
    }

    /// The bytes of all files together.
    pub fn size(&self) -> u64 {
        self.iter().fold(0, |sum, (_, node)| {
            sum + match node {
                Node::File(file) => file.digest.size(),
                Node::Directory(tree) => tree.size(),
                Node::Symlink(_) => 0,
            }
        })
    }

    /// The digest of the root's `Directory` message.
    pub fn digest(&self) -> Digest {
        *self.0.digest.get_or_init(|| Digest::of(&self.message().encode_to_vec()))
    }

    pub(super) fn reach(&self) -> Reach {
        *self.0.reach.get_or_init(|| Reach::of_entries(self))
    }

    fn message(&self) -> DirectoryMessage {
        let mut message = DirectoryMessage::default();
        for (name, node) in self.iter() {
            let name = name.as_bytes().to_vec();
            match node {
                Node::File(FileEntry { digest, executable }) => {
                    message.files.push(FileNode {
                        name,
                        digest: Some((*digest).into()),
                        is_executable: *executable,
                    });
                }
                Node::Directory(tree) => {
                    message.directories.push(DirectoryNode { name, digest: Some(tree.digest().into()) });
                }
                Node::Symlink(target) => message.symlinks.push(SymlinkNode { name, target: target.to_vec() }),
            }
        }
        message
    }

    /// The tree as one `Tree` message.
    pub fn to_message(&self) -> TreeMessage {
        fn collect(tree: &Tree, found: &mut BTreeMap<Digest, DirectoryMessage>) {
            for (_, node) in tree.iter() {
                if let Node::Directory(below) = node
                    && !found.contains_key(&below.digest())
                {
                    found.insert(below.digest(), below.message());
                    collect(below, found);
                }
            }
        }
        let mut children = BTreeMap::new();
        collect(self, &mut children);
        TreeMessage { root: Some(self.message()), children: children.into_values().collect() }
    }

    /// The tree of a `Tree` message.
    pub fn from_message(message: &TreeMessage) -> Result<Self, TreeError> {
        let children: HashMap<Digest, &DirectoryMessage> =
            message.children.iter().map(|child| (Digest::of(&child.encode_to_vec()), child)).collect();
        let root = message.root.as_ref().ok_or_else(|| TreeError::Malformed("no root".into()))?;
        Self::from_directory(root, &children, &mut HashMap::new())
    }

    fn from_directory(
        message: &DirectoryMessage,
        children: &HashMap<Digest, &DirectoryMessage>,
        done: &mut HashMap<Digest, Tree>,
    ) -> Result<Self, TreeError> {
        let malformed = |reason: String| TreeError::Malformed(reason);
        let digest_of = |digest: &Option<super::message::DigestMessage>| {
            let digest = digest.as_ref().ok_or_else(|| malformed("an entry has no digest".into()))?;
            Digest::try_from(digest).map_err(malformed)
        };
        let name_of = |name: &[u8]| Name::new(name).map_err(|error| malformed(error.to_string()));
        let mut entries = BTreeMap::new();
        for file in &message.files {
            let node =
                Node::File(FileEntry { digest: digest_of(&file.digest)?, executable: file.is_executable });
            entries.insert(name_of(&file.name)?, node);
        }
        for directory in &message.directories {
            let digest = digest_of(&directory.digest)?;
            let tree = match done.get(&digest) {
                Some(tree) => tree.clone(),
                None => {
                    let child = children
                        .get(&digest)
                        .ok_or_else(|| malformed(format!("directory {digest} is missing")))?;
                    let tree = Self::from_directory(child, children, done)?;
                    done.insert(digest, tree.clone());
                    tree
                }
            };
            entries.insert(name_of(&directory.name)?, Node::Directory(tree));
        }
        for link in &message.symlinks {
            entries.insert(name_of(&link.name)?, Node::Symlink(link.target.clone().into()));
        }
        let tree = Self(Arc::new(Directory::of(entries)));
        let checked = tree.reach().check_at(&RelPath::root());
        checked.map(|()| tree).map_err(|error| TreeError::TooLong(error.into()))
    }

    pub(super) fn entries_mut(&mut self) -> &mut BTreeMap<Name, Node> {
        let directory = Arc::make_mut(&mut self.0);
        directory.digest = OnceLock::new();
        directory.reach = OnceLock::new();
        &mut directory.entries
    }
}

impl<'t> IntoIterator for &'t Tree {
    type Item = (&'t Name, &'t Node);
    type IntoIter = Iter<'t, Name, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::empty();
        for (at, text) in files {
            let entry = FileEntry { digest: Digest::of(text.as_bytes()), executable: false };
            tree.insert(&path(at), Node::File(entry)).unwrap();
        }
        tree
    }

    #[test]
    fn the_digest_depends_on_names_and_boundaries_not_on_the_order_of_inserts() {
        let one = tree(&[("a", "1"), ("b/c", "2")]);
        assert_eq!(one.digest(), tree(&[("b/c", "2"), ("a", "1")]).digest());
        for other in [tree(&[("a", "1"), ("b/d", "2")]), tree(&[("a", "12"), ("b/c", "")])] {
            assert_ne!(one.digest(), other.digest());
        }
    }

    #[test]
    fn an_edit_changes_the_copy_and_its_digest_alone() {
        let before = tree(&[("a/b", "1"), ("c", "2")]);
        let digest = before.digest();
        let mut after = before.clone();
        after.remove(&path("a/b")).unwrap();
        assert_eq!((before.digest(), before.file(&path("a/b")).is_some()), (digest, true));
        assert_ne!(after.digest(), digest);
    }

    #[test]
    fn a_message_gives_the_tree_back() {
        let mut tree = tree(&[("a/x", "1"), ("b/x", "1"), ("c", "2")]);
        tree.insert(&path("d/link"), Node::Symlink(b"../c".as_slice().into())).unwrap();
        tree.insert(&path("empty"), Node::Directory(Tree::empty())).unwrap();
        let message = tree.to_message();
        assert_eq!(message.children.len(), 3, "equal directories are kept once");
        assert_eq!(Tree::from_message(&message).unwrap(), tree);
    }

    #[test]
    fn a_message_whose_directory_is_missing_is_no_tree() {
        let mut message = tree(&[("a/x", "1")]).to_message();
        message.children.clear();
        assert!(matches!(Tree::from_message(&message), Err(TreeError::Malformed(_))));
    }

    #[test]
    fn entries_are_sorted_by_the_whole_path() {
        let tree = tree(&[("a/b", ""), ("a.txt", ""), ("a-b", "")]);
        let paths: Vec<_> = tree.entries().iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["a", "a-b", "a.txt", "a/b"]);
    }

    #[test]
    fn nothing_is_put_below_a_file() {
        let below = tree(&[("a", "1")]).with(&path("a/b"), Node::Directory(Tree::empty()));
        assert_eq!(below, Err(TreeError::NotADirectory(path("a"))));
    }

    #[test]
    fn an_overlay_merges_directories_and_replaces_files() {
        let merged =
            tree(&[("a/x", "1"), ("a/y", "2"), ("b", "3")]).overlay(&tree(&[("a/x", "9"), ("b/c", "4")]));
        assert_eq!(merged, tree(&[("a/x", "9"), ("a/y", "2"), ("b/c", "4")]));
    }
}
