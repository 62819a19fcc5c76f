use std::collections::BTreeMap;

use crate::platform::{Limit, Subject};
use crate::tree::{Name, Node, RelPath, Tree};

/// How many directories are named when a limit is passed.
const LARGEST: usize = 10;

/// A limit that an artifact passes, in words.
#[derive(Debug)]
pub struct Passed {
    /// Whether the platform refuses it.
    pub hard: bool,
    /// By how much, what it means, and where the bytes are.
    pub text: String,
}

/// The limits that sizes pass, those of the platform that count `subject`.
pub fn passed(limits: &[Limit], subject: Subject, bytes: u64, tree: &Tree) -> Vec<Passed> {
    let over = limits.iter().filter(|limit| limit.subject == subject && bytes > limit.bytes());
    let what = match subject {
        Subject::Archive => "archive",
        Subject::Unpacked => "unpacked package",
        Subject::Image => "image",
    };
    let say = |limit: &Limit| {
        let kind = if limit.hard { "hard limit" } else { "limit" };
        format!(
            "the {what} has {}, over the platform's {kind} of {}: {}\nthe largest directories are\n{}",
            size(bytes),
            size(limit.bytes()),
            limit.note,
            largest(tree)
        )
    };
    over.map(|limit| Passed { hard: limit.hard, text: say(limit) }).collect()
}

/// The largest directories of a tree, none of them inside another that is listed with the same
/// bytes, a line each.
fn largest(tree: &Tree) -> String {
    let mut sizes = BTreeMap::new();
    collect(tree, &RelPath::root(), &mut sizes);
    let mut sizes: Vec<(RelPath, u64)> = sizes.into_iter().collect();
    sizes.sort_by(|(path, size), (other_path, other)| other.cmp(size).then_with(|| path.cmp(other_path)));
    let lines = sizes.iter().take(LARGEST).map(|(path, bytes)| format!("  {:>10}  {path}", size(*bytes)));
    lines.collect::<Vec<_>>().join("\n")
}

fn collect(tree: &Tree, at: &RelPath, sizes: &mut BTreeMap<RelPath, u64>) {
    for (name, node) in tree {
        let Node::Directory(below) = node else { continue };
        let path = at.child(Name::clone(name));
        // A directory that holds nothing but one directory says no more than that one.
        if !(below.iter().len() == 1 && matches!(below.iter().next(), Some((_, Node::Directory(_))))) {
            sizes.insert(path.clone(), below.size());
        }
        collect(below, &path, sizes);
    }
}

/// Bytes for people: 1.5 KiB, 62.1 MiB.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{bytes} {unit}") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} GiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    fn tree(files: &[(&str, u64)]) -> Tree {
        let mut tree = Tree::empty();
        for (path, bytes) in files {
            let file = FileEntry { digest: Digest::new([0; 32], *bytes), executable: false };
            tree.insert(&RelPath::new(path).unwrap(), Node::File(file)).unwrap();
        }
        tree
    }

    #[test]
    fn a_passed_limit_names_the_largest_directories() {
        let limit = Limit { subject: Subject::Unpacked, kibibytes: 1, hard: true, note: "refused".into() };
        let tree = tree(&[("a/b/big", 3000), ("c/small", 10), ("d", 5)]);
        let passed = passed(&[limit], Subject::Unpacked, tree.size(), &tree);
        let text = &passed[0].text;
        assert!(passed[0].hard && text.contains("2.9 KiB  a/b") && text.contains("refused"), "{text}");
        assert!(!text.contains("  a\n"), "{text}");
    }

    #[test]
    fn a_limit_that_is_just_met_is_not_passed() {
        let limit = Limit { subject: Subject::Archive, kibibytes: 1, hard: false, note: String::new() };
        assert!(passed(&[limit], Subject::Archive, 1024, &Tree::empty()).is_empty());
    }
}
