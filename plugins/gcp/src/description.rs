//! What Google Cloud Functions (Cloud Run functions) is and can do.

use fnpack_plugin::{
    BuildImage, Deployment, Description, ImageSource, Limit, Runtime, Subject, Support, Target,
};

use crate::image::{self, CONTAINER};

/// What is built when the user names no deployment: a function of the second generation.
const PACKAGE: &str = "package";
const GENERATION_1: &str = "function-gen1";
const GENERATION_2: &str = "function-gen2";

/// A system that Google runs functions on.
struct Stack {
    name: &'static str,
    libc: &'static str,
}

/// Ubuntu 22.04.
const GOOGLE_22: Stack = Stack { name: "google-22", libc: "glibc-2.35" };
/// Ubuntu 24.04.
const GOOGLE_24: Stack = Stack { name: "google-24", libc: "glibc-2.39" };

/// Runtimes and their default stacks of
/// <https://docs.cloud.google.com/run/docs/runtimes/function-runtimes>, and whether the first generation has
/// them, by <https://docs.cloud.google.com/functions/1stgendocs/runtime-support>: Python 3.12 is the newest there.
const RUNTIMES: [(&str, &str, &Stack, bool); 11] = [
    ("python", "3.10", &GOOGLE_22, true),
    ("python", "3.11", &GOOGLE_22, true),
    ("python", "3.12", &GOOGLE_22, true),
    ("python", "3.13", &GOOGLE_22, false),
    ("python", "3.14", &GOOGLE_24, false),
    ("nodejs", "20", &GOOGLE_22, true),
    ("nodejs", "22", &GOOGLE_22, true),
    ("nodejs", "24", &GOOGLE_24, false),
    ("java", "17", &GOOGLE_22, true),
    ("java", "21", &GOOGLE_22, true),
    ("java", "25", &GOOGLE_24, false),
];

/// Python in PyPy, which no runtime of Google's has: an image alone, with the engine's own as its base.
pub const PYPY: &str = "pypy";
const PYPY_VERSION: &str = "3.11";

pub fn describe() -> Description {
    let deployment =
        |name: &str, limits| Deployment { name: name.to_owned(), image: false, symlinks: false, limits };
    Description {
        name: "gcp".to_owned(),
        title: "Google Cloud Functions".to_owned(),
        deployments: vec![
            deployment(PACKAGE, Vec::new()),
            deployment(GENERATION_2, Vec::new()),
            deployment(GENERATION_1, first_generation_limits()),
            image::deployment(),
        ],
        supports: RUNTIMES
            .iter()
            .map(|(language, version, stack, first)| support(language, version, stack, *first))
            .chain([pypy()])
            .collect(),
        settings: Vec::new(),
    }
}

/// The generation that a deployment is for, as `gcloud functions deploy` calls it.
pub fn generation(target: &Target) -> &'static str {
    if target.deployment == GENERATION_1 { "gen1" } else { "gen2" }
}

/// "python311", "nodejs20".
pub fn runtime_name(language: &str, version: &str) -> String {
    format!("{language}{}", version.replace('.', ""))
}

/// Quotas of <https://cloud.google.com/functions/quotas>: the second generation has none for the
/// size of a deployment.
fn first_generation_limits() -> Vec<Limit> {
    let limit = |subject, mebibytes: u32| {
        Limit {
        subject,
        kibibytes: mebibytes << 10,
        hard: true,
        note: "the first generation of Cloud Functions refuses it; leave out what the function does not need, or \
               deploy it as the second generation, which has no such limit"
            .to_owned(),
    }
    };
    vec![limit(Subject::Archive, 100), limit(Subject::Unpacked, 500)]
}

fn pypy() -> Support {
    let python = support("python", PYPY_VERSION, &GOOGLE_22, false);
    let image = ImageSource::Reference(format!("docker.io/library/pypy:{PYPY_VERSION}"));
    Support {
        runtime: Runtime { variant: PYPY.to_owned(), ..python.runtime },
        deployments: vec![CONTAINER.to_owned()],
        build_images: vec![BuildImage { architecture: "x64".to_owned(), source: image }],
        ..python
    }
}

fn support(language: &str, version: &str, stack: &Stack, first_generation: bool) -> Support {
    // The runtime's own image, with the system's development packages ("-full").
    let image = match language {
        // Google's images of Java have no Maven.
        "java" => format!("docker.io/library/maven:3-eclipse-temurin-{version}"),
        _ => format!(
            "us-central1-docker.pkg.dev/serverless-runtimes/{}-full/runtimes/{}:latest",
            stack.name,
            runtime_name(language, version)
        ),
    };
    let mut deployments = vec![PACKAGE.to_owned(), GENERATION_2.to_owned(), CONTAINER.to_owned()];
    if first_generation {
        deployments.push(GENERATION_1.to_owned());
    }
    Support {
        runtime: Runtime {
            language: language.to_owned(),
            version: version.to_owned(),
            variant: "default".to_owned(),
        },
        architectures: vec!["x64".to_owned()],
        deployments,
        build_images: vec![BuildImage {
            architecture: "x64".to_owned(),
            source: ImageSource::Reference(image),
        }],
        libc: stack.libc.to_owned(),
    }
}
