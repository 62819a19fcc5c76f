//! The function image for Cloud Run: the language's own image, with the function, its packages and
//! the Functions Framework, which serves it over HTTP.

use fnpack_plugin::{
    Deployment, Failure, ImagePlan, JAVA_DEPENDENCIES, Pair, Requirement, Target, layers, pair, requirement,
};

use crate::description::PYPY;
use crate::unknown;

/// The deployment that has one.
pub const CONTAINER: &str = "container";

/// Where Google's buildpacks have the function.
const DIRECTORY: &str = "/workspace";
/// What is installed.
const DEPENDENCIES: [&str; 4] = [".python_packages", "node_modules", "packages.zip", JAVA_DEPENDENCIES];

/// Cloud Run has no limit for the size of an image:
/// <https://docs.cloud.google.com/run/quotas>.
pub fn deployment() -> Deployment {
    Deployment { name: CONTAINER.to_owned(), image: true, symlinks: true, limits: Vec::new() }
}

/// The framework, which Google's buildpacks would have installed.
pub fn framework(target: &Target) -> Option<Requirement> {
    if target.deployment != CONTAINER {
        return None;
    }
    match target.runtime.language.as_str() {
        "python" => Some(requirement("functions-framework", "3.10.1")),
        "nodejs" => Some(requirement("@google-cloud/functions-framework", "5.0.2")),
        "java" => Some(requirement("com.google.cloud.functions.invoker:java-function-invoker", "2.0.0")),
        _ => None,
    }
}

/// Where Python finds what was installed.
fn packages() -> Pair {
    pair("PYTHONPATH", format!("{DIRECTORY}/.python_packages/lib/site-packages"))
}

/// The framework listens on the port that Cloud Run tells it in PORT, or on 8080. A program of Java
/// names its dependencies itself.
pub fn plan(target: &Target) -> Result<ImagePlan, Failure> {
    let version = &target.runtime.version;
    let (base, environment, start) = match target.runtime.language.as_str() {
        "python" if target.runtime.variant == PYPY => (
            format!("docker.io/library/pypy:{version}-slim"),
            vec![packages()],
            "pypy3 -m functions_framework --target=handler --source=/workspace/main.py",
        ),
        "python" => (
            format!("docker.io/library/python:{version}-slim"),
            vec![packages()],
            "python3 -m functions_framework --target=handler --source=/workspace/main.py",
        ),
        "nodejs" => (
            format!("docker.io/library/node:{version}-slim"),
            Vec::new(),
            "node /workspace/node_modules/@google-cloud/functions-framework/build/src/main.js --target=handler \
             --source=/workspace",
        ),
        "java" => (
            format!("docker.io/library/eclipse-temurin:{version}-jre"),
            Vec::new(),
            "java -cp /workspace/function.jar com.google.cloud.functions.invoker.runner.Invoker \
             --classpath /workspace/function.jar --target org.serverlessbench.Handler",
        ),
        other => return Err(unknown(other)),
    };
    Ok(ImagePlan {
        base,
        run: Vec::new(),
        layers: layers(DIRECTORY, &DEPENDENCIES)?,
        environment,
        labels: vec![pair("org.opencontainers.image.title", target.benchmark.as_str())],
        working_directory: Some(DIRECTORY.to_owned()),
        user: None,
        entrypoint: start.split_whitespace().map(str::to_owned).collect(),
        command: Vec::new(),
    })
}
