use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::store::open_regular;

/// What a folder may extend this list with, in the syntax of `.gitignore`.
pub const IGNORE_FILE: &str = ".fnpackignore";

/// What is never part of a function, wherever it lies in its folder; in the syntax of
/// `.gitignore`. `docs/benchmarks.md` lists the same for users.
const NEVER: [&str; 29] = [
    // version control
    ".git",
    ".hg/",
    ".svn/",
    ".bzr/",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    // byte code and caches of tools
    "__pycache__/",
    "*.pyc",
    "*.pyo",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".ipynb_checkpoints/",
    ".tox/",
    ".nox/",
    ".npm/",
    // what an earlier installation left
    "node_modules/",
    ".python_packages/",
    ".venv/",
    // editors and systems
    ".idea/",
    ".vscode/",
    "*.swp",
    "*.swo",
    "*~",
    ".DS_Store",
    // secrets
    ".env",
    ".env.*",
    IGNORE_FILE,
];

/// Why an ignore file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", file.display())]
pub struct IgnoreError {
    file: PathBuf,
    source: ignore::Error,
}

/// Which entries of a benchmark's folder are left out.
#[derive(Debug)]
pub struct Ignored {
    never: Gitignore,
    own: Vec<Gitignore>,
}

impl Ignored {
    /// The built-in list, and the `.fnpackignore` files of a benchmark's folder and of the folders
    /// directly below it. A line there may also bring back what the list leaves out (`!name`).
    pub fn of(folder: &Path, below: &[PathBuf]) -> Result<Self, IgnoreError> {
        let mut builder = GitignoreBuilder::new(folder);
        for line in NEVER {
            builder.add_line(None, line).expect("a constant pattern");
        }
        let mut own = Vec::new();
        for folder in std::iter::once(folder).chain(below.iter().map(PathBuf::as_path)) {
            let file = folder.join(IGNORE_FILE);
            if file.symlink_metadata().is_ok() {
                own.push(read(folder, &file).map_err(|source| IgnoreError { file, source })?);
            }
        }
        Ok(Self { never: builder.build().expect("constant patterns"), own })
    }

    /// Whether an entry is left out, and with it all below.
    pub fn covers(&self, path: &Path, is_folder: bool) -> bool {
        for own in self.own.iter().rev() {
            if !path.starts_with(own.path()) {
                continue;
            }
            let found = own.matched(path, is_folder);
            if !found.is_none() {
                return found.is_ignore();
            }
        }
        let is_virtual_environment = is_folder && path.join("pyvenv.cfg").is_file();
        is_virtual_environment || self.never.matched(path, is_folder).is_ignore()
    }
}

fn read(folder: &Path, file: &Path) -> Result<Gitignore, ignore::Error> {
    // A pipe would be waited for.
    open_regular(file)?;
    let mut builder = GitignoreBuilder::new(folder);
    builder.add(file).map_or(Ok(()), Err)?;
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn state_is_left_out_and_other_hidden_files_are_not() {
        let ignored = Ignored::of(Path::new("/b"), &[]).unwrap();
        for (path, is_folder, covered) in [
            ("/b/python/__pycache__", true, true),
            ("/b/python/x.pyc", false, true),
            ("/b/.git", true, true),
            ("/b/nodejs/node_modules", true, true),
            ("/b/python/.env", false, true),
            ("/b/nodejs/.npmrc", false, false),
            ("/b/python/.hidden", false, false),
            ("/b/python/environment.py", false, false),
        ] {
            assert_eq!(ignored.covers(Path::new(path), is_folder), covered, "{path}");
        }
    }

    #[test]
    fn a_folder_extends_the_list_and_brings_back() {
        let folder = tempfile::tempdir().unwrap();
        let python = folder.path().join("python");
        fs::create_dir(&python).unwrap();
        fs::write(folder.path().join(IGNORE_FILE), "*.log\n!.vscode/\n").unwrap();
        fs::write(python.join(IGNORE_FILE), "/data\n").unwrap();
        let ignored = Ignored::of(folder.path(), std::slice::from_ref(&python)).unwrap();
        assert!(ignored.covers(&python.join("x.log"), false));
        assert!(ignored.covers(&python.join("data"), true));
        assert!(!ignored.covers(&folder.path().join("nodejs/data"), true));
        assert!(!ignored.covers(&python.join(".vscode"), true));
    }
}
