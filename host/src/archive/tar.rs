use std::io::{self, Write};

use super::ArchiveError;
use crate::store::{Store, StoreError};
use crate::tree::{Node, RelPath, Tree};

/// Writes a tree as a tar archive, as it is to lie at a directory, which may be the root: sorted,
/// every time 0, every owner root, every mode one of three, so that equal trees give equal bytes. The
/// directories above are written, too: who unpacks it may give one that is not there any mode.
pub fn write_tar(
    store: &Store,
    tree: &Tree,
    directory: &RelPath,
    writer: &mut impl Write,
) -> Result<(), ArchiveError> {
    let mut builder = tar::Builder::new(writer);
    let mut above = RelPath::root();
    for name in directory.names() {
        above = above.child(name.clone());
        append_entry(&mut builder, &mut header(tar::EntryType::Directory, 0o755, 0), &above, io::empty())?;
    }
    append(store, &mut builder, tree, directory)?;
    builder.finish().map_err(write_error)
}

fn append(
    store: &Store,
    builder: &mut tar::Builder<impl Write>,
    tree: &Tree,
    at: &RelPath,
) -> Result<(), ArchiveError> {
    for (name, node) in tree {
        let path = at.child(name.clone());
        match node {
            Node::Directory(below) => {
                let mut header = header(tar::EntryType::Directory, 0o755, 0);
                append_entry(builder, &mut header, &path, io::empty())?;
                append(store, builder, below, &path)?;
            }
            Node::File(file) => {
                let mode = if file.executable { 0o755 } else { 0o644 };
                let mut header = header(tar::EntryType::Regular, mode, file.digest.size());
                let bytes = store.reader(&file.digest)?;
                append_entry(builder, &mut header, &path, bytes)?;
            }
            Node::Symlink(target) => {
                use std::os::unix::ffi::OsStrExt;
                let mut header = header(tar::EntryType::Symlink, 0o777, 0);
                let target = std::ffi::OsStr::from_bytes(target);
                builder.append_link(&mut header, path.below("".as_ref()), target).map_err(write_error)?;
            }
        }
    }
    Ok(())
}

fn append_entry(
    builder: &mut tar::Builder<impl Write>,
    header: &mut tar::Header,
    path: &RelPath,
    bytes: impl io::Read,
) -> Result<(), ArchiveError> {
    builder.append_data(header, path.below("".as_ref()), bytes).map_err(write_error)
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn write_error(source: io::Error) -> ArchiveError {
    match source.downcast::<StoreError>() {
        Ok(error) => ArchiveError::Store(error),
        Err(source) => ArchiveError::Stream(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::FileEntry;

    #[test]
    fn equal_trees_give_equal_bytes_with_long_names_and_links() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(140));
        let mut tree = Tree::empty();
        let file = FileEntry { digest: store.write(b"text").unwrap(), executable: true };
        tree.insert(&RelPath::new(&long).unwrap(), Node::File(file)).unwrap();
        tree.insert(&RelPath::new("link").unwrap(), Node::Symlink(b"../goal".as_slice().into())).unwrap();
        let write = || {
            let mut bytes = Vec::new();
            write_tar(&store, &tree, &RelPath::new("context").unwrap(), &mut bytes).unwrap();
            bytes
        };
        let bytes = write();
        assert_eq!(bytes, write());
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries: Vec<(String, u32, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap(), entry.header().mtime().unwrap())
            })
            .collect();
        let folder = format!("context/{}", "d".repeat(120));
        assert_eq!(
            entries,
            [
                ("context".to_owned(), 0o755, 0),
                (folder, 0o755, 0),
                (format!("context/{long}"), 0o755, 0),
                ("context/link".to_owned(), 0o777, 0)
            ]
        );
    }
}
