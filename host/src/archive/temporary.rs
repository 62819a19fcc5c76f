//! Temporary files and folders in the place where something is to appear.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile, TempDir};

/// The beginning of names that a collection removes once their writer is no more; the store's own.
const TEMPORARY: &str = ".tmp-";

/// A new file beside `path`, with these permissions less those that the umask takes. The folder is
/// made when missing. It is locked, which says that its writer lives.
pub fn file_beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let permissions = Permissions::from_mode(mode);
    let file = in_folder_of(path, |folder| {
        Builder::new().prefix(TEMPORARY).permissions(permissions.clone()).tempfile_in(folder)
    })?;
    file.as_file().lock()?;
    Ok(file)
}

/// A new, empty folder beside `path`, and the lock that says that its writer lives.
pub fn folder_beside(path: &Path) -> io::Result<(TempDir, File)> {
    let permissions = Permissions::from_mode(0o777);
    let folder = in_folder_of(path, |folder| {
        Builder::new().prefix(TEMPORARY).permissions(permissions.clone()).tempdir_in(folder)
    })?;
    let lock = File::open(folder.path())?;
    lock.lock()?;
    Ok((folder, lock))
}

/// The folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes the names in the folder of `path` survive a power cut.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn in_folder_of<T>(path: &Path, create: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    let folder = folder_of(path);
    create(folder).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => fs::create_dir_all(folder).and_then(|()| create(folder)),
        _ => Err(error),
    })
}
