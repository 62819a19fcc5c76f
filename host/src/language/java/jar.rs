//! The program that Maven made: the same bytes for the same classes, and whether it can run.
//! <https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html>

use std::io::{Cursor, Read, Write};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::{PROGRAM, release};
use crate::language::{LanguageError, Runtime, constant, write_file};
use crate::store::Store;
use crate::tree::Tree;

/// The manifest of a jar.
pub const MANIFEST: &str = "META-INF/MANIFEST.MF";
/// Lines of the manifest that tell of the machine.
const OF_THE_MACHINE: [&str; 5] = ["Created-By", "Built-By", "Build-Jdk", "Build-Jdk-Spec", "Build-Time"];
/// The class that every wrapper calls.
const FUNCTION: &str = "function/Function.class";

/// One entry of a jar.
struct Entry {
    name: String,
    bytes: Vec<u8>,
    stored: bool,
}

/// The installed tree with the program's entries in order, at one time, and with nothing in them
/// of the machine, nor of what packages were signed with. Java wants the manifest first.
pub fn normalise(store: &Store, installed: &Tree) -> Result<Tree, LanguageError> {
    let mut entries = read(store, installed)?;
    entries.retain(|entry| !is_signature(&entry.name));
    entries.sort_by(|one, other| order(&one.name).cmp(&order(&other.name)));
    entries.dedup_by(|one, other| one.name == other.name);
    let mut jar = ZipWriter::new(Cursor::new(Vec::new()));
    for Entry { name, bytes, stored } in entries {
        let bytes = match name.as_str() {
            MANIFEST => without_machine(&bytes),
            name if name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties") => {
                without_comments(&bytes)
            }
            _ => bytes,
        };
        let method = if stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let written = match name.ends_with('/') {
            true => jar.add_directory(name, options(method).unix_permissions(0o755)),
            false => jar.start_file(name, options(method)).and_then(|()| Ok(jar.write_all(&bytes)?)),
        };
        written.map_err(|error| broken(&error))?;
    }
    let bytes = jar.finish().map_err(|error| broken(&error))?.into_inner();
    let mut tree = installed.clone();
    write_file(store, &mut tree, &constant(PROGRAM), &bytes)?;
    Ok(tree)
}

/// Whether the runtime can run the program.
pub fn check(store: &Store, installed: &Tree, runtime: &Runtime) -> Result<(), LanguageError> {
    let mut jar = open(store, installed)?;
    let wrong = |text: String| Err(LanguageError::Manifest(text));
    let Some(class) = bytes_of(&mut jar, FUNCTION)? else {
        return wrong(format!(
            "{PROGRAM} has no class function.Function, whose method handler is the function; it belongs in \
             src/main/java/function/Function.java"
        ));
    };
    let compiled = class_release(&class);
    if let (Some(compiled), Some(runs)) = (compiled, release(&runtime.version))
        && compiled > runs
    {
        return wrong(format!(
            "{PROGRAM} is compiled for Java {compiled}, and Java {runs} cannot run it; take maven.compiler.release, source \
             and target out of pom.xml, and it is compiled for the version that is built"
        ));
    }
    Ok(())
}

/// The program of a tree.
pub fn open(store: &Store, installed: &Tree) -> Result<ZipArchive<Cursor<Vec<u8>>>, LanguageError> {
    let file = installed
        .file(&constant(PROGRAM))
        .ok_or_else(|| LanguageError::Manifest(format!("Maven made no {PROGRAM}")))?;
    ZipArchive::new(Cursor::new(store.read(&file.digest)?)).map_err(|error| broken(&error))
}

fn read(store: &Store, installed: &Tree) -> Result<Vec<Entry>, LanguageError> {
    let mut jar = open(store, installed)?;
    let mut entries = Vec::with_capacity(jar.len());
    for index in 0..jar.len() {
        let mut entry = jar.by_index(index).map_err(|error| broken(&error))?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
        let name = entry.name().map_err(|error| broken(&error))?.into_owned();
        entries.push(Entry { name, bytes, stored: entry.compression() == CompressionMethod::Stored });
    }
    Ok(entries)
}

/// What is in an entry; none when it is not there.
pub fn bytes_of(jar: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> Result<Option<Vec<u8>>, LanguageError> {
    let mut bytes = Vec::new();
    match jar.by_name(name) {
        Ok(mut entry) => entry.read_to_end(&mut bytes).map_err(|error| broken(&error))?,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(broken(&error)),
    };
    Ok(Some(bytes))
}

/// An entry at one time, as every file's is.
pub fn options(method: CompressionMethod) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644)
}

/// A program that cannot be read.
pub fn broken(error: &dyn std::error::Error) -> LanguageError {
    LanguageError::Manifest(format!("{PROGRAM}, which Maven made, is no archive that can be read: {error}"))
}

/// Whether a file signs the archive that a package came in. Java refuses another archive with it.
fn is_signature(name: &str) -> bool {
    let Some(name) = name.strip_prefix("META-INF/").filter(|name| !name.contains('/')) else { return false };
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_uppercase());
    ending.is_some_and(|ending| ["SF", "RSA", "DSA", "EC"].contains(&ending.as_str()))
}

/// The manifest first, what is beside it next.
fn order(name: &str) -> (u8, &str) {
    let rank = match name {
        "META-INF/" => 0,
        MANIFEST => 1,
        _ if name.starts_with("META-INF/") => 2,
        _ => 3,
    };
    (rank, name)
}

/// A manifest without the lines that tell of the machine, and what continues them.
fn without_machine(manifest: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut keeps = true;
    for line in manifest.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            keeps = !OF_THE_MACHINE.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()));
        }
        if keeps {
            kept.extend_from_slice(line);
        }
    }
    kept
}

/// Properties without comments, one of which is the time.
fn without_comments(properties: &[u8]) -> Vec<u8> {
    properties
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
        .flatten()
        .copied()
        .collect()
}

/// The version of Java that a class is for: the second number of its file, counted from Java 1.
fn class_release(class: &[u8]) -> Option<u32> {
    let [0xca, 0xfe, 0xba, 0xbe, _, _, high, low, ..] = class else { return None };
    u32::from(u16::from_be_bytes([*high, *low])).checked_sub(44)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::language::Architecture;
    use crate::tree::{FileEntry, Node};

    fn class(version: u8) -> Vec<u8> {
        vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, version]
    }

    pub fn jar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut jar = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in entries {
            jar.start_file(*name, SimpleFileOptions::default()).unwrap();
            jar.write_all(bytes).unwrap();
        }
        jar.finish().unwrap().into_inner()
    }

    pub struct Bench(#[allow(dead_code)] tempfile::TempDir, pub Store);

    impl Bench {
        pub fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            Self(folder, store)
        }

        pub fn tree(&self, bytes: &[u8]) -> Tree {
            let entry = FileEntry { digest: self.1.write(bytes).unwrap(), executable: false };
            Tree::empty().with(&constant(PROGRAM), Node::File(entry)).unwrap()
        }
    }

    #[test]
    fn equal_classes_are_equal_bytes() {
        let bench = Bench::new();
        let one = jar(&[
            ("b.class", b"b"),
            (MANIFEST, b"Manifest-Version: 1.0\r\nBuild-Jdk-Spec: 17\r\nCreated-By: one\r\n two\r\nMain-Class: x\r\n\r\n"),
            ("A.class", b"a"),
            ("META-INF/maven/g/a/pom.properties", b"#today\nversion=1\n"),
            ("META-INF/VENDOR.SF", b"signature"),
            ("META-INF/VENDOR.RSA", b"signature"),
        ]);
        let other = jar(&[
            (MANIFEST, b"Manifest-Version: 1.0\r\nCreated-By: three\r\nMain-Class: x\r\n\r\n"),
            ("META-INF/maven/g/a/pom.properties", b"#yesterday\nversion=1\n"),
            ("A.class", b"a"),
            ("b.class", b"b"),
        ]);
        let [one, other] = [one, other].map(|bytes| normalise(&bench.1, &bench.tree(&bytes)).unwrap());
        assert_eq!(one, other);
        let entries = read(&bench.1, &one).unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [MANIFEST, "META-INF/maven/g/a/pom.properties", "A.class", "b.class"]);
        assert_eq!(entries[0].bytes, b"Manifest-Version: 1.0\r\nMain-Class: x\r\n\r\n");
    }

    #[test]
    fn a_program_that_the_runtime_cannot_run_is_an_error() {
        let bench = Bench::new();
        let check = |entries: &[(&str, &[u8])]| {
            let runtime = Runtime {
                version: "17".into(),
                variant: "default".into(),
                architecture: Architecture::X64,
                libc: "glibc-2.34".parse().unwrap(),
            };
            check(&bench.1, &bench.tree(&jar(entries)), &runtime).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[(FUNCTION, &class(61))]), Ok(()));
        assert!(check(&[(FUNCTION, &class(65))]).unwrap_err().contains("for Java 21, and Java 17"));
        assert!(check(&[("Other.class", &class(61))]).unwrap_err().contains("no class function.Function"));
    }
}
