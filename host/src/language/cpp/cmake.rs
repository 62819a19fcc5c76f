//! The CMakeLists.txt of a function that has none.

use std::fmt::Write;

use super::install::PROGRAM;
use super::sources::compiled;
use crate::language::{LanguageError, constant, write_file};
use crate::store::Store;
use crate::tree::Tree;

pub const MANIFEST: &str = "CMakeLists.txt";

/// A library that C++ functions are linked with.
pub struct Library {
    /// The word for it in config.json's `cpp_dependencies`.
    pub name: &'static str,
    /// What CMake and compilers call it when it is missing: packages, folders of headers, headers.
    pub known_as: &'static [&'static str],
    /// The lines that find it and link the program with it.
    cmake: &'static str,
}

/// In the order in which they are looked for. What a build image has in folders of its own below
/// /opt is found there, what its system's packages brought, there.
pub const LIBRARIES: [Library; 9] = [
    Library {
        name: "runtime",
        known_as: &["aws-lambda-runtime", "aws/lambda-runtime/", "aws/"],
        cmake: include_str!("libraries/runtime.cmake"),
    },
    Library { name: "boost", known_as: &["Boost", "boost/"], cmake: include_str!("libraries/boost.cmake") },
    Library {
        name: "rapidjson",
        known_as: &["RapidJSON", "rapidjson/"],
        cmake: include_str!("libraries/rapidjson.cmake"),
    },
    Library { name: "sdk", known_as: &["CURL", "curl/"], cmake: include_str!("libraries/sdk.cmake") },
    Library {
        name: "opencv",
        known_as: &["OpenCV", "opencv2/", "opencv4/"],
        cmake: include_str!("libraries/opencv.cmake"),
    },
    Library {
        name: "libjpeg-turbo",
        known_as: &["turbojpeg", "turbojpeg.h"],
        cmake: include_str!("libraries/libjpeg-turbo.cmake"),
    },
    Library {
        name: "igraph",
        known_as: &["igraph", "igraph/", "igraph.h"],
        cmake: include_str!("libraries/igraph.cmake"),
    },
    Library {
        name: "hiredis",
        known_as: &["hiredis", "hiredis/"],
        cmake: include_str!("libraries/hiredis.cmake"),
    },
    Library {
        name: "torch",
        known_as: &["Torch", "Caffe2", "torch/"],
        cmake: include_str!("libraries/torch.cmake"),
    },
];

/// What the entry point is made of.
const ALWAYS: [&str; 3] = ["runtime", "boost", "rapidjson"];
/// What the wrappers of storage and nosql use.
const CURL: &str = include_str!("libraries/curl.cmake");

/// Adds the build file, unless there is one.
pub fn write(store: &Store, tree: &Tree, dependencies: &[String]) -> Result<Tree, LanguageError> {
    let mut tree = tree.clone();
    if tree.file(&constant(MANIFEST)).is_none() {
        let text = text(&compiled(&tree)?, dependencies)?;
        write_file(store, &mut tree, &constant(MANIFEST), text.as_bytes())?;
    }
    Ok(tree)
}

fn text(sources: &[String], dependencies: &[String]) -> Result<String, LanguageError> {
    if sources.is_empty() {
        return Err(LanguageError::Manifest("the cpp folder has no .cpp file to compile".to_owned()));
    }
    let is_known = |name: &String| LIBRARIES.iter().any(|library| library.name == name);
    if let Some(unknown) = dependencies.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = LIBRARIES.iter().map(|library| library.name).collect();
        return Err(LanguageError::Manifest(format!(
            "cpp_dependencies: fnpack does not know `{unknown}`; known are {}",
            known.join(", ")
        )));
    }
    let is_declared = |name: &str| dependencies.iter().any(|declared| declared == name);
    let mut text = HEAD.to_owned();
    writeln!(text, "add_executable({PROGRAM}").expect("text takes text");
    for source in sources {
        writeln!(text, "  \"{source}\"").expect("text takes text");
    }
    text.push_str(")\n");
    text.push_str(PROPERTIES);
    text.push_str(CURL);
    let libraries =
        LIBRARIES.iter().filter(|library| ALWAYS.contains(&library.name) || is_declared(library.name));
    libraries.for_each(|library| text.push_str(library.cmake));
    Ok(text)
}

const HEAD: &str = "\
# Written by fnpack from config.json. A CMakeLists.txt of the function's own takes its place.
cmake_minimum_required(VERSION 3.18)
project(benchmark LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
list(APPEND CMAKE_PREFIX_PATH /opt /opt/opencv /opt/libtorch /opt/libjpeg-turbo)

";

const PROPERTIES: &str = "\
target_include_directories(benchmark PRIVATE \"${CMAKE_CURRENT_SOURCE_DIR}\")
target_compile_options(benchmark PRIVATE -Wall -Wextra)
find_package(Threads REQUIRED)
target_link_libraries(benchmark PRIVATE Threads::Threads)
";

#[cfg(test)]
mod tests {
    use super::*;

    fn written(libraries: &[&str]) -> String {
        let libraries: Vec<_> = libraries.iter().map(|word| (*word).to_owned()).collect();
        text(&["a/b.cpp".to_owned(), "main.cpp".to_owned()], &libraries).unwrap()
    }

    fn at(text: &str, words: &str) -> usize {
        text.find(words).unwrap_or_else(|| panic!("{words} is not in {text}"))
    }

    #[test]
    fn every_file_is_compiled_and_the_entry_points_libraries_are_always_there() {
        let text = written(&[]);
        assert!(text.contains("add_executable(benchmark\n  \"a/b.cpp\"\n  \"main.cpp\"\n)"), "{text}");
        for words in
            ["CMAKE_CXX_STANDARD 17", "aws-lambda-runtime", "Boost", "rapidjson", "CURL", "-Wall -Wextra"]
        {
            at(&text, words);
        }
        for words in ["OpenCV", "igraph", "SEBS_USE_AWS_SDK"] {
            assert!(!text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn what_config_json_declares_is_linked_in_an_order_of_our_own() {
        let text = written(&["igraph", "opencv", "opencv", "torch"]);
        assert_eq!(text, written(&["torch", "opencv", "igraph"]));
        assert!(at(&text, "OpenCV") < at(&text, "igraph") && at(&text, "igraph") < at(&text, "Torch"));
    }

    #[test]
    fn the_sdk_is_a_define() {
        at(&written(&["sdk"]), "SEBS_USE_AWS_SDK");
    }

    #[test]
    fn every_library_that_config_json_may_name_can_be_linked() {
        let names =
            ["sdk", "runtime", "torch", "opencv", "libjpeg-turbo", "igraph", "boost", "hiredis", "rapidjson"];
        written(&names);
        assert_eq!(LIBRARIES.len(), names.len());
    }
}
