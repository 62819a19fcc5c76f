use std::collections::BTreeSet;

use anyhow::Result;

use super::imports::imports;
use super::text;
use crate::store::Store;
use crate::tree::{Node, RelPath, Tree};

/// Folders of tests in packages of Python.
const FOLDERS: [&str; 2] = ["tests", "test"];

/// Packages that have such a name and are for their users to import.
const FOR_USERS: [&str; 2] = ["django.test", "twisted.test"];

/// A tree of Python packages without the tests in them: the folders of that name below a package
/// that no module imports or names, neither of the packages nor of the function.
pub fn without_tests(store: &Store, tree: &Tree, packages: &Tree) -> Result<Tree> {
    let mut candidates = BTreeSet::new();
    for (path, node) in packages.entries() {
        let is_folder = matches!(node, Node::Directory(_)) && path.names().len() > 1;
        let inside = || candidates.iter().any(|outer: &RelPath| path.starts_with(outer));
        if is_folder && path.name().is_some_and(|name| FOLDERS.contains(&text(name))) && !inside() {
            candidates.insert(path);
        }
    }
    candidates.retain(|path| !FOR_USERS.contains(&dotted(path).as_str()));
    if candidates.is_empty() {
        return Ok(packages.clone());
    }
    let mut modules = modules(store, packages, &[])?;
    let function =
        tree.filter(&mut |path, _| path.name().is_none_or(|name| text(name) != ".python_packages"));
    // Whatever package the function is in on the platform, its relative imports stay inside of it.
    modules.extend(self::modules(store, &function, &["function"])?);
    // What is kept may import more.
    loop {
        let counts = |module: &&Module| !candidates.iter().any(|path| module.path.starts_with(path));
        let used: Vec<&Module> = modules.iter().filter(counts).collect();
        let is_used = |path: &RelPath| {
            let name = dotted(path);
            used.iter().any(|module| module.uses(&name))
        };
        let needed: Vec<RelPath> = candidates.iter().filter(|path| is_used(path)).cloned().collect();
        if needed.is_empty() {
            return Ok(packages.filter(&mut |path, _| !candidates.contains(path)));
        }
        candidates.retain(|path| !needed.contains(path));
    }
}

/// A module whose text speaks of tests.
struct Module {
    path: RelPath,
    text: String,
    imports: Vec<String>,
}

impl Module {
    fn uses(&self, name: &str) -> bool {
        let below = |found: &String| {
            found.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.imports.iter().any(below)
            || self.text.contains(&format!("{name}."))
            || self.text.contains(&format!("{name}\""))
            || self.text.contains(&format!("{name}'"))
    }
}

fn modules(store: &Store, tree: &Tree, root: &[&str]) -> Result<Vec<Module>> {
    let mut modules = Vec::new();
    for (path, file) in tree.files() {
        if !path.name().is_some_and(|name| text(name).ends_with(".py")) {
            continue;
        }
        let source = String::from_utf8_lossy(&store.read(&file.digest)?).into_owned();
        if !source.contains("test") {
            continue;
        }
        let parent = path.parent().unwrap_or_default();
        let package: Vec<&str> = root.iter().copied().chain(parent.names().iter().map(text)).collect();
        let imports = imports(&source, &package);
        modules.push(Module { path: path.clone(), text: source, imports });
    }
    Ok(modules)
}

fn dotted(path: &RelPath) -> String {
    path.names().iter().map(text).collect::<Vec<_>>().join(".")
}

/// A tree of Node.js packages without what no program loads: types, source maps, documents.
pub fn without_documents(packages: &Tree) -> Tree {
    const ENDS: [&str; 8] =
        [".d.ts", ".d.mts", ".d.cts", ".js.map", ".mjs.map", ".cjs.map", ".css.map", ".ts.map"];
    const LAWYERS: [&str; 5] = ["licen", "copying", "notice", "authors", "patents"];
    packages.filter(&mut |path, node| {
        let name = path.name().map(text).unwrap_or_default().to_lowercase();
        let document = (name.ends_with(".md") || name.ends_with(".markdown"))
            && !LAWYERS.iter().any(|word| name.contains(word));
        !matches!(node, Node::File(_)) || !(document || ENDS.iter().any(|end| name.ends_with(end)))
    })
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::tree::FileEntry;

    fn put(store: &Store, files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::empty();
        for (at, text) in files {
            let file = FileEntry { digest: store.write(text.as_bytes()).unwrap(), executable: false };
            tree.insert(&RelPath::new(at).unwrap(), Node::File(file)).unwrap();
        }
        tree
    }

    #[test]
    fn tests_go_unless_somebody_imports_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let packages = put(
            &store,
            &[
                ("a/__init__.py", "from .used.tests import x"),
                ("a/used/tests/__init__.py", "from ...more import test"),
                ("a/more/test/__init__.py", ""),
                ("a/tests/test_a.py", "import a.sub.tests"),
                ("a/sub/tests/data.bin", ""),
                ("a/testing/x.py", ""),
                ("b/tests/x.py", ""),
                ("django/test/client.py", ""),
                ("tests/test_top.py", ""),
                ("c/tests/x.py", ""),
            ],
        );
        let function =
            put(&store, &[("function.py", "import importlib\nimportlib.import_module('c.tests.x')")]);
        let left = without_tests(&store, &function, &packages).unwrap();
        let left: Vec<String> = left.files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(
            left,
            [
                "a/__init__.py",
                "a/more/test/__init__.py",
                "a/testing/x.py",
                "a/used/tests/__init__.py",
                "c/tests/x.py",
                "django/test/client.py",
                "tests/test_top.py",
            ]
        );
    }

    #[test]
    fn documents_go_and_licences_stay() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let names = ["x/LICENSE.md", "x/README.md", "x/i.d.ts", "x/i.js", "x/i.js.map", "x/map", "x/x.map"];
        let left = without_documents(&put(&store, &names.map(|name| (name, ""))));
        let left: Vec<String> = left.files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(left, ["x/LICENSE.md", "x/i.js", "x/map", "x/x.map"]);
    }
}
