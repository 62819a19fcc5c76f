//! What of a C++ function's folder is compiled, and what is only read when that happens.

use crate::language::LanguageError;
use crate::tree::{Node, RelPath, Tree};

/// The one that is compiled when fnpack writes the build file.
const COMPILED: &str = "cpp";
/// Files that nothing reads once the program is there.
const SOURCES: [&str; 16] = [
    COMPILED, "c", "cc", "cxx", "c++", "C", "h", "hh", "hpp", "hxx", "h++", "inl", "ipp", "tpp", "ixx",
    "cppm",
];
/// Files of CMake.
const BUILD_FILES: [&str; 2] = ["CMakeLists.txt", "CMakePresets.json"];

/// The files to compile, in the order of their paths.
pub fn compiled(tree: &Tree) -> Result<Vec<String>, LanguageError> {
    let wanted = |path: &RelPath| extension(path) == Some(COMPILED);
    tree.files().filter(|(path, _)| wanted(path)).map(|(path, _)| name_for_cmake(&path)).collect()
}

/// CMake takes lists and variables apart at some characters, and no quoting helps everywhere.
fn name_for_cmake(path: &RelPath) -> Result<String, LanguageError> {
    let name = String::from_utf8(path.to_bytes()).ok();
    let fine = |name: &String| !name.chars().any(|c| c.is_control() || ";\"\\$#*?[]<>|&'`".contains(c));
    name.filter(fine).ok_or_else(|| {
        LanguageError::Manifest(format!(
            "the source file {path} cannot be compiled under this name; use letters, digits, `.`, `-` and `_`"
        ))
    })
}

/// A tree without what served to make the program.
pub fn without_sources(tree: &Tree) -> Tree {
    tree.filter(&mut |path, node| matches!(node, Node::Directory(_)) || !is_source(path))
}

fn is_source(path: &RelPath) -> bool {
    let name = path.name().and_then(|name| name.to_str());
    name.is_some_and(|name| BUILD_FILES.contains(&name) || name.ends_with(".cmake"))
        || extension(path).is_some_and(|extension| SOURCES.contains(&extension))
}

fn extension(path: &RelPath) -> Option<&str> {
    let (stem, extension) = path.name()?.to_str()?.rsplit_once('.')?;
    (!stem.is_empty()).then_some(extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    pub fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::empty();
        for path in paths {
            let file = FileEntry { digest: Digest::of(path.as_bytes()), executable: false };
            tree.insert(&RelPath::new(path).unwrap(), Node::File(file)).unwrap();
        }
        tree
    }

    #[test]
    fn all_cpp_files_are_compiled_those_of_sub_directories_too() {
        let tree = tree(&["main.cpp", "a/b.cpp", "a.hpp", "x.txt", ".cpp", "z.cpp"]);
        assert_eq!(compiled(&tree).unwrap(), ["a/b.cpp", "main.cpp", "z.cpp"]);
    }

    #[test]
    fn a_name_that_cmake_would_take_apart_is_refused() {
        let error = compiled(&tree(&["a;b.cpp"])).unwrap_err().to_string();
        assert!(error.contains("a;b.cpp"), "{error}");
    }

    #[test]
    fn data_is_left_and_sources_are_not() {
        let before = tree(&[
            "main.cpp",
            "a/b.hpp",
            "a/words.txt",
            "CMakeLists.txt",
            "cmake/x.cmake",
            "model.bin",
            "notes",
        ]);
        let left: Vec<_> = without_sources(&before).files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(left, ["a/words.txt", "model.bin", "notes"]);
    }
}
