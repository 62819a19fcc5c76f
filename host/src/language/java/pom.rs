//! `pom.xml`: where it is, what it says, and what is added to it.
//! <https://maven.apache.org/pom.html>

use std::ops::Range;

use super::xml::{Piece, pieces};
use crate::language::{LanguageError, Requirement, constant, read_text, write_file};
use crate::store::Store;
use crate::tree::{Node, RelPath, Tree};

/// The manifest.
pub const MANIFEST: &str = "pom.xml";
/// The comment in it that the platform's packages take the place of.
const MARKER: &str = "PLATFORM_DEPENDENCIES";
/// How deep below the language's folder a manifest is looked for.
const DEPTH: usize = 3;
/// What sets the version that the compiler compiles for.
pub const COMPILER: [&str; 3] = ["release", "source", "target"];

/// The folder of the manifest: the one that is nearest to the root, and of several the first by
/// name.
pub fn folder(tree: &Tree) -> Result<RelPath, LanguageError> {
    let files = tree.files().map(|(path, _)| path);
    files
        .filter(|path| path.names().len() <= DEPTH && path.name().is_some_and(|name| name == MANIFEST))
        .min_by_key(|path| (path.names().len(), path.clone()))
        .and_then(|path| path.parent())
        .ok_or_else(|| {
            LanguageError::Manifest(format!(
                "there is no {MANIFEST} in the java folder, nor in a folder of it; add one that makes \
                 target/function.jar, with the marker `<!-- {MARKER} -->` among its dependencies"
            ))
        })
}

/// What a manifest says, as far as it matters here.
#[derive(Debug, Default, PartialEq)]
pub struct Pom {
    /// `group:artifact` of its own dependencies.
    dependencies: Vec<String>,
    /// Of those that it only gives a version.
    managed: Vec<String>,
    /// Where the marker is.
    marker: Option<Range<usize>>,
    /// The line of a marker that is not among the program's dependencies.
    stray_marker: Option<usize>,
    /// Whether it says itself for which version of Java it is compiled.
    pub sets_release: bool,
}

impl Pom {
    /// The manifest in a folder of a tree.
    pub fn read(store: &Store, tree: &Tree, folder: &RelPath) -> Result<(Self, String), LanguageError> {
        let path = folder.join(&constant(MANIFEST));
        let text = read_text(store, tree, &path)?
            .ok_or_else(|| LanguageError::Manifest(format!("there is no {path}")))?;
        let pom = Self::parse(&text).map_err(|line| {
            LanguageError::Manifest(format!("{path}: line {line}: it is not well-formed XML"))
        })?;
        Ok((pom, text))
    }

    fn parse(text: &str) -> Result<Self, usize> {
        let mut pom = Self::default();
        let mut path: Vec<&str> = Vec::new();
        let (mut group, mut artifact, mut plugin) = ("", "", "");
        for piece in pieces(text)? {
            match piece {
                Piece::Start(name) => {
                    if name == "dependency" {
                        (group, artifact) = ("", "");
                    }
                    path.push(name);
                }
                Piece::Text(text) => match path.as_slice() {
                    [.., "dependency", "groupId"] => group = text,
                    [.., "dependency", "artifactId"] => artifact = text,
                    [.., "plugin", "artifactId"] => plugin = text,
                    ["project", "properties", name] => {
                        pom.sets_release |=
                            name.strip_prefix("maven.compiler.").is_some_and(|name| COMPILER.contains(&name));
                    }
                    [.., "plugin", "configuration", name] => {
                        pom.sets_release |= plugin == "maven-compiler-plugin" && COMPILER.contains(name);
                    }
                    _ => {}
                },
                Piece::Comment(comment, range) => {
                    let among = matches!(
                        path.as_slice(),
                        ["project", "dependencies"] | ["project", "profiles", "profile", "dependencies"]
                    );
                    match comment.trim() == MARKER {
                        true if among => pom.marker = pom.marker.or(Some(range)),
                        true => pom.stray_marker = Some(text[..range.start].matches('\n').count() + 1),
                        false => {}
                    }
                }
                Piece::End => {
                    match path.as_slice() {
                        ["project", "dependencies", "dependency"] => {
                            pom.dependencies.push(format!("{group}:{artifact}"));
                        }
                        ["project", "dependencyManagement", "dependencies", "dependency"] => {
                            pom.managed.push(format!("{group}:{artifact}"));
                        }
                        _ => {}
                    }
                    path.pop();
                }
            }
        }
        Ok(pom)
    }
}

/// Puts packages where the marker is, but those that the manifest requires itself; one whose
/// version it manages gets that version. Wrappers, which are in the root, move to the manifest's
/// folder.
pub fn add(store: &Store, tree: &Tree, packages: &[Requirement]) -> Result<Tree, LanguageError> {
    let folder = folder(tree)?;
    let (pom, text) = Pom::read(store, tree, &folder)?;
    let mut tree = with_wrappers(tree, &folder)?;
    let wanted: Vec<_> =
        packages.iter().filter(|package| !pom.dependencies.contains(&package.name)).collect();
    if wanted.is_empty() {
        return Ok(tree);
    }
    let path = folder.join(&constant(MANIFEST));
    let Some(marker) = pom.marker else {
        if let Some(line) = pom.stray_marker {
            return Err(LanguageError::Manifest(format!(
                "{path} line {line}: the marker `<!-- {MARKER} -->` must be between <dependencies> and </dependencies> \
                 of <project>"
            )));
        }
        let names: Vec<_> =
            wanted.iter().map(|package| format!("{} {}", package.name, package.version)).collect();
        return Err(LanguageError::Manifest(format!(
            "{path} has no marker for the platform's packages ({}): write `<!-- {MARKER} -->` on a line between \
             <dependencies> and </dependencies>",
            names.join(", ")
        )));
    };
    let blocks: Result<Vec<_>, _> =
        wanted.iter().map(|package| block(package, pom.managed.contains(&package.name))).collect();
    let text = format!("{}{}{}", &text[..marker.start], blocks?.concat(), &text[marker.end..]);
    write_file(store, &mut tree, &path, text.as_bytes())?;
    Ok(tree)
}

fn block(package: &Requirement, managed: bool) -> Result<String, LanguageError> {
    let Requirement { name, version } = package;
    let Some((group, artifact)) = name.split_once(':') else {
        return Err(LanguageError::Manifest(format!(
            "the platform's package `{name}` is not written as group:artifact"
        )));
    };
    let version = if managed { String::new() } else { format!("<version>{version}</version>") };
    Ok(format!(
        "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>{version}</dependency>"
    ))
}

/// The sources in the root beside the manifest; a file of the benchmark's own wins.
fn with_wrappers(tree: &Tree, folder: &RelPath) -> Result<Tree, LanguageError> {
    let sources = constant("src");
    let mut tree = tree.clone();
    if folder.is_root() || tree.directory(&sources).is_none() {
        return Ok(tree);
    }
    let Some(Node::Directory(wrappers)) = tree.remove(&sources) else { return Ok(tree) };
    let place = folder.join(&sources);
    let own = tree.directory(&place).cloned().unwrap_or_default();
    tree.with(&place, Node::Directory(wrappers.overlay(&own)))
        .map_err(|error| LanguageError::Manifest(error.to_string()))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::tree::FileEntry;

    pub fn tree_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Store, Tree) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut tree = Tree::empty();
        for (path, text) in files {
            let digest = store.write(text.as_bytes()).unwrap();
            tree.insert(&constant(path), Node::File(FileEntry { digest, executable: false })).unwrap();
        }
        (folder, store, tree)
    }

    fn packages() -> [Requirement; 2] {
        [("org.one:first", "1.0"), ("org.two:second", "2.0")]
            .map(|(name, version)| Requirement { name: name.into(), version: version.into() })
    }

    fn added(pom: &str) -> Result<String, String> {
        let (_folder, store, tree) = tree_of(&[("pom.xml", pom)]);
        let tree = add(&store, &tree, &packages()).map_err(|error| error.to_string())?;
        Ok(read_text(&store, &tree, &constant("pom.xml")).unwrap().unwrap())
    }

    #[test]
    fn the_marker_becomes_the_packages() {
        let text = added("<project><dependencies>\n<!--PLATFORM_DEPENDENCIES-->\n</dependencies></project>")
            .unwrap();
        assert_eq!(
            text,
            "<project><dependencies>\n<dependency><groupId>org.one</groupId><artifactId>first</artifactId>\
             <version>1.0</version></dependency><dependency><groupId>org.two</groupId><artifactId>second</artifactId>\
             <version>2.0</version></dependency>\n</dependencies></project>"
        );
    }

    #[test]
    fn a_package_that_the_pom_declares_is_left_to_it() {
        let own = "<dependency><artifactId>first</artifactId><groupId>org.one</groupId></dependency>";
        let text = |inside: &str| {
            format!("<project>{inside}<dependencies><!-- PLATFORM_DEPENDENCIES --></dependencies></project>")
        };
        let declared = added(&text("").replace("<!--", &format!("{own}<!--"))).unwrap();
        assert_eq!(declared.matches("org.one").count(), 1);
        assert_eq!(declared.matches("org.two").count(), 1);
        let plugin =
            format!("<build><plugins><plugin><dependencies>{own}</dependencies></plugin></plugins></build>");
        assert_eq!(added(&text(&plugin)).unwrap().matches("<version>1.0").count(), 1);
        let managed =
            format!("<dependencyManagement><dependencies>{own}</dependencies></dependencyManagement>");
        let managed = added(&text(&managed)).unwrap();
        assert_eq!((managed.matches("org.one").count(), managed.matches("<version>1.0").count()), (2, 0));
    }

    #[test]
    fn a_marker_elsewhere_is_named_with_its_line() {
        let marker = "<!-- PLATFORM_DEPENDENCIES -->";
        for text in [
            format!("<project>\n{marker}\n<dependencies/></project>"),
            format!(
                "<project>\n<dependencyManagement><dependencies>{marker}</dependencies></dependencyManagement></project>"
            ),
        ] {
            let error = added(&text).unwrap_err();
            assert!(error.contains("pom.xml line 2") && error.contains("must be between"), "{error}");
        }
        let both = format!("<project>{marker}<dependencies>{marker}</dependencies></project>");
        assert!(added(&both).unwrap().contains("<dependencies><dependency>"));
    }

    #[test]
    fn a_missing_marker_is_an_error_that_says_where_it_belongs() {
        let error = added("<project><dependencies/></project>").unwrap_err();
        assert!(error.contains("org.one:first 1.0") && error.contains("between <dependencies>"), "{error}");
        let error = added("<project>\n<dependencies></project>").unwrap_err();
        assert!(error.contains("pom.xml: line 2"), "{error}");
    }

    #[test]
    fn the_nearest_manifest_is_taken_and_the_wrappers_move_to_it() {
        let files = [
            ("b/pom.xml", "<project/>"),
            ("a/x/pom.xml", ""),
            ("a/x/y/pom.xml", ""),
            ("b/src/Own.java", "own"),
            ("src/Own.java", "wrapper"),
            ("src/Handler.java", "wrapper"),
        ];
        let (_folder, store, tree) = tree_of(&files);
        assert_eq!(folder(&tree).unwrap(), constant("b"));
        let tree = add(&store, &tree, &[]).unwrap();
        assert!(tree.get(&constant("src")).is_none());
        let text = |path: &str| read_text(&store, &tree, &constant(path)).unwrap().unwrap();
        assert_eq!((text("b/src/Own.java"), text("b/src/Handler.java")), ("own".into(), "wrapper".into()));
        let (_folder, _store, deep) = tree_of(&[("a/b/c/pom.xml", "")]);
        assert!(folder(&deep).unwrap_err().to_string().contains("no pom.xml"));
    }

    #[test]
    fn a_pom_may_say_what_it_is_compiled_for() {
        for (inside, sets) in [
            ("<properties><maven.compiler.release>11</maven.compiler.release></properties>", true),
            ("<properties><maven.compiler.target>11</maven.compiler.target></properties>", true),
            ("<properties><other>11</other></properties>", false),
            (
                "<build><plugins><plugin><artifactId>maven-compiler-plugin</artifactId><configuration><release>11</release></configuration></plugin></plugins></build>",
                true,
            ),
            (
                "<build><plugins><plugin><artifactId>other</artifactId><configuration><source>a</source></configuration></plugin></plugins></build>",
                false,
            ),
        ] {
            assert_eq!(
                Pom::parse(&format!("<project>{inside}</project>")).unwrap().sets_release,
                sets,
                "{inside}"
            );
        }
    }
}
