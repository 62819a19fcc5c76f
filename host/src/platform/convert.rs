//! Checks what a plugin answers and makes the host's own types of it. Each error says which part
//! of the answer is meant.

use std::collections::BTreeSet;

use super::bindings::exports::fnpack::plugin::platform as answered;
use super::bindings::fnpack::plugin::types as shared;
use super::limits::{MAX_ITEMS, MAX_TEXT};
use super::text::shown;
use super::{
    Archive, ArchiveFormat, BuildImage, Deployment, Description, Edit, FileContents, ImagePlan, ImageSource,
    KnownSetting, Layer, LayerPath, Layout, Limit, PluginFile, PluginTarget, Subject, Support,
};
use crate::language::{Architecture, Requirement};
use crate::tree::{Name, RelPath};

/// What is wrong with an answer.
pub type Wrong = String;

/// What a user may set for any platform; a plugin cannot have a setting of that name.
const HOST_SETTINGS: [&str; 1] = ["build-images"];

/// A target in the words of the contract.
pub fn target(target: &PluginTarget) -> shared::Target {
    shared::Target {
        benchmark: target.benchmark.clone(),
        runtime: shared::Runtime {
            language: target.language.clone(),
            version: target.version.clone(),
            variant: target.variant.clone(),
        },
        architecture: target.architecture.name().to_owned(),
        deployment: target.deployment.clone(),
        modules: target.modules.clone(),
        native_dependencies: target.native_dependencies.clone(),
        timeout_seconds: target.timeout_seconds,
        memory_mib: target.memory_mib,
        settings: target
            .settings
            .iter()
            .map(|(key, value)| shared::Pair { key: key.clone(), value: value.clone() })
            .collect(),
    }
}

/// A description, checked as a whole.
pub fn description(answer: answered::Description) -> Result<Description, Wrong> {
    let name = word("its name", answer.name)?;
    let title = line("its title", answer.title)?;
    if title.is_empty() {
        return Err("its title is empty".to_owned());
    }
    let deployments = list("deployments", answer.deployments, deployment)?;
    if deployments.is_empty() {
        return Err("it has no deployment".to_owned());
    }
    unique("deployment", deployments.iter().map(|deployment| deployment.name.as_str()))?;
    let supports = list("supports", answer.supports, |row| support(row, &deployments))?;
    let settings = list("settings", answer.settings, |setting| {
        let key = word("the key of a setting", setting.key)?;
        if HOST_SETTINGS.contains(&key.as_str()) {
            return Err(format!("a setting cannot be called `{key}`: every platform has that"));
        }
        let what = format!("the setting `{key}`");
        Ok(KnownSetting { default: line(&what, setting.default)?, note: shown(&setting.note), key })
    })?;
    unique("setting", settings.iter().map(|setting| setting.key.as_str()))?;
    Ok(Description { name, title, deployments, supports, settings })
}

fn deployment(answer: answered::Deployment) -> Result<Deployment, Wrong> {
    let limits = list("limits", answer.limits, |limit| {
        Ok(Limit {
            subject: match limit.subject {
                answered::Subject::Archive => Subject::Archive,
                answered::Subject::Unpacked => Subject::Unpacked,
                answered::Subject::Image => Subject::Image,
            },
            kibibytes: limit.kibibytes,
            hard: limit.hard,
            note: shown(&limit.note),
        })
    })?;
    Ok(Deployment {
        name: word("the name of a deployment", answer.name)?,
        image: answer.image,
        symlinks: answer.symlinks,
        limits,
    })
}

fn support(row: answered::Support, deployments: &[Deployment]) -> Result<Support, Wrong> {
    let shared::Runtime { language, version, variant } = row.runtime;
    let (language, variant) = (word("a language", language)?, word("a variant", variant)?);
    let version = identifier("a version", version, 32, b".-_+")?;
    let of = format!("the row of {language} {version}");
    let architectures = list("architectures", row.architectures, |name| architecture(&name))
        .map_err(|wrong| format!("{of}: {wrong}"))?;
    let row_deployments = list("deployments", row.deployments, |name| {
        match deployments.iter().any(|deployment| deployment.name == name) {
            true => Ok(name),
            false => Err(format!("{of} names the deployment `{}`, which is not described", shown(&name))),
        }
    })?;
    let build_images = list("build images", row.build_images, |image| {
        let architecture = architecture(&image.architecture)?;
        if !architectures.contains(&architecture) {
            return Err(format!("{of} has a build image for {architecture}, but not that architecture"));
        }
        let source = match image.source {
            answered::ImageSource::Reference(name) => {
                ImageSource::Reference(reference("a build image", name)?)
            }
            answered::ImageSource::Recipe(name) => ImageSource::Recipe(word("a recipe", name)?),
        };
        Ok(BuildImage { architecture, source })
    })?;
    unique(&format!("build image of {of} for"), build_images.iter().map(|image| image.architecture.name()))?;
    let libc = row.libc.parse().map_err(|error: String| format!("{of}: {}", shown(&error)))?;
    Ok(Support {
        language,
        version,
        variant,
        architectures,
        deployments: row_deployments,
        build_images,
        libc,
    })
}

fn architecture(name: &str) -> Result<Architecture, Wrong> {
    Architecture::parse(name)
        .ok_or_else(|| format!("`{}` is no architecture; there is x64 and arm64", shown(name)))
}

/// Files to put into a tree, in the order of the answer.
pub fn files(answer: Vec<shared::File>) -> Result<Vec<PluginFile>, Wrong> {
    let files = list("files", answer, file)?;
    let mut seen = BTreeSet::new();
    match files.iter().find(|file| !seen.insert(&file.path)) {
        Some(twice) => Err(format!("two files have the path `{}`", twice.path)),
        None => Ok(files),
    }
}

fn file(answer: shared::File) -> Result<PluginFile, Wrong> {
    let contents = match answer.contents {
        shared::Contents::Text(text) => FileContents::Text(text),
        shared::Contents::Binary(bytes) => FileContents::Binary(bytes),
    };
    Ok(PluginFile { path: entry_path(&answer.path)?, contents, executable: answer.executable })
}

/// Packages; they end up in manifests that installers read, so nothing but names and versions
/// passes.
pub fn requirements(answer: Vec<answered::Requirement>) -> Result<Vec<Requirement>, Wrong> {
    list("packages", answer, |requirement| {
        let name = identifier("the name of a package", requirement.name, 214, b"@/._-:~")?;
        let version = identifier("the version of a package", requirement.version, 100, b".-_+!")?;
        Ok(Requirement { name, version })
    })
}

/// A layout.
pub fn layout(answer: answered::Layout) -> Result<Layout, Wrong> {
    let archive = answer.archive.map(|archive| {
        let format = ArchiveFormat::parse(&archive.format).ok_or_else(|| {
            format!(
                "`{}` is no format of an archive; there is zip, file and directory",
                shown(&archive.format)
            )
        })?;
        let path =
            if format == ArchiveFormat::File { entry_path(&archive.path) } else { path(&archive.path) };
        Ok::<_, Wrong>(Archive { format, path: path? })
    });
    Ok(Layout {
        edits: list("edits", answer.edits, edit)?,
        archive: archive.transpose()?,
        deploy: pairs("deploy", answer.deploy)?,
    })
}

fn edit(answer: answered::Edit) -> Result<Edit, Wrong> {
    Ok(match answer {
        answered::Edit::Move(answered::MoveEntry { source, directory, except }) => {
            let directory = path(&directory)?;
            match everything(&source)? {
                Some(source) => {
                    let name = |name: String| Name::new(name).map_err(|error| shown(&error.to_string()));
                    Edit::MoveAll { source, directory, except: list("exceptions", except, name)? }
                }
                None if !except.is_empty() => {
                    return Err(format!("the move of `{}` has exceptions, but no `*`", shown(&source)));
                }
                None => Edit::Move { source: entry_path(&source)?, directory },
            }
        }
        answered::Edit::Rename(rename) => Edit::Rename {
            source: entry_path(&rename.source)?,
            destination: entry_path(&rename.destination)?,
        },
        answered::Edit::Write(written) => Edit::Write(file(written)?),
        answered::Edit::Remove(removed) => Edit::Remove(entry_path(&removed)?),
    })
}

/// A plan of an image.
pub fn image_plan(answer: answered::ImagePlan) -> Result<ImagePlan, Wrong> {
    let texts = |what: &str, texts: Vec<String>| list(what, texts, |one| text(what, one));
    let environment = pairs("environment", answer.environment)?;
    if let Some((key, _)) = environment.iter().find(|(key, _)| key.is_empty() || key.contains('=')) {
        return Err(format!("`{key}` is no name of an environment variable"));
    }
    Ok(ImagePlan {
        base: reference("the base image", answer.base)?,
        run: texts("commands", answer.run)?,
        layers: list("layers", answer.layers, layer)?,
        environment,
        labels: pairs("labels", answer.labels)?,
        working_directory: answer
            .working_directory
            .map(|path| absolute("the working directory", path))
            .transpose()?,
        user: answer.user.map(|user| identifier("the user", user, 64, b"._-:")).transpose()?,
        entrypoint: texts("entrypoint", answer.entrypoint)?,
        command: texts("command", answer.command)?,
    })
}

fn layer(answer: answered::Layer) -> Result<Layer, Wrong> {
    let paths = list("paths", answer.paths, |source| {
        Ok(match everything(&source)? {
            Some(directory) => LayerPath::Everything(directory),
            None => LayerPath::Entry(entry_path(&source)?),
        })
    })?;
    Ok(Layer { paths, directory: absolute("a layer's directory", answer.directory)? })
}

/// A reference of an image, such as `registry/name:tag@sha256:...`.
pub fn reference(what: &str, answer: String) -> Result<String, Wrong> {
    identifier(what, answer, 512, b"./_-:@")
}

/// The tag of an image, which is made of the benchmark's name: whether it is one, the user is to hear.
pub fn image_name(answer: String) -> Result<String, Wrong> {
    line("the image's name", answer)
}

/// A failure: its message, and its hint.
pub fn failure(answer: shared::Failure) -> (String, Option<String>) {
    let message = match shown(&answer.message) {
        empty if empty.is_empty() => "it gives no reason".to_owned(),
        message => message,
    };
    (message, answer.hint.map(|hint| shown(&hint)).filter(|hint| !hint.is_empty()))
}

// --- parts of answers

fn list<A, B>(what: &str, items: Vec<A>, each: impl FnMut(A) -> Result<B, Wrong>) -> Result<Vec<B>, Wrong> {
    match items.len() {
        0..=MAX_ITEMS => items.into_iter().map(each).collect(),
        many => Err(format!("it has {many} {what}; {MAX_ITEMS} are allowed")),
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("there are two of the {what} `{name}`"));
        }
    }
    Ok(())
}

fn path(answer: &str) -> Result<RelPath, Wrong> {
    RelPath::new(answer).map_err(|error| shown(&error.to_string()))
}

fn entry_path(answer: &str) -> Result<RelPath, Wrong> {
    match path(answer)? {
        root if root.is_root() => Err("a path is empty, which names the whole tree".to_owned()),
        path => Ok(path),
    }
}

/// The directory of "DIRECTORY/*" or "*"; none for what has no "*" at its end.
fn everything(answer: &str) -> Result<Option<RelPath>, Wrong> {
    match answer.strip_suffix('*') {
        Some("") => Ok(Some(RelPath::root())),
        Some(directory) => match directory.strip_suffix('/') {
            Some(directory) => entry_path(directory).map(Some),
            None => Err(format!("`{}`: a `*` stands for all of a directory only", shown(answer))),
        },
        None => Ok(None),
    }
}

/// Lower-case letters, digits and "-", at most 32.
fn word(what: &str, answer: String) -> Result<String, Wrong> {
    let fits = (1..=32).contains(&answer.len())
        && answer.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    match fits {
        true => Ok(answer),
        false => Err(format!(
            "{what} is `{}`; it may have lower-case letters, digits and `-`, at most 32",
            shown(&answer)
        )),
    }
}

/// ASCII letters, digits and some others; what begins with "-" could be taken for an option.
fn identifier(what: &str, answer: String, longest: usize, others: &[u8]) -> Result<String, Wrong> {
    let fits = (1..=longest).contains(&answer.len())
        && !answer.starts_with('-')
        && answer.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte));
    match fits {
        true => Ok(answer),
        false => Err(format!(
            "{what} is `{}`; it may have letters, digits and any of `{}`, at most {longest}",
            shown(&answer),
            String::from_utf8_lossy(others)
        )),
    }
}

fn absolute(what: &str, answer: String) -> Result<String, Wrong> {
    let below = answer.strip_prefix('/');
    match below.map(|below| RelPath::new(below.strip_suffix('/').unwrap_or(below))) {
        Some(Ok(_)) if !answer.contains(char::is_control) => Ok(answer),
        _ => Err(format!("{what} is `{}`; it must be an absolute path", shown(&answer))),
    }
}

/// One line that may be printed.
fn line(what: &str, answer: String) -> Result<String, Wrong> {
    match answer.contains(char::is_control) {
        true => Err(format!("{what} has control characters: `{}`", shown(&answer))),
        false => text(what, answer),
    }
}

fn text(what: &str, answer: String) -> Result<String, Wrong> {
    if answer.len() > 16 * MAX_TEXT {
        return Err(format!("{what} has a text of {} bytes; {} are allowed", answer.len(), 16 * MAX_TEXT));
    }
    match answer.contains('\0') {
        true => Err(format!("{what} has a NUL byte")),
        false => Ok(answer),
    }
}

fn pairs(what: &str, answer: Vec<shared::Pair>) -> Result<Vec<(String, String)>, Wrong> {
    let pairs = list(what, answer, |pair| {
        let value_of = format!("`{}` of {what}", shown(&pair.key));
        Ok((line(what, pair.key)?, line(&value_of, pair.value)?))
    })?;
    unique(what, pairs.iter().map(|(key, _)| key.as_str()))?;
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> answered::Support {
        answered::Support {
            runtime: shared::Runtime {
                language: "python".to_owned(),
                version: "3.12".to_owned(),
                variant: "default".to_owned(),
            },
            architectures: vec!["x64".to_owned()],
            deployments: vec!["package".to_owned()],
            build_images: vec![image("x64", "python:3.12")],
            libc: "glibc-2.34".to_owned(),
        }
    }

    fn image(architecture: &str, name: &str) -> answered::BuildImage {
        answered::BuildImage {
            architecture: architecture.to_owned(),
            source: answered::ImageSource::Reference(name.to_owned()),
        }
    }

    fn described() -> answered::Description {
        answered::Description {
            name: "cloud".to_owned(),
            title: "A Cloud".to_owned(),
            deployments: vec![answered::Deployment {
                name: "package".to_owned(),
                image: false,
                symlinks: true,
                limits: Vec::new(),
            }],
            supports: vec![row()],
            settings: Vec::new(),
        }
    }

    #[test]
    fn each_mistake_of_a_description_is_named() {
        assert!(description(described()).is_ok());
        type Change = fn(&mut answered::Description);
        let cases: [(Change, &str); 11] = [
            (|it| it.name = "My Cloud".to_owned(), "My Cloud"),
            (|it| it.name = "a".repeat(33), "at most 32"),
            (|it| it.title = "\x1b[31m".to_owned(), "title"),
            (|it| it.deployments.clear(), "no deployment"),
            (|it| it.deployments.push(it.deployments[0].clone()), "two of the deployment `package`"),
            (|it| it.supports[0].deployments.push("container".to_owned()), "container"),
            (|it| it.supports[0].architectures.push("vax".to_owned()), "vax"),
            (|it| it.supports[0].libc = "bionic".to_owned(), "bionic"),
            (|it| it.supports[0].build_images.push(image("arm64", "x")), "arm64"),
            (|it| it.supports[0].build_images.push(image("x64", "y")), "two of the build image"),
            (|it| it.supports[0].build_images[0] = image("x64", "--privileged x"), "--privileged"),
        ];
        for (change, words) in cases {
            let mut answer = described();
            change(&mut answer);
            let wrong = description(answer).unwrap_err();
            assert!(wrong.contains(words), "{wrong}");
        }
    }

    #[test]
    fn a_file_stays_in_the_tree() {
        let file = |path: &str| shared::File {
            path: path.to_owned(),
            contents: shared::Contents::Text(String::new()),
            executable: false,
        };
        for path in ["../x", "/etc/passwd", "a/../b", "", "a//b", "a\0b"] {
            assert!(files(vec![file(path)]).is_err(), "{path}");
        }
        assert!(files(vec![file("a"), file("a")]).unwrap_err().contains("two files"));
        assert!(files(vec![file("a"); MAX_ITEMS + 1]).unwrap_err().contains("10001 files"));
    }

    #[test]
    fn a_package_is_a_name_and_a_version() {
        let of = |name: &str, version: &str| {
            requirements(vec![answered::Requirement { name: name.to_owned(), version: version.to_owned() }])
        };
        for (name, version) in [("boto3", "1.43.0"), ("@aws-sdk/client-s3", "3.1000.0"), ("a.b:c", "1.0-jre")]
        {
            assert!(of(name, version).is_ok(), "{name}");
        }
        for (name, version) in [
            ("-r/etc/passwd", "1"),
            ("a\nb", "1"),
            ("a", ">=1"),
            ("a", ""),
            ("", "1"),
            ("a ; x", "1"),
            ("a", "-1"),
        ] {
            assert!(of(name, version).is_err(), "{name} {version}");
        }
    }

    #[test]
    fn a_star_stands_for_all_of_a_directory() {
        let of = |source: &str, except: &[&str]| {
            edit(answered::Edit::Move(answered::MoveEntry {
                source: source.to_owned(),
                directory: "d".to_owned(),
                except: except.iter().map(|name| (*name).to_owned()).collect(),
            }))
        };
        let directory = RelPath::new("d").unwrap();
        assert_eq!(
            of("*", &["keep"]).unwrap(),
            Edit::MoveAll {
                source: RelPath::root(),
                directory: directory.clone(),
                except: vec![Name::new("keep").unwrap()]
            }
        );
        assert_eq!(of("a/b", &[]).unwrap(), Edit::Move { source: RelPath::new("a/b").unwrap(), directory });
        for (source, except) in [("a*", [].as_slice()), ("/*", &[]), ("", &[]), ("a", &["b"])] {
            assert!(of(source, except).is_err(), "{source}");
        }
    }
}
