//! The handler on top, where Lambda looks for it, and the function in a package of its own, so
//! that none of its files is mistaken for another.

use fnpack_plugin::{
    Archive, Edit, Failure, Layout, MoveEntry, Target, move_all_but, pair, require_entry_point, text_file,
    tree,
};

use crate::image::CONTAINER;
use crate::{bun, cpp, unknown};

/// The folder of the benchmark's code, and the module that the wrappers import it as.
const FUNCTION: &str = "function";
/// A Java program with all that it needs; Lambda takes it as it is.
const PROGRAM: &str = "function.jar";
/// Where Lambda's images of Java look for jars.
pub const JAVA_LIBRARIES: &str = "lib";

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    let version = &target.runtime.version;
    let (edits, runtime) = match target.runtime.language.as_str() {
        "python" => (python()?, format!("python{version}")),
        "nodejs" if bun::is_wanted(target) => (bun::edits(FUNCTION)?, bun::RUNTIME.to_owned()),
        "nodejs" => (vec![nodejs(target)], format!("nodejs{version}.x")),
        "java" => (java(target), format!("java{version}")),
        "cpp" => (cpp::edits()?, bun::RUNTIME.to_owned()),
        other => return Err(unknown(other)),
    };
    let archive = match target.runtime.language.as_str() {
        _ if target.deployment == CONTAINER => None,
        "java" => Some(("file", PROGRAM)),
        _ => Some(("zip", "")),
    };
    let architecture = if target.architecture == "x64" { "x86_64" } else { "arm64" };
    Ok(Layout {
        edits,
        deploy: match archive {
            Some(_) => vec![pair("runtime", runtime), pair("handler", handler(target))],
            None => vec![pair("package-type", "Image")],
        }
        .into_iter()
        .chain([
            pair("architecture", architecture),
            pair("timeout", target.timeout_seconds.to_string()),
            pair("memory-size", target.memory_mib.to_string()),
        ])
        .collect(),
        archive: archive.map(|(format, path)| Archive { format: format.to_owned(), path: path.to_owned() }),
    })
}

/// What Lambda is told to call.
pub fn handler(target: &Target) -> &'static str {
    match target.runtime.language.as_str() {
        "java" => "org.serverlessbench.Handler::handleRequest",
        "cpp" => cpp::BOOTSTRAP,
        _ => "handler.handler",
    }
}

/// In an image the packages lie beside the function, in a layer of their own.
fn nodejs(target: &Target) -> Edit {
    match target.deployment.as_str() {
        CONTAINER => move_all_but(&["handler.js", "node_modules"], FUNCTION),
        _ => move_all_but(&["handler.js"], FUNCTION),
    }
}

/// In an image it lies where it is looked for; its dependencies come there by their layer.
fn java(target: &Target) -> Vec<Edit> {
    let directory = JAVA_LIBRARIES.to_owned();
    let program = MoveEntry { source: PROGRAM.to_owned(), directory, except: Vec::new() };
    if target.deployment == CONTAINER { vec![Edit::Move(program)] } else { Vec::new() }
}

/// The handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let names: &[&str] = match target.runtime.language.as_str() {
        // The linker has seen to it.
        "cpp" => return Ok(()),
        "python" => &["function.py"],
        // Maven made it, with the function in it.
        "java" => &[PROGRAM],
        _ => &["function.js"],
    };
    require_entry_point(target, names)
}

fn python() -> Result<Vec<Edit>, Failure> {
    let mut edits = vec![move_all_but(&["handler.py", ".python_packages"], FUNCTION)];
    // Without it, a package of that name among the dependencies would be taken for the function.
    if !tree::entries("")?.iter().any(|entry| entry.name == "__init__.py") {
        edits.push(Edit::Write(text_file("function/__init__.py", "")));
    }
    Ok(edits)
}
