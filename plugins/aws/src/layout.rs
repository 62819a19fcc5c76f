//! The handler on top, where Lambda looks for it, and the function in a package of its own, so
//! that none of its files is mistaken for another.

use fnpack_plugin::{Archive, Edit, Failure, Layout, Target, move_all_but, pair, text_file, tree};

use crate::{bun, cpp, unknown};

/// The folder of the benchmark's code, and the module that the wrappers import it as.
const FUNCTION: &str = "function";
/// A Java program with all that it needs; Lambda takes it as it is.
const PROGRAM: &str = "function.jar";

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    let version = &target.runtime.version;
    let (edits, runtime) = match target.runtime.language.as_str() {
        "python" => (python()?, format!("python{version}")),
        "nodejs" if bun::is_wanted(target) => (bun::edits(FUNCTION)?, bun::RUNTIME.to_owned()),
        "nodejs" => (vec![move_all_but(&["handler.js"], FUNCTION)], format!("nodejs{version}.x")),
        "java" => (Vec::new(), format!("java{version}")),
        "cpp" => (cpp::edits()?, bun::RUNTIME.to_owned()),
        other => return Err(unknown(other)),
    };
    let (format, path, handler) = match target.runtime.language.as_str() {
        "java" => ("file", PROGRAM, "org.serverlessbench.Handler::handleRequest"),
        "cpp" => ("zip", "", cpp::BOOTSTRAP),
        _ => ("zip", "", "handler.handler"),
    };
    let architecture = if target.architecture == "x64" { "x86_64" } else { "arm64" };
    Ok(Layout {
        edits,
        archive: Some(Archive { format: format.to_owned(), path: path.to_owned() }),
        deploy: vec![
            pair("runtime", runtime),
            pair("architecture", architecture),
            pair("handler", handler),
            pair("timeout", target.timeout_seconds.to_string()),
            pair("memory-size", target.memory_mib.to_string()),
        ],
    })
}

/// The handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let names: &[&str] = match target.runtime.language.as_str() {
        // The linker has seen to it.
        "cpp" => return Ok(()),
        "python" => &["function.py"],
        // Maven made it, with the function in it.
        "java" => &[PROGRAM],
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
    let mut edits = vec![move_all_but(&["handler.py", ".python_packages"], FUNCTION)];
    // Without it, a package of that name among the dependencies would be taken for the function.
    if !tree::entries("")?.iter().any(|entry| entry.name == "__init__.py") {
        edits.push(Edit::Write(text_file("function/__init__.py", "")));
    }
    Ok(edits)
}
