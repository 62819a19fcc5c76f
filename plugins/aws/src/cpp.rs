//! C++ functions: a program with all of its shared libraries, as a custom runtime.

use fnpack_plugin::{BuildImage, Edit, Failure, File, ImageSource, Runtime, Support, text_file, tree};

use crate::{image, recipe};

/// What Lambda starts.
pub const BOOTSTRAP: &str = "bootstrap";

macro_rules! wrappers {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../wrappers/cpp/", $name)))),+]
    };
}

/// The entry point, what benchmarks include, and what both are made of, which is in a folder of its own so
/// that it meets no file of a benchmark's. All that is here is compiled.
const WRAPPERS: [(&str, &str); 17] = wrappers![
    "function.hpp",
    "handler.cpp",
    "key-value.hpp",
    "storage.hpp",
    "utils.hpp",
    "sebs/base64.cpp",
    "sebs/base64.hpp",
    "sebs/clock.hpp",
    "sebs/environment.hpp",
    "sebs/key-value.cpp",
    "sebs/key-value.hpp",
    "sebs/sha256.cpp",
    "sebs/sha256.hpp",
    "sebs/signed-request.cpp",
    "sebs/signed-request.hpp",
    "sebs/storage.cpp",
    "sebs/storage.hpp",
];

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

pub fn wrappers() -> Vec<File> {
    WRAPPERS.iter().map(|(name, text)| text_file(name, text)).collect()
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
