//! The program as two: what changes with every edit of the function, and what seldom does.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};

use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

use super::jar::{self, MANIFEST, broken};
use super::{OWN_ENTRIES, PROGRAM};
use crate::language::{LanguageError, constant, write_file};
use crate::store::Store;
use crate::tree::Tree;

/// The other program, beside the first.
const DEPENDENCIES: &str = "dependencies.jar";
/// What a program without a manifest gets.
const EMPTY_MANIFEST: &[u8] = b"Manifest-Version: 1.0\r\n\r\n";

/// The tree with [`PROGRAM`] in two: it keeps what was made of the function's folder, and names in
/// its manifest the other, which has the rest. So to run it is to run both, and each entry is in one
/// of them. Where it cannot be told what is the function's own, the program stays as it is.
pub fn split(store: &Store, tree: &Tree) -> Result<Tree, LanguageError> {
    let (program, dependencies) = (constant(PROGRAM), constant(DEPENDENCIES));
    let Some(listed) = tree.file(&constant(OWN_ENTRIES)) else { return Ok(tree.clone()) };
    if tree.file(&program).is_none() || tree.get(&dependencies).is_some() {
        return Ok(tree.clone());
    }
    let listed = store.read(&listed.digest)?;
    let listed: BTreeSet<&[u8]> =
        listed.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"./")).collect();
    let mut jar = jar::open(store, tree)?;
    let names: Vec<Vec<u8>> = jar.file_names_raw().map(<[u8]>::to_vec).collect();
    let files =
        names.iter().map(Vec::as_slice).filter(|name| !name.ends_with(b"/") && *name != MANIFEST.as_bytes());
    let (own, rest): (BTreeSet<_>, BTreeSet<_>) = files.partition(|name| listed.contains(name));
    if own.is_empty() || rest.is_empty() {
        return Ok(tree.clone());
    }
    let manifest = jar::bytes_of(&mut jar, MANIFEST)?.unwrap_or_else(|| EMPTY_MANIFEST.to_vec());
    let mut parts = tree.clone();
    write_file(store, &mut parts, &program, &part(&mut jar, &own, &with_dependencies(&manifest))?)?;
    write_file(store, &mut parts, &dependencies, &part(&mut jar, &rest, &manifest)?)?;
    Ok(parts)
}

/// A program of these files and the directories above them, as they are in the whole one.
fn part(
    jar: &mut ZipArchive<Cursor<Vec<u8>>>,
    files: &BTreeSet<&[u8]>,
    manifest: &[u8],
) -> Result<Vec<u8>, LanguageError> {
    let mut part = ZipWriter::new(Cursor::new(Vec::new()));
    part.start_file(MANIFEST, jar::options(CompressionMethod::Deflated)).map_err(|error| broken(&error))?;
    part.write_all(manifest).map_err(|error| broken(&error))?;
    for index in 0..jar.len() {
        let entry = jar.by_index_raw(index).map_err(|error| broken(&error))?;
        let name = entry.name_raw();
        let wanted = match name.ends_with(b"/") {
            true => files.range(name..).next().is_some_and(|file| file.starts_with(name)),
            false => files.contains(name),
        };
        if wanted {
            // At one time, whatever package.sh did to it.
            let mode = entry.unix_mode();
            part.raw_copy_file_touch(entry, DateTime::default(), mode).map_err(|error| broken(&error))?;
        }
    }
    Ok(part.finish().map_err(|error| broken(&error))?.into_inner())
}

/// A manifest that names the dependencies too: on a line of its own, or on one that goes on with
/// what it already names.
fn with_dependencies(manifest: &[u8]) -> Vec<u8> {
    let lines: Vec<&[u8]> = manifest.split_inclusive(|byte| *byte == b'\n').collect();
    // What follows a blank line is of single entries.
    let of_all = lines.iter().take_while(|line| !line.trim_ascii().is_empty());
    let names_some = |line: &&[u8]| line.to_ascii_lowercase().starts_with(b"class-path:");
    let (at, line) = match of_all.clone().position(names_some) {
        Some(at) => {
            let more = lines[at + 1..].iter().take_while(|line| line.starts_with(b" ")).count();
            (at + 1 + more, format!("  {DEPENDENCIES}\r\n"))
        }
        None => (of_all.count().min(1), format!("Class-Path: {DEPENDENCIES}\r\n")),
    };
    [&lines[..at].concat(), line.as_bytes(), &lines[at..].concat()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::jar::tests::{Bench, jar};
    use super::*;

    const WHOLE: [(&str, &[u8]); 7] = [
        ("META-INF/", b""),
        (MANIFEST, b"Manifest-Version: 1.0\r\nMulti-Release: true\r\n\r\n"),
        ("META-INF/services/a.Service", b"of.Both\n"),
        ("function/", b""),
        ("function/Function.class", b"function"),
        ("function/other/Part.class", b"of a package that has the function's name"),
        ("page.html", b"page"),
    ];
    const OWN: &str = "./function/Function.class\n./page.html\n";

    fn entries(bench: &Bench, tree: &Tree, name: &str) -> Vec<(String, Vec<u8>)> {
        let bytes = bench.1.read(&tree.file(&constant(name)).unwrap().digest).unwrap();
        let mut jar = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let names: Vec<_> = jar.file_names().map(|name| name.unwrap().into_owned()).collect();
        names
            .into_iter()
            .map(|name| (jar::bytes_of(&mut jar, &name).unwrap().unwrap(), name))
            .map(|(bytes, name)| (name, bytes))
            .collect()
    }

    fn whole(bench: &Bench, entries: &[(&str, &[u8])], own: &str) -> Tree {
        let mut tree = bench.tree(&jar(entries));
        write_file(&bench.1, &mut tree, &constant(OWN_ENTRIES), own.as_bytes()).unwrap();
        tree
    }

    #[test]
    fn every_entry_is_in_one_part_and_the_first_names_the_other() {
        let bench = Bench::new();
        let parts = split(&bench.1, &whole(&bench, &WHOLE, OWN)).unwrap();
        let own = entries(&bench, &parts, PROGRAM);
        let names =
            |entries: &[(String, Vec<u8>)]| entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&own), [MANIFEST, "function/", "function/Function.class", "page.html"]);
        assert_eq!(
            own[0].1,
            b"Manifest-Version: 1.0\r\nClass-Path: dependencies.jar\r\nMulti-Release: true\r\n\r\n"
        );
        let rest = entries(&bench, &parts, DEPENDENCIES);
        assert_eq!(
            names(&rest),
            [MANIFEST, "META-INF/", "META-INF/services/a.Service", "function/", "function/other/Part.class"]
        );
        assert_eq!(rest[0].1, WHOLE[1].1);
        assert_eq!(
            (own[2].1.as_slice(), rest[2].1.as_slice()),
            (b"function".as_slice(), b"of.Both\n".as_slice())
        );
    }

    #[test]
    fn an_edit_of_the_function_leaves_the_dependencies_as_they_are() {
        let bench = Bench::new();
        let mut edited = WHOLE;
        edited[4].1 = b"another function";
        let [one, other] =
            [WHOLE, edited].map(|entries| split(&bench.1, &whole(&bench, &entries, OWN)).unwrap());
        let digest = |tree: &Tree, name| tree.file(&constant(name)).unwrap().digest;
        assert_eq!(digest(&one, DEPENDENCIES), digest(&other, DEPENDENCIES));
        assert_ne!(digest(&one, PROGRAM), digest(&other, PROGRAM));
    }

    #[test]
    fn what_cannot_be_told_apart_stays_whole() {
        let bench = Bench::new();
        let all = "./META-INF/services/a.Service\n./function/Function.class\n./function/other/Part.class\n./page.html\n";
        let mut taken = whole(&bench, &WHOLE, OWN);
        write_file(&bench.1, &mut taken, &constant(DEPENDENCIES), b"the function's").unwrap();
        let unlisted = bench.tree(&jar(&WHOLE));
        for tree in [unlisted, whole(&bench, &WHOLE, ""), whole(&bench, &WHOLE, all), taken] {
            assert_eq!(split(&bench.1, &tree).unwrap(), tree);
        }
    }

    #[test]
    fn a_manifest_that_names_others_goes_on_to() {
        for (manifest, named) in [
            (
                "A: 1\r\nclass-path: a.jar\r\n  b.jar\r\nC: 2\r\n\r\n",
                "A: 1\r\nclass-path: a.jar\r\n  b.jar\r\n  dependencies.jar\r\nC: 2\r\n\r\n",
            ),
            (
                "A: 1\n\nName: b\nClass-Path: of-an-entry\n",
                "A: 1\nClass-Path: dependencies.jar\r\n\nName: b\nClass-Path: of-an-entry\n",
            ),
        ] {
            assert_eq!(String::from_utf8(with_dependencies(manifest.as_bytes())).unwrap(), named);
        }
    }
}
