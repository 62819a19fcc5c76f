//! Symbolic links of a tree: where they lead, and trees without them.

use std::collections::HashMap;

use super::{Node, PathError, RelPath, Tree, TreeError};

/// A chain of more links than this is taken for a loop, as Linux does.
const MAX_HOPS: usize = 40;

/// Why a link cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It leads out of the tree; what is there was not looked at.
    #[error("the link `{link}` points to `{target}`: {source}")]
    Leaves {
        /// The link.
        link: RelPath,
        /// What it points to.
        target: String,
        /// Why that is no path of the tree.
        source: PathError,
    },
    /// It leads to nothing.
    #[error("the link `{link}` points to `{target}`, which is not there (or is left out)")]
    Dangles {
        /// The link.
        link: RelPath,
        /// What it points to.
        target: String,
    },
    /// The links that lie in what it leads to make paths that are too long.
    #[error("the link `{link}` cannot be replaced by what it leads to: {source}")]
    TooLong {
        /// The link.
        link: RelPath,
        /// Which path, and which limit it passes.
        source: TreeError,
    },
    /// It leads to itself, or to a directory that it lies in.
    #[error("the link `{link}` points to `{target}`, which leads back to the link")]
    Loops {
        /// The link.
        link: RelPath,
        /// What it points to.
        target: String,
    },
}

/// What is at the real path that a path leads to; none for the root.
type Found<'t> = (RelPath, Option<&'t Node>);

impl Tree {
    /// Where a link finally leads: the path without links on it.
    pub fn follow(&self, link: &RelPath) -> Result<RelPath, LinkError> {
        let target = match self.get(link) {
            Some(Node::Symlink(target)) => target,
            _ => return Ok(link.clone()),
        };
        let goal = resolve(link, target)?;
        let shown = || String::from_utf8_lossy(target).into_owned();
        let mut hops = 0;
        match self.walk(&goal, &mut hops)? {
            // A directory that the link lies in.
            Some((path, _)) if link.starts_with(&path) => {
                Err(LinkError::Loops { link: link.clone(), target: shown() })
            }
            Some((path, _)) => Ok(path),
            None if hops > MAX_HOPS => Err(LinkError::Loops { link: link.clone(), target: shown() }),
            None => Err(LinkError::Dangles { link: link.clone(), target: shown() }),
        }
    }

    /// Walks a path, links on the way and at the end followed; none when nothing is there or
    /// there are too many links.
    fn walk(&self, path: &RelPath, hops: &mut usize) -> Result<Option<Found<'_>>, LinkError> {
        let mut real = RelPath::root();
        let mut node = None;
        for name in path.names() {
            real = real.child(name.clone());
            node = self.get(&real);
            match node {
                None => return Ok(None),
                Some(Node::Symlink(target)) => {
                    *hops += 1;
                    if *hops > MAX_HOPS {
                        return Ok(None);
                    }
                    match self.walk(&resolve(&real, target)?, hops)? {
                        Some(found) => (real, node) = found,
                        None => return Ok(None),
                    }
                }
                Some(_) => {}
            }
        }
        Ok(Some((real, node)))
    }

    /// Fails for the first link that leads out of the tree, to nothing or in a circle.
    pub fn check_links(&self) -> Result<(), LinkError> {
        for (path, node) in self.entries() {
            if matches!(node, Node::Symlink(_)) {
                self.follow(&path)?;
            }
        }
        Ok(())
    }

    /// The directory at `at`, with each link for which `replaced` is true replaced by what it
    /// leads to. The link's path and its immediate goal are asked for; links inside of what
    /// replaces one are replaced too.
    pub fn without_links(
        &self,
        at: &RelPath,
        replaced: &dyn Fn(&RelPath, &RelPath) -> bool,
    ) -> Result<Tree, LinkError> {
        Resolver { tree: self, replaced, open: Vec::new(), done: HashMap::new() }.directory(at, false)
    }

    /// The tree with every link replaced by what it leads to.
    pub fn resolve_links(&self) -> Result<Tree, LinkError> {
        self.without_links(&RelPath::root(), &|_, _| true)
    }
}

fn resolve(link: &RelPath, target: &[u8]) -> Result<RelPath, LinkError> {
    link.resolve_link(target).map_err(|source| LinkError::Leaves {
        link: link.clone(),
        target: String::from_utf8_lossy(target).into_owned(),
        source,
    })
}

struct Resolver<'t> {
    tree: &'t Tree,
    replaced: &'t dyn Fn(&RelPath, &RelPath) -> bool,
    /// The directories that are being resolved, outermost first.
    open: Vec<RelPath>,
    /// Directories that stand in for links, so that each is resolved once.
    done: HashMap<RelPath, Tree>,
}

impl Resolver<'_> {
    /// `all`: whether this stands in for a link, so that every link below is replaced.
    fn directory(&mut self, at: &RelPath, all: bool) -> Result<Tree, LinkError> {
        let mut resolved = Tree::empty();
        let Some(directory) = self.tree.directory(at) else { return Ok(resolved) };
        self.open.push(at.clone());
        for (name, node) in directory {
            let path = at.child(name.clone());
            let node = match node {
                Node::Directory(_) => Node::Directory(self.directory(&path, all)?),
                Node::Symlink(target) => {
                    let real = self.tree.follow(&path)?;
                    if all || (self.replaced)(&path, &resolve(&path, target)?) {
                        self.stand_in(&path, target, &real)?
                    } else {
                        node.clone()
                    }
                }
                Node::File(_) => node.clone(),
            };
            resolved
                .insert(&RelPath::root().child(name.clone()), node)
                .map_err(|source| LinkError::TooLong { link: path, source })?;
        }
        self.open.pop();
        Ok(resolved)
    }

    fn stand_in(&mut self, link: &RelPath, target: &[u8], real: &RelPath) -> Result<Node, LinkError> {
        if let Some(file) = self.tree.file(real) {
            return Ok(Node::File(file));
        }
        if self.open.contains(real) {
            let target = String::from_utf8_lossy(target).into_owned();
            return Err(LinkError::Loops { link: link.clone(), target });
        }
        if let Some(done) = self.done.get(real) {
            return Ok(Node::Directory(done.clone()));
        }
        let tree = self.directory(real, true)?;
        self.done.insert(real.clone(), tree.clone());
        Ok(Node::Directory(tree))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    fn path(text: &str) -> RelPath {
        RelPath::new(text).unwrap()
    }

    fn tree(files: &[&str], links: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::empty();
        for file in files {
            let entry = FileEntry { digest: Digest::of(file.as_bytes()), executable: false };
            tree.insert(&path(file), Node::File(entry)).unwrap();
        }
        for (link, target) in links {
            tree.insert(&path(link), Node::Symlink(target.as_bytes().into())).unwrap();
        }
        tree
    }

    #[test]
    fn a_link_is_followed_through_links() {
        let tree = tree(&["real/file"], &[("dir", "real"), ("a", "dir/file"), ("b", "a")]);
        assert_eq!(tree.follow(&path("b")).unwrap(), path("real/file"));
        tree.check_links().unwrap();
    }

    #[test]
    fn a_link_that_leaves_dangles_or_loops_is_named() {
        for (link, target) in
            [("x/out", "../../etc"), ("x/abs", "/etc/passwd"), ("gone", "nothing"), ("me", "me")]
        {
            let error = tree(&["x/file"], &[(link, target)]).check_links().unwrap_err().to_string();
            assert!(error.contains(link) && error.contains(target), "{error}");
        }
    }

    #[test]
    fn links_are_replaced_by_what_they_lead_to() {
        let resolved = tree(&["d/file"], &[("d/again", "file"), ("e", "d")]).resolve_links().unwrap();
        let paths: Vec<_> = resolved.files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(paths, ["d/again", "d/file", "e/again", "e/file"]);
    }

    #[test]
    fn a_link_to_a_directory_that_it_lies_in_has_no_end() {
        let looping = tree(&["d/file"], &[("d/up", "../d")]);
        assert!(matches!(looping.check_links(), Err(LinkError::Loops { .. })));
        assert!(matches!(looping.resolve_links(), Err(LinkError::Loops { .. })));
    }

    #[test]
    fn links_in_what_links_lead_to_end_somewhere() {
        let folders = |top: &str| format!("{top}/{}", vec!["d"; 90].join("/"));
        let up = "../".repeat(91);
        let links: Vec<(String, String)> = (0..3)
            .map(|number| (folders(&number.to_string()) + "/on", format!("{up}{}", number + 1)))
            .collect();
        let links: Vec<(&str, &str)> = links.iter().map(|(link, to)| (link.as_str(), to.as_str())).collect();
        let deep = tree(&[&folders("3")], &links);
        deep.check_links().unwrap();
        assert!(matches!(deep.resolve_links(), Err(LinkError::TooLong { .. })));
    }

    #[test]
    fn only_the_links_that_are_asked_for_are_replaced() {
        let benchmark =
            tree(&["python/f.py", "shared/x"], &[("python/x", "../shared/x"), ("python/g.py", "f.py")]);
        let at = path("python");
        let inside = benchmark.without_links(&at, &|_, goal| !goal.starts_with(&at)).unwrap();
        assert!(matches!(inside.get(&path("x")), Some(Node::File(_))));
        assert!(matches!(inside.get(&path("g.py")), Some(Node::Symlink(_))));
    }
}
