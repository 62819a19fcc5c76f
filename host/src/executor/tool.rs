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
    let Some(path) = find_program(program) else { return Ok(None) };
    let key = key(&path, arguments);
    if let Ok(Some(known)) = store.record::<Known>(RecordKind::Tool, &key)
        && known.files.iter().all(|(file, then)| fingerprint(file).as_ref() == Some(then))
    {
        return Ok(known.version);
    }
    let output = Command::new(&path).args(arguments).stdin(Stdio::null()).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = version_in(&text).map(str::to_owned);
    let files =
        watched(&path, &text).into_iter().filter_map(|file| Some((file.clone(), fingerprint(&file)?)));
    // Not remembering costs the next run a question, no more: the cache may be read-only.
    let _ =
        store.put_record(RecordKind::Tool, &key, &Known { version: version.clone(), files: files.collect() });
    Ok(version)
}

/// The version in what a tool printed: the first word that begins with a number and has a dot.
fn version_in(output: &str) -> Option<&str> {
    let words = output.split_whitespace().map(|word| word.trim_start_matches('v'));
    words
        .map(|word| word.trim_end_matches([',', ';']))
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('.'))
}

fn key(path: &Path, arguments: &[&str]) -> Digest {
    // Version managers choose by these.
    let managed = ["PYENV_VERSION", "NODENV_VERSION", "VIRTUAL_ENV"]
        .map(|name| std::env::var(name).unwrap_or_default());
    Digest::of(format!("{}\0{}\0{}", path.display(), arguments.join("\0"), managed.join("\0")).as_bytes())
}

/// The files of which one changes when the tool does: its own; what its answer names, as pip's
/// does; and a version manager's choice, where the tool is one of its shims.
fn watched(path: &Path, answer: &str) -> Vec<PathBuf> {
    let mut files = vec![path.to_path_buf()];
    let named = answer.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    files.extend(named.map(|path| if path.is_dir() { path.join("__init__.py") } else { path }));
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
