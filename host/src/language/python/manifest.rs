//! Which requirements file is used, and what is added to it.

use super::requirements::{Requirements, normalise_name};
use crate::language::{Architecture, LanguageError, Requirement, Runtime, constant, read_text, write_file};
use crate::store::Store;
use crate::tree::{RelPath, Tree};

/// The manifest.
pub const MANIFEST: &str = "requirements.txt";
/// What is added to a manifest whose packages all have hashes: there are none for these.
pub const ADDED: &str = "requirements.platform.txt";

/// Makes the best requirements file for a runtime the only one.
pub fn select(sources: &Tree, runtime: &Runtime) -> Result<Tree, LanguageError> {
    let version = &runtime.version;
    let mut wanted = vec![format!("{MANIFEST}.{version}"), MANIFEST.to_owned()];
    if runtime.architecture == Architecture::Arm64 {
        wanted.insert(0, format!("{MANIFEST}.arm.{version}"));
    }
    let there: Vec<String> = sources
        .iter()
        .filter_map(|(name, _)| name.to_str())
        .filter(|name| name.strip_prefix(MANIFEST).is_some_and(|rest| rest.is_empty() || is_version(rest)))
        .map(str::to_owned)
        .collect();
    let Some(chosen) = wanted.iter().find(|name| there.contains(name)) else {
        if there.is_empty() {
            return Ok(sources.clone());
        }
        return Err(LanguageError::Manifest(format!(
            "no requirements file is for Python {version} on {}: there is {}, and none of {}; \
             add one, an empty {MANIFEST} if nothing is required",
            runtime.architecture,
            there.join(", "),
            wanted.join(", "),
        )));
    };
    let file = sources.get(&constant(chosen)).cloned().expect("it was listed");
    let mut selected = sources.clone();
    for name in &there {
        selected.remove(&constant(name));
    }
    selected.insert(&constant(MANIFEST), file).expect("the root takes entries");
    Ok(selected)
}

/// A word about a plain manifest that requires nothing, where those of other versions, which it was
/// chosen over, require something: one for this version may be missing.
pub fn passed_over(
    store: &Store,
    sources: &Tree,
    selected: &Tree,
    runtime: &Runtime,
) -> Result<Option<String>, LanguageError> {
    let requires = |tree: &Tree, name: &str| Requirements::read(store, tree, &constant(name));
    let names = sources.iter().filter_map(|(name, _)| name.to_str());
    let is_arm = |suffix: &str| suffix.starts_with(".arm.");
    let others: Vec<&str> = names
        .filter(|name| {
            name.strip_prefix(MANIFEST).is_some_and(|suffix| {
                is_version(suffix) && (!is_arm(suffix) || runtime.architecture == Architecture::Arm64)
            })
        })
        .collect();
    let version = format!(".{}", runtime.version);
    let is_chosen = others.iter().any(|name| name[MANIFEST.len()..].trim_start_matches(".arm") == version);
    if is_chosen || !requires(selected, MANIFEST)?.is_empty() {
        return Ok(None);
    }
    // One that cannot be read is meant to require something.
    let full: Vec<&str> = others
        .into_iter()
        .filter(|name| requires(sources, name).map_or(true, |found| !found.is_empty()))
        .collect();
    Ok((!full.is_empty()).then(|| {
        format!(
            "{MANIFEST} requires nothing, and it is taken for Python {0}, but there is {1}: is {MANIFEST}.{0} missing?",
            runtime.version,
            full.join(", ")
        )
    }))
}

/// Whether what follows a manifest's name says for what it is, as `.3.12` and `.arm.3.12` do.
fn is_version(suffix: &str) -> bool {
    let version = suffix.strip_prefix(".arm.").or_else(|| suffix.strip_prefix('.'));
    version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
}

/// Adds packages, each on a line of its own.
pub fn add(store: &Store, tree: &Tree, packages: &[Requirement]) -> Result<Tree, LanguageError> {
    let manifest = constant(MANIFEST);
    let there = Requirements::read(store, tree, &manifest)?;
    let lines: Vec<String> = packages
        .iter()
        .filter(|package| !there.names.contains(&normalise_name(&package.name)))
        .map(|package| match there.constrained.contains(&normalise_name(&package.name)) {
            // The user has said which version.
            true => package.name.clone(),
            false => format!("{}=={}", package.name, package.version),
        })
        .collect();
    let mut added = tree.clone();
    if lines.is_empty() {
        return Ok(added);
    }
    let file: RelPath = if there.hashed { constant(ADDED) } else { manifest };
    let mut text = read_text(store, tree, &file)?.unwrap_or_default();
    // A backslash at the end of the file would make the first package part of its last line.
    while text.ends_with(['\\', ' ', '\t', '\r', '\n']) {
        text.pop();
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text += &lines.join("\n");
    text.push('\n');
    write_file(store, &mut added, &file, text.as_bytes())?;
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::python::tests::{path, runtime, text_of, tree_of};

    #[test]
    fn the_manifest_for_the_version_and_architecture_wins() {
        use Architecture::{Arm64, X64};
        for (there, architecture, chosen) in [
            (vec!["requirements.txt"], X64, Some("requirements.txt")),
            (vec!["requirements.txt", "requirements.txt.3.12"], X64, Some("requirements.txt.3.12")),
            (vec!["requirements.txt", "requirements.txt.3.11"], X64, Some("requirements.txt")),
            (vec!["requirements.txt", "requirements.txt.arm.3.12"], X64, Some("requirements.txt")),
            (
                vec!["requirements.txt.3.12", "requirements.txt.arm.3.12"],
                Arm64,
                Some("requirements.txt.arm.3.12"),
            ),
            (vec!["requirements.txt", "requirements.txt.3.12"], Arm64, Some("requirements.txt.3.12")),
            (vec!["requirements.txt", "requirements.txt.arm.3.11"], Arm64, Some("requirements.txt")),
            (vec![], X64, None),
            (vec!["requirements.txt.orig"], X64, None),
        ] {
            let files: Vec<_> = there.iter().map(|name| (*name, *name)).collect();
            let (_cache, store, tree) = tree_of(&files);
            let selected = select(&tree, &runtime("3.12", architecture)).unwrap();
            assert_eq!(text_of(&store, &selected, MANIFEST).as_deref(), chosen, "{there:?}");
            let others = there.iter().filter(|name| name.ends_with(".orig")).count();
            assert_eq!(selected.iter().count(), usize::from(chosen.is_some()) + others, "{there:?}");
        }
    }

    #[test]
    fn manifests_for_other_versions_alone_are_an_error_that_names_them() {
        let (_cache, _store, tree) =
            tree_of(&[("requirements.txt.3.11", ""), ("requirements.txt.arm.3.12", "")]);
        let error = select(&tree, &runtime("3.12", Architecture::X64)).unwrap_err().to_string();
        assert!(
            error.contains("requirements.txt.3.11") && error.contains("requirements.txt.arm.3.12"),
            "{error}"
        );
    }

    #[test]
    fn an_empty_manifest_among_those_of_other_versions_is_told() {
        let told = |files: &[(&str, &str)], version: &str| {
            let (_cache, store, tree) = tree_of(files);
            let runtime = runtime(version, Architecture::X64);
            passed_over(&store, &tree, &select(&tree, &runtime).unwrap(), &runtime).unwrap()
        };
        let files = [
            ("requirements.txt", "# see the versions\n"),
            ("requirements.txt.3.9", "torch==1.13\n"),
            ("requirements.txt.3.10", ""),
            ("requirements.txt.arm.3.11", "torch==2.0\n"),
        ];
        let word = told(&files, "3.13").unwrap();
        assert!(word.contains("there is requirements.txt.3.9: is requirements.txt.3.13 missing"), "{word}");
        assert_eq!(told(&files, "3.9"), None);
        assert_eq!(told(&files, "3.10"), None, "it is empty on purpose");
        assert_eq!(told(&[("requirements.txt", "six"), files[1]], "3.13"), None);
        assert_eq!(told(&[files[0], files[2], files[3]], "3.13"), None);
    }

    #[test]
    fn each_package_gets_a_line_of_its_own_whatever_the_end_of_the_file() {
        let packages = [
            Requirement { name: "boto3".into(), version: "1.28.3".into() },
            Requirement { name: "Azure.Cosmos".into(), version: "4".into() },
        ];
        for (before, after) in [
            (None, "boto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some(""), "boto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some("six"), "six\nboto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some("six\\\n"), "six\nboto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some("\u{feff}six\r\n"), "six\nboto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some("six # boto3"), "six # boto3\nboto3==1.28.3\nAzure.Cosmos==4\n"),
            (Some("Boto3<1.30\n"), "Boto3<1.30\nAzure.Cosmos==4\n"),
            (Some("azure_cosmos\nboto3"), "azure_cosmos\nboto3"),
            (Some("-c c.txt\n"), "-c c.txt\nboto3\nAzure.Cosmos==4\n"),
            (Some("-r r.txt\n"), "-r r.txt\nAzure.Cosmos==4\n"),
        ] {
            let mut files = vec![("c.txt", "boto3==1"), ("r.txt", "boto3==1")];
            files.extend(before.map(|text| (MANIFEST, text)));
            let (_cache, store, tree) = tree_of(&files);
            let added = add(&store, &tree, &packages).unwrap();
            assert_eq!(text_of(&store, &added, MANIFEST).unwrap(), after, "{before:?}");
        }
    }

    #[test]
    fn a_manifest_with_hashes_stays_as_it_is() {
        let (_cache, store, tree) = tree_of(&[(MANIFEST, "six==1 --hash=sha256:1")]);
        let packages = [Requirement { name: "boto3".into(), version: "1".into() }];
        let added = add(&store, &tree, &packages).unwrap();
        assert_eq!(added.get(&path(MANIFEST)), tree.get(&path(MANIFEST)));
        assert_eq!(text_of(&store, &added, ADDED).unwrap(), "boto3==1\n");
    }
}
