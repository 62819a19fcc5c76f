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
    Archive, Edit, Failure, Layout, RenameEntry, Target, move_all_but, pair, text_file, tree,
};

use crate::description::{generation, runtime_name};
use crate::unknown;

/// The folder of the benchmark's code, and the module that the wrappers import it as.
const FUNCTION: &str = "function";

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    let edits = match target.runtime.language.as_str() {
        "python" => python()?,
        "nodejs" => {
            vec![move_all_but(&["handler.js", "node_modules"], FUNCTION), rename("handler.js", "index.js")]
        }
        other => return Err(unknown(other)),
    };
    Ok(Layout {
        edits,
        archive: Some(Archive { format: "zip".to_owned(), path: String::new() }),
        deploy: vec![
            pair("entry-point", "handler"),
            pair("runtime", runtime_name(&target.runtime.language, &target.runtime.version)),
            pair("generation", generation(target)),
            pair("timeout", target.timeout_seconds.to_string()),
            pair("memory", format!("{}Mi", target.memory_mib)),
        ],
    })
}

/// The handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let names: &[&str] = match target.runtime.language.as_str() {
        "python" => &["function.py"],
        _ => &["function.js", "function.mjs", "function.cjs"],
    };
    if tree::entries("")?.iter().any(|entry| names.contains(&entry.name.as_str())) {
        return Ok(());
    }
    Err(Failure {
        message: format!(
            "the benchmark {} has no {} for {}",
            target.benchmark, names[0], target.runtime.language
        ),
        hint: Some(format!("its handler(event) is looked for in {}/{}", target.runtime.language, names[0])),
    })
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
