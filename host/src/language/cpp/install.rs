//! The action that builds the program and gathers the libraries that it needs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::sources::without_sources;
use crate::executor::{Action, Environment};
use crate::language::{Architecture, HostTool, Installation, LanguageError, Libc, Place, Runtime, constant};
use crate::tree::{Node, RelPath, Tree};

/// What CMake is told to build, and the program's name in the package.
pub const PROGRAM: &str = "benchmark";
/// Where its shared libraries are in the package.
pub const LIBRARIES: &str = "lib";
/// Where the script leaves both.
const OUTPUT: &str = ".fnpack/package";

const CMAKE: &str = "cmake";
const COMPILER: &str = "g++";
const GLIBC: &str = "glibc";

/// What takes part in a build on this machine.
pub const TOOLS: [HostTool; 3] = [
    HostTool { name: CMAKE, version_command: &["cmake", "--version"], hint: "install cmake", also: &[] },
    HostTool {
        name: COMPILER,
        version_command: &["g++", "-dumpfullversion"],
        hint: "install g++",
        also: &[],
    },
    HostTool {
        name: GLIBC,
        version_command: &["getconf", "GNU_LIBC_VERSION"],
        hint: "use a Linux with the GNU C library",
        also: &[],
    },
];

pub fn installation(
    tree: &Tree,
    runtime: &Runtime,
    place: &Place,
    time_limit: Duration,
) -> Result<Installation, LanguageError> {
    let kept = without_sources(tree);
    check_names(&kept)?;
    let action = Action {
        title: format!("C++ program on {}", runtime.architecture),
        command: vec!["sh".to_owned(), "-c".to_owned(), include_str!("build.sh").to_owned()],
        variables: BTreeMap::new(),
        secret_variables: BTreeMap::new(),
        input: tree.clone(),
        working_directory: RelPath::root(),
        outputs: vec![constant(OUTPUT)],
        environment: environment(runtime, place)?,
        network: true,
        time_limit,
    };
    Ok(Installation { action, into: RelPath::root(), tree: kept.without_empty_directories() })
}

/// The program's name belongs to the program.
fn check_names(kept: &Tree) -> Result<(), LanguageError> {
    let taken = kept.get(&constant(PROGRAM)).is_some();
    let no_folder =
        matches!(kept.get(&constant(LIBRARIES)), Some(node) if !matches!(node, Node::Directory(_)));
    let name = match (taken, no_folder) {
        (true, _) => PROGRAM,
        (_, true) => LIBRARIES,
        _ => return Ok(()),
    };
    Err(LanguageError::Manifest(format!(
        "the cpp folder has an entry `{name}`, which is the name of what is built; give it another"
    )))
}

fn environment(runtime: &Runtime, place: &Place) -> Result<Environment, LanguageError> {
    let wanted = runtime.architecture;
    match place {
        Place::Docker { architecture, .. } if !place.is_native(runtime) => {
            Err(LanguageError::NoTool(format!(
                "a C++ program is compiled for the processor that the build image runs on: the engine's is \
                 {architecture}, the function's {wanted}; build on a machine with {wanted}"
            )))
        }
        Place::Docker { image, digest, .. } => {
            Ok(Environment::Docker { image: image.clone(), digest: digest.clone() })
        }
        Place::Host { tools } => {
            check_machine(runtime, Architecture::of_this_machine(), tools)?;
            Ok(Environment::Host { tools: tools.clone() })
        }
    }
}

/// A program that this machine compiles runs on this machine's processor with its C library, or
/// a newer one.
fn check_machine(
    runtime: &Runtime,
    own: Option<Architecture>,
    tools: &BTreeMap<String, String>,
) -> Result<(), LanguageError> {
    let advice =
        "build with --executor docker and a build image of the platform (`build-images` in fnpack.toml)";
    let refuse = |reason: String| Err(LanguageError::NoTool(format!("{reason}; {advice}")));
    if own != Some(runtime.architecture) {
        return refuse(format!(
            "this machine's processor is {}, and its compiler cannot make a program for {}",
            own.map_or(std::env::consts::ARCH, Architecture::name),
            runtime.architecture
        ));
    }
    let missing: Vec<&str> =
        [CMAKE, COMPILER].into_iter().filter(|tool| !tools.contains_key(*tool)).collect();
    if !missing.is_empty() {
        return refuse(format!("{} is not installed on this machine", missing.join(" and ")));
    }
    let here = tools.get(GLIBC).and_then(|version| format!("glibc-{version}").parse::<Libc>().ok());
    match (here, runtime.libc) {
        (Some(Libc::Glibc { major, minor }), Libc::Glibc { major: least, minor: last })
            if (major, minor) <= (least, last) =>
        {
            Ok(())
        }
        (here, libc) => refuse(format!(
            "this machine's C library is {}, and the function's {libc}: a program that is compiled here may need what \
             is not there",
            here.map_or("unknown".to_owned(), |here| here.to_string())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Digest, FileEntry};

    fn runtime(architecture: Architecture) -> Runtime {
        Runtime {
            version: "all".into(),
            variant: "default".into(),
            architecture,
            libc: "glibc-2.34".parse().unwrap(),
        }
    }

    fn tools(glibc: &str) -> BTreeMap<String, String> {
        [(CMAKE, "3.25.1"), (COMPILER, "12.2.0"), (GLIBC, glibc)]
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .into()
    }

    fn tree(paths: &[&str]) -> Tree {
        let mut tree = Tree::empty();
        for path in paths {
            let file = FileEntry { digest: Digest::of(b""), executable: false };
            tree.insert(&RelPath::new(path).unwrap(), Node::File(file)).unwrap();
        }
        tree
    }

    #[test]
    fn this_machine_builds_only_what_runs_there() {
        use Architecture::{Arm64, X64};
        let check = |own, glibc: &str| check_machine(&runtime(X64), Some(own), &tools(glibc));
        check(X64, "2.34").unwrap();
        check(X64, "2.26").unwrap();
        for (own, glibc, words) in
            [(Arm64, "2.34", ["arm64", "x64"]), (X64, "2.36", ["glibc-2.36", "glibc-2.34"])]
        {
            let error = check(own, glibc).unwrap_err().to_string();
            assert!(words.iter().chain(&["--executor docker"]).all(|word| error.contains(word)), "{error}");
        }
        let error = check_machine(&runtime(X64), Some(X64), &BTreeMap::new()).unwrap_err().to_string();
        assert!(error.contains("cmake and g++"), "{error}");
    }

    #[test]
    fn a_container_of_another_processor_is_refused() {
        let place = Place::Docker { image: "i".into(), digest: "d".into(), architecture: Architecture::X64 };
        installation(&tree(&[]), &runtime(Architecture::X64), &place, Duration::MAX).unwrap();
        let error = installation(&tree(&[]), &runtime(Architecture::Arm64), &place, Duration::MAX);
        assert!(error.unwrap_err().to_string().contains("arm64"));
    }

    #[test]
    fn all_sources_are_the_input_and_none_is_packaged() {
        let place = Place::Docker { image: "i".into(), digest: "d".into(), architecture: Architecture::X64 };
        let tree = tree(&["main.cpp", "a/b.hpp", "data/x.txt", "CMakeLists.txt"]);
        let found = installation(&tree, &runtime(Architecture::X64), &place, Duration::MAX).unwrap();
        assert_eq!(found.action.input, tree);
        let left: Vec<_> = found.tree.entries().into_iter().map(|(path, _)| path.to_string()).collect();
        assert_eq!(left, ["data", "data/x.txt"]);
    }

    #[test]
    fn an_entry_of_the_programs_name_is_refused() {
        let place = Place::Docker { image: "i".into(), digest: "d".into(), architecture: Architecture::X64 };
        for name in ["benchmark", "benchmark/x.txt", "lib"] {
            let found = installation(&tree(&[name]), &runtime(Architecture::X64), &place, Duration::MAX);
            assert!(found.unwrap_err().to_string().contains("name of what is built"), "{name}");
        }
    }
}
