//! What Apache OpenWhisk is and can do.

use fnpack_plugin::{
    BuildImage, Deployment, Description, Failure, ImageSource, Limit, Runtime, Subject, Support,
};

use crate::unknown;

/// A zip of everything.
pub const PACKAGE: &str = "package";
/// A zip of the main handler, for an action in the function's own image.
pub const CONTAINER: &str = "container";

/// A language, its version, the system of its image, and whether it is a kind.
struct Row(&'static str, &'static str, System, bool);

/// The release of Debian that an image is made from, which decides its C library.
#[derive(Clone, Copy)]
enum System {
    Buster,
    Bullseye,
    Bookworm,
    /// Of Ubuntu.
    Focal,
}

/// The images of <https://github.com/apache/openwhisk-runtime-python/tree/master/core> and
/// <https://github.com/apache/openwhisk-runtime-nodejs/tree/master/core>, and java8 of
/// <https://github.com/apache/openwhisk-runtime-java/tree/master/core>. Those that an OpenWhisk
/// offers as kinds without being told are in
/// <https://github.com/apache/openwhisk/blob/master/ansible/files/runtimes.json>; an action of
/// another runs in its image.
const ROWS: [Row; 7] = [
    Row("python", "3.9", System::Buster, false),
    Row("python", "3.10", System::Bookworm, true),
    Row("python", "3.11", System::Bookworm, true),
    Row("python", "3.12", System::Bookworm, false),
    Row("nodejs", "18", System::Bullseye, true),
    Row("nodejs", "20", System::Bullseye, true),
    Row("java", "8", System::Focal, true),
];

impl System {
    fn name(self) -> &'static str {
        match self {
            System::Buster => "buster",
            System::Bullseye => "bullseye",
            System::Bookworm => "bookworm",
            System::Focal => "focal",
        }
    }

    fn libc(self) -> &'static str {
        match self {
            System::Buster => "glibc-2.28",
            System::Bullseye => "glibc-2.31",
            System::Bookworm => "glibc-2.36",
            System::Focal => "glibc-2.31",
        }
    }
}

/// Whether an OpenWhisk has the runtime as a kind.
pub fn is_kind(runtime: &Runtime) -> bool {
    ROWS.iter().any(|Row(language, version, _, kind)| {
        (*language, *version) == (runtime.language.as_str(), runtime.version.as_str()) && *kind
    })
}

/// The image of a runtime, as OpenWhisk's own list of kinds names it.
pub fn base_image(runtime: &Runtime) -> Result<String, Failure> {
    match runtime.language.as_str() {
        language @ ("python" | "nodejs") => {
            Ok(format!("openwhisk/action-{language}-v{}:nightly", runtime.version))
        }
        "java" => Ok(format!("openwhisk/java{}action:nightly", runtime.version)),
        other => Err(unknown(other)),
    }
}

pub fn describe() -> Description {
    Description {
        name: "openwhisk".to_owned(),
        title: "Apache OpenWhisk".to_owned(),
        deployments: vec![deployment(PACKAGE), deployment(CONTAINER)],
        supports: ROWS.iter().map(support).collect(),
        settings: Vec::new(),
    }
}

/// Limits of <https://github.com/apache/openwhisk/blob/master/docs/reference.md#system-limits>.
fn deployment(name: &str) -> Deployment {
    Deployment {
        name: name.to_owned(),
        image: name == CONTAINER,
        symlinks: false,
        limits: vec![
            Limit {
                subject: Subject::Archive,
                kibibytes: 48 << 10,
                hard: true,
                note: "OpenWhisk refuses it; leave out what the function does not need".to_owned(),
            },
            Limit {
                subject: Subject::Archive,
                kibibytes: 36 << 10,
                hard: false,
                note: "its base64 text, which is what is uploaded, is larger than 48 MiB, and an OpenWhisk that \
                       counts that text refuses it"
                    .to_owned(),
            },
        ],
    }
}

fn support(Row(language, version, system, _): &Row) -> Support {
    // What the runtime's image is made from, with compilers.
    let image = match *language {
        "nodejs" => format!("node:{version}-{}", system.name()),
        // Any JDK that compiles for the version; with Maven.
        "java" => "maven:3-eclipse-temurin-17".to_owned(),
        _ => format!("python:{version}-{}", system.name()),
    };
    Support {
        runtime: Runtime {
            language: (*language).to_owned(),
            version: (*version).to_owned(),
            variant: "default".to_owned(),
        },
        architectures: vec!["x64".to_owned()],
        deployments: vec![PACKAGE.to_owned(), CONTAINER.to_owned()],
        build_images: vec![BuildImage {
            architecture: "x64".to_owned(),
            source: ImageSource::Reference(format!("docker.io/library/{image}")),
        }],
        libc: system.libc().to_owned(),
    }
}
