//! What npm left: its notes, which packages want to run something, and for which machine they are.

use serde_json::Value;

use crate::language::Runtime;
use crate::tree::{Name, Node, RelPath, Tree};

/// In the folder of packages: what npm notes of an installation, and what tools keep for later.
pub const HIDDEN_LOCK: &str = ".package-lock.json";
const CACHE: &str = ".cache";
/// What node-gyp leaves in a folder `build` beside what it built, with this machine's paths.
const BUILD: &str = "build";
const BUILD_MARK: &str = "config.gypi";
const BUILD_NOTES: [&str; 6] = [BUILD_MARK, "Makefile", "gyp-mac-tool", ".deps", "obj.target", "obj"];

/// The packages without what differs from run to run.
pub fn without_notes(installed: &Tree) -> Tree {
    installed.filter(&mut |path, _| match path.names() {
        [name] => name != HIDDEN_LOCK && name != CACHE,
        [.., folder, name] if is_build(installed, path, folder) => !is_build_note(name),
        [.., folder, _, name] if is_build(installed, &path.parent().unwrap_or_default(), folder) => {
            !is_build_note(name)
        }
        _ => true,
    })
}

/// Whether node-gyp made the folder that a path is in.
fn is_build(installed: &Tree, path: &RelPath, folder: &Name) -> bool {
    let mark = RelPath::new(BUILD_MARK).expect("a constant path");
    folder == BUILD
        && path
            .parent()
            .is_some_and(|folder| matches!(installed.get(&folder.join(&mark)), Some(Node::File(_))))
}

fn is_build_note(name: &Name) -> bool {
    BUILD_NOTES.iter().any(|note| name == *note) || name.as_bytes().ends_with(b".mk")
}

/// What npm notes of an installation.
pub struct Notes(Value);

impl Notes {
    /// Reads the hidden lock file; where there is none, nothing was installed.
    pub fn parse(hidden_lock: &str) -> Self {
        Self(serde_json::from_str(hidden_lock).unwrap_or_default())
    }

    fn packages(&self) -> impl Iterator<Item = (&str, &Value)> {
        let packages = self.0.get("packages").and_then(Value::as_object).into_iter().flatten();
        packages.map(|(path, package)| (path.rsplit("node_modules/").next().unwrap_or(path), package))
    }

    /// The names of packages that have install scripts.
    pub fn with_scripts(&self) -> Vec<&str> {
        let with = |package: &Value| package.get("hasInstallScript") == Some(&Value::Bool(true));
        self.packages().filter(|(_, package)| with(package)).map(|(name, _)| name).collect()
    }

    /// The names of packages that are for another machine: npm before 10.1 knows no other than
    /// the one that it runs on, and passes over the options that name one.
    pub fn for_others(&self, runtime: &Runtime) -> Vec<&str> {
        let fits = |package: &Value| {
            fits(package.get("cpu"), runtime.architecture.name())
                && fits(package.get("os"), "linux")
                && fits(package.get("libc"), runtime.libc.npm_name())
        };
        self.packages().filter(|(_, package)| !fits(package)).map(|(name, _)| name).collect()
    }
}

/// Whether a list such as `["x64", "arm64"]` or `["!win32"]` lets a word pass
/// (<https://docs.npmjs.com/cli/configuring-npm/package-json#cpu>).
fn fits(list: Option<&Value>, word: &str) -> bool {
    let words: Vec<&str> = match list {
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(word)) => vec![word],
        _ => return true,
    };
    let (without, with): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| word.starts_with('!'));
    !without.iter().any(|other| &other[1..] == word)
        && (with.is_empty() || with.contains(&word) || with.contains(&"any"))
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::tree_of;
    use super::*;
    use crate::language::Architecture;

    #[test]
    fn packages_with_install_scripts_are_named() {
        let lock = r#"{"packages": {"node_modules/a/node_modules/@x/b": {"hasInstallScript": true}, "node_modules/c": {}}}"#;
        assert_eq!(Notes::parse(lock).with_scripts(), ["@x/b"]);
        assert!(Notes::parse("").with_scripts().is_empty());
    }

    #[test]
    fn packages_for_another_machine_are_named() {
        let runtime = Runtime {
            version: "22".into(),
            variant: "default".into(),
            architecture: Architecture::Arm64,
            libc: "glibc-2.34".parse().unwrap(),
        };
        for (package, fits) in [
            (r#"{}"#, true),
            (r#"{"cpu": ["x64"], "os": ["linux"]}"#, false),
            (r#"{"cpu": ["x64", "arm64"], "os": ["linux"]}"#, true),
            (r#"{"cpu": ["!x64"], "os": ["!win32"]}"#, true),
            (r#"{"cpu": ["!arm64"]}"#, false),
            (r#"{"os": "darwin"}"#, false),
            (r#"{"libc": ["musl"]}"#, false),
            (r#"{"cpu": ["any"]}"#, true),
        ] {
            let lock = format!(r#"{{"packages": {{"node_modules/a": {package}}}}}"#);
            assert_eq!(Notes::parse(&lock).for_others(&runtime).is_empty(), fits, "{package}");
        }
    }

    #[test]
    fn what_a_build_leaves_beside_its_result_is_dropped() {
        let (_folder, _store, tree) = tree_of(&[
            (".package-lock.json", ""),
            (".cache/x", ""),
            ("a/.cache/x", ""),
            ("a/build/config.gypi", ""),
            ("a/build/Makefile", ""),
            ("a/build/a.target.mk", ""),
            ("a/build/Release/a.node", ""),
            ("a/build/Release/.deps/a.d", ""),
            ("a/build/Release/obj.target/a.o", ""),
            ("b/build/Makefile", ""),
        ]);
        let left: Vec<_> = without_notes(&tree).files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(left, ["a/.cache/x", "a/build/Release/a.node", "b/build/Makefile"]);
    }
}
