//! Unified diffs of several files, as a variant's `patch.diff` holds them.

use crate::tree::{PathError, RelPath};

/// Why a patch does not apply. The patch as a whole is then not applied.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    /// It is no unified diff, or one of a kind that cannot be applied.
    #[error("line {line}: {reason}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It changes a file outside of the folder.
    #[error("line {line}: {source}; a patch changes files of its own folder only")]
    Path {
        /// Counted from 1.
        line: usize,
        /// Which path, and why it is not taken.
        source: PathError,
    },
    /// A file that is to be changed is not there, or one to be made is.
    #[error("`{path}` {reason}")]
    File {
        /// Which file.
        path: RelPath,
        /// What about it.
        reason: &'static str,
    },
    /// The lines that a hunk expects are not there.
    #[error(
        "hunk {hunk} of `{path}` does not apply: the lines that it changes are not in the file as it is now"
    )]
    Hunk {
        /// Which file.
        path: RelPath,
        /// Counted from 1.
        hunk: usize,
    },
}

/// The change of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// The file, with the first name of the path taken off.
    pub path: RelPath,
    /// Whether the file is made, changed or removed.
    pub kind: Kind,
    /// Whether the patch makes the file executable.
    pub executable: Option<bool>,
    text: String,
}

/// What a patch does to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not there.
    Create,
    /// It stays.
    Change,
    /// It goes.
    Remove,
}

/// Splits a patch by files.
pub fn parse(patch: &str) -> Result<Vec<FilePatch>, PatchError> {
    let lines: Vec<&str> = patch.split_inclusive('\n').collect();
    let malformed =
        |at: usize, reason: &str| PatchError::Malformed { line: at + 1, reason: reason.to_owned() };
    let mut files = Vec::new();
    let mut executable = None;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if let Some(mode) = line.strip_prefix("new file mode ").or_else(|| line.strip_prefix("new mode ")) {
            executable = Some(mode.trim_end().ends_with("755"));
        }
        if line.starts_with("rename ") || line.starts_with("copy ") || line.starts_with("GIT binary patch") {
            return Err(malformed(
                at,
                "renames, copies and binary changes are not supported; use an overlay folder",
            ));
        }
        if !(line.starts_with("--- ") && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ "))) {
            at += 1;
            continue;
        }
        let (old, new) = (name(line), name(lines[at + 1]));
        let kind = match (old, new) {
            ("/dev/null", _) => Kind::Create,
            (_, "/dev/null") => Kind::Remove,
            _ => Kind::Change,
        };
        let (path, line_of_path) = if kind == Kind::Remove { (old, at) } else { (new, at + 1) };
        let stripped = path.split_once('/').map_or(path, |(_, rest)| rest);
        let path =
            RelPath::new(stripped).map_err(|source| PatchError::Path { line: line_of_path + 1, source })?;
        let start = at;
        at += 2;
        while lines.get(at).is_some_and(|line| line.starts_with("@@ ")) {
            at = end_of_hunk(&lines, at)?;
        }
        if at == start + 2 {
            return Err(malformed(at, "a file's header is not followed by a hunk (`@@ ... @@`)"));
        }
        files.push(FilePatch { path, kind, executable: executable.take(), text: lines[start..at].concat() });
    }
    if files.is_empty() {
        return Err(malformed(0, "no change of a file was found; a unified diff is expected"));
    }
    Ok(files)
}

/// The file's name in a header line: up to a tab, behind which some tools write the time.
fn name(header: &str) -> &str {
    header[4..].split(['\t', '\n', '\r']).next().unwrap_or_default().trim_end()
}

/// The index of the first line after the hunk that begins at `at`. The hunk's header says how many
/// lines it has, so that a changed line that looks like a header is not taken for one.
fn end_of_hunk(lines: &[&str], at: usize) -> Result<usize, PatchError> {
    let malformed =
        |at: usize, reason: &str| PatchError::Malformed { line: at + 1, reason: reason.to_owned() };
    let count = |range: &str| match range[1..].split_once(',') {
        Some((_, count)) => count.parse::<usize>().ok(),
        None => Some(1),
    };
    let ranges: Vec<&str> = lines[at].split(' ').collect();
    let counts = match ranges.as_slice() {
        ["@@", old, new, end, ..]
            if old.starts_with('-') && new.starts_with('+') && end.starts_with("@@") =>
        {
            count(old).zip(count(new))
        }
        _ => None,
    };
    let (mut old, mut new) = counts.ok_or_else(|| malformed(at, "malformed hunk header"))?;
    let mut next = at + 1;
    while old > 0 || new > 0 {
        let line = lines.get(next).ok_or_else(|| malformed(next, "the patch ends inside a hunk"))?;
        match line.as_bytes()[0] {
            b'-' if old > 0 => old -= 1,
            b'+' if new > 0 => new -= 1,
            b' ' | b'\n' | b'\r' if old > 0 && new > 0 => (old, new) = (old - 1, new - 1),
            b'\\' => {}
            _ => return Err(malformed(next, "a hunk has other lines than its header says")),
        }
        next += 1;
    }
    while lines.get(next).is_some_and(|line| line.starts_with('\\')) {
        next += 1;
    }
    Ok(next)
}

impl FilePatch {
    /// The file's contents after the change. Hunks may have moved, but all their lines must be
    /// there.
    pub fn apply(&self, before: &[u8]) -> Result<Vec<u8>, PatchError> {
        let patch = diffy::Patch::from_bytes(self.text.as_bytes()).map_err(|error| {
            PatchError::Malformed { line: 1, reason: format!("the change of `{}`: {error}", self.path) }
        })?;
        diffy::apply_bytes(before, &patch).map_err(|error| PatchError::Hunk {
            path: self.path.clone(),
            // "error applying hunk #2"
            hunk: error.to_string().rsplit('#').next().and_then(|number| number.parse().ok()).unwrap_or(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: &str = "\
diff --git a/function.py b/function.py
--- a/function.py\t2024-01-01
+++ b/function.py\t2024-01-02
@@ -1,3 +1,3 @@
 one
--- two
+++ TWO
 three
--- /dev/null
+++ b/new/file.py
@@ -0,0 +1 @@
+made
";

    #[test]
    fn a_patch_is_split_by_files_and_stripped_of_one_name() {
        let files = parse(PATCH).unwrap();
        assert_eq!((files[0].path.to_string(), files[0].kind), ("function.py".into(), Kind::Change));
        assert_eq!((files[1].path.to_string(), files[1].kind), ("new/file.py".into(), Kind::Create));
        assert_eq!(files[0].apply(b"one\n-- two\nthree\n").unwrap(), b"one\n++ TWO\nthree\n");
        assert_eq!(files[1].apply(b"").unwrap(), b"made\n");
    }

    #[test]
    fn a_hunk_may_have_moved_but_not_changed() {
        let file = &parse(PATCH).unwrap()[0];
        assert_eq!(
            file.apply(b"zero\nzero\none\n-- two\nthree\n").unwrap(),
            b"zero\nzero\none\n++ TWO\nthree\n"
        );
        let error = file.apply(b"one\n-- 2\nthree\n").unwrap_err().to_string();
        assert!(error.contains("hunk 1 of `function.py`"), "{error}");
    }

    #[test]
    fn a_patch_cannot_leave_its_folder() {
        for path in ["b/../../etc/passwd", "b//etc/passwd"] {
            let patch = format!("--- a/x\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n");
            assert!(matches!(parse(&patch), Err(PatchError::Path { line: 2, .. })), "{path}");
        }
    }

    #[test]
    fn what_is_no_patch_names_the_line() {
        for (text, line) in [
            ("hello\n", 1),
            ("--- a/x\n+++ b/x\n", 3),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n", 5),
            ("--- a/x\n+++ b/x\n@@ nonsense\n", 3),
            ("rename from a\nrename to b\n", 1),
        ] {
            match parse(text) {
                Err(PatchError::Malformed { line: found, .. }) => assert_eq!(found, line, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }
}
