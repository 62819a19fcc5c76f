//! The action that runs npm, and what its words mean.

use std::collections::BTreeMap;
use std::time::Duration;

use super::PACKAGES;
use super::manifest::{ADDED, LOCKS, MANIFEST, Manifest, is_locked};
use crate::executor::{Action, Environment, Secret};
use crate::language::indexes::Address;
use crate::language::script::Script;
use crate::language::{Indexes, Installation, LanguageError, Place, Runtime, constant, write_file};
use crate::store::Store;
use crate::tree::{Node, RelPath, Tree};

/// The settings of npm that a function may have.
const NPMRC: &str = ".npmrc";
/// Where npm finds the registry.
const REGISTRY: &str = "npm_config_registry";

pub fn installation(
    store: &Store,
    tree: &Tree,
    runtime: &Runtime,
    place: &Place,
    indexes: &Indexes,
    time_limit: Duration,
) -> Result<Option<Installation>, LanguageError> {
    let manifest = Manifest::read(store, tree)?;
    if manifest.dependencies().chain(manifest.added()).next().is_none() {
        return Ok(None);
    }
    let native = place.is_native(runtime);
    let local = check_local(tree, &manifest)?;
    let whole = local || (native && !manifest.install_scripts().is_empty());
    let mut kept = tree.clone();
    kept.remove(&constant(ADDED));
    let mut input = if whole { kept.clone() } else { manifests(tree) };
    // A lock file has to fit all of the manifest.
    if !is_locked(tree)
        && let Some(text) = manifest.without_development()
    {
        write_file(store, &mut input, &constant(MANIFEST), text.as_bytes())?;
    }
    let (variables, secret_variables) = registry(indexes);
    let action = Action {
        title: format!("npm packages for Node.js {} on {}", runtime.version, runtime.architecture),
        command: command(tree, &manifest, runtime, native, local),
        variables,
        secret_variables,
        input,
        working_directory: RelPath::root(),
        outputs: vec![constant(PACKAGES)],
        environment: environment(place)?,
        network: true,
        time_limit,
    };
    Ok(Some(Installation { action, into: constant(PACKAGES), tree: kept }))
}

fn environment(place: &Place) -> Result<Environment, LanguageError> {
    match place {
        Place::Host { tools } if tools.is_empty() => Err(LanguageError::NoTool(
            "npm is not installed on this machine; install Node.js, or build with --executor docker"
                .to_owned(),
        )),
        Place::Host { tools } => Ok(Environment::Host { tools: tools.clone() }),
        Place::Docker { image, digest, .. } => {
            Ok(Environment::Docker { image: image.clone(), digest: digest.clone() })
        }
    }
}

/// The files that npm reads when all packages come from a registry.
fn manifests(tree: &Tree) -> Tree {
    let mut manifests = Tree::empty();
    for name in [MANIFEST, LOCKS[0], LOCKS[1], NPMRC] {
        if let Some(file) = tree.file(&constant(name)) {
            manifests.insert(&constant(name), Node::File(file)).expect("the root takes entries");
        }
    }
    manifests
}

/// Whether a package lies in the tree; one that lies elsewhere is an error.
fn check_local(tree: &Tree, manifest: &Manifest) -> Result<bool, LanguageError> {
    let mut any = false;
    for (name, wanted) in manifest.dependencies() {
        let path = wanted.strip_prefix("file:").or_else(|| wanted.strip_prefix("link:"));
        let path = path.or_else(|| wanted.starts_with(['.', '/', '~']).then_some(wanted));
        let Some(path) = path else { continue };
        let wrong = |reason: &str| {
            LanguageError::Manifest(format!("{MANIFEST}: dependencies.{name}: `{wanted}` {reason}"))
        };
        let inside = constant(MANIFEST).resolve_link(path.as_bytes());
        let inside = inside
            .map_err(|_| wrong("leads out of the function's folder; only what is in it can be installed"))?;
        if tree.get(&inside).is_none() {
            return Err(wrong("is not there"));
        }
        any = true;
    }
    Ok(any)
}

/// Of every installation. The last ones are what a function's .npmrc could set so that packages or
/// logs land elsewhere than in its tree, or nowhere.
const OPTIONS: [&str; 10] = [
    "--omit=dev",
    "--install-links",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--global=false",
    "--location=project",
    "--dry-run=false",
    "--package-lock-only=false",
    "--logs-max=0",
];

fn command(tree: &Tree, manifest: &Manifest, runtime: &Runtime, native: bool, local: bool) -> Vec<String> {
    let mut options = OPTIONS.map(str::to_owned).to_vec();
    if !native {
        // Packages are chosen for the function's machine, and nothing is run for this one.
        options.extend(["--os=linux".to_owned(), format!("--cpu={}", runtime.architecture.name())]);
        options.extend([format!("--libc={}", runtime.libc.npm_name()), "--ignore-scripts".to_owned()]);
    }
    let npm = |words: &[&str]| {
        words.iter().map(|word| (*word).to_owned()).chain(options.clone()).collect::<Vec<_>>()
    };
    let mut script = Script::default();
    if is_locked(tree) {
        script.run(npm(&["npm", "ci"]));
    } else {
        script.run(npm(&["npm", "install", "--no-package-lock"]));
    }
    let added: Vec<String> = manifest.added().map(|(name, version)| format!("{name}@{version}")).collect();
    if !added.is_empty() {
        // It reads the lock file and leaves it alone; without one it would bring others up to date.
        script.run(npm(&["npm", "install", "--no-save"]).into_iter().chain(added));
    }
    if local {
        script.shell(COPY_LINKED);
    }
    script.into_command()
}

/// npm links to packages that lie below the manifest, whatever it is told; a copy takes the place
/// of each link, first in the packages' own folders.
const COPY_LINKED: &str = "\
for folder in . node_modules; do
  if [ $folder = . ]; then skip=./node_modules; else skip=none; fi
  find $folder -path $skip -prune -o -type l -path '*node_modules/*' ! -path '*/.bin/*' -print | while read -r link; do
    goal=$(readlink -f \"$link\") && rm \"$link\" && cp -R \"$goal\" \"$link\" || exit 1
  done || exit 1
done";

/// The registry of the settings: without a login where everybody sees it.
fn registry(indexes: &Indexes) -> (BTreeMap<String, String>, BTreeMap<String, Secret>) {
    let Some(url) = &indexes.npm_registry else { return Default::default() };
    let address = Address::of(url);
    let mut secrets = BTreeMap::new();
    if let Some(login) = address.login {
        // npm takes logins from its settings alone, named by what follows the scheme.
        let place = address.public.split_once(':').map_or("", |(_, rest)| rest).trim_end_matches('/');
        let (key, value) = match login.contains(':') {
            true => ("_auth", crate::language::base64::encode_padded(login.as_bytes())),
            false => ("_authToken", login.to_owned()),
        };
        secrets.insert(format!("npm_config_{place}/:{key}"), Secret::new(value));
    }
    (BTreeMap::from([(REGISTRY.to_owned(), address.public)]), secrets)
}

/// What npm's error codes mean: <https://docs.npmjs.com/common-errors>.
pub fn explain(output: &str, _: &Place) -> Option<String> {
    let code = output.lines().find_map(|line| {
        let line = line.trim_start_matches("npm ").trim_start_matches("ERR! ").trim_start_matches("error ");
        line.strip_prefix("code ")
    })?;
    let after = |words: &str| {
        let (_, rest) = output.split_once(words)?;
        rest.split_whitespace().next().map(|word| word.trim_matches(['.', ':', '\'', ' ']))
    };
    let named = |words: &str| after(words).unwrap_or("a package");
    Some(match code.trim() {
        "ETARGET" => {
            format!("there is no version {}; mend package.json", named("No matching version found for "))
        }
        // Its name is the one in quotes.
        "E404" => format!("the registry has no package {}; mend package.json", named(" '")),
        "E401" | "E403" | "ENEEDAUTH" => {
            "the registry refuses the login; check `npm-registry` of [indexes] in fnpack.toml, or .npmrc".to_owned()
        }
        "EUSAGE" => "package.json and package-lock.json do not fit; run `npm install` in the function's folder".to_owned(),
        "EINTEGRITY" => "a package is not what the lock file says it is".to_owned(),
        "EBADPLATFORM" => format!(
            "{} is not for the function's machine, Linux on its processor; take it out of package.json",
            named("Unsupported platform for ")
        ),
        "ERESOLVE" => "the packages' requirements contradict each other; mend package.json".to_owned(),
        "ENOTFOUND" | "EAI_AGAIN" | "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "ENETUNREACH" | "ERR_SOCKET_TIMEOUT" => {
            "the registry cannot be reached over the network; check the connection, the proxy, and `network` of [docker] in fnpack.toml".to_owned()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::manifest::tests::tree_of;
    use super::*;
    use crate::language::Architecture;

    fn runtime(architecture: Architecture) -> Runtime {
        Runtime {
            version: "22".into(),
            variant: "default".into(),
            architecture,
            libc: "glibc-2.34".parse().unwrap(),
        }
    }

    fn host() -> Place {
        Place::Host { tools: BTreeMap::from([("npm".to_owned(), "10.9.0".to_owned())]) }
    }

    fn plan(
        files: &[(&str, &str)],
        place: &Place,
        indexes: &Indexes,
    ) -> Result<Option<Action>, LanguageError> {
        let (_folder, store, tree) = tree_of(files);
        let limit = Duration::from_secs(60);
        installation(&store, &tree, &runtime(Architecture::Arm64), place, indexes, limit)
            .map(|found| found.map(|found| found.action))
    }

    const REQUIRES: (&str, &str) = ("package.json", r#"{"dependencies": {"ms": "2.1.3"}}"#);

    #[test]
    fn the_input_is_the_manifest_and_not_the_code() {
        let files = [REQUIRES, ("function.js", "code"), (".npmrc", ""), ("sub/x.js", "")];
        let action = plan(&files, &host(), &Indexes::default()).unwrap().unwrap();
        let names: Vec<_> = action.input.files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(names, [".npmrc", "package.json"]);
        assert!(action.command.contains(&"--cpu=arm64".to_owned()), "{:?}", action.command);
        assert!(action.command.contains(&"--ignore-scripts".to_owned()));
    }

    #[test]
    fn a_native_container_runs_scripts() {
        let place =
            Place::Docker { image: "i".into(), digest: "d".into(), architecture: Architecture::Arm64 };
        let action = plan(&[REQUIRES], &place, &Indexes::default()).unwrap().unwrap();
        assert!(
            !action.command.iter().any(|word| word.contains("--ignore-scripts") || word.contains("--cpu"))
        );
    }

    #[test]
    fn nothing_required_installs_nothing() {
        assert!(
            plan(&[("package.json", r#"{"devDependencies": {"x": "1"}}"#)], &host(), &Indexes::default())
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_folder_of_the_function_makes_all_of_it_the_input() {
        let files = [
            ("package.json", r#"{"dependencies": {"own": "file:./own"}}"#),
            ("own/package.json", "{}"),
            ("function.js", ""),
        ];
        let action = plan(&files, &host(), &Indexes::default()).unwrap().unwrap();
        assert_eq!(action.input.files().count(), 3);
        assert!(action.command[2].ends_with(COPY_LINKED), "{:?}", action.command);
        for wanted in ["file:../own", "file:/opt/own", "../own", "file:./gone"] {
            let manifest = format!(r#"{{"dependencies": {{"own": "{wanted}"}}}}"#);
            let error =
                plan(&[("package.json", &manifest)], &host(), &Indexes::default()).unwrap_err().to_string();
            assert!(error.contains("dependencies.own") && error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_lock_is_installed_first_and_what_was_added_then() {
        let files = [REQUIRES, ("package-lock.json", "{}"), (ADDED, r#"{"uuid": "9.0.0"}"#)];
        let (_folder, store, tree) = tree_of(&files);
        let limit = Duration::from_secs(60);
        let runtime = runtime(Architecture::Arm64);
        let found = installation(&store, &tree, &runtime, &host(), &Indexes::default(), limit);
        let Installation { action, tree, .. } = found.unwrap().unwrap();
        assert!(tree.file(&constant(ADDED)).is_none(), "it is no part of the package");
        let script = &action.command[2];
        assert!(
            script.starts_with("npm ci ")
                && script.contains("&&\nnpm install --no-save")
                && script.ends_with("uuid@9.0.0"),
            "{script}"
        );
    }

    #[test]
    fn a_login_is_no_part_of_the_key() {
        let with = |url: &str| Indexes { npm_registry: Some(url.to_owned()), ..Indexes::default() };
        let open = plan(&[REQUIRES], &host(), &with("https://npm.example/")).unwrap().unwrap();
        let closed = plan(&[REQUIRES], &host(), &with("https://token@npm.example/")).unwrap().unwrap();
        assert_eq!(open.digest(), closed.digest());
        assert_eq!(closed.secret_variables["npm_config_//npm.example/:_authToken"].expose(), "token");
    }

    #[test]
    fn what_only_development_needs_is_not_looked_up() {
        let files = [(
            "package.json",
            r#"{"dependencies": {"ms": "2.1.3"}, "devDependencies": {"tool": "file:../tool"}}"#,
        )];
        let (_folder, store, tree) = tree_of(&files);
        let limit = Duration::from_secs(60);
        let runtime = runtime(Architecture::X64);
        let found = installation(&store, &tree, &runtime, &host(), &Indexes::default(), limit);
        let Installation { action, tree: kept, .. } = found.unwrap().unwrap();
        let input = store.read(&action.input.file(&constant(MANIFEST)).unwrap().digest).unwrap();
        assert!(!String::from_utf8(input).unwrap().contains("tool"));
        assert_eq!(kept, tree, "the package has the manifest as it was");
    }

    #[test]
    fn npms_codes_are_explained() {
        let output = "npm ERR! code ETARGET\nnpm ERR! notarget No matching version found for ms@99.0.0.\n";
        assert!(explain(output, &host()).unwrap().contains("ms@99.0.0"));
        let output = "npm error code E404\nnpm error 404 Not Found - GET x\nnpm error 404\nnpm error 404  The requested resource 'gone@1' could not be found\n";
        assert!(explain(output, &host()).unwrap().contains("package gone@1;"));
        let output =
            "npm error code EBADPLATFORM\nnpm error notsup Unsupported platform for fsevents@2.3.3: wanted\n";
        assert!(explain(output, &host()).unwrap().starts_with("fsevents@2.3.3 is not"));
        let output = "npm error code ENOTFOUND\nnpm error network request failed\n";
        assert!(explain(output, &host()).unwrap().contains("network"));
        assert_eq!(explain("something else", &host()), None);
    }
}
