//! What the host lends a plugin during a call: a look at the build tree, and a log.

use super::bindings::fnpack::plugin::log::Level;
use super::bindings::fnpack::plugin::tree::{Entry, Kind};
use super::bindings::fnpack::plugin::types::Failure;
use super::bindings::fnpack::plugin::{log, tree, types};
use super::limits::{Exceeded, MAX_LOG_LINES, MAX_READ, MAX_TEXT};
use super::sandbox::State;
use super::text::shown;
use crate::store::{BlobReader, StoreError};
use crate::streams::tell;
use crate::tree::{Node, RelPath, Tree};

/// The build tree of a call.
pub struct TreeView {
    tree: Tree,
    blobs: BlobReader,
    /// Why a file of the cache could not be read: the call is given up, and whoever made that
    /// file has to make it again.
    error: Option<StoreError>,
}

impl TreeView {
    /// A view of a tree whose files are in the cache.
    pub fn new(tree: Tree, blobs: BlobReader) -> Self {
        Self { tree, blobs, error: None }
    }

    /// Why the cache could not be read, if that ended the call.
    pub fn take_error(&mut self) -> Option<StoreError> {
        self.error.take()
    }

    fn entries(&self, directory: &str) -> Result<Vec<Entry>, Failure> {
        let path = path(directory)?;
        let found = self
            .tree
            .directory(&path)
            .ok_or_else(|| failure(format!("there is no directory `{path}` in the tree")))?;
        let entry = |(name, node): (&crate::tree::Name, &Node)| {
            let (kind, kibibytes) = match node {
                Node::File(file) => {
                    (Kind::File, file.digest.size().div_ceil(1024).min(i32::MAX as u64) as u32)
                }
                Node::Directory(_) => (Kind::Directory, 0),
                Node::Symlink(_) => (Kind::Symlink, 0),
            };
            Entry { name: name.to_string(), kind, kibibytes }
        };
        Ok(found.iter().map(entry).collect())
    }

    fn read(&mut self, name: &str) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        let path = match path(name) {
            Ok(path) => path,
            Err(refused) => return Ok(Err(refused)),
        };
        let digest = match self.tree.get(&path) {
            Some(Node::File(file)) => file.digest,
            Some(Node::Directory(_)) => return Ok(Err(failure(format!("`{path}` is a directory, no file")))),
            Some(Node::Symlink(_)) => {
                return Ok(Err(failure(format!("`{path}` is a symbolic link, no file"))));
            }
            None => return Ok(Err(failure(format!("there is no file `{path}` in the tree")))),
        };
        if digest.size() > MAX_READ {
            let mebibytes = MAX_READ >> 20;
            return Ok(Err(failure(format!(
                "`{path}` is larger than {mebibytes} MiB, the most that can be read"
            ))));
        }
        match self.blobs.read(&digest) {
            Ok(bytes) => Ok(Ok(bytes)),
            Err(error) => {
                self.error = Some(error);
                Err(wasmtime::Error::msg("the cache could not be read"))
            }
        }
    }
}

fn failure(message: String) -> Failure {
    Failure { message, hint: None }
}

fn path(text: &str) -> Result<RelPath, Failure> {
    RelPath::new(text).map_err(|error| failure(shown(&error.to_string())))
}

/// In calls without a tree.
fn no_tree() -> Failure {
    failure("there is a build tree to look at only in `arrange` and `plan-image`".to_owned())
}

impl types::Host for State {}

impl tree::Host for State {
    fn entries(&mut self, directory: String) -> wasmtime::Result<Result<Vec<Entry>, Failure>> {
        Ok(self.tree.as_ref().ok_or_else(no_tree).and_then(|tree| tree.entries(&directory)))
    }

    fn read(&mut self, path: String) -> wasmtime::Result<Result<Vec<u8>, Failure>> {
        match &mut self.tree {
            Some(tree) => tree.read(&path),
            None => Ok(Err(no_tree())),
        }
    }

    fn read_text(&mut self, path: String) -> wasmtime::Result<Result<String, Failure>> {
        let bytes = tree::Host::read(self, path.clone())?;
        let text = |bytes| {
            String::from_utf8(bytes).map_err(|_| failure(format!("`{}` is no UTF-8 text", shown(&path))))
        };
        Ok(bytes.and_then(text))
    }
}

/// What a plugin logged during a call.
pub struct Log {
    /// Printed before each line; none when nobody asked for the lines (FNPACK_PLUGIN_LOG).
    printed_as: Option<String>,
    lines: usize,
    last_error: Option<String>,
}

impl Log {
    /// The log of a call of the plugin of that name.
    pub fn new(plugin: &str) -> Self {
        let asked = std::env::var_os("FNPACK_PLUGIN_LOG").is_some_and(|value| !value.is_empty());
        Self { printed_as: asked.then(|| plugin.to_owned()), lines: 0, last_error: None }
    }

    /// The last line of level `error`.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }
}

impl log::Host for State {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        let log = &mut self.log;
        log.lines += 1;
        if log.lines > MAX_LOG_LINES {
            let what = format!("logged more than {MAX_LOG_LINES} lines in one call");
            return Err(wasmtime::Error::new(Exceeded::Other(what)));
        }
        let is_error = matches!(level, Level::Error);
        if is_error || log.printed_as.is_some() {
            let end = message.floor_char_boundary(2 * MAX_TEXT);
            let line = shown(&message[..end]);
            if let Some(plugin) = &log.printed_as {
                let level = match level {
                    Level::Debug => "debug",
                    Level::Info => "info",
                    Level::Warn => "warn",
                    Level::Error => "error",
                };
                tell!("[{plugin}] {level}: {line}");
            }
            if is_error {
                log.last_error = Some(line);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::tree::FileEntry;

    fn view(store: &Store) -> TreeView {
        let file =
            |bytes: &[u8]| Node::File(FileEntry { digest: store.write(bytes).unwrap(), executable: false });
        let mut tree = Tree::empty();
        let at = |path: &[u8]| RelPath::new(path).unwrap();
        tree.insert(&at(b"b/small"), file(b"text")).unwrap();
        tree.insert(&at(b"b/large"), file(&vec![0; 1 + (1 << 20)])).unwrap();
        tree.insert(&at(b"\xff"), Node::Symlink(b"b".as_slice().into())).unwrap();
        TreeView::new(tree, store.blob_reader())
    }

    #[test]
    fn a_plugin_sees_the_tree_and_nothing_else() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let mut view = view(&store);
        let listed = |entries: Vec<Entry>| {
            entries.into_iter().map(|entry| (entry.name, entry.kind, entry.kibibytes)).collect::<Vec<_>>()
        };
        assert_eq!(
            listed(view.entries("").unwrap()),
            [("b".to_owned(), Kind::Directory, 0), ("\u{fffd}".to_owned(), Kind::Symlink, 0)]
        );
        assert_eq!(
            listed(view.entries("b").unwrap()),
            [("large".to_owned(), Kind::File, 1025), ("small".to_owned(), Kind::File, 1)]
        );
        assert_eq!(view.read("b/small").unwrap().unwrap(), b"text");
        for (path, words) in [
            ("b/large", "larger than 1 MiB"),
            ("b", "a directory"),
            ("none", "no file"),
            ("../etc/passwd", ".."),
            ("/etc/passwd", "absolute"),
        ] {
            let refused = view.read(path).unwrap().unwrap_err().message;
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_blob_that_is_gone_is_the_caches_error_not_the_plugins() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let mut view = view(&store);
        std::fs::remove_dir_all(cache.path().join("blobs")).unwrap();
        assert!(view.read("b/small").is_err());
        assert!(matches!(view.take_error(), Some(StoreError::Missing(_))));
    }
}
