//! The builder that has an engine do it: a Dockerfile and its context, as any `docker build` takes
//! them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use bollard::auth::DockerCredentials;

use super::plan::Plan;
use super::{ImageError, Login, Platform, Reference};
use super::{layer, tar};
use crate::archive::{ArchiveError, write_directory, write_tar};
use crate::executor::{BuildError, Engine, ExecutionError, ImageBuild};
use crate::language::Architecture;
use crate::store::{Store, StoreError};
use crate::tree::{Digest, FileEntry, Node, RelPath, Tree, TreeError};

/// Why an engine built no image.
#[derive(Debug, thiserror::Error)]
pub enum EngineBuildError {
    /// The engine, or an instruction of the Dockerfile.
    #[error("{0}")]
    Engine(#[from] ExecutionError),
    /// The context.
    #[error("cannot send the image's files to the engine: {0}")]
    Context(#[from] ArchiveError),
    /// The cache.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A layer that would be another in an image.
    #[error("{0}")]
    Layer(#[from] ImageError),
    /// Two of the plan's files exclude each other.
    #[error("{0}")]
    Tree(#[from] TreeError),
    /// Commands cannot be run on a processor that the engine neither has nor emulates.
    #[error(
        "the image runs commands on {wanted}, and this machine has {own} and no emulation of {wanted}: install it \
         (the package qemu-user-static, or `docker run --privileged tonistiigi/binfmt --install {wanted}`), or build \
         on such a machine"
    )]
    NoEmulation {
        /// The image's processor.
        wanted: Architecture,
        /// The engine's.
        own: String,
    },
}

/// Has an engine build an image under a name; gives the digest by which the engine knows it.
pub fn build_in_engine(
    store: &Store,
    engine: &Engine,
    plan: &Plan,
    name: &str,
    network: &str,
    said: &mut dyn FnMut(&str),
) -> Result<String, EngineBuildError> {
    let context = context(store, plan)?;
    let platform = Platform::from(plan.architecture).to_string();
    let image = ImageBuild { tag: name, platform: Some(&platform), labels: HashMap::new(), network };
    let write =
        |mut writer: &mut dyn std::io::Write| write_tar(store, &context, &RelPath::root(), &mut writer);
    let mut foreign = false;
    let mut heard = |line: &str| {
        foreign |= tells_of_foreign_program(line);
        said(line);
    };
    let built = engine.build(&image, write, &mut heard);
    built.map_err(|error| match error {
        BuildError::Context(error) => error.into(),
        BuildError::Engine(error) => {
            foreign |= tells_of_foreign_program(&error.to_string());
            let own = engine.machine();
            if foreign && Architecture::of_machine(own) != Some(plan.architecture) {
                return EngineBuildError::NoEmulation { wanted: plan.architecture, own: own.to_owned() };
            }
            error.into()
        }
    })
}

/// Has an engine push an image to the registry of its name.
pub fn push_by_engine(
    engine: &Engine,
    name: &Reference,
    login: Option<Login>,
    said: &mut dyn FnMut(&str),
) -> Result<(), ExecutionError> {
    engine.push(&name.to_string(), login.map(|login| credentials(name, login)), said)
}

/// Has an engine get an image from the registry of its name, for a processor or for the engine's
/// own; gives the digest by which the engine knows it then.
pub fn pull_by_engine(
    engine: &Engine,
    name: &Reference,
    architecture: Option<Architecture>,
    login: Option<Login>,
    said: &mut dyn FnMut(&str),
) -> Result<String, ExecutionError> {
    let platform = architecture.map(|architecture| Platform::from(architecture).to_string());
    let login = login.map(|login| credentials(name, login));
    engine.pull(&name.to_string(), platform.as_deref(), login, said)
}

/// A login in the engine's words.
fn credentials(name: &Reference, login: Login) -> DockerCredentials {
    let mut credentials = DockerCredentials {
        serveraddress: Some(name.repository().registry().to_owned()),
        ..Default::default()
    };
    match login {
        Login::Password { user, password } => {
            credentials.username = Some(user);
            credentials.password = Some(password.reveal().to_owned());
        }
        Login::IdentityToken(token) => credentials.identitytoken = Some(token.reveal().to_owned()),
        Login::RegistryToken(token) => credentials.registrytoken = Some(token.reveal().to_owned()),
    }
    credentials
}

/// Writes the folder from which an engine makes the image, for `docker build`; gives its digest.
pub fn write_context(store: &Store, plan: &Plan, folder: &Path) -> Result<Digest, EngineBuildError> {
    Ok(write_directory(store, &context(store, plan)?, folder)?)
}

/// The folder that `docker build` takes: the Dockerfile, and a folder for each layer.
fn context(store: &Store, plan: &Plan) -> Result<Tree, EngineBuildError> {
    let mut context = Tree::empty();
    let digest = store.write(dockerfile(plan).as_bytes())?;
    let path = |name: &str| RelPath::new(name).expect("one name is a path");
    context.insert(&path("Dockerfile"), Node::File(FileEntry { digest, executable: false }))?;
    for (number, layer) in plan.layers.iter().enumerate() {
        let tree = store.tree(&layer.tree)?;
        tar::check(&tree, &layer::place(&layer.directory)?)?;
        context.insert(&path(&layer_folder(number)), Node::Directory(tree))?;
    }
    Ok(context)
}

fn layer_folder(number: usize) -> String {
    format!("layer-{}", number + 1)
}

/// Instructions of <https://docs.docker.com/reference/dockerfile/>. In what is run nothing is
/// expanded; in all else variables are, in lists in their JSON form, too, unless they are escaped.
fn dockerfile(plan: &Plan) -> String {
    let list = |words: &[String]| serde_json::to_string(words).expect("a list of texts");
    let mut text = format!("FROM {}\n", plan.base);
    for command in &plan.run {
        let _ = writeln!(text, "RUN {}", list(&["/bin/sh".to_owned(), "-c".to_owned(), command.clone()]));
    }
    for (number, layer) in plan.layers.iter().enumerate() {
        let directory = escaped(layer.directory.trim_end_matches('/'));
        let places = [format!("{}/", layer_folder(number)), format!("{directory}/")];
        let _ = writeln!(text, "COPY {}", list(&places));
    }
    for (name, value) in &plan.environment {
        let _ = writeln!(text, "ENV {}={}", escaped(name), quoted(value));
    }
    for (name, value) in &plan.labels {
        let _ = writeln!(text, "LABEL {}={}", quoted(name), quoted(value));
    }
    if let Some(directory) = &plan.working_directory {
        let _ = writeln!(text, "WORKDIR {}", escaped(directory));
    }
    if let Some(user) = &plan.user {
        let _ = writeln!(text, "USER {}", escaped(user));
    }
    if !plan.entrypoint.is_empty() {
        let _ = writeln!(text, "ENTRYPOINT {}", list(&plan.entrypoint));
    }
    if !plan.command.is_empty() {
        let _ = writeln!(text, "CMD {}", list(&plan.command));
    }
    text
}

/// A word without quotes in which the Dockerfile's parser expands nothing.
fn escaped(word: &str) -> String {
    let mut escaped = String::new();
    for character in word.chars() {
        if matches!(character, '"' | '\'' | '\\' | '$' | ' ' | '\t') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A text in which the Dockerfile's parser expands nothing.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\' | '$') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted + "\""
}

/// Whether a kernel refused to run a program, as one of another processor. Only the engine's own
/// machine knows what it emulates; files alone it puts into an image of any processor.
fn tells_of_foreign_program(line: &str) -> bool {
    let line = line.to_lowercase();
    line.contains("exec format error") || line.contains("invalid elf image")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::plan::PlannedLayer;
    use crate::tree::Digest;

    #[test]
    fn what_a_kernel_says_of_a_foreign_program_is_known() {
        for line in [
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "exec /bin/sh: exec format error",
            ".buildkit_qemu_emulator: /bin/sh: Invalid ELF image for this architecture",
        ] {
            assert!(tells_of_foreign_program(line), "{line}");
        }
        assert!(!tells_of_foreign_program("/bin/sh: 1: make: not found"));
    }

    #[test]
    fn a_dockerfile_says_what_the_plan_says_and_expands_nothing() {
        let layer = |directory: &str| PlannedLayer { directory: directory.into(), tree: Digest::of(b"") };
        let plan = Plan {
            base: "base:1".into(),
            architecture: Architecture::X64,
            run: vec!["apt-get update && echo \"$HOME\"".into()],
            layers: vec![layer("/function"), layer("/var/task/"), layer("/o'$A \\b")],
            environment: vec![("GREETING".into(), "say \"$HI\" \\o/".into()), ("A$B".into(), String::new())],
            labels: vec![("a.b".into(), "c d".into())],
            working_directory: Some("/var/$TASK ${A}".into()),
            user: Some("$USER:1000".into()),
            entrypoint: vec!["/run".into(), "$it".into()],
            command: vec!["a b".into()],
        };
        let expected = r#"FROM base:1
RUN ["/bin/sh","-c","apt-get update && echo \"$HOME\""]
COPY ["layer-1/","/function/"]
COPY ["layer-2/","/var/task/"]
COPY ["layer-3/","/o\\'\\$A\\ \\\\b/"]
ENV GREETING="say \"\$HI\" \\o/"
ENV A\$B=""
LABEL "a.b"="c d"
WORKDIR /var/\$TASK\ \${A}
USER \$USER:1000
ENTRYPOINT ["/run","$it"]
CMD ["a b"]
"#;
        assert_eq!(dockerfile(&plan), expected);
    }

    #[test]
    fn a_file_that_a_layer_would_take_for_another_is_refused() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let hides = RelPath::new("lib/.wh.x").unwrap();
        let tree = Tree::empty().with(&hides, Node::Directory(Tree::empty())).unwrap();
        let layer = PlannedLayer { directory: "/var/task".into(), tree: store.put_tree(&tree).unwrap() };
        let plan = Plan {
            base: "base:1".into(),
            architecture: Architecture::X64,
            run: Vec::new(),
            layers: vec![layer],
            environment: Vec::new(),
            labels: Vec::new(),
            working_directory: None,
            user: None,
            entrypoint: Vec::new(),
            command: Vec::new(),
        };
        let error = context(&store, &plan).unwrap_err().to_string();
        assert!(error.contains("var/task/lib/.wh.x") && error.contains("rename it"), "{error}");
    }
}
