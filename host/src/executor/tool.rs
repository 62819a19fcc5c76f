use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::host::find_program;
use crate::store::{Fingerprint, RecordKind, Store, StoreError};
use crate::tree::Digest;

/// A tool's version, and the files that say whether it is still that one.
#[derive(Serialize, Deserialize)]
struct Known {
    version: Option<String>,
    files: Vec<(PathBuf, Fingerprint)>,
}

/// The version of a program of this machine, as it says itself; none when it is not there or does
/// not answer. It is asked again only when its file, or a file that its answer names, changed.
pub fn tool_version(store: &Store, program: &str, arguments: &[&str]) -> Result<Option<String>, StoreError> {
    tool_version_after(store, program, arguments, "")
}

/// The version that a program's answer has after these words, such as that of another program which
/// it runs in.
pub fn tool_version_after(
    store: &Store,
    program: &str,
    arguments: &[&str],
    words: &str,
) -> Result<Option<String>, StoreError> {
    let Some(path) = find_program(program) else { return Ok(None) };
    let key = key(&path, arguments, words);
    if let Ok(Some(known)) = store.record::<Known>(RecordKind::Tool, &key)
        && known.files.iter().all(|(file, then)| fingerprint(file).as_ref() == Some(then))
    {
        return Ok(known.version);
    }
    let output = Command::new(&path).args(arguments).stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = version_after(&text, words).map(str::to_owned);
    let files =
        watched(&path, &text).into_iter().filter_map(|file| Some((file.clone(), fingerprint(&file)?)));
    // One that does not answer may do so when something else is installed. Not remembering costs the
    // next run a question, no more: the cache may be read-only.
    if version.is_some() {
        let _ = store.put_record(
            RecordKind::Tool,
            &key,
            &Known { version: version.clone(), files: files.collect() },
        );
    }
    Ok(version)
}

/// The version in what a tool printed: the first word that begins with a number and has a dot.
fn version_in(output: &str) -> Option<&str> {
    let words = output.split_whitespace().map(|word| word.trim_start_matches('v'));
    words
        .map(|word| word.trim_end_matches([',', ';']))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
}

fn version_after<'o>(output: &'o str, words: &str) -> Option<&'o str> {
    if words.is_empty() {
        return version_in(output);
    }
    // Such a one need not have a dot.
    output.split_once(words)?.1.split_whitespace().next().map(|word| word.trim_end_matches([',', ';']))
}

fn key(path: &Path, arguments: &[&str], words: &str) -> Digest {
    // Version managers choose by these.
    let managed = ["PYENV_VERSION", "NODENV_VERSION", "VIRTUAL_ENV", "JAVA_HOME"]
        .map(|name| std::env::var(name).unwrap_or_default());
    let arguments = arguments.join("\0");
    Digest::of(format!("{}\0{arguments}\0{}\0{words}", path.display(), managed.join("\0")).as_bytes())
}

/// The files of which one changes when the tool does: its own; what its answer names, as pip's
/// does; and a version manager's choice, where the tool is one of its shims.
fn watched(path: &Path, answer: &str) -> Vec<PathBuf> {
    let mut files = vec![path.to_path_buf()];
    let named = answer.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    for named in named {
        match named.is_dir() {
            // A Python package's file, and that of a Java.
            true => files.extend(["__init__.py", "release"].map(|file| named.join(file))),
            false => files.push(named),
        }
    }
    // What runs on Java runs on this one, unless JAVA_HOME names another.
    if answer.contains("Java version") {
        files.extend(find_program("java"));
    }
    if let Some(folder) = path.parent().filter(|folder| folder.ends_with("shims")) {
        files.push(folder.with_file_name("version"));
    }
    files
}

fn fingerprint(path: &Path) -> Option<Fingerprint> {
    std::fs::metadata(path).ok().map(|found| Fingerprint::of(&found))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn install(path: &Path, version: &str) {
        fs::write(path, format!("#!/bin/sh\necho asked >> {}.log\necho tool {version}\n", path.display()))
            .unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn a_tool_is_asked_again_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let tool = folder.path().join("tool");
        let ask = || tool_version(&store, tool.to_str().unwrap(), &["--version"]).unwrap();
        assert_eq!(ask(), None);
        install(&tool, "1.0.0");
        assert_eq!(ask().unwrap(), "1.0.0");
        assert_eq!(ask().unwrap(), "1.0.0");
        assert_eq!(fs::read_to_string(folder.path().join("tool.log")).unwrap().lines().count(), 1);
        fs::remove_file(&tool).unwrap();
        install(&tool, "1.0.10");
        assert_eq!(ask().unwrap(), "1.0.10");
    }

    #[test]
    fn a_version_is_found_after_the_words_before_it() {
        let answer = "Apache Maven 3.8.7\nJava version: 25, vendor: x, runtime: /usr/lib/jvm/java-25\n";
        assert_eq!(version_after(answer, ""), Some("3.8.7"));
        assert_eq!(version_after(answer, "Java version:"), Some("25"));
        assert_eq!(version_after(answer, "Go version:"), None);
    }

    #[test]
    fn a_tools_version_is_found_among_its_words() {
        for (output, version) in [
            ("uv 0.9.3 (x86_64-unknown-linux-gnu)", Some("0.9.3")),
            ("pip 23.2.1 from /usr/lib/python3.11/site-packages/pip (python 3.11)", Some("23.2.1")),
            ("v20.20.2\n", Some("20.20.2")),
            ("GNU bash, version 5.2.15(1)-release (x86_64)", Some("5.2.15(1)-release")),
            ("command not found", None),
        ] {
            assert_eq!(version_in(output), version, "{output}");
        }
    }
}
