use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Why text is no path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is no path inside the tree: {reason}")]
pub struct PathError {
    path: String,
    reason: &'static str,
}

impl PathError {
    /// Why, without the path.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The name of an entry of a directory: any bytes but `/` and NUL, not empty, not `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

impl Name {
    /// Checks a name.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let name = name.as_ref();
        let reason = match name {
            b"" => "a name is empty",
            b"." | b".." => "`.` and `..` are not allowed",
            _ if name.contains(&b'/') => "a name holds a `/`",
            _ if name.contains(&0) => "a name holds a NUL byte",
            _ if name.len() > 255 => "a name is longer than 255 bytes",
            _ => return Ok(Self(name.into())),
        };
        Err(PathError { path: String::from_utf8_lossy(name).into_owned(), reason })
    }

    /// The name's bytes; mostly, but not always, UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name as the operating system takes it.
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// The name, if it is UTF-8.
    pub fn to_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A path inside a tree: relative, of checked names; empty for the root. It cannot leave its tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelPath(Vec<Name>);

/// Longer paths than this, in bytes, fit no file system.
pub const MAX_PATH: usize = 4096;
/// Deeper paths than this, in names, are nobody's: what goes through a tree goes as deep as it.
pub const MAX_DEPTH: usize = 256;

/// Why a path of so many names and bytes is none; nothing where it is one.
fn too_long(names: usize, bytes: usize) -> Option<&'static str> {
    let long = (bytes > MAX_PATH).then_some("it is longer than 4096 bytes");
    long.or_else(|| (names > MAX_DEPTH).then_some("it has more than 256 names"))
}

/// The beginning of a path that is too long to be shown.
pub fn shortened(path: &[u8]) -> String {
    const SHOWN: usize = 120;
    match path.get(..SHOWN) {
        Some(beginning) if path.len() > SHOWN => format!("{}...", String::from_utf8_lossy(beginning)),
        _ => String::from_utf8_lossy(path).into_owned(),
    }
}

impl RelPath {
    /// The root of the tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks a path with `/` between its names; `""` is the root.
    pub fn new(path: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let path = path.as_ref();
        let error = |reason| PathError { path: String::from_utf8_lossy(path).into_owned(), reason };
        if path.is_empty() {
            return Ok(Self::root());
        }
        if path.starts_with(b"/") {
            return Err(error("it is absolute"));
        }
        let names = path.split(|byte| *byte == b'/');
        if let Some(reason) = too_long(names.clone().count(), path.len()) {
            return Err(PathError { path: shortened(path), reason });
        }
        names
            .map(Name::new)
            .collect::<Result<_, _>>()
            .map(Self)
            .map_err(|PathError { reason, .. }| error(reason))
    }

    /// Fails when this and, below it, something of so many names and bytes is no path any more.
    pub(super) fn check_with(&self, names: usize, bytes: usize) -> Result<(), PathError> {
        let own = self.0.iter().map(|name| name.as_bytes().len() + 1).sum::<usize>();
        match too_long(self.0.len() + names, (own + bytes).saturating_sub(1)) {
            Some(reason) => Err(PathError { path: shortened(&self.to_bytes()), reason }),
            None => Ok(()),
        }
    }

    /// The names from the root down.
    pub fn names(&self) -> &[Name] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last name; none for the root.
    pub fn name(&self) -> Option<&Name> {
        self.0.last()
    }

    /// The directory that holds this; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, parents) = self.0.split_last()?;
        Some(Self(parents.to_vec()))
    }

    /// This, and below it one name.
    pub fn child(&self, name: Name) -> Self {
        let mut names = self.0.clone();
        names.push(name);
        Self(names)
    }

    /// This, and below it one name that was not checked yet.
    pub fn try_child(&self, name: impl AsRef<[u8]>) -> Result<Self, PathError> {
        let child = self.child(Name::new(name)?);
        child.check_with(0, 0).map(|()| child)
    }

    /// This, and below it another path.
    pub fn join(&self, below: &Self) -> Self {
        Self([self.0.as_slice(), below.0.as_slice()].concat())
    }

    /// Whether this is `other` or lies below it.
    pub fn starts_with(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// Where a symbolic link at this path leads, as a path of the same tree; an error where it
    /// leads out of it.
    pub fn resolve_link(&self, target: &[u8]) -> Result<Self, PathError> {
        let error = |reason| PathError { path: String::from_utf8_lossy(target).into_owned(), reason };
        if target.starts_with(b"/") {
            return Err(error("the link is absolute"));
        }
        let mut names = self.parent().unwrap_or_default().0;
        for part in target.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => {
                    names.pop().ok_or_else(|| error("the link leads out of the tree"))?;
                }
                name => names.push(Name::new(name)?),
            }
        }
        let goal = Self(names);
        goal.check_with(0, 0).map(|()| goal)
    }

    /// The path below a folder on disk.
    pub fn below(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_path_buf();
        path.extend(self.0.iter().map(Name::as_os_str));
        path
    }

    /// The path with `/` between its names, as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().map(Name::as_bytes).collect::<Vec<_>>().join(&b'/')
    }
}

impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl std::str::FromStr for RelPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_tree() {
        for path in ["/etc", "..", "a/../b", "a//b", "a/", "./a", "a/.", "a\0b"] {
            assert!(RelPath::new(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_has_an_end() {
        let deepest = vec!["d"; MAX_DEPTH].join("/");
        let longest = vec!["d".repeat(255); 16].join("/");
        for path in [&deepest, &longest] {
            assert!(RelPath::new(path).is_ok());
            let error = RelPath::new(format!("{path}/d")).unwrap_err().to_string();
            assert!(error.len() < 300 && error.contains("..."), "{error}");
        }
        let link = RelPath::new("d/link").unwrap();
        assert!(link.resolve_link(deepest.as_bytes()).is_err() && link.resolve_link(b"../d").is_ok());
    }

    #[test]
    fn a_name_may_be_any_bytes() {
        let path = RelPath::new(b"a/\xff\xfe").unwrap();
        assert_eq!(path.to_bytes(), b"a/\xff\xfe");
    }

    #[test]
    fn a_link_is_resolved_from_its_own_directory() {
        let link = RelPath::new("node_modules/.bin/tool").unwrap();
        assert_eq!(
            link.resolve_link(b"../pkg/bin.js").unwrap(),
            RelPath::new("node_modules/pkg/bin.js").unwrap()
        );
        for leaving in ["../../../etc", "/etc/passwd"] {
            assert!(link.resolve_link(leaving.as_bytes()).is_err(), "{leaving}");
        }
    }
}
