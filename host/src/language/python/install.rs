//! The action that installs a function's requirements.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PACKAGES;
use super::installer::Installer;
use super::local::Kind;
use super::manifest::{ADDED, MANIFEST};
use super::requirements::Requirements;
use crate::executor::{Action, Environment, Secret};
use crate::language::indexes::Address;
use crate::language::script::Script;
use crate::language::{Indexes, Installation, LanguageError, Place, Runtime, constant, write_file};
use crate::store::Store;
use crate::tree::{RelPath, Tree};

/// In the action's folder: what is installed, under what constraints, and to where.
const REQUIREMENTS: &str = ".fnpack/requirements.txt";
const CONSTRAINTS: &str = ".fnpack/constraints.txt";
const TARGET: &str = ".fnpack/packages";
/// What is installed after packages that have hashes, the versions of these, and to where first:
/// pip leaves out what a folder already has a part of, such as a namespace.
const UNHASHED: &str = ".fnpack/unhashed.txt";
const PINS: &str = ".fnpack/pins.txt";
const UNHASHED_TARGET: &str = ".fnpack/unhashed";

pub fn installation(
    store: &Store,
    tree: &Tree,
    runtime: &Runtime,
    place: &Place,
    indexes: &Indexes,
    time_limit: Duration,
) -> Result<Option<Installation>, LanguageError> {
    let required = Requirements::read(store, tree, &constant(MANIFEST))?;
    let added = Requirements::read(store, tree, &constant(ADDED))?;
    if required.is_empty() && added.is_empty() {
        return Ok(None);
    }
    let installer = Installer::of(place, runtime)?;
    if let Some(line) = &required.no_binary
        && !installer.native()
    {
        return Err(LanguageError::Manifest(format!(
            "{line} asks for a package to be compiled, which cannot be done for another machine; take the line \
             out, or build with --executor docker in a container like the function's machine"
        )));
    }
    let needs_tree = !required.locals.is_empty() || !required.folders.is_empty();
    let mut input = if needs_tree { tree.clone() } else { Tree::empty() };
    let script = write_steps(store, &mut input, &required, &added, &installer)?;
    let (mut variables, secret_variables) = index_variables(indexes);
    variables.insert("PIP_ROOT_USER_ACTION".to_owned(), "ignore".to_owned());
    let action = Action {
        title: format!("Python packages for {} on {}", runtime.version, runtime.architecture),
        command: script.into_command(),
        variables,
        secret_variables,
        input,
        working_directory: RelPath::root(),
        outputs: vec![constant(TARGET)],
        environment: match place {
            Place::Host { tools } => Environment::Host { tools: tools.clone() },
            Place::Docker { image, digest, .. } => {
                Environment::Docker { image: image.clone(), digest: digest.clone() }
            }
        },
        network: true,
        time_limit,
    };
    let mut kept = tree.clone();
    kept.remove(&constant(ADDED));
    Ok(Some(Installation { action, into: constant(PACKAGES), tree: kept }))
}

/// Writes the files that the steps read, and gives the steps.
fn write_steps(
    store: &Store,
    input: &mut Tree,
    required: &Requirements,
    added: &Requirements,
    installer: &Installer,
) -> Result<Script, LanguageError> {
    let mut script = Script::default();
    // Packages that lie in the tree have no hashes; where others have them, they come after.
    let locals_file = if required.hashed { UNHASHED } else { REQUIREMENTS };
    let mut first = required.lines.clone();
    let mut second = added.lines.clone();
    for (number, local) in required.locals.iter().enumerate() {
        let here = format!("./{}", local.path);
        if local.kind == Kind::Wheel || installer.native() {
            let line = format!("{}{}", here.trim_end_matches('/'), local.suffix);
            (if required.hashed { &mut second } else { &mut first }).push(line);
        } else {
            installer.build_wheel(&mut script, number, &here, local, locals_file);
        }
    }
    let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let mut write =
        |path: &str, lines: &[String]| write_file(store, input, &constant(path), text(lines).as_bytes());
    write(REQUIREMENTS, &first)?;
    write(UNHASHED, &second)?;
    write(CONSTRAINTS, &required.constraints)?;
    write(PINS, &required.pins())?;
    if !required.is_empty() {
        script.run(installer.install(REQUIREMENTS, CONSTRAINTS, TARGET));
    }
    let is_local_later = required.hashed && !required.locals.is_empty();
    if !second.is_empty() || is_local_later {
        script.run(installer.install(UNHASHED, PINS, UNHASHED_TARGET));
        script.shell(format!("mkdir -p {TARGET} && cp -R {UNHASHED_TARGET}/. {TARGET}"));
    }
    Ok(script)
}

/// The settings' indexes, for uv and for pip: without logins where everybody sees them.
fn index_variables(indexes: &Indexes) -> (BTreeMap<String, String>, BTreeMap<String, Secret>) {
    let (mut variables, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    let mut set = |names: [&str; 2], urls: Vec<&String>| {
        if urls.is_empty() {
            return;
        }
        let public: Vec<_> = urls.iter().map(|url| Address::of(url).public).collect();
        let closed = urls.iter().any(|url| Address::of(url).login.is_some());
        let whole = urls.into_iter().cloned().collect::<Vec<_>>().join(" ");
        for name in names {
            variables.insert(name.to_owned(), public.join(" "));
            if closed {
                secrets.insert(name.to_owned(), Secret::new(whole.clone()));
            }
        }
    };
    set(["UV_DEFAULT_INDEX", "PIP_INDEX_URL"], indexes.python_index.iter().collect());
    set(["UV_INDEX", "PIP_EXTRA_INDEX_URL"], indexes.python_extra_indexes.iter().collect());
    (variables, secrets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Architecture;
    use crate::language::python::installer::{PIP, UV};
    use crate::language::python::tests::{runtime, text_of, tree_of};

    fn host(tool: &str) -> Place {
        Place::Host { tools: BTreeMap::from([(tool.to_owned(), "1.0".to_owned())]) }
    }

    fn container(architecture: Architecture) -> Place {
        Place::Docker { image: "image".into(), digest: "sha256:1".into(), architecture }
    }

    fn try_plan(
        files: &[(&str, &str)],
        place: &Place,
        indexes: &Indexes,
    ) -> Result<Option<(Installation, String)>, LanguageError> {
        let (_folder, store, tree) = tree_of(files);
        let limit = Duration::from_secs(60);
        let found = installation(&store, &tree, &runtime("3.11", Architecture::X64), place, indexes, limit)?;
        Ok(found.map(|found| {
            let text = text_of(&store, &found.action.input, REQUIREMENTS).unwrap();
            (found, text)
        }))
    }

    fn plan(files: &[(&str, &str)], place: &Place, indexes: &Indexes) -> Option<(Action, String)> {
        try_plan(files, place, indexes).unwrap().map(|(found, text)| (found.action, text))
    }

    #[test]
    fn the_input_is_what_is_required_and_not_the_code() {
        let files = [("requirements.txt", "six==1.16.0 # why\n"), ("function.py", "code")];
        let (action, text) = plan(&files, &host(UV), &Indexes::default()).unwrap();
        assert_eq!(text, "six==1.16.0\n");
        assert!(action.input.files().all(|(path, _)| path.to_string().starts_with(".fnpack/")));
        assert!(action.command.contains(&"--python-platform=x86_64-manylinux_2_34".to_owned()));
    }

    #[test]
    fn nothing_required_installs_nothing() {
        for files in [vec![], vec![("requirements.txt", "# nothing\n")]] {
            assert!(plan(&files, &host(UV), &Indexes::default()).is_none());
        }
    }

    #[test]
    fn packages_are_chosen_for_the_functions_machine_unless_the_container_is_one() {
        let files = [("requirements.txt", "six\n")];
        let native = plan(&files, &container(Architecture::X64), &Indexes::default()).unwrap().0.command;
        assert!(
            !native.iter().any(|word| word.contains("platform") || word.contains("only-binary")),
            "{native:?}"
        );
        for place in [container(Architecture::Arm64), host(PIP)] {
            let command = plan(&files, &place, &Indexes::default()).unwrap().0.command;
            for word in [
                "--platform=manylinux_2_34_x86_64",
                "--platform=manylinux2014_x86_64",
                "--abi=cp311",
                "--only-binary=:all:",
            ] {
                assert!(command.iter().any(|found| found == word), "{word}");
            }
            assert!(!command.contains(&"--platform=manylinux_2_35_x86_64".to_owned()));
        }
    }

    #[test]
    fn a_package_of_the_function_is_built_first_where_nothing_may_be_compiled() {
        let files = [("requirements.txt", "six\n-e ./lib\n"), ("lib/setup.py", ""), ("function.py", "code")];
        let (action, text) = plan(&files, &host(UV), &Indexes::default()).unwrap();
        assert_eq!(text, "six\n");
        assert!(action.input.file(&constant("function.py")).is_some(), "the whole folder is the input");
        let script = action.command.last().unwrap();
        assert!(
            script.contains("build --wheel") && script.contains("./lib") && script.contains("-none-any.whl"),
            "{script}"
        );
        let (_, text) = plan(&files, &container(Architecture::X64), &Indexes::default()).unwrap();
        assert_eq!(text, "six\n./lib\n");
    }

    #[test]
    fn what_has_hashes_is_installed_alone() {
        let files = [("requirements.txt", "six==1.16.0 --hash=sha256:1\n"), (ADDED, "boto3==1.0\n")];
        let (action, text) = plan(&files, &host(UV), &Indexes::default()).unwrap();
        assert_eq!(text, "six==1.16.0 --hash=sha256:1\n");
        let script = action.command.last().unwrap();
        assert!(script.contains(UNHASHED) && script.contains(PINS), "{script}");
        let (found, _) = try_plan(&files, &host(UV), &Indexes::default()).unwrap().unwrap();
        assert!(found.tree.file(&constant(ADDED)).is_none(), "it is no part of the package");
        assert!(found.tree.file(&constant(MANIFEST)).is_some());
    }

    #[test]
    fn nothing_is_compiled_for_the_machine_that_it_runs_on() {
        let files = [("requirements.txt", "six\n--no-binary=six\n")];
        for place in [host(UV), host(PIP), container(Architecture::Arm64)] {
            let error = try_plan(&files, &place, &Indexes::default()).unwrap_err().to_string();
            assert!(
                error.contains("requirements.txt, line 2") && error.contains("--executor docker"),
                "{error}"
            );
        }
        assert!(plan(&files, &container(Architecture::X64), &Indexes::default()).is_some());
        let none = [("requirements.txt", "six\n--no-binary :none:\n")];
        assert!(plan(&none, &host(UV), &Indexes::default()).is_some());
    }

    #[test]
    fn a_login_is_no_part_of_the_key() {
        let files = [("requirements.txt", "six\n")];
        let with = |url: &str| Indexes { python_index: Some(url.to_owned()), ..Indexes::default() };
        let open = plan(&files, &host(UV), &with("https://index.example/simple")).unwrap().0;
        let closed = plan(&files, &host(UV), &with("https://me:secret@index.example/simple")).unwrap().0;
        assert_eq!(open.digest(), closed.digest());
        assert!(closed.secret_variables["UV_DEFAULT_INDEX"].expose().contains("secret"));
        let other = plan(&files, &host(UV), &with("https://other.example/simple")).unwrap().0;
        assert_ne!(open.digest(), other.digest());
    }
}
