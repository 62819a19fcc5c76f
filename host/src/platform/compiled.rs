//! Compiled code on disk. Loading it is running native code, so it is taken from one place only:
//! a folder of the cache that belongs to this user and that nobody else can look into.

use std::fs::{self, DirBuilder, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::store::write_atomically;
use crate::tree::Digest;

/// Compiled code that was kept for a component; none when there is none that can be trusted.
pub fn load(engine: &Engine, folder: &Path, digest: &Digest) -> Option<Component> {
    let folder_metadata = fs::symlink_metadata(folder).ok()?;
    if !folder_metadata.is_dir() || !is_ours_alone(&folder_metadata) || folder_metadata.mode() & 0o077 != 0 {
        return None;
    }
    let path = path(engine, folder, digest);
    let metadata = fs::symlink_metadata(&path).ok()?;
    if !metadata.is_file() || !is_ours_alone(&metadata) {
        return None;
    }
    // A disk's damage would be run, too.
    let sum = fs::read_to_string(sum_path(&path)).ok()?;
    if sum != sum_of(&fs::read(&path).ok()?) {
        return None;
    }
    deserialize(engine, &path)
}

#[allow(unsafe_code)]
fn deserialize(engine: &Engine, path: &Path) -> Option<Component> {
    // SAFETY: the file was written by `keep`, from what this engine compiled: it and its folder
    // belong to this user and nobody else can write to either, and its name and checksum, which
    // the caller compared, are those that it was kept with. wasmtime itself refuses what another
    // version or other settings made. The file is replaced by rename only, so that the mapping
    // never changes.
    unsafe { Component::deserialize_file(engine, path) }.ok()
}

/// Keeps compiled code. That is not needed: where it cannot be kept it is compiled again.
pub fn keep(engine: &Engine, folder: &Path, digest: &Digest, component: &Component) {
    let made = fs::symlink_metadata(folder).or_else(|_| {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        fs::symlink_metadata(folder)
    });
    let Ok(metadata) = made else { return };
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return;
    }
    // A mask of the user's own, or a collection, may have made it otherwise. What is in it then
    // is not to be trusted either, but is replaced or of another name.
    if metadata.mode() & 0o777 != 0o700
        && (remove_all(folder).is_err()
            || fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).is_err())
    {
        return;
    }
    let Ok(code) = component.serialize() else { return };
    let path = path(engine, folder, digest);
    // The checksum goes first: without its code it is of no use, and never the other way round.
    let _ = write_atomically(&sum_path(&path), sum_of(&code).as_bytes());
    let _ = write_atomically(&path, &code);
}

fn remove_all(folder: &Path) -> std::io::Result<()> {
    fs::read_dir(folder)?.try_for_each(|entry| fs::remove_file(entry?.path()))
}

/// The name has all that the code depends on: the component, and wasmtime's version and settings.
fn path(engine: &Engine, folder: &Path, digest: &Digest) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    folder.join(format!("{}-{:016x}", digest.hex(), hasher.finish()))
}

fn sum_path(path: &Path) -> PathBuf {
    path.with_extension("sum")
}

fn sum_of(code: &[u8]) -> String {
    format!("{:08x} {}\n", crc32fast::hash(code), code.len())
}

/// Whether it belongs to this user, and nobody else can write to it.
fn is_ours_alone(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::super::engine::engine;
    use super::*;

    fn kept() -> (tempfile::TempDir, PathBuf, Digest) {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("plugins");
        let component = Component::new(engine(), wat::parse_str("(component)").unwrap()).unwrap();
        let digest = Digest::of(b"component");
        keep(engine(), &folder, &digest, &component);
        (cache, folder, digest)
    }

    #[test]
    fn what_was_kept_is_loaded() {
        let (_cache, folder, digest) = kept();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(load(engine(), &folder, &digest).is_some());
        assert!(load(engine(), &folder, &Digest::of(b"another")).is_none());
    }

    #[test]
    fn what_was_changed_or_could_have_been_is_not() {
        let (_cache, folder, digest) = kept();
        let path = path(engine(), &folder, &digest);
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();

        mode(&folder, 0o755);
        assert!(load(engine(), &folder, &digest).is_none());
        mode(&folder, 0o700);
        mode(&path, 0o620);
        assert!(load(engine(), &folder, &digest).is_none());
        mode(&path, 0o600);
        assert!(load(engine(), &folder, &digest).is_some());

        let mut code = fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        fs::write(&path, &code).unwrap();
        assert!(load(engine(), &folder, &digest).is_none());
        fs::write(&path, &code[..middle]).unwrap();
        assert!(load(engine(), &folder, &digest).is_none());
    }
}
