//! The action that runs Maven.

use std::collections::BTreeMap;
use std::time::Duration;

use super::pom::{self, COMPILER, Pom};
use super::{JAVA, PROGRAM, release, variables};
use crate::executor::{Action, Environment};
use crate::language::{Installation, LanguageError, Place, Runtime, constant};
use crate::store::Store;
use crate::tree::{RelPath, Tree};

/// Beside the manifest: what serves the build and is no part of the package.
const BUILD_ONLY: [&str; 6] = ["pom.xml", "src", "target", ".mvn", "mvnw", "mvnw.cmd"];
/// Below the manifest's folder: where the program alone is put.
const OUTPUT: &str = "target/fnpack";

/// Runs Maven in the folder that is the first argument, with the others as its options, and with
/// what the executor lends it: see `executor/maven.rs`. Maven's own Java gets by with its fast
/// compiler, because it does not live long. The home that Java knows is not the variable's. What was
/// not found is not to be remembered: it may be published in the next minute. In the end
/// [`OWN_ENTRIES`](super::OWN_ENTRIES) is what the compiler and the resources left; without `find` it
/// is empty.
const BUILD: &str = r#"cd "$1" && shift && rm -rf target || exit
set -f
set -- "$@" $FNPACK_MAVEN_ARGUMENTS
[ -z "$FNPACK_MAVEN_SETTINGS" ] || set -- "$@" --settings "$FNPACK_MAVEN_SETTINGS"
[ -z "$FNPACK_MAVEN_SECURITY" ] || set -- "$@" "-Dsettings.security=$FNPACK_MAVEN_SECURITY"
[ -z "$FNPACK_JAVA_TRUST_STORE" ] || set -- "$@" "-Djavax.net.ssl.trustStore=$FNPACK_JAVA_TRUST_STORE" -Djavax.net.ssl.trustStoreType=JKS
[ -z "$FNPACK_MAVEN_REPOSITORY" ] || set -- "$@" "-Dmaven.repo.local=$FNPACK_MAVEN_REPOSITORY"
MAVEN_OPTS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC $MAVEN_OPTS"
case $HOME in *[[:space:]]*) ;; *) MAVEN_OPTS="$MAVEN_OPTS -Duser.home=$HOME" ;; esac
export MAVEN_OPTS
mvn "$@" package || {
  status=$?
  find "${FNPACK_MAVEN_REPOSITORY:-/nowhere}" -name '*.lastUpdated' -type f -delete 2>/dev/null
  exit $status
}
if [ ! -f target/function.jar ]; then
  set +f
  echo "fnpack: Maven did not make target/function.jar but" target/*.jar
  exit 1
fi
mkdir target/fnpack && mv target/function.jar target/fnpack || exit
(cd target/classes && find . -type f | LC_ALL=C sort) >target/fnpack/.own-entries 2>/dev/null || true"#;

/// What tells that [`BUILD`] found no program, and then which.
pub const NO_PROGRAM: &str = "fnpack: Maven did not make target/function.jar but ";

pub fn installation(
    store: &Store,
    tree: &Tree,
    runtime: &Runtime,
    place: &Place,
    time_limit: Duration,
) -> Result<Installation, LanguageError> {
    let folder = pom::folder(tree)?;
    let (pom, _) = Pom::read(store, tree, &folder)?;
    let mut kept = tree.clone();
    for name in BUILD_ONLY {
        kept.remove(&folder.join(&constant(name)));
    }
    if !folder.is_root() && kept.directory(&folder).is_some_and(Tree::is_empty) {
        kept.remove(&folder);
    }
    let action = Action {
        title: format!("{PROGRAM} for Java {}", runtime.version),
        command: command(&folder, &pom, runtime),
        variables: variables(runtime),
        secret_variables: BTreeMap::new(),
        input: tree.clone(),
        working_directory: RelPath::root(),
        outputs: vec![folder.join(&constant(OUTPUT))],
        environment: environment(place, runtime)?,
        network: true,
        time_limit,
    };
    Ok(Installation { action, into: RelPath::root(), tree: kept })
}

fn command(folder: &RelPath, pom: &Pom, runtime: &Runtime) -> Vec<String> {
    let folder = if folder.is_root() { ".".to_owned() } else { folder.to_string() };
    let mut command = ["sh", "-c", BUILD, "mvn", &folder].map(str::to_owned).to_vec();
    command.extend(["--batch-mode", "--no-transfer-progress", "-DskipTests"].map(str::to_owned));
    // The earliest time that Maven takes.
    command.push("-Dproject.build.outputTimestamp=1980-01-01T00:00:02Z".to_owned());
    // Several processes share the downloads: each writes to files of its own, which it then renames,
    // and a Maven that knows locks between processes uses them.
    command.push("-Daether.connector.resumeDownloads=false".to_owned());
    command.push("-Daether.syncContext.named.factory=file-lock".to_owned());
    command.push("-Daether.syncContext.named.nameMapper=file-gav".to_owned());
    if !pom.sets_release {
        // The others are for a compiler plugin that is older than the first, such as Maven 3.8's own.
        for name in COMPILER {
            command.push(format!("-Dmaven.compiler.{name}={}", runtime.version));
        }
    }
    command
}

fn environment(place: &Place, runtime: &Runtime) -> Result<Environment, LanguageError> {
    match place {
        Place::Host { tools } if tools.is_empty() => Err(LanguageError::NoTool(
            "Maven is not installed on this machine; install it and a JDK, or build with --executor docker"
                .to_owned(),
        )),
        Place::Host { tools } => {
            let version = tools.get(JAVA).map(String::as_str).unwrap_or_default();
            match (release(version), release(&runtime.version)) {
                (Some(there), Some(wanted)) if there < wanted => Err(LanguageError::NoTool(format!(
                    "Maven on this machine runs on Java {version}, which cannot compile for Java {wanted}; install JDK \
                     {wanted} and set JAVA_HOME to it, or build with --executor docker"
                ))),
                _ => Ok(Environment::Host { tools: tools.clone() }),
            }
        }
        Place::Docker { image, digest, .. } => {
            Ok(Environment::Docker { image: image.clone(), digest: digest.clone() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pom::tests::tree_of;
    use super::*;
    use crate::language::Architecture;

    fn runtime(version: &str, architecture: Architecture) -> Runtime {
        Runtime {
            version: version.into(),
            variant: "default".into(),
            architecture,
            libc: "glibc-2.34".parse().unwrap(),
        }
    }

    fn host(java: &str) -> Place {
        let tools = [("mvn", "3.8.7"), (JAVA, java)];
        Place::Host { tools: tools.map(|(name, version)| (name.to_owned(), version.to_owned())).into() }
    }

    fn plan(files: &[(&str, &str)], runtime: &Runtime, place: &Place) -> Result<Installation, LanguageError> {
        let (_folder, store, tree) = tree_of(files);
        installation(&store, &tree, runtime, place, Duration::from_secs(60))
    }

    const POM: (&str, &str) = ("pom.xml", "<project/>");

    #[test]
    fn all_of_the_source_is_the_input_and_the_rest_of_it_stays() {
        let files = [POM, ("src/main/java/A.java", ""), ("templates/page.html", ""), (".mvn/jvm.config", "")];
        let found = plan(&files, &runtime("17", Architecture::X64), &host("17.0.15")).unwrap();
        assert_eq!(found.action.input.files().count(), 4);
        assert!(found.action.command.contains(&"-Dmaven.compiler.release=17".to_owned()));
        let kept: Vec<_> = found.tree.files().map(|(path, _)| path.to_string()).collect();
        assert_eq!(kept, ["templates/page.html"]);
    }

    #[test]
    fn a_manifest_in_a_folder_is_built_there() {
        let files = [("app/pom.xml", "<project/>"), ("app/src/A.java", "")];
        let found = plan(&files, &runtime("17", Architecture::X64), &host("17.0.15")).unwrap();
        assert_eq!(found.action.command[4], "app");
        assert_eq!(found.action.outputs, [constant("app/target/fnpack")]);
        assert!(found.tree.is_empty());
    }

    #[test]
    fn both_architectures_share_a_program() {
        let [x64, arm64] = [Architecture::X64, Architecture::Arm64]
            .map(|architecture| plan(&[POM], &runtime("17", architecture), &host("17.0.15")).unwrap());
        assert_eq!(x64.action.digest(), arm64.action.digest());
        let newer = plan(&[POM], &runtime("17", Architecture::X64), &host("21.0.1")).unwrap();
        assert_ne!(x64.action.digest(), newer.action.digest());
    }

    #[test]
    fn a_jdk_that_is_too_old_is_an_error_before_anything_runs() {
        for java in ["17.0.15", "1.8.0_392"] {
            let error = plan(&[POM], &runtime("21", Architecture::X64), &host(java)).unwrap_err().to_string();
            assert!(error.contains(java) && error.contains("JDK 21"), "{error}");
        }
        assert!(plan(&[POM], &runtime("8", Architecture::X64), &host("17.0.15")).is_ok());
        let none = Place::Host { tools: BTreeMap::new() };
        let error = plan(&[POM], &runtime("17", Architecture::X64), &none).unwrap_err().to_string();
        assert!(error.contains("Maven is not installed"), "{error}");
    }

    #[test]
    fn a_pom_that_says_its_release_keeps_it() {
        let pom =
            "<project><properties><maven.compiler.release>11</maven.compiler.release></properties></project>";
        let found = plan(&[("pom.xml", pom)], &runtime("17", Architecture::X64), &host("17.0.15")).unwrap();
        assert!(!found.action.command.iter().any(|word| word.contains("compiler.release")));
    }
}
