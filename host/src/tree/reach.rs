//! How far trees go down, so that none goes deeper than a path may.

use super::{Name, Node, PathError, RelPath, Tree};

/// How far a directory goes down: the most names of a path in it, and the most bytes of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    names: usize,
    bytes: usize,
}

impl Reach {
    /// That of an entry.
    pub fn of(node: &Node) -> Self {
        match node {
            Node::Directory(tree) => tree.reach(),
            _ => Self::default(),
        }
    }

    /// That of a directory, counted from its entries.
    pub fn of_entries(tree: &Tree) -> Self {
        tree.iter().fold(Self::default(), |reach, (name, node)| reach.max(Self::of(node).below(name)))
    }

    /// Fails when what goes down so far cannot be at a path.
    pub fn check_at(self, path: &RelPath) -> Result<(), PathError> {
        path.check_with(self.names, self.bytes + usize::from(self.bytes > 0))
    }

    /// That of a directory with this below a name.
    fn below(self, name: &Name) -> Self {
        let separator = usize::from(self.bytes > 0);
        Self { names: self.names + 1, bytes: name.as_bytes().len() + separator + self.bytes }
    }

    fn max(self, other: Self) -> Self {
        Self { names: self.names.max(other.names), bytes: self.bytes.max(other.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: usize, name: &str) -> RelPath {
        RelPath::new(vec![name; names].join("/")).unwrap()
    }

    #[test]
    fn trees_that_are_joined_get_no_deeper_than_a_path_may_be() {
        let folder = || Node::Directory(Tree::empty());
        let deep = |names: usize| path(names, "d");
        let (mut tree, below) = (Tree::empty(), Tree::empty().with(&deep(200), folder()).unwrap());
        tree.insert(&deep(56), Node::Directory(below.clone())).unwrap();
        let error = tree.insert(&deep(57), Node::Directory(below.clone())).unwrap_err().to_string();
        assert!(error.contains("256 names"), "{error}");
        let far = Tree::empty().with(&path(15, &"n".repeat(255)), folder()).unwrap();
        assert!(Tree::empty().with(&deep(129), Node::Directory(far.clone())).is_err(), "4097 bytes");
        assert!(Tree::empty().with(&deep(128), Node::Directory(far)).is_ok(), "4095 bytes");
    }
}
