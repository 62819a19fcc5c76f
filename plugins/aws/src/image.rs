//! The function image: Lambda's own for the runtime, or another that carries a runtime client, with
//! the function where Lambda's have it.

use fnpack_plugin::{
    Deployment, Failure, ImagePlan, JAVA_DEPENDENCIES, Layer, Limit, Subject, Target, layers, pair,
};

use crate::{bun, cpp, layout, unknown};

/// The deployment that has one.
pub const CONTAINER: &str = "container";

/// Where Lambda's images have the function.
const DIRECTORY: &str = "/var/task";
/// What is installed: the packages, the engine, the shared libraries.
const DEPENDENCIES: [&str; 5] = [".python_packages", "node_modules", "bun", "lib", "packages.zip"];

/// Limits of <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
pub fn deployment() -> Deployment {
    Deployment {
        name: CONTAINER.to_owned(),
        image: true,
        symlinks: true,
        limits: vec![Limit {
            subject: Subject::Image,
            kibibytes: 10 << 20,
            hard: true,
            note:
                "Lambda refuses it; leave out what the function does not need, or take a smaller base image"
                    .to_owned(),
        }],
    }
}

/// The images of <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>. They are told
/// the handler as their command; a custom runtime is started itself.
pub fn plan(target: &Target) -> Result<ImagePlan, Failure> {
    let custom = bun::is_wanted(target) || target.runtime.language == "cpp";
    let version = &target.runtime.version;
    let repository = match target.runtime.language.as_str() {
        _ if custom => "provided:al2023".to_owned(),
        language @ ("python" | "nodejs" | "java") => format!("{language}:{version}"),
        other => return Err(unknown(other)),
    };
    let start = format!("{DIRECTORY}/{}", cpp::BOOTSTRAP);
    Ok(ImagePlan {
        base: format!("public.ecr.aws/lambda/{repository}"),
        run: Vec::new(),
        layers: match target.runtime.language.as_str() {
            "java" => java_layers()?,
            _ => layers(DIRECTORY, &DEPENDENCIES)?,
        },
        environment: vec![pair("LAMBDA_TASK_ROOT", DIRECTORY)],
        labels: vec![pair("org.opencontainers.image.title", target.benchmark.as_str())],
        working_directory: Some(DIRECTORY.to_owned()),
        user: None,
        entrypoint: if custom { vec![start] } else { Vec::new() },
        command: vec![layout::handler(target).to_owned()],
    })
}

/// The dependencies go beside the program, into the folder in which Lambda's images look for jars.
fn java_layers() -> Result<Vec<Layer>, Failure> {
    let mut layers = layers(DIRECTORY, &[JAVA_DEPENDENCIES])?;
    if let Some(seldom) = layers.iter_mut().find(|layer| layer.paths == [JAVA_DEPENDENCIES]) {
        seldom.directory = format!("{DIRECTORY}/{}", layout::JAVA_LIBRARIES);
    }
    Ok(layers)
}
