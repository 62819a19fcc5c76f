//! The entry point on top, where Google's buildpacks look for it, and the function in a package of
//! its own.
//!
//! The buildpacks install anew what a manifest in the root asks for, and first remove the
//! node_modules that is there. Without one, they install the Functions Framework alone, in a place
//! of its own, and leave the packages in the archive as they are. So the manifests go with the
//! function:
//! <https://github.com/GoogleCloudPlatform/buildpacks>, cmd/python/pip, cmd/python/functions_framework,
//! cmd/nodejs/npm and cmd/nodejs/functions_framework.

use fnpack_plugin::{
    Archive, Edit, Failure, JAVA_DEPENDENCIES, Layout, Pair, RenameEntry, Target, move_all_but, pair,
    require_entry_point, text_file, tree,
};

use crate::description::{generation, runtime_name};
use crate::image::CONTAINER;
use crate::unknown;

/// The folder of the benchmark's code, and the module that the wrappers import it as.
const FUNCTION: &str = "function";
/// A Java program with all that it needs. Without a manifest beside it, the buildpacks take the one
/// jar in the root as it is: cmd/java/functions_framework.
const PROGRAM: &str = "function.jar";

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    let edits = match target.runtime.language.as_str() {
        "python" => python()?,
        "nodejs" => {
            vec![move_all_but(&["handler.js", "node_modules"], FUNCTION), rename("handler.js", "index.js")]
        }
        "java" if target.deployment == CONTAINER => {
            vec![move_all_but(&[PROGRAM, JAVA_DEPENDENCIES], FUNCTION)]
        }
        "java" => vec![move_all_but(&[PROGRAM], FUNCTION)],
        other => return Err(unknown(other)),
    };
    Ok(Layout {
        edits,
        archive: (target.deployment != CONTAINER)
            .then(|| Archive { format: "zip".to_owned(), path: String::new() }),
        deploy: deploy(target),
    })
}

/// The options of `gcloud functions deploy`, or of `gcloud run deploy`, by their names.
fn deploy(target: &Target) -> Vec<Pair> {
    let limits = [
        pair("timeout", target.timeout_seconds.to_string()),
        pair("memory", format!("{}Mi", target.memory_mib)),
    ];
    if target.deployment == CONTAINER {
        return limits.into();
    }
    let entry_point = match target.runtime.language.as_str() {
        "java" => "org.serverlessbench.Handler",
        _ => "handler",
    };
    let function = [
        pair("entry-point", entry_point),
        pair("runtime", runtime_name(&target.runtime.language, &target.runtime.version)),
        pair("generation", generation(target)),
    ];
    function.into_iter().chain(limits).collect()
}

/// The handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let names: &[&str] = match target.runtime.language.as_str() {
        "python" => &["function.py"],
        // Maven made it, with the function in it.
        "java" => &[PROGRAM],
        _ => &["function.js"],
    };
    require_entry_point(target, names)
}

fn python() -> Result<Vec<Edit>, Failure> {
    let mut edits =
        vec![move_all_but(&["handler.py", ".python_packages"], FUNCTION), rename("handler.py", "main.py")];
    // Without it, a package of that name among the dependencies would be taken for the function.
    if !tree::entries("")?.iter().any(|entry| entry.name == "__init__.py") {
        edits.push(Edit::Write(text_file("function/__init__.py", "")));
    }
    Ok(edits)
}

fn rename(source: &str, destination: &str) -> Edit {
    Edit::Rename(RenameEntry { source: source.to_owned(), destination: destination.to_owned() })
}

#[cfg(test)]
mod tests {
    use fnpack_plugin::Runtime;

    use super::*;

    fn deploy_of(deployment: &str, language: &str, version: &str) -> Vec<(String, String)> {
        let target = Target {
            benchmark: "010.hello".to_owned(),
            runtime: Runtime {
                language: language.to_owned(),
                version: version.to_owned(),
                variant: "default".to_owned(),
            },
            architecture: "x64".to_owned(),
            deployment: deployment.to_owned(),
            modules: Vec::new(),
            native_dependencies: Vec::new(),
            timeout_seconds: 42,
            memory_mib: 256,
            settings: Vec::new(),
        };
        deploy(&target).into_iter().map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn google_is_told_the_entry_point_the_runtime_and_the_generation() {
        for (deployment, language, version, runtime, generation) in [
            ("package", "python", "3.11", "python311", "gen2"),
            ("function-gen2", "nodejs", "24", "nodejs24", "gen2"),
            ("function-gen1", "nodejs", "20", "nodejs20", "gen1"),
            ("package", "java", "21", "java21", "gen2"),
        ] {
            let entry_point = if language == "java" { "org.serverlessbench.Handler" } else { "handler" };
            let expected = [
                ("entry-point", entry_point),
                ("runtime", runtime),
                ("generation", generation),
                ("timeout", "42"),
                ("memory", "256Mi"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(deploy_of(deployment, language, version), expected);
        }
    }
}
