//! C++ functions: a program with all of its shared libraries, as a custom runtime.

use fnpack_plugin::{
    BuildImage, Edit, Failure, File, ImageSource, Runtime, Support, Target, text_file, tree,
};

use crate::{image, recipe};

/// What Lambda starts.
pub const BOOTSTRAP: &str = "bootstrap";

macro_rules! wrappers {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../wrappers/cpp/", $name)))),+]
    };
}

const ALWAYS: [(&str, &str); 4] = wrappers!["function.hpp", "handler.cpp", "utils.cpp", "utils.hpp"];
const SERVICES: [(&str, &str); 4] =
    wrappers!["sha256.cpp", "sha256.hpp", "signed-request.cpp", "signed-request.hpp"];
const STORAGE: [(&str, &str); 2] = wrappers!["storage.cpp", "storage.hpp"];
const NOSQL: [(&str, &str); 2] = wrappers!["key-value.cpp", "key-value.hpp"];

/// Lambda runs such programs on both processors; images to build them are described for one.
pub fn support() -> Support {
    let source = ImageSource::Recipe(recipe::NAME.to_owned());
    Support {
        runtime: Runtime {
            language: "cpp".to_owned(),
            version: "all".to_owned(),
            variant: "default".to_owned(),
        },
        architectures: vec!["x64".to_owned()],
        deployments: vec!["package".to_owned(), image::CONTAINER.to_owned()],
        build_images: vec![BuildImage { architecture: "x64".to_owned(), source }],
        libc: "glibc-2.34".to_owned(),
    }
}

/// The entry point, and what the declared modules need: all that is here is compiled.
pub fn wrappers(target: &Target) -> Vec<File> {
    let (storage, nosql) = (target.has_module("storage"), target.has_module("nosql"));
    let chosen = [(true, &ALWAYS[..]), (storage || nosql, &SERVICES), (storage, &STORAGE), (nosql, &NOSQL)];
    let files = chosen.into_iter().filter(|(wanted, _)| *wanted).flat_map(|(_, files)| files);
    files.map(|(name, text)| text_file(name, text)).collect()
}

/// The program starts by the loader that it was linked for, which is in the package.
pub fn edits() -> Result<Vec<Edit>, Failure> {
    let root = tree::entries("")?;
    // The benchmark's own starts it in a way of its own.
    if root.iter().any(|entry| entry.name == BOOTSTRAP) {
        return Ok(Vec::new());
    }
    let is_loader = |name: &str| name.starts_with("ld-linux") || name.starts_with("ld-musl");
    let libraries =
        if root.iter().any(|entry| entry.name == "lib") { tree::entries("lib")? } else { Vec::new() };
    let loader = libraries.iter().find(|entry| is_loader(&entry.name));
    let start = match loader {
        Some(loader) => format!("lib/{} --library-path \"$PWD/lib\" ./benchmark", loader.name),
        // Linked statically.
        None => "./benchmark".to_owned(),
    };
    let text = include_str!("../wrappers/cpp/bootstrap").replace("@START@", &start);
    Ok(vec![Edit::Write(File { executable: true, ..text_file(BOOTSTRAP, &text) })])
}
