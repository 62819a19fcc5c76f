//! The function image: OpenWhisk's runtime with the function and its dependencies in /function,
//! where the main handler of the zip finds them.

use fnpack_plugin::{Failure, ImagePlan, JAVA_DEPENDENCIES, Layer, Target, pair};

use crate::description::base_image;
use crate::layout::{FUNCTION, PROGRAM, dependencies};

/// The absolute directory of both; the main handlers know it as well.
pub const DIRECTORY: &str = "/function";

/// The plan for an arranged tree with these entries at its root.
pub fn plan(target: &Target, present: &[String]) -> Result<ImagePlan, Failure> {
    let layer = |path: &str| Layer { paths: vec![path.to_owned()], directory: DIRECTORY.to_owned() };
    // What seldom changes comes first; a function without dependencies has no layer of them.
    let paths = match target.runtime.language.as_str() {
        "java" => vec![JAVA_DEPENDENCIES, PROGRAM],
        _ => vec![dependencies(target)?, FUNCTION],
    };
    let layers =
        paths.into_iter().filter(|path| present.iter().any(|name| name == path)).map(layer).collect();
    Ok(ImagePlan {
        base: base_image(&target.runtime)?,
        run: Vec::new(),
        layers,
        environment: Vec::new(),
        labels: vec![pair("org.opencontainers.image.title", target.benchmark.as_str())],
        working_directory: None,
        user: None,
        entrypoint: Vec::new(),
        command: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use fnpack_plugin::Runtime;

    use super::*;

    fn target(language: &str, version: &str) -> Target {
        Target {
            benchmark: "110.dynamic-html".into(),
            runtime: Runtime {
                language: language.into(),
                version: version.into(),
                variant: "default".into(),
            },
            architecture: "x64".into(),
            deployment: "container".into(),
            modules: Vec::new(),
            native_dependencies: Vec::new(),
            timeout_seconds: 10,
            memory_mib: 128,
            settings: Vec::new(),
        }
    }

    fn layers(target: &Target, present: &[&str]) -> Vec<Vec<String>> {
        let present: Vec<String> = present.iter().map(ToString::to_string).collect();
        let plan = plan(target, &present).unwrap();
        assert!(plan.layers.iter().all(|layer| layer.directory == "/function"));
        plan.layers.into_iter().map(|layer| layer.paths).collect()
    }

    #[test]
    fn dependencies_are_a_layer_below_the_code_and_the_zip_is_in_none() {
        assert_eq!(
            layers(&target("python", "3.11"), &[".python_packages", "action", "function"]),
            [[".python_packages"], ["function"]]
        );
        assert_eq!(
            layers(&target("nodejs", "20"), &["action", "function", "node_modules"]),
            [["node_modules"], ["function"]]
        );
        assert_eq!(layers(&target("python", "3.11"), &["action", "function"]), [["function"]]);
        assert_eq!(
            layers(&target("java", "8"), &["action", "dependencies.jar", "function.jar", "templates"]),
            [["dependencies.jar"], ["function.jar"]]
        );
        assert_eq!(layers(&target("java", "8"), &["action", "function.jar"]), [["function.jar"]]);
    }

    #[test]
    fn the_base_is_the_runtime_of_that_version() {
        let base = |language, version| plan(&target(language, version), &[]).map(|plan| plan.base);
        assert_eq!(base("python", "3.11").unwrap(), "openwhisk/action-python-v3.11:nightly");
        assert_eq!(base("nodejs", "20").unwrap(), "openwhisk/action-nodejs-v20:nightly");
        assert_eq!(base("java", "8").unwrap(), "openwhisk/java8action:nightly");
        assert!(base("cpp", "all").is_err());
    }
}
