//! What Apache OpenWhisk is and can do.

use fnpack_plugin::{
    BuildImage, Deployment, Description, Failure, ImageSource, Limit, Runtime, Subject, Support,
};

use crate::unknown;

/// A zip of everything.
pub const PACKAGE: &str = "package";
/// A zip of the main handler, for an action in the function's own image.
pub const CONTAINER: &str = "container";

/// A language, its version, the Debian release of its image, and whether it is a kind.
struct Row(&'static str, &'static str, Debian, bool);

/// The release that an image is made from, which decides its C library.
#[derive(Clone, Copy)]
enum Debian {
    Buster,
    Bullseye,
    Bookworm,
}

/// The images of <https://github.com/apache/openwhisk-runtime-python/tree/master/core> and
/// <https://github.com/apache/openwhisk-runtime-nodejs/tree/master/core>. Those that an OpenWhisk
/// offers as kinds without being told are in
/// <https://github.com/apache/openwhisk/blob/master/ansible/files/runtimes.json>; an action of
/// another runs in its image.
const ROWS: [Row; 6] = [
    Row("python", "3.9", Debian::Buster, false),
    Row("python", "3.10", Debian::Bookworm, true),
    Row("python", "3.11", Debian::Bookworm, true),
    Row("python", "3.12", Debian::Bookworm, false),
    Row("nodejs", "18", Debian::Bullseye, true),
    Row("nodejs", "20", Debian::Bullseye, true),
];

impl Debian {
    fn name(self) -> &'static str {
        match self {
            Debian::Buster => "buster",
            Debian::Bullseye => "bullseye",
            Debian::Bookworm => "bookworm",
        }
    }

    fn libc(self) -> &'static str {
        match self {
            Debian::Buster => "glibc-2.28",
            Debian::Bullseye => "glibc-2.31",
            Debian::Bookworm => "glibc-2.36",
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

fn support(Row(language, version, debian, _): &Row) -> Support {
    // What the runtime's image is made from, with compilers.
    let image = if *language == "nodejs" { "node" } else { "python" };
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
            source: ImageSource::Reference(format!("docker.io/library/{image}:{version}-{}", debian.name())),
        }],
        libc: debian.libc().to_owned(),
    }
}
