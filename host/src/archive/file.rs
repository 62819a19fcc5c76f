use std::path::Path;

use super::ArchiveError;
use crate::store::Store;
use crate::store::temporary::{file_beside, sync_folder_of};
use crate::tree::{Digest, FileEntry};

/// Writes one file of a tree to `destination`, whole or not at all; the digest is the file's.
pub fn write_file(store: &Store, entry: &FileEntry, destination: &Path) -> Result<Digest, ArchiveError> {
    let failed = |source| ArchiveError::io("write", destination)(source);
    let mode = if entry.executable { 0o777 } else { 0o666 };
    let mut file = file_beside(destination, mode).map_err(failed)?;
    store.copy_to(&entry.digest, &mut file).map_err(ArchiveError::copying_to(destination))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(destination).map_err(|error| failed(error.error))?;
    sync_folder_of(destination).map_err(failed)?;
    Ok(entry.digest)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_file_replaces_an_earlier_one_and_a_missing_blob_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cache")).unwrap();
        let destination = folder.path().join("out/app.bin");
        let entry = FileEntry { digest: store.write(b"first").unwrap(), executable: true };
        assert_eq!(write_file(&store, &entry, &destination).unwrap(), entry.digest);
        assert_ne!(fs::metadata(&destination).unwrap().permissions().mode() & 0o100, 0);

        let missing = FileEntry { digest: Digest::of(b"second"), executable: false };
        let error = write_file(&store, &missing, &destination).unwrap_err();
        assert!(matches!(error, ArchiveError::Store(StoreError::Missing(_))));
        assert_eq!(fs::read(&destination).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 1);
    }
}
