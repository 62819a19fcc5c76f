//! Reading requirements files, as <https://pip.pypa.io/en/stable/reference/requirements-file-format/>
//! describes them.

use std::collections::BTreeSet;

use super::local::{self, Local};
use crate::language::indexes::holds_login;
use crate::language::{LanguageError, read_text};
use crate::store::Store;
use crate::tree::{RelPath, Tree};

/// What a requirements file asks for, with the files that it includes.
#[derive(Debug, Default)]
pub struct Requirements {
    /// Its lines for the installer, those of included files in their place, without comments.
    pub lines: Vec<String>,
    /// The same for the constraints that it names.
    pub constraints: Vec<String>,
    /// Packages that lie in the tree; `lines` has none of them.
    pub locals: Vec<Local>,
    /// Folders of the tree in which the installer looks for packages.
    pub folders: Vec<RelPath>,
    /// The packages that it names, normalised.
    pub names: BTreeSet<String>,
    /// The packages that its constraints name, normalised.
    pub constrained: BTreeSet<String>,
    /// Whether every package's hash has to be given.
    pub hashed: bool,
    /// The first line that wants packages compiled which could be had ready, and where it is.
    pub no_binary: Option<String>,
    /// Whether `lines` hold a requirement, and not options alone.
    requires: bool,
    seen: BTreeSet<RelPath>,
}

impl Requirements {
    /// Reads a file of a tree; one that is not there asks for nothing.
    pub fn read(store: &Store, tree: &Tree, file: &RelPath) -> Result<Self, LanguageError> {
        let mut requirements = Self::default();
        if let Some(text) = read_text(store, tree, file)? {
            Reader { store, tree, requirements: &mut requirements, constraints: false }.file(file, &text)?;
        }
        Ok(requirements)
    }

    /// Whether nothing is to be installed.
    pub fn is_empty(&self) -> bool {
        !self.requires && self.locals.is_empty()
    }

    /// Each package that is pinned to one version, as a constraint without its hashes.
    pub fn pins(&self) -> Vec<String> {
        let pinned = self.lines.iter().filter(|line| !line.starts_with('-') && line.contains("=="));
        pinned.map(|line| without_options(line).to_owned()).collect()
    }
}

struct Reader<'r> {
    store: &'r Store,
    tree: &'r Tree,
    requirements: &'r mut Requirements,
    /// Whether the file being read constrains and does not require.
    constraints: bool,
}

impl Reader<'_> {
    fn file(&mut self, file: &RelPath, text: &str) -> Result<(), LanguageError> {
        if !self.requirements.seen.insert(file.clone()) {
            return Ok(());
        }
        logical_lines(text).into_iter().try_for_each(|(number, line)| {
            if holds_login(&line) {
                return Err(LanguageError::Manifest(format!(
                    "{file}, line {number}: the address holds a login, which would be in the package; take it out, and give it in `python-index` or `python-extra-indexes` of [indexes] in fnpack.toml"
                )));
            }
            let value = line.strip_prefix("--no-binary").map(|value| value.trim_start_matches(['=', ' ']));
            if value.is_some_and(|value| value != ":none:") && self.requirements.no_binary.is_none() {
                self.requirements.no_binary = Some(format!("{file}, line {number}: `{line}`"));
            }
            self.line(file, &line).map_err(|error| match error {
                LanguageError::Manifest(reason) => {
                    LanguageError::Manifest(format!("{file}, line {number}: {reason}"))
                }
                other => other,
            })
        })
    }

    fn line(&mut self, file: &RelPath, line: &str) -> Result<(), LanguageError> {
        if !line.starts_with('-') {
            return self.requirement(line);
        }
        let (option, value) = match line.split_once(|c: char| c == '=' || c.is_whitespace()) {
            Some((option, value)) => (option, value.trim()),
            None if !line.starts_with("--") && line.len() > 2 => line.split_at(2),
            None => (line, ""),
        };
        match option {
            "-r" | "--requirement" | "-c" | "--constraint" if !value.contains("://") => {
                let included = local::inside(value, Some(file))?;
                let text = read_text(self.store, self.tree, &included)?
                    .ok_or_else(|| LanguageError::Manifest(format!("`{line}`: there is no {included}")))?;
                let constraints = self.constraints || option.starts_with("-c") || option.starts_with("--c");
                let before = std::mem::replace(&mut self.constraints, constraints);
                let result = self.file(&included, &text);
                self.constraints = before;
                result
            }
            "-e" | "--editable" => self.requirement(value),
            "-f" | "--find-links" if !value.contains("://") => {
                let folder = local::inside(value, Some(file))?;
                if self.tree.get(&folder).is_none() && !folder.is_root() {
                    return Err(LanguageError::Manifest(format!("`{line}`: there is no {folder}")));
                }
                self.push(format!("--find-links ./{folder}"));
                self.requirements.folders.push(folder);
                Ok(())
            }
            _ => {
                self.requirements.hashed |= option == "--require-hashes";
                self.push(line.to_owned());
                Ok(())
            }
        }
    }

    fn requirement(&mut self, line: &str) -> Result<(), LanguageError> {
        if let Some(local) = Local::parse(self.store, self.tree, line)? {
            self.requirements.names.extend(local.name.clone());
            self.requirements.locals.push(local);
            return Ok(());
        }
        if !is_requirement(line) {
            return Err(LanguageError::Manifest(format!(
                "`{line}` is no requirement; write it like `name==1.2.3` or `name[extra]>=1 ; marker`"
            )));
        }
        self.requirements.hashed |= line.contains(" --hash");
        let names = match self.constraints {
            true => &mut self.requirements.constrained,
            false => &mut self.requirements.names,
        };
        names.extend(name_of(line));
        self.requirements.requires |= !self.constraints;
        self.push(line.to_owned());
        Ok(())
    }

    fn push(&mut self, line: String) {
        match self.constraints {
            true => self.requirements.constraints.push(line),
            false => self.requirements.lines.push(line),
        }
    }
}

/// The lines that are not blank, joined where they go on, without comments, each with the number
/// of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in text.lines().enumerate() {
        let is_comment = line.trim_start().starts_with('#');
        let (part, goes_on) = match line.trim_end().strip_suffix('\\') {
            Some(part) if !is_comment => (part, true),
            _ => (line, false),
        };
        let (_, joined) = open.get_or_insert((number + 1, String::new()));
        // A comment ends a line that goes on, as for pip.
        joined.push_str(if is_comment { " #" } else { part });
        if !goes_on {
            found.extend(open.take());
        }
    }
    found.extend(open);
    found
        .into_iter()
        .map(|(number, line)| {
            let comment = line
                .match_indices('#')
                .map(|(at, _)| at)
                .find(|at| *at == 0 || line[..*at].ends_with(char::is_whitespace));
            let line = &line[..comment.unwrap_or(line.len())];
            (number, line.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .filter(|(_, line)| !line.is_empty())
        .collect()
}

/// Whether a line may be a requirement: a URL, or a name with nothing behind it but what may be
/// (<https://packaging.python.org/en/latest/specifications/dependency-specifiers/>).
fn is_requirement(line: &str) -> bool {
    if line.contains("://") {
        return true;
    }
    let line = without_options(line);
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(line.len());
    let rest = line[end..].trim_start();
    line.starts_with(|c: char| c.is_ascii_alphanumeric())
        && (rest.is_empty() || rest.starts_with(['[', '(', '=', '<', '>', '!', '~', ';', '@']))
}

/// A requirement without the options of its line, such as its hashes.
pub fn without_options(line: &str) -> &str {
    line.split(" --").next().unwrap_or(line).trim()
}

/// The normalised name of the package that a requirement is for; none when only the package
/// itself tells.
pub fn name_of(requirement: &str) -> Option<String> {
    if let Some((_, fragment)) = requirement.split_once("#egg=") {
        return name_of(fragment);
    }
    let end = requirement
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
        .unwrap_or(requirement.len());
    let is_url = requirement[end..].starts_with("://") || requirement[end..].starts_with("+");
    (end > 0 && !is_url).then(|| normalise_name(&requirement[..end]))
}

/// The name by which two spellings of a package are one
/// (<https://packaging.python.org/en/latest/specifications/name-normalization/>).
pub fn normalise_name(name: &str) -> String {
    let words: Vec<_> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::python::tests::{path, tree_of};

    fn read(files: &[(&str, &str)]) -> Result<Requirements, LanguageError> {
        let (_cache, store, tree) = tree_of(files);
        Requirements::read(&store, &tree, &path("requirements.txt"))
    }

    fn lines(text: &str) -> Vec<String> {
        read(&[("requirements.txt", text)]).unwrap().lines
    }

    #[test]
    fn what_only_people_see_is_no_part_of_the_lines() {
        for (text, expected) in [
            ("a==1\r\nb\r\n", vec!["a==1", "b"]),
            ("\u{feff}a==1", vec!["a==1"]),
            ("# nothing\n\n   # more\n", vec![]),
            ("a==1  # why\n#b\n", vec!["a==1"]),
            ("a @ https://host/a.whl#sha256=12", vec!["a @ https://host/a.whl#sha256=12"]),
            (
                "a==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2",
                vec!["a==1 --hash=sha256:1 --hash=sha256:2"],
            ),
            ("a\\\n# ends it\nb", vec!["a", "b"]),
            ("a ; python_version < '3.9'", vec!["a ; python_version < '3.9'"]),
        ] {
            assert_eq!(lines(text), expected, "{text:?}");
        }
    }

    #[test]
    fn included_files_take_the_place_of_their_line_once() {
        let found = read(&[
            ("requirements.txt", "-r more/base.txt\n-c limits.txt\nb"),
            ("more/base.txt", "a\n-r ../requirements.txt\n--requirement=other.txt"),
            ("more/other.txt", "c --hash=sha256:1"),
            ("limits.txt", "A.x<2"),
        ])
        .unwrap();
        assert_eq!(found.lines, ["a", "c --hash=sha256:1", "b"]);
        assert_eq!(found.constraints, ["A.x<2"]);
        assert!(found.hashed && found.constrained.contains("a-x") && !found.names.contains("a-x"));
    }

    #[test]
    fn what_is_included_must_be_inside_the_folder() {
        for (line, word) in [
            ("-r ../base.txt", "leads out of"),
            ("-c /etc/limits.txt", "absolute"),
            ("-r gone.txt", "there is no gone.txt"),
            ("--find-links ../wheels", "leads out of"),
            ("-f wheels", "there is no wheels"),
        ] {
            let error = read(&[("requirements.txt", &format!("\n{line}\n"))]).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("requirements.txt, line 2"), "{error}");
        }
    }

    #[test]
    fn a_login_is_refused_and_not_shown() {
        for line in ["--index-url https://me:secret@host/simple", "-c c.txt"] {
            let files = [("requirements.txt", line), ("c.txt", "six @ https://secret@host/six.whl")];
            let error = read(&files).unwrap_err().to_string();
            assert!(error.contains("line 1") && error.contains("[indexes]"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_an_error_with_its_line() {
        for line in ["==what is this", "two words", "-", "six,seven"] {
            let text = format!("six\n{line}\n");
            match read(&[("requirements.txt", &text)]) {
                Err(error) => assert!(error.to_string().contains("requirements.txt, line 2"), "{error}"),
                Ok(_) => assert!(line.starts_with('-'), "{line}: an option is left to the installer"),
            }
        }
    }

    #[test]
    fn options_alone_require_nothing() {
        assert!(read(&[("requirements.txt", "--pre\n-c c.txt"), ("c.txt", "a<2")]).unwrap().is_empty());
        assert!(!read(&[("requirements.txt", "--pre\na")]).unwrap().is_empty());
    }

    #[test]
    fn a_requirement_is_for_a_name() {
        for (requirement, name) in [
            ("Jinja2>=2.10", Some("jinja2")),
            ("ruamel.yaml_clib[x] ; os_name == 'posix'", Some("ruamel-yaml-clib")),
            ("six @ https://host/six.whl", Some("six")),
            ("git+https://host/x.git#egg=Some_Name", Some("some-name")),
            ("https://host/x.zip", None),
        ] {
            assert_eq!(name_of(requirement).as_deref(), name, "{requirement}");
        }
    }
}
