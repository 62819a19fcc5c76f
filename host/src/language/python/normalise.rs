//! What was installed, made the same whichever tool did it, where and when.

use std::collections::BTreeMap;

use crate::language::base64::{URL_SAFE, encode};
use crate::language::{LanguageError, constant, read_text, write_file};
use crate::store::Store;
use crate::tree::{Name, Node, RelPath, Tree};

/// In a package's `.dist-info`: notes of the installation, not of the package.
const NOTES: [&str; 5] = ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"];
const RECORD: &str = "RECORD";
const INFO: &str = ".dist-info";
const SCRIPTS: &str = "bin";

/// Drops byte code and notes of the installation, writes console scripts anew, and makes each
/// RECORD tell what there is.
pub fn normalise(store: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
    let mut tree =
        without_byte_code(installed).filter(&mut |path, _| !is_note(path)).without_empty_directories();
    let infos: Vec<RelPath> = tree
        .iter()
        .filter(|(name, node)| ends_with(name, INFO) && matches!(node, Node::Directory(_)))
        .map(|(name, _)| RelPath::root().child(name.clone()))
        .collect();
    for info in &infos {
        write_scripts(store, &mut tree, info)?;
    }
    mend_first_lines(store, &mut tree)?;
    for info in &infos {
        write_record(store, &mut tree, info)?;
    }
    Ok(tree)
}

/// A tree without what Python writes when it runs.
pub fn without_byte_code(tree: &Tree) -> Tree {
    tree.filter(&mut |path, _| {
        path.name()
            .is_none_or(|name| name != "__pycache__" && !ends_with(name, ".pyc") && !ends_with(name, ".pyo"))
    })
}

fn ends_with(name: &Name, end: &str) -> bool {
    name.as_bytes().ends_with(end.as_bytes())
}

fn is_note(path: &RelPath) -> bool {
    match path.names() {
        [only] => only == ".lock",
        [folder, name] => ends_with(folder, INFO) && NOTES.iter().any(|note| name == *note),
        _ => false,
    }
}

/// Writes the programs that a package's entry points ask for
/// (<https://packaging.python.org/en/latest/specifications/entry-points/>); installers put the path
/// of an interpreter into theirs.
fn write_scripts(store: &Store, tree: &mut Tree, info: &RelPath) -> Result<(), LanguageError> {
    let Some(text) = read_text(store, tree, &info.join(&constant("entry_points.txt")))? else {
        return Ok(());
    };
    for (name, reference) in console_scripts(&text) {
        let Ok(at) = RelPath::new(format!("{SCRIPTS}/{name}")) else { continue };
        let (module, object) = reference.split_once(':').unwrap_or((reference, ""));
        let first = object.split('.').next().unwrap_or(object);
        if tree.file(&at).is_some() && !first.is_empty() {
            let text = format!(
                "#!/usr/bin/env python3\nimport sys\n\nfrom {module} import {first}\n\nif __name__ == \"__main__\":\n    \
                 sys.exit({object}())\n"
            );
            write_file(store, tree, &at, text.as_bytes())?;
        }
    }
    Ok(())
}

/// The programs of an entry point file, and what each calls.
fn console_scripts(text: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim();
        } else if matches!(section, "console_scripts" | "gui_scripts")
            && let Some((name, reference)) = line.split_once('=')
        {
            found.push((name.trim(), reference.split('[').next().unwrap_or(reference).trim()));
        }
    }
    found
}

/// Makes the other programs of packages find their interpreter on whatever machine.
fn mend_first_lines(store: &Store, tree: &mut Tree) -> Result<(), LanguageError> {
    let at = constant(SCRIPTS);
    let Some(scripts) = tree.directory(&at) else { return Ok(()) };
    for (path, file) in scripts.files().collect::<Vec<_>>() {
        let bytes = store.read(&file.digest)?;
        if let Some(mended) = with_found_interpreter(&bytes) {
            write_file(store, tree, &at.join(&path), &mended)?;
        }
    }
    Ok(())
}

fn with_found_interpreter(script: &[u8]) -> Option<Vec<u8>> {
    let (first, rest) = script.split_at(script.iter().position(|byte| *byte == b'\n')?);
    let rest = &rest[1..];
    let has = |line: &[u8], word: &[u8]| line.windows(word.len()).any(|part| part == word);
    // A path that is too long for a first line is passed through a shell, in two lines more.
    let rest = match first {
        b"#!/bin/sh" if rest.starts_with(b"'''exec' ") => {
            let lines = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
            &rest[lines.take(2).last()?..]
        }
        _ if first.starts_with(b"#!") && has(first, b"python") => rest,
        _ => return None,
    };
    Some([b"#!/usr/bin/env python3\n", rest].concat())
}

/// Writes a package's RECORD (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>):
/// those of its files that there are, sorted, with their hashes.
fn write_record(store: &Store, tree: &mut Tree, info: &RelPath) -> Result<(), LanguageError> {
    let record = info.join(&constant(RECORD));
    let Some(text) = read_text(store, tree, &record)? else { return Ok(()) };
    let mut rows = BTreeMap::new();
    for path in text.lines().filter_map(first_field) {
        // pip counts from where it installed first, from where a program's place is further up.
        let path = path.trim_start_matches("../");
        let Ok(at) = RelPath::new(path) else { continue };
        if at != record
            && let Some(file) = tree.file(&at)
        {
            let hash = encode(file.digest.bytes(), URL_SAFE);
            rows.insert(at.to_string(), format!("{},sha256={hash},{}\n", quoted(path), file.digest.size()));
        }
    }
    rows.insert(record.to_string(), format!("{},,\n", quoted(&record.to_string())));
    write_file(store, tree, &record, rows.into_values().collect::<String>().as_bytes())
}

/// The first field of a line of CSV.
fn first_field(line: &str) -> Option<String> {
    match line.strip_prefix('"') {
        None => line.split(',').next().map(str::to_owned),
        Some(rest) => {
            let mut field = String::new();
            let mut rest = rest.chars().peekable();
            loop {
                match rest.next()? {
                    '"' if rest.peek() == Some(&'"') => field.extend(rest.next()),
                    '"' => return Some(field),
                    other => field.push(other),
                }
            }
        }
    }
}

fn quoted(field: &str) -> String {
    match field.contains([',', '"']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::python::tests::{text_of, tree_of};

    const RECORD_OF_X: &str = "x-1.0.dist-info/RECORD";

    #[test]
    fn two_tools_leave_the_same() {
        let uv = [
            (".lock", ""),
            ("x/__init__.py", "code"),
            ("bin/x", "#!/home/one/.venv/bin/python\nimport sys\nfrom x.cli import main\n"),
            ("bin/y", "#!/home/one/.venv/bin/python\nprint()\n"),
            ("x-1.0.dist-info/entry_points.txt", "[console_scripts]\nx = x.cli:main\n[other]\nz = z:z\n"),
            ("x-1.0.dist-info/INSTALLER", "uv"),
            ("x-1.0.dist-info/REQUESTED", ""),
            (
                RECORD_OF_X,
                "x/__init__.py,sha256=a,4\nbin/x,,\nbin/y,,\nx-1.0.dist-info/RECORD,,\nx-1.0.dist-info/INSTALLER,,\n",
            ),
        ];
        let pip = [
            ("x/__init__.py", "code"),
            ("x/__pycache__/__init__.cpython-311.pyc", ""),
            ("bin/x", "#!/bin/sh\n'''exec' /a/very/long/path/python3 \"$0\" \"$@\"\n' '''\nimport re\n"),
            ("bin/y", "#!/bin/sh\n'''exec' /a/very/long/path/python3 \"$0\" \"$@\"\n' '''\nprint()\n"),
            ("x-1.0.dist-info/entry_points.txt", "[console_scripts]\nx = x.cli:main\n[other]\nz = z:z\n"),
            ("x-1.0.dist-info/INSTALLER", "pip"),
            (
                RECORD_OF_X,
                "x-1.0.dist-info/RECORD,,\n../../bin/x,,\n../../bin/y,,\nx/__pycache__/__init__.cpython-311.pyc,,\nx/__init__.py,sha256=b,4\n",
            ),
        ];
        let trees = [&uv[..], &pip[..]].map(|files| {
            let (_folder, store, tree) = tree_of(files);
            let tree = normalise(&store, &tree).unwrap();
            (text_of(&store, &tree, "bin/x").unwrap(), text_of(&store, &tree, RECORD_OF_X).unwrap(), tree)
        });
        assert_eq!(trees[0], trees[1]);
        let (script, record, _) = &trees[0];
        assert!(
            script.starts_with("#!/usr/bin/env python3\nimport sys\n\nfrom x.cli import main\n"),
            "{script}"
        );
        let paths: Vec<_> = record.lines().filter_map(first_field).collect();
        assert_eq!(paths, ["bin/x", "bin/y", RECORD_OF_X, "x/__init__.py"]);
        assert!(
            record.contains("x/__init__.py,sha256=VpTQii5T_8rgwxA-Wtb2B2q9lg6x-KVldwQLwQKPcCs,4\n"),
            "{record}"
        );
    }

    #[test]
    fn a_field_of_csv_may_be_quoted() {
        assert_eq!(first_field(r#""a ""b"", c",sha256=1,2"#).unwrap(), r#"a "b", c"#);
        assert_eq!(quoted(r#"a "b", c"#), r#""a ""b"", c""#);
        assert_eq!(first_field("plain,x,1").unwrap(), "plain");
    }

    #[test]
    fn a_program_that_is_no_script_stays() {
        assert_eq!(with_found_interpreter(b"\x7fELF\n"), None);
        assert_eq!(with_found_interpreter(b"#!/bin/sh\necho\n"), None);
        assert_eq!(with_found_interpreter(b"#!python\nx\n").unwrap(), b"#!/usr/bin/env python3\nx\n");
    }
}
