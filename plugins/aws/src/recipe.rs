//! The Dockerfile of the image in which a C++ function is built, with the libraries that it names.

use fnpack_plugin::{Failure, File, Target, failure, text_file};

/// The image's name.
pub const NAME: &str = "aws-cpp";

/// A stage of the Dockerfile that leaves a library in /opt.
struct Stage {
    name: &'static str,
    text: &'static str,
}

macro_rules! stages {
    ($($name:literal),+ $(,)?) => {
        [$(Stage { name: $name, text: include_str!(concat!("../recipes/cpp/", $name, ".dockerfile")) }),+]
    };
}

const TOOLS: &str = include_str!("../recipes/cpp/tools.dockerfile");

/// What every function has.
const ALWAYS: [Stage; 4] = stages!["curl", "runtime", "boost", "rapidjson"];

/// What a function may name in cpp_dependencies.
const CHOSEN: [Stage; 5] = stages!["opencv", "libjpeg-turbo", "igraph", "hiredis", "torch"];

/// Dependencies that need no stage more: the wrappers stand in for the SDK.
const WITHOUT: [&str; 4] = ["sdk", "runtime", "boost", "rapidjson"];

pub fn recipe(target: &Target) -> Result<Vec<File>, Failure> {
    let wanted = &target.native_dependencies;
    let is_known =
        |name: &String| WITHOUT.contains(&name.as_str()) || CHOSEN.iter().any(|stage| stage.name == name);
    if let Some(unknown) = wanted.iter().find(|name| !is_known(name)) {
        return Err(failure(format!("there is no recipe for the C++ library `{unknown}`")));
    }
    let chosen = CHOSEN.iter().filter(|stage| wanted.iter().any(|name| name == stage.name));
    let stages: Vec<&Stage> = ALWAYS.iter().chain(chosen).collect();
    let mut text = TOOLS.to_owned();
    stages.iter().for_each(|stage| text.push_str(&format!("\n{}", stage.text)));
    text.push_str("\nFROM tools\n");
    stages.iter().for_each(|stage| text.push_str(&format!("COPY --from={} /opt/ /opt/\n", stage.name)));
    text.push_str("RUN ldconfig\n# The command is what fnpack runs.\nENTRYPOINT []\nCMD [\"/bin/sh\"]\n");
    Ok(vec![text_file("Dockerfile", &text)])
}
