//! The main handler on top, where OpenWhisk's runtimes look for it, the function in a package of
//! its own, and its dependencies beside it.
//!
//! The runtimes act on some names at the root of a zip (they install a requirements.txt, and run a
//! file named exec), so none of the benchmark's files stays there.

use fnpack_plugin::{
    Archive, Edit, Failure, File, Layout, MoveEntry, Pair, Target, move_all_but, pair, require_entry_point,
    text_file, tree,
};

use crate::description::{CONTAINER, base_image, is_kind};
use crate::image::DIRECTORY;
use crate::unknown;

/// The folder of the benchmark's code, and the module that the wrappers import it as.
pub const FUNCTION: &str = "function";
/// A Java program, which the runtime loads: with all that it needs, or in an image, where that lies
/// beside it, with its name.
pub const PROGRAM: &str = "function.jar";
/// For an image: the folder of what is left for the zip.
const ACTION: &str = "action";

/// Of `require(FOLDER)`: index.js is CommonJS, whatever the benchmark is.
const PACKAGE_JSON: &str =
    "{\n  \"private\": true,\n  \"type\": \"commonjs\",\n  \"main\": \"index.js\"\n}\n";

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    if target.runtime.language == "java" {
        let (edits, format, path) = match target.deployment.as_str() {
            CONTAINER => (vec![Edit::Write(java_action())], "zip", ACTION),
            _ => (Vec::new(), "file", PROGRAM),
        };
        let archive = Some(Archive { format: format.to_owned(), path: path.to_owned() });
        return Ok(Layout { edits, archive, deploy: deploy(target)? });
    }
    let main = main_file(target)?;
    let mut edits = vec![move_all_but(&[main, dependencies(target)?], FUNCTION)];
    let at_root: &[&str] = match main {
        "index.js" => {
            edits.push(Edit::Write(text_file("package.json", PACKAGE_JSON)));
            &["index.js", "package.json"]
        }
        _ => {
            // Without it, a package of that name among the dependencies would be taken for the function.
            if !tree::entries("")?.iter().any(|entry| entry.name == "__init__.py") {
                edits.push(Edit::Write(text_file("function/__init__.py", "")));
            }
            &["__main__.py"]
        }
    };
    let mut path = "";
    if target.deployment == CONTAINER {
        path = ACTION;
        edits.extend(at_root.iter().map(|name| {
            Edit::Move(MoveEntry {
                source: (*name).to_owned(),
                directory: ACTION.to_owned(),
                except: Vec::new(),
            })
        }));
    }
    Ok(Layout {
        edits,
        archive: Some(Archive { format: "zip".to_owned(), path: path.to_owned() }),
        deploy: deploy(target)?,
    })
}

/// All that a jar needs to stand for the program in the image: a manifest that names it. The runtime
/// loads the main handler by a class loader of URLs, which follows that:
/// <https://docs.oracle.com/javase/8/docs/technotes/guides/jar/jar.html>, Class-Path, and
/// <https://github.com/apache/openwhisk-runtime-java>, JarLoader.
fn java_action() -> File {
    let manifest = format!("Manifest-Version: 1.0\r\nClass-Path: {DIRECTORY}/{PROGRAM}\r\n\r\n");
    text_file(&format!("{ACTION}/META-INF/MANIFEST.MF"), &manifest)
}

/// The options of `wsk action create`; the time limit is in milliseconds there.
fn deploy(target: &Target) -> Result<Vec<Pair>, Failure> {
    let mut deploy = Vec::new();
    // An action of the other deployment runs in the function's own image.
    if target.deployment != CONTAINER {
        deploy.push(if is_kind(&target.runtime) {
            pair("kind", format!("{}:{}", target.runtime.language, target.runtime.version))
        } else {
            pair("docker", base_image(&target.runtime)?)
        });
    }
    let main = if target.runtime.language == "java" { "org.serverlessbench.Handler" } else { "main" };
    deploy.extend([
        pair("main", main),
        pair("timeout", (u64::from(target.timeout_seconds) * 1000).to_string()),
        pair("memory", target.memory_mib.to_string()),
    ]);
    Ok(deploy)
}

/// The file that the runtime loads.
fn main_file(target: &Target) -> Result<&'static str, Failure> {
    match target.runtime.language.as_str() {
        "python" => Ok("__main__.py"),
        "nodejs" => Ok("index.js"),
        other => Err(unknown(other)),
    }
}

/// The folder of what was installed.
pub fn dependencies(target: &Target) -> Result<&'static str, Failure> {
    match target.runtime.language.as_str() {
        "python" => Ok(".python_packages"),
        "nodejs" => Ok("node_modules"),
        other => Err(unknown(other)),
    }
}

/// The main handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let name = match target.runtime.language.as_str() {
        "python" => "function.py",
        // Maven made it, with the function in it.
        "java" => PROGRAM,
        _ => "function.js",
    };
    require_entry_point(target, &[name])
}
