//! Requirements that are no packages of an index but files and folders beside the manifest.

use super::requirements::{name_of, normalise_name, without_options};
use crate::language::{LanguageError, constant, read_text};
use crate::store::Store;
use crate::tree::{Node, RelPath, Tree};

/// A package that lies in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Where it lies.
    pub path: RelPath,
    /// Its extras and marker, as they stand behind a path: `[extra] ; marker`.
    pub suffix: String,
    /// Its normalised name, where that can be seen.
    pub name: Option<String>,
    /// What is there.
    pub kind: Kind,
}

/// What form a package has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A wheel, ready to be installed.
    Wheel,
    /// An archive of sources.
    Archive,
    /// A folder of sources.
    Folder,
}

impl Local {
    /// Reads a requirement; none when it is one of an index, or a URL.
    pub fn parse(store: &Store, tree: &Tree, line: &str) -> Result<Option<Self>, LanguageError> {
        let line = without_options(line);
        let (target, marker) = match line.split_once(" ;").or_else(|| line.split_once("; ")) {
            Some((target, marker)) => (target.trim(), Some(marker.trim())),
            None => (line, None),
        };
        let (named, target) = match target.split_once('@') {
            Some((name, target)) if !name.contains('/') => (Some(name.trim()), target.trim()),
            _ => (None, target),
        };
        let (target, mut extras) = match target.strip_suffix(']').and_then(|target| target.split_once('[')) {
            Some((target, extras)) => (target, extras),
            None => (target, ""),
        };
        let target = target.split('#').next().unwrap_or(target);
        if !is_local(target) {
            return Ok(None);
        }
        if let Some((_, found)) = named.and_then(|name| name.strip_suffix(']')?.split_once('[')) {
            extras = found;
        }
        let path = inside(target, None)?;
        let kind = match (path.to_string().as_str(), tree.get(&path)) {
            _ if path.is_root() => Kind::Folder,
            (_, Some(Node::Directory(_))) => Kind::Folder,
            (name, Some(Node::File(_))) if name.ends_with(".whl") => Kind::Wheel,
            (_, Some(Node::File(_))) => Kind::Archive,
            _ => return Err(LanguageError::Manifest(format!("`{line}`: there is no {path} in the folder"))),
        };
        if kind == Kind::Folder {
            check_project(tree, &path)?;
        }
        let mut suffix = String::new();
        if !extras.is_empty() {
            suffix = format!("[{extras}]");
        }
        if let Some(marker) = marker {
            suffix += &format!(" ; {marker}");
        }
        let name = match named {
            Some(name) => name_of(name),
            None => name_inside(store, tree, &path, kind)?,
        };
        Ok(Some(Self { path, suffix, name, kind }))
    }
}

/// Whether a requirement is a path, by pip's rule: it holds a separator, begins with a dot, or
/// ends as an archive does.
fn is_local(target: &str) -> bool {
    if target.starts_with("file:") {
        return true;
    }
    let is_archive = [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2"].iter().any(|end| target.ends_with(end));
    !target.contains("://") && (target.contains('/') || target.starts_with('.') || is_archive)
}

/// Where a path of a manifest leads, seen from the folder, or from the file that it stands in.
pub fn inside(path: &str, file: Option<&RelPath>) -> Result<RelPath, LanguageError> {
    let path = path.strip_prefix("file://").or_else(|| path.strip_prefix("file:")).unwrap_or(path);
    let beside = constant("requirements.txt");
    file.unwrap_or(&beside).resolve_link(path.as_bytes()).map_err(|_| {
        let how = if path.starts_with('/') { "is absolute" } else { "leads out of the function's folder" };
        LanguageError::Manifest(format!("`{path}` {how}; only what is in the folder can be installed"))
    })
}

fn check_project(tree: &Tree, path: &RelPath) -> Result<(), LanguageError> {
    let folder = tree.directory(path);
    let has = |name: &str| folder.is_some_and(|folder| folder.get(&constant(name)).is_some());
    if has("pyproject.toml") || has("setup.py") {
        return Ok(());
    }
    let path = if path.is_root() { ".".to_owned() } else { path.to_string() };
    Err(LanguageError::Manifest(format!(
        "`{path}` is no Python project: it has neither pyproject.toml nor setup.py"
    )))
}

/// The name that a package gives itself, if it says so plainly.
fn name_inside(
    store: &Store,
    tree: &Tree,
    path: &RelPath,
    kind: Kind,
) -> Result<Option<String>, LanguageError> {
    if kind != Kind::Folder {
        let name = path.name().and_then(|name| name.to_str()).and_then(|name| name.split('-').next());
        return Ok(name.map(normalise_name));
    }
    let text = read_text(store, tree, &path.join(&constant("pyproject.toml")))?.unwrap_or_default();
    // One that is malformed is for its build tool to complain about.
    let project = text.parse::<toml::Table>().unwrap_or_default();
    let name = project.get("project").and_then(|project| project.get("name")).and_then(toml::Value::as_str);
    Ok(name.map(normalise_name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::python::tests::tree_of;

    fn parse(line: &str) -> Result<Option<Local>, LanguageError> {
        let (_cache, store, tree) = tree_of(&[
            ("lib/pyproject.toml", "[project]\nname = 'My.Lib'"),
            ("dist/other_lib-1.0-py3-none-any.whl", ""),
            ("dist/third-1.0.tar.gz", ""),
            ("setup.py", ""),
            ("plain/x.py", ""),
        ]);
        Local::parse(&store, &tree, line)
    }

    #[test]
    fn a_path_is_no_package_of_an_index() {
        for (line, path, suffix, name, kind) in [
            ("./lib", "lib", "", Some("my-lib"), Kind::Folder),
            ("lib/", "lib", "", Some("my-lib"), Kind::Folder),
            (
                "file:./lib[a,b] ; python_version < '4'",
                "lib",
                "[a,b] ; python_version < '4'",
                Some("my-lib"),
                Kind::Folder,
            ),
            ("lib2[x] @ file:lib", "lib", "[x]", Some("lib2"), Kind::Folder),
            (".", "", "", None, Kind::Folder),
            (
                "./dist/other_lib-1.0-py3-none-any.whl",
                "dist/other_lib-1.0-py3-none-any.whl",
                "",
                Some("other-lib"),
                Kind::Wheel,
            ),
            (
                "dist/third-1.0.tar.gz --hash=sha256:1",
                "dist/third-1.0.tar.gz",
                "",
                Some("third"),
                Kind::Archive,
            ),
        ] {
            let found = parse(line).unwrap().unwrap();
            let path = RelPath::new(path).unwrap();
            assert_eq!(
                found,
                Local { path, suffix: suffix.into(), name: name.map(Into::into), kind },
                "{line}"
            );
        }
    }

    #[test]
    fn names_and_urls_are_not_local() {
        for line in
            ["six", "six==1.16", "six @ https://host/six.whl", "git+https://host/x.git", "a; os_name=='nt'"]
        {
            assert_eq!(parse(line).unwrap(), None, "{line}");
        }
    }

    #[test]
    fn what_cannot_be_installed_says_why() {
        for (line, word) in [
            ("../lib", "leads out of"),
            ("./lib/../../x", "leads out of"),
            ("file:///opt/lib", "absolute"),
            ("./gone", "there is no gone"),
            ("./plain", "no Python project"),
        ] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
