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
    /// The change of its lines; empty where they stay.
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
    let mut files = Vec::new();
    let mut header: Option<GitHeader> = None;
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if let Some(names) = line.strip_prefix("diff --git ") {
            files.extend(header.take().map(GitHeader::alone).transpose()?.flatten());
            header = Some(GitHeader { names, line: at, kind: Kind::Change, executable: None });
        }
        if let Some(header) = &mut header {
            header.read(line).map_err(|reason| malformed(at, reason))?;
        }
        if ["rename ", "copy ", "GIT binary patch", "Binary files "].iter().any(|word| line.starts_with(word))
        {
            return Err(malformed(
                at,
                "renames, copies and binary changes are not supported; use an overlay folder",
            ));
        }
        if !(line.starts_with("--- ") && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ "))) {
            at += 1;
            continue;
        }
        if line.ends_with("\r\n") {
            return Err(malformed(at, "the patch has CRLF line ends; save it with LF line ends"));
        }
        let (old, new) = (name(line), name(lines[at + 1]));
        let kind = match (old, new) {
            ("/dev/null", _) => Kind::Create,
            (_, "/dev/null") => Kind::Remove,
            _ => Kind::Change,
        };
        let (path, line_of_path) = if kind == Kind::Remove { (old, at) } else { (new, at + 1) };
        let path = stripped(path, line_of_path)?;
        let start = at;
        at += 2;
        while lines.get(at).is_some_and(|line| line.starts_with("@@ ")) {
            at = end_of_hunk(&lines, at)?;
        }
        if at == start + 2 {
            return Err(malformed(at, "a file's header is not followed by a hunk (`@@ ... @@`)"));
        }
        let executable = header.take().and_then(|header| header.executable);
        files.push(FilePatch { path, kind, executable, text: lines[start..at].concat() });
    }
    files.extend(header.map(GitHeader::alone).transpose()?.flatten());
    if files.is_empty() {
        return Err(malformed(0, "no change of a file was found; a unified diff is expected"));
    }
    Ok(files)
}

fn malformed(at: usize, reason: &str) -> PatchError {
    PatchError::Malformed { line: at + 1, reason: reason.to_owned() }
}

/// A path of the patch without its first name.
fn stripped(path: &str, at: usize) -> Result<RelPath, PatchError> {
    let stripped = path.split_once('/').map_or(path, |(_, rest)| rest);
    RelPath::new(stripped).map_err(|source| PatchError::Path { line: at + 1, source })
}

/// What git writes of a file before its lines, which may be all that changes
/// (<https://git-scm.com/docs/diff-format#generate_patch_text_with_p>).
struct GitHeader<'p> {
    /// Both names, as the first line has them.
    names: &'p str,
    /// The index of that line.
    line: usize,
    kind: Kind,
    executable: Option<bool>,
}

impl GitHeader<'_> {
    /// Takes what a line says of the file; an error for what is no regular file.
    fn read(&mut self, line: &str) -> Result<(), &'static str> {
        let line = line.trim_end();
        let after = |words: &str| line.strip_prefix(words);
        let (made, removed) = (after("new file mode "), after("deleted file mode "));
        let changed = after("new mode ");
        let unchanged = after("index ").and_then(|rest| rest.split_once(' ')).map(|(_, mode)| mode);
        let mode = made.or(removed).or(changed).or(after("old mode ")).or(unchanged);
        if mode.is_some_and(|mode| !mode.starts_with("100")) {
            return Err("links and submodules are not supported; use an overlay folder");
        }
        match (made, removed) {
            (Some(_), _) => self.kind = Kind::Create,
            (_, Some(_)) => self.kind = Kind::Remove,
            _ => {}
        }
        if let Some(mode) = made.or(changed) {
            self.executable = Some(mode.ends_with("755"));
        }
        Ok(())
    }

    /// The change of a file of which no lines change: it is made or removed empty, or its mode is
    /// another; none when nothing is said of it.
    fn alone(self) -> Result<Option<FilePatch>, PatchError> {
        if self.kind == Kind::Change && self.executable.is_none() {
            return Ok(None);
        }
        let names = self.names.trim_end();
        // Both are the same but for their first names, `a` and `b`.
        let both = names.split_at_checked(names.len() / 2).and_then(|(a, b)| Some((a, b.strip_prefix(' ')?)));
        let same = both.filter(|(a, b)| {
            a.split_once('/').is_some_and(|(_, a)| b.split_once('/').is_some_and(|(_, b)| a == b))
        });
        let (path, _) = same.ok_or_else(|| malformed(self.line, "the two names in this line are not one"))?;
        let path = stripped(path, self.line)?;
        Ok(Some(FilePatch { path, kind: self.kind, executable: self.executable, text: String::new() }))
    }
}

/// The file's name in a header line: up to a tab, behind which some tools write the time.
fn name(header: &str) -> &str {
    header[4..].split(['\t', '\n', '\r']).next().unwrap_or_default().trim_end()
}

/// The index of the first line after the hunk that begins at `at`. The hunk's header says how many
/// lines it has, so that a changed line that looks like a header is not taken for one.
fn end_of_hunk(lines: &[&str], at: usize) -> Result<usize, PatchError> {
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
        if self.text.is_empty() {
            return Ok(before.to_vec());
        }
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
    fn a_mode_is_of_its_own_file_and_a_file_may_be_empty() {
        let files = parse(
            "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n\
             diff --git a/x y/e.txt b/x y/e.txt\nnew file mode 100644\nindex 0000000..e69de29\n\
             diff --git a/f.py b/f.py\nindex 1..2 100644\n--- a/f.py\n+++ b/f.py\n@@ -1 +1 @@\n-a\n+b\n\
             diff --git a/old b/old\ndeleted file mode 100644\nindex e69de29..0000000\n",
        )
        .unwrap();
        let told: Vec<_> =
            files.iter().map(|file| (file.path.to_string(), file.kind, file.executable)).collect();
        assert_eq!(
            told,
            [
                ("run.sh".into(), Kind::Change, Some(true)),
                ("x y/e.txt".into(), Kind::Create, Some(false)),
                ("f.py".into(), Kind::Change, None),
                ("old".into(), Kind::Remove, None),
            ]
        );
        assert_eq!(files[0].apply(b"as it was").unwrap(), b"as it was");
    }

    #[test]
    fn links_and_other_line_ends_are_refused_in_words() {
        let link = "--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+f.py\n\\ No newline at end of file\n";
        let link = format!("diff --git a/l b/l\nnew file mode 120000\nindex 0..1\n{link}");
        let moved = "diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-a\n+b\n";
        let windows = PATCH.replace('\n', "\r\n");
        for (text, word) in [(link.as_str(), "links"), (moved, "links"), (&windows, "CRLF")] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("line 2"), "{error}");
        }
        // The lines of the file may end as they like.
        let inside = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\r\n+b\r\n";
        assert_eq!(parse(inside).unwrap()[0].apply(b"a\r\n").unwrap(), b"b\r\n");
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
