//! What the words of CMake, the compiler and the linker mean.

use super::cmake::LIBRARIES;
use crate::language::Place;

/// How many of the compiler's errors are repeated.
const SHOWN: usize = 5;

pub fn explain(output: &str, place: &Place) -> Option<String> {
    missing_tool(output, place)
        .or_else(|| missing_package(output, place))
        .or_else(|| compiler_errors(output, place))
        .or_else(|| linker_errors(output))
        .or_else(|| missing_at_run_time(output, place))
}

fn where_it_ran(place: &Place) -> String {
    match place {
        Place::Host { .. } => "this machine".to_owned(),
        Place::Docker { image, .. } => format!("the build image {image}"),
    }
}

/// The dependency of config.json that something missing belongs to.
fn dependency_of(missing: &str) -> Option<&'static str> {
    let is_meant = |known: &str| {
        missing == known.trim_end_matches('/') || (known.ends_with('/') && missing.starts_with(known))
    };
    LIBRARIES
        .iter()
        .find(|library| library.known_as.iter().any(|known| is_meant(known)))
        .map(|library| library.name)
}

fn missing_tool(output: &str, place: &Place) -> Option<String> {
    let is_missing = |tool: &str| {
        output.contains(&format!("{tool}: not found"))
            || output.contains(&format!("{tool}: command not found"))
    };
    let tool = if is_missing("cmake") {
        "cmake"
    } else if output.contains("No CMAKE_CXX_COMPILER could be found") {
        "a C++ compiler"
    } else if output.contains("CMAKE_MAKE_PROGRAM is not set") {
        "make"
    } else if is_missing("ldd") {
        "ldd"
    } else {
        return None;
    };
    let place = where_it_ran(place);
    Some(format!(
        "{place} has no {tool}; a C++ function is built with cmake, make and a C++ compiler: add {tool} there, \
                  or name another image under `build-images` in fnpack.toml"
    ))
}

/// CMake looked for a library and found none.
fn missing_package(output: &str, place: &Place) -> Option<String> {
    let between = |before: &str, after: &[char]| {
        let (_, rest) = output.split_once(before)?;
        let (name, _) = rest.split_once(after)?;
        Some(name.trim())
    };
    let name = between("fnpack: not found: ", &['\n'])
        .or_else(|| between("Could not find a package configuration file provided by \"", &['"']))
        .or_else(|| between("By not providing \"Find", &['.']))
        .or_else(|| between("Could NOT find ", &[' ', '\n']))?;
    let place = where_it_ran(place);
    let dependency = LIBRARIES.iter().map(|library| library.name).find(|known| *known == name);
    Some(match dependency.or_else(|| dependency_of(name)) {
        // The libraries that no config.json needs to name.
        Some(library @ ("runtime" | "boost" | "rapidjson")) => format!(
            "{place} lacks {name}, which every C++ function needs (`{library}`); install it there with its headers, or \
             name another image under `build-images` in fnpack.toml"
        ),
        Some("sdk") => format!(
            "{place} lacks libcurl with its headers, which every C++ function needs; install it there, or name another image under `build-images` in fnpack.toml"
        ),
        Some(library) => format!(
            "{place} lacks {name}, which is the dependency `{library}` of config.json's cpp_dependencies; install it there \
             with its headers, or name another image under `build-images` in fnpack.toml"
        ),
        None => format!(
            "CMake finds no {name}: {place} lacks it; install it there, or take it out of CMakeLists.txt"
        ),
    })
}

/// `FILE:LINE:COLUMN: error: WORDS`.
fn compiler_errors(output: &str, place: &Place) -> Option<String> {
    let errors: Vec<(&str, &str)> = output.lines().filter_map(compiler_error).collect();
    let (at, first) = errors.first()?;
    if let Some(header) = first.strip_suffix(": No such file or directory") {
        let hint = match dependency_of(header) {
            Some(library) => format!(
                "add \"{library}\" to `cpp_dependencies` of config.json, or, if it is there, add the library to {}",
                where_it_ran(place)
            ),
            None => "a function includes its own files by their path in the cpp folder".to_owned(),
        };
        return Some(format!("{at}: there is no {header}; {hint}"));
    }
    let mut lines: Vec<String> =
        errors.iter().take(SHOWN).map(|(at, words)| format!("{at}: {words}")).collect();
    if errors.len() > SHOWN {
        lines.push(format!("and {} more", errors.len() - SHOWN));
    }
    Some(format!("the compiler refuses the sources: {}", lines.join("; ")))
}

fn compiler_error(line: &str) -> Option<(&str, &str)> {
    let (at, words) = [": error: ", ": fatal error: "].iter().find_map(|mark| line.split_once(mark))?;
    let at = at.strip_prefix("/mnt/function/").unwrap_or(at);
    // On this machine: the folder that the sources were put into.
    let at = at.rsplit_once("/input/").map_or(at, |(_, below)| below);
    let (_, line) = at.split_once(':')?;
    line.starts_with(|c: char| c.is_ascii_digit()).then_some((at, words))
}

fn linker_errors(output: &str) -> Option<String> {
    if output.contains("multiple definition of `main'") {
        return Some(
            "there are two `main`: the platform's is in handler.cpp, and every .cpp file of the cpp folder is compiled; \
             rename the other, or leave its file out with .fnpackignore"
                .to_owned(),
        );
    }
    let (_, rest) = output.split_once("undefined reference to `")?;
    let (name, _) = rest.split_once('\'')?;
    Some(match name.starts_with("function(") {
        true => "the function is not there: main.cpp is to define `rapidjson::Document function(const rapidjson::Value&)`"
            .to_owned(),
        false => format!(
            "the linker finds no {name}: define it in a .cpp file of the cpp folder, or name the library that has it in \
             `cpp_dependencies` of config.json"
        ),
    })
}

fn missing_at_run_time(output: &str, place: &Place) -> Option<String> {
    let (_, rest) = output.split_once("fnpack: shared libraries are missing: ")?;
    let names = rest.lines().next().unwrap_or_default();
    Some(format!(
        "the program needs shared libraries that the loader of {} does not find: {names}; install them there, and have \
         ldconfig know their folder",
        where_it_ran(place)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Architecture;

    #[test]
    fn what_the_tools_say_is_said_in_words_of_config_json() {
        let place =
            Place::Docker { image: "image:1".into(), digest: "d".into(), architecture: Architecture::X64 };
        for (output, words) in [
            ("sh: 9: cmake: not found", vec!["image:1", "no cmake"]),
            (
                "  Could not find a package configuration file provided by \"Torch\" with any\n",
                vec!["image:1", "`torch`", "cpp_dependencies", "build-images"],
            ),
            (
                "  By not providing \"Findaws-lambda-runtime.cmake\" in CMAKE_MODULE_PATH",
                vec!["aws-lambda-runtime", "every C++ function", "`runtime`"],
            ),
            ("Could NOT find CURL (missing: CURL_LIBRARY)", vec!["libcurl", "every C++ function"]),
            ("  fnpack: not found: igraph\n", vec!["igraph", "cpp_dependencies", "image:1"]),
            ("  fnpack: not found: rapidjson\n", vec!["rapidjson", "every C++ function"]),
            (
                "/mnt/function/sub/main.cpp:3:9: error: 'x' was not declared in this scope\n",
                vec!["sub/main.cpp:3:9: 'x' was not declared"],
            ),
            (
                "main.cpp:1:10: fatal error: opencv2/core.hpp: No such file or directory",
                vec!["\"opencv\"", "`cpp_dependencies`"],
            ),
            ("main.cpp:1:10: fatal error: own.hpp: No such file or directory", vec!["own.hpp", "path"]),
            (
                "collect2: error: ld\nundefined reference to `function(rapidjson::GenericValue<x> const&)'",
                vec!["main.cpp is to define"],
            ),
            ("undefined reference to `igraph_destroy'", vec!["igraph_destroy", "cpp_dependencies"]),
            ("x.cpp:(.text+0x0): multiple definition of `main'; y", vec!["handler.cpp", ".fnpackignore"]),
            ("fnpack: shared libraries are missing: liba.so.1 libb.so\n", vec!["liba.so.1 libb.so"]),
        ] {
            let told = explain(output, &place).unwrap_or_else(|| panic!("{output} is not explained"));
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
            assert!(!told.contains("/mnt/function"), "{told}");
        }
        assert_eq!(explain("Killed", &place), None);
    }

    #[test]
    fn many_errors_are_counted() {
        let output: String = (1..=9).map(|line| format!("a.cpp:{line}:1: error: no\n")).collect();
        let told = explain(&output, &Place::Host { tools: Default::default() }).unwrap();
        assert!(
            told.contains("a.cpp:5:1") && !told.contains("a.cpp:6:1") && told.contains("and 4 more"),
            "{told}"
        );
    }
}
