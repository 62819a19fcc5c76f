//! `package.json`: which one is used, and what is added to it.
//! <https://docs.npmjs.com/cli/configuring-npm/package-json>

use serde_json::{Map, Value};

use crate::language::indexes::holds_login;
use crate::language::{LanguageError, Requirement, constant, read_text, write_file};
use crate::store::Store;
use crate::tree::Tree;

/// The manifest.
pub const MANIFEST: &str = "package.json";
/// The lock file, and the name under which it is published.
pub const LOCKS: [&str; 2] = ["npm-shrinkwrap.json", "package-lock.json"];
/// Packages to install after those of a lock file, which does not know them: an object of names
/// and versions. It is no part of the package.
pub const ADDED: &str = ".fnpack-packages.json";
/// Where a manifest names what a function needs; npm installs peers like dependencies.
const REQUIRED: [&str; 3] = ["dependencies", "optionalDependencies", "peerDependencies"];

/// Makes the manifest for a version, and its lock file, the only ones.
pub fn select(sources: &Tree, version: &str) -> Result<Tree, LanguageError> {
    let versioned = |name: &str| {
        let is_version = |rest: &str| {
            rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        };
        let of = |manifest: &str| name.strip_prefix(manifest).is_some_and(is_version);
        of(MANIFEST) || LOCKS.iter().any(|lock| of(lock))
    };
    let names = sources.iter().filter_map(|(name, _)| name.to_str()).filter(|name| versioned(name));
    let all: Vec<&str> = names.collect();
    let mut selected = sources.clone();
    all.iter().for_each(|name| {
        selected.remove(&constant(name));
    });
    for name in [MANIFEST, LOCKS[0], LOCKS[1]] {
        if let Some(own) = sources.get(&constant(&format!("{name}.{version}"))) {
            selected
                .insert(&constant(name), own.clone())
                .map_err(|error| LanguageError::Manifest(error.to_string()))?;
        }
    }
    if selected.file(&constant(MANIFEST)).is_some() {
        return Ok(selected);
    }
    Err(LanguageError::Manifest(match all.as_slice() {
        [] => format!("there is no {MANIFEST} in the nodejs folder; add one, `{{}}` if nothing is required"),
        others => format!(
            "no {MANIFEST} is for Node.js {version}: there is {}; add {MANIFEST}.{version} or {MANIFEST}",
            others.join(", ")
        ),
    }))
}

/// Whether a lock file says what is installed.
pub fn is_locked(tree: &Tree) -> bool {
    LOCKS.iter().any(|lock| tree.file(&constant(lock)).is_some())
}

/// What a manifest requires.
#[derive(Debug, PartialEq)]
pub struct Manifest {
    json: Map<String, Value>,
    added: Map<String, Value>,
}

impl Manifest {
    /// The manifest of a tree.
    pub fn read(store: &Store, tree: &Tree) -> Result<Self, LanguageError> {
        let text = read_text(store, tree, &constant(MANIFEST))?
            .ok_or_else(|| LanguageError::Manifest(format!("there is no {MANIFEST}")))?;
        let mut manifest = Self::parse(&text)?;
        for lock in LOCKS {
            if let Some(text) = read_text(store, tree, &constant(lock))? {
                check_lock(lock, &text)?;
            }
        }
        if let Some(text) = read_text(store, tree, &constant(ADDED))? {
            manifest.added = serde_json::from_str(&text)
                .map_err(|error| LanguageError::Manifest(format!("{ADDED} is fnpack's own file: {error}")))?;
        }
        Ok(manifest)
    }

    fn parse(text: &str) -> Result<Self, LanguageError> {
        let wrong = |reason: String| LanguageError::Manifest(format!("{MANIFEST}: {reason}"));
        let json: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let Value::Object(json) = json else { return Err(wrong("it is JSON, but no object".to_owned())) };
        for key in REQUIRED.into_iter().chain(["scripts"]) {
            let Some(value) = json.get(key) else { continue };
            let strings = value.as_object().is_some_and(|object| object.values().all(Value::is_string));
            if !strings {
                return Err(wrong(format!("{key}: it is no object of strings")));
            }
        }
        for key in REQUIRED.into_iter().chain(["devDependencies"]) {
            let values = json.get(key).and_then(Value::as_object);
            if let Some((name, _)) = strings(values).find(|(_, value)| holds_login(value)) {
                return Err(wrong(format!("{key}.{name}: {LOGIN}")));
            }
        }
        if json.get("overrides").is_some_and(any_holds_login) {
            return Err(wrong(format!("overrides: {LOGIN}")));
        }
        if json.contains_key("workspaces") {
            return Err(wrong(
                "workspaces: they are installed as links to folders outside of node_modules, which no package can \
                 hold; name each in `dependencies`, such as `\"name\": \"file:./folder\"`"
                    .to_owned(),
            ));
        }
        Ok(Self { json, added: Map::new() })
    }

    fn strings(&self, key: &str) -> impl Iterator<Item = (&str, &str)> {
        strings(self.json.get(key).and_then(Value::as_object))
    }

    /// The packages that it requires, with what it says of their versions.
    pub fn dependencies(&self) -> impl Iterator<Item = (&str, &str)> {
        REQUIRED
            .into_iter()
            .flat_map(|key| self.strings(key))
            .filter(|(name, _)| !self.is_optional_peer(name))
    }

    fn is_optional_peer(&self, name: &str) -> bool {
        let elsewhere = || REQUIRED[..2].iter().any(|key| self.strings(key).any(|(there, _)| there == name));
        let peer = self.json.get("peerDependenciesMeta").and_then(|peers| peers.get(name));
        peer.and_then(|peer| peer.get("optional")) == Some(&Value::Bool(true)) && !elsewhere()
    }

    /// The packages to install after those of the lock file.
    pub fn added(&self) -> impl Iterator<Item = (&str, &str)> {
        strings(Some(&self.added))
    }

    /// Its text without the packages that only its development needs; none when it names none.
    /// npm looks all up, also those that it is told to leave out.
    pub fn without_development(&self) -> Option<String> {
        let mut json = self.json.clone();
        json.shift_remove("devDependencies")?;
        Some(text_of(&json))
    }

    /// The scripts of its own that run when its packages are installed.
    pub fn install_scripts(&self) -> Vec<&str> {
        const RUN: [&str; 6] =
            ["preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare"];
        self.strings("scripts").map(|(name, _)| name).filter(|name| RUN.contains(name)).collect()
    }
}

/// Whether a text holds a login, however deep it lies.
fn any_holds_login(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_login(text),
        Value::Array(values) => values.iter().any(any_holds_login),
        Value::Object(fields) => fields.values().any(any_holds_login),
        _ => false,
    }
}

/// What is wrong with an address that holds a login, and what to do.
const LOGIN: &str = "the address holds a login, which would be in the package; take it out, and give it in `npm-registry` of [indexes] in fnpack.toml";

/// Fails for a lock file that is no JSON, or one whose addresses hold logins.
fn check_lock(file: &str, text: &str) -> Result<(), LanguageError> {
    let wrong = |reason: String| LanguageError::Manifest(format!("{file}: {reason}"));
    let json: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("it is not JSON: {error}; make it anew with `npm install`")))?;
    match resolved_with_login(&json) {
        true => Err(wrong(format!("`resolved`: {LOGIN}"))),
        false => Ok(()),
    }
}

/// Whether a package of a lock file, however deep, is to be had at an address with a login.
fn resolved_with_login(json: &Value) -> bool {
    json.as_object().into_iter().flatten().any(|(key, value)| match value {
        Value::String(address) => key == "resolved" && holds_login(address),
        below => resolved_with_login(below),
    })
}

fn strings(object: Option<&Map<String, Value>>) -> impl Iterator<Item = (&str, &str)> {
    object.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

fn text_of(json: &Map<String, Value>) -> String {
    serde_json::to_string_pretty(json).expect("JSON can be written") + "\n"
}

/// Adds packages, but those that the manifest requires itself: to its dependencies, or, where a
/// lock file says what they are, to a file of their own.
pub fn add(store: &Store, tree: &Tree, packages: &[Requirement]) -> Result<Tree, LanguageError> {
    let mut manifest = Manifest::read(store, tree)?;
    let is_there = |name: &str| manifest.dependencies().any(|(there, _)| there == name);
    let new: Vec<&Requirement> = packages.iter().filter(|package| !is_there(&package.name)).collect();
    if new.is_empty() {
        return Ok(tree.clone());
    }
    let new: Map<String, Value> =
        new.into_iter().map(|package| (package.name.clone(), package.version.clone().into())).collect();
    let (file, json) = if is_locked(tree) {
        manifest.added.extend(new);
        (ADDED, manifest.added)
    } else {
        let section = manifest.json.entry("dependencies").or_insert_with(|| Value::Object(Map::new()));
        section.as_object_mut().expect("it was checked").extend(new);
        (MANIFEST, manifest.json)
    };
    let mut added = tree.clone();
    write_file(store, &mut added, &constant(file), text_of(&json).as_bytes())?;
    Ok(added)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tree::{FileEntry, Node, RelPath};

    pub fn tree_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Store, Tree) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut tree = Tree::empty();
        for (path, text) in files {
            let file = FileEntry { digest: store.write(text.as_bytes()).unwrap(), executable: false };
            tree.insert(&RelPath::new(path).unwrap(), Node::File(file)).unwrap();
        }
        (folder, store, tree)
    }

    fn text(store: &Store, tree: &Tree, path: &str) -> Option<String> {
        read_text(store, tree, &constant(path)).unwrap()
    }

    #[test]
    fn the_manifest_and_the_lock_of_the_version_win() {
        let (_folder, store, tree) = tree_of(&[
            ("package.json", "plain"),
            ("package.json.20", "twenty"),
            ("package.json.22", "twenty-two"),
            ("package-lock.json", "lock"),
            ("package-lock.json.20", "lock of twenty"),
        ]);
        for (version, manifest, lock) in [("20", "twenty", "lock of twenty"), ("24", "plain", "lock")] {
            let selected = select(&tree, version).unwrap();
            assert_eq!(text(&store, &selected, "package.json").unwrap(), manifest);
            assert_eq!(text(&store, &selected, "package-lock.json").unwrap(), lock);
            assert_eq!(selected.iter().count(), 2);
        }
    }

    #[test]
    fn a_missing_manifest_is_an_error_that_lists_what_there_is() {
        let (_folder, _store, tree) = tree_of(&[("package.json.20", "")]);
        assert!(select(&tree, "22").unwrap_err().to_string().contains("package.json.20"));
        assert!(select(&Tree::empty(), "22").unwrap_err().to_string().contains("no package.json"));
    }

    #[test]
    fn packages_are_added_unless_they_are_there() {
        let packages = [("ms", "2.1.3"), ("uuid", "9.0.0")]
            .map(|(name, version)| Requirement { name: name.into(), version: version.into() });
        let (_folder, store, tree) =
            tree_of(&[("package.json", r#"{"name": "x", "optionalDependencies": {"ms": "1"}}"#)]);
        let added = Manifest::read(&store, &add(&store, &tree, &packages).unwrap()).unwrap();
        assert_eq!(added.dependencies().collect::<Vec<_>>(), [("uuid", "9.0.0"), ("ms", "1")]);
        assert_eq!(added.added().count(), 0);
    }

    #[test]
    fn a_peer_is_required_unless_it_is_optional() {
        let manifest = Manifest::parse(
            r#"{"peerDependencies": {"a": "1", "b": "2"}, "peerDependenciesMeta": {"b": {"optional": true}}}"#,
        );
        assert_eq!(manifest.unwrap().dependencies().collect::<Vec<_>>(), [("a", "1")]);
    }

    #[test]
    fn what_is_added_changes_nothing_else_of_the_manifest() {
        let before = r#"{"zeta": 1, "dependencies": {"z": "1", "a": "1"}, "alpha": 2}"#;
        let packages = [Requirement { name: "m".into(), version: "1.0.0".into() }];
        let (_folder, store, tree) = tree_of(&[("package.json", before)]);
        let after = text(&store, &add(&store, &tree, &packages).unwrap(), "package.json").unwrap();
        let plain: String = after.split_whitespace().collect();
        assert_eq!(plain, r#"{"zeta":1,"dependencies":{"z":"1","a":"1","m":"1.0.0"},"alpha":2}"#);
    }

    #[test]
    fn beside_a_lock_they_are_kept_apart() {
        let packages = [Requirement { name: "uuid".into(), version: "9.0.0".into() }];
        let (_folder, store, tree) = tree_of(&[("package.json", "{}"), ("package-lock.json", "{}")]);
        let with = add(&store, &tree, &packages).unwrap();
        assert_eq!(text(&store, &with, "package.json").unwrap(), "{}", "the lock file still fits");
        let added = Manifest::read(&store, &with).unwrap();
        assert_eq!(added.dependencies().count(), 0);
        assert_eq!(added.added().collect::<Vec<_>>(), [("uuid", "9.0.0")]);
    }

    #[test]
    fn a_login_in_an_address_is_refused_and_not_shown() {
        let address = "git+https://me:secret@host/x.git";
        let required = format!(r#"{{"dependencies": {{"x": "{address}"}}}}"#);
        let lock = format!(r#"{{"packages": {{"node_modules/x": {{"resolved": "{address}"}}}}}}"#);
        for files in [
            vec![("package.json", required.as_str())],
            vec![("package.json", "{}"), ("package-lock.json", lock.as_str())],
        ] {
            let (_folder, store, tree) = tree_of(&files);
            let error = Manifest::read(&store, &tree).unwrap_err().to_string();
            assert!(error.contains("[indexes]") && !error.contains("secret"), "{error}");
            assert!(error.starts_with(files.last().unwrap().0), "{error}");
        }
    }

    #[test]
    fn a_lock_file_that_is_no_json_is_named() {
        let (_folder, store, tree) = tree_of(&[("package.json", "{}"), ("package-lock.json", "<<<<")]);
        let error = Manifest::read(&store, &tree).unwrap_err().to_string();
        assert!(error.starts_with("package-lock.json: it is not JSON"), "{error}");
    }

    #[test]
    fn a_malformed_manifest_says_where() {
        for (text, words) in [
            ("{\n  \"dependencies\": {,}\n}", ["line 2", "column"]),
            ("[]", ["package.json", "no object"]),
            (r#"{"dependencies": ["ms"]}"#, ["dependencies", "object"]),
            (r#"{"dependencies": {"ms": 2}}"#, ["dependencies", "strings"]),
            (r#"{"workspaces": ["own/*"]}"#, ["workspaces", "file:./"]),
        ] {
            let error = Manifest::parse(text).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
