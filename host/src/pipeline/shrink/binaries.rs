use std::fs::File;
use std::io::Read;

use anyhow::Result;

use super::text;
use crate::language::{Architecture, Interpreter, Libc, Runtime, split_module};
use crate::store::{Store, StoreError};
use crate::suite::LanguageName;
use crate::tree::{Digest, Node, RelPath, Tree};

/// Operating systems as folders of prebuilt files name them.
const SYSTEMS: [&str; 8] = ["linux", "darwin", "win32", "freebsd", "openbsd", "android", "sunos", "alpine"];

/// Folders with one folder a platform in them.
const PREBUILDS: &str = "prebuilds";

/// Native files of other systems.
const ENDS: [&str; 4] = [".dylib", ".exe", ".dll", ".pyd"];

/// A tree without native files that cannot be loaded where the function runs.
pub fn without_foreign(
    store: &Store,
    tree: &Tree,
    language: LanguageName,
    runtime: &Runtime,
) -> Result<Tree> {
    // It loads libraries of .NET, which are named so on every system.
    let dotnet = ["pythonnet", "clr_loader"].iter().any(|name| tree.directory(&path(name)).is_some());
    let mut failed = None;
    let smaller = tree.filter(&mut |path, node| {
        let names: Vec<&str> = path.names().iter().map(text).collect();
        let Some((name, above)) = names.split_last() else { return true };
        match node {
            Node::Symlink(_) => true,
            Node::Directory(_) => above.last() != Some(&PREBUILDS) || !is_foreign_folder(name, runtime),
            Node::File(file) => {
                let foreign = ENDS.iter().any(|end| name.ends_with(end))
                    && !(dotnet && name.ends_with(".dll"))
                    || language == LanguageName::Python && is_foreign_module(name, runtime)
                    || above.contains(&PREBUILDS) && is_foreign_libc(name, runtime.libc);
                let mut machine = || {
                    machine(store, &file.digest).unwrap_or_else(|error| {
                        failed.get_or_insert(error);
                        None
                    })
                };
                let is_native = name.ends_with(".node") || name.ends_with(".so") || name.contains(".so.");
                let of_this = |machine: u16| machine == machine_of(runtime.architecture);
                !(foreign || is_native && machine().is_some_and(|machine| !of_this(machine)))
            }
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(smaller),
    }
}

fn path(name: &str) -> RelPath {
    RelPath::new(name).expect("a constant path")
}

/// `darwin-arm64`, `linux-arm`, `darwin-x64+arm64`; a name that says no system is left alone.
fn is_foreign_folder(name: &str, runtime: &Runtime) -> bool {
    let Some((system, processors)) = name.split_once('-') else { return false };
    if !SYSTEMS.contains(&system) {
        return false;
    }
    let system_fits = match runtime.libc {
        Libc::Glibc { .. } => system == "linux",
        Libc::Musl { .. } => matches!(system, "linux" | "alpine"),
    };
    let name = runtime.architecture.name();
    let fits = |processor: &str| processor == name || name == "arm64" && processor.starts_with("armv8");
    !system_fits || !processors.split('+').any(fits)
}

/// `x.cpython-310-x86_64-linux-gnu.so` for 3.11, or for another machine or interpreter.
fn is_foreign_module(name: &str, runtime: &Runtime) -> bool {
    let Some(stem) = name.strip_suffix(".so") else { return false };
    let Some((_, tag)) = split_module(stem) else { return false };
    let own = Interpreter::of(runtime).module_tag(&runtime.version);
    let Some(machine) = tag.strip_prefix(&own) else { return true };
    let machine = machine.trim_start_matches('-');
    let other_libc = match runtime.libc {
        Libc::Glibc { .. } => machine.ends_with("-musl"),
        Libc::Musl { .. } => false,
    };
    other_libc || !machine.is_empty() && !machine.starts_with(runtime.architecture.machine())
}

/// `node.napi.musl.node` where the C library is GNU's, and the other way round.
fn is_foreign_libc(name: &str, libc: Libc) -> bool {
    let other = match libc {
        Libc::Glibc { .. } => "musl",
        Libc::Musl { .. } => "glibc",
    };
    name.ends_with(".node") && name.split(['.', '-']).any(|part| part == other)
}

/// The machine that an ELF file is for.
fn machine(store: &Store, digest: &Digest) -> Result<Option<u16>, StoreError> {
    let mut start = [0; 20];
    if digest.size() < 64 {
        return Ok(None);
    }
    let path = store.blob_path(digest);
    let mut file = File::open(&path).map_err(|_| StoreError::Missing(*digest))?;
    file.read_exact(&mut start).map_err(StoreError::io("read", &path))?;
    Ok(start.starts_with(b"\x7fELF").then(|| u16::from_le_bytes([start[18], start[19]])))
}

fn machine_of(architecture: Architecture) -> u16 {
    match architecture {
        Architecture::X64 => 62,
        Architecture::Arm64 => 183,
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    fn runtime(libc: &str) -> Runtime {
        Runtime {
            version: "3.11".into(),
            variant: "default".into(),
            architecture: Architecture::X64,
            libc: libc.parse().unwrap(),
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_foreign() {
        let glibc = runtime("glibc-2.34");
        for (name, foreign) in [
            ("x.cpython-311-x86_64-linux-gnu.so", false),
            ("x.cpython-311-aarch64-linux-gnu.so", true),
            ("x.cpython-310-x86_64-linux-gnu.so", true),
            ("x.cpython-311-x86_64-linux-musl.so", true),
            ("x.cpython-311-darwin.so", true),
            ("x.pypy311-pp73-x86_64-linux-gnu.so", true),
            ("x.abi3.so", false),
            ("x.so", false),
        ] {
            assert_eq!(is_foreign_module(name, &glibc), foreign, "{name}");
        }
        for (name, foreign) in [
            ("linux-x64", false),
            ("linux-arm64", true),
            ("darwin-x64+arm64", true),
            ("win32-x64", true),
            ("data-x", false),
        ] {
            assert_eq!(is_foreign_folder(name, &glibc), foreign, "{name}");
        }
        assert!(is_foreign_libc("node.napi.musl.node", glibc.libc));
        assert!(!is_foreign_libc("node.napi.glibc.node", glibc.libc));
        assert!(!is_foreign_libc("node.napi.musl.node", runtime("musl-1.2").libc));
    }
}
