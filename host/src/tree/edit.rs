use super::{Name, Node, RelPath, Tree, TreeError};

/// Why an edit does not apply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is nothing to move.
    #[error("there is no `{0}` to move")]
    Missing(RelPath),
    /// Something else is in the way.
    #[error("`{from}` cannot go to `{to}`: something is there already")]
    Occupied {
        /// What was to be moved.
        from: RelPath,
        /// Where to.
        to: RelPath,
    },
    /// A directory would go into itself.
    #[error("`{0}` cannot go into itself")]
    IntoItself(RelPath),
    /// The tree cannot hold the result.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Tree {
    /// The same tree without directories that hold nothing, also after that.
    pub fn without_empty_directories(&self) -> Self {
        let mut kept = Self::empty();
        for (name, node) in self {
            let node = match node {
                Node::Directory(below) => match below.without_empty_directories() {
                    below if below.is_empty() => continue,
                    below => Node::Directory(below),
                },
                other => other.clone(),
            };
            kept.insert(&RelPath::root().child(name.clone()), node).expect("the root takes entries");
        }
        kept
    }

    /// Moves an entry to a new path. Onto a directory a directory is merged; nothing is replaced.
    pub fn rename(&mut self, from: &RelPath, to: &RelPath) -> Result<(), EditError> {
        if from == to {
            return Ok(());
        }
        if to.starts_with(from) {
            return Err(EditError::IntoItself(from.clone()));
        }
        let node = self.remove(from).ok_or_else(|| EditError::Missing(from.clone()))?;
        self.place(from, to, node)
    }

    /// Moves an entry into a directory, under its own name.
    pub fn move_into(&mut self, from: &RelPath, directory: &RelPath) -> Result<(), EditError> {
        let name = from.name().ok_or(TreeError::Root)?;
        self.rename(from, &directory.child(name.clone()))
    }

    /// Moves every entry of a directory but those named into another directory, which does not
    /// move into itself.
    pub fn move_all(
        &mut self,
        from: &RelPath,
        directory: &RelPath,
        except: &[Name],
    ) -> Result<(), EditError> {
        let names: Vec<Name> = match self.directory(from) {
            Some(tree) => tree.iter().map(|(name, _)| name.clone()).collect(),
            None => return Err(EditError::Missing(from.clone())),
        };
        // What is moved is taken out first, so that an entry may be named like the directory.
        let stays = |name: &Name| except.contains(name) || directory.starts_with(&from.child(name.clone()));
        let mut moved = Vec::new();
        for name in names.into_iter().filter(|name| !stays(name)) {
            let path = from.child(name.clone());
            let node = self.remove(&path).ok_or_else(|| EditError::Missing(path.clone()))?;
            moved.push((path, directory.child(name), node));
        }
        for (path, to, node) in moved {
            self.place(&path, &to, node)?;
        }
        Ok(())
    }

    fn place(&mut self, from: &RelPath, to: &RelPath, node: Node) -> Result<(), EditError> {
        let occupied = || EditError::Occupied { from: from.clone(), to: to.clone() };
        let node = match (self.get(to), node) {
            (None, node) => node,
            (Some(Node::Directory(there)), Node::Directory(moved)) => {
                Node::Directory(there.merge(&moved).ok_or_else(occupied)?)
            }
            (Some(_), _) => return Err(occupied()),
        };
        Ok(self.insert(to, node)?)
    }

    /// Both trees together; none if an entry of one would replace one of the other.
    fn merge(&self, other: &Self) -> Option<Self> {
        let mut merged = self.clone();
        for (name, node) in other {
            let path = RelPath::root().child(name.clone());
            let node = match (self.get(&path), node) {
                (None, node) => node.clone(),
                (Some(Node::Directory(one)), Node::Directory(two)) => Node::Directory(one.merge(two)?),
                _ => return None,
            };
            merged.entries_mut().insert(name.clone(), node);
        }
        Some(merged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::empty();
        for at in paths {
            let file = FileEntry { digest: Digest::of(b""), executable: false };
            tree.insert(&path(at), Node::File(file)).unwrap();
        }
        tree
    }

    #[test]
    fn moving_all_leaves_the_exceptions_and_the_directory_itself() {
        let mut moved = tree(&["handler.py", "function.py", "function/old", "lib/x"]);
        let except = [Name::new("handler.py").unwrap(), Name::new("absent").unwrap()];
        moved.move_all(&RelPath::root(), &path("function"), &except).unwrap();
        assert_eq!(moved, tree(&["handler.py", "function/function.py", "function/old", "function/lib/x"]));
    }

    #[test]
    fn moving_up_merges_directories() {
        let mut moved = tree(&["a/lib/x", "lib/y"]);
        moved.move_into(&path("a/lib"), &RelPath::root()).unwrap();
        assert_eq!(moved.directory(&path("lib")).unwrap(), &tree(&["x", "y"]));
    }

    #[test]
    fn renames_make_no_tree_deeper_than_a_path_may_be() {
        let below = path(&vec!["d"; 200].join("/"));
        let mut edited = tree(&["a/x"]);
        edited.rename(&path("a"), &below).unwrap();
        edited.rename(&path("d"), &path("e")).unwrap();
        assert!(matches!(
            edited.rename(&path("e"), &below),
            Err(EditError::Tree(crate::tree::TreeError::TooLong(_)))
        ));
    }

    #[test]
    fn nothing_is_replaced_and_nothing_moves_into_itself() {
        let mut edited = tree(&["a/x", "x"]);
        assert!(matches!(
            edited.clone().move_into(&path("a/x"), &RelPath::root()),
            Err(EditError::Occupied { .. })
        ));
        assert_eq!(edited.rename(&path("a"), &path("a/b")), Err(EditError::IntoItself(path("a"))));
        assert_eq!(edited.rename(&path("no"), &path("b")), Err(EditError::Missing(path("no"))));
    }
}
