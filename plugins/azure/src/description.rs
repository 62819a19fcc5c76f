//! What Azure Functions is and can do.

use fnpack_plugin::{BuildImage, Deployment, Description, ImageSource, Limit, Runtime, Subject, Support};

/// Code, as a zip. Functions as containers are another offer, with plans of their own.
const PACKAGE: &str = "package";

/// Debian 11.
const BULLSEYE: &str = "glibc-2.31";
/// Debian 12.
const BOOKWORM: &str = "glibc-2.36";

/// A version, the tag of the image that dependencies are installed in, and the C library.
struct Row {
    language: &'static str,
    version: &'static str,
    image: &'static str,
    libc: &'static str,
}

/// Runtime 4.x, the versions of <https://learn.microsoft.com/azure/azure-functions/supported-languages>
/// as of 2026-09-21. Python 3.10 and Node.js 20 have passed the end of their support in 2026; they can
/// still be deployed, by <https://learn.microsoft.com/azure/azure-functions/language-support-policy>.
///
/// Systems and images are those of <https://github.com/Azure/azure-functions-docker>, host/4: Debian 11 for
/// Python up to 3.11 and Node.js 20, Debian 12 for what is newer. Python has images for building up to
/// 3.12 (issue 1232 there); after that, and for Node.js, the runtime's own image is taken: it has the installer,
/// but no compiler. Java is on Debian 11 up to 17; it is built in images of Maven.
const ROWS: [Row; 12] = [
    python("3.10", "4-python3.10-buildenv", BULLSEYE),
    python("3.11", "4-python3.11-buildenv", BULLSEYE),
    python("3.12", "4-python3.12-buildenv", BOOKWORM),
    python("3.13", "4-python3.13", BOOKWORM),
    python("3.14", "4-python3.14", BOOKWORM),
    nodejs("20", "4-node20", BULLSEYE),
    nodejs("22", "4-node22", BOOKWORM),
    nodejs("24", "4-node24", BOOKWORM),
    java("11", "3-eclipse-temurin-11", BULLSEYE),
    java("17", "3-eclipse-temurin-17", BULLSEYE),
    java("21", "3-eclipse-temurin-21", BOOKWORM),
    java("25", "3-eclipse-temurin-25", BOOKWORM),
];

const fn python(version: &'static str, image: &'static str, libc: &'static str) -> Row {
    Row { language: "python", version, image, libc }
}

const fn nodejs(version: &'static str, image: &'static str, libc: &'static str) -> Row {
    Row { language: "nodejs", version, image, libc }
}

const fn java(version: &'static str, image: &'static str, libc: &'static str) -> Row {
    Row { language: "java", version, image, libc }
}

pub fn describe() -> Description {
    Description {
        name: "azure".to_owned(),
        title: "Azure Functions".to_owned(),
        deployments: vec![
            Deployment { name: PACKAGE.to_owned(), image: false, symlinks: false, limits: vec![limit()] },
            no_containers(),
        ],
        supports: ROWS.iter().map(support).collect(),
        settings: Vec::new(),
    }
}

/// What Azure calls a language.
pub fn runtime_name(language: &str) -> &str {
    if language == "nodejs" { "node" } else { language }
}

/// <https://learn.microsoft.com/azure/azure-functions/run-functions-from-deployment-package>
fn limit() -> Limit {
    Limit {
        subject: Subject::Archive,
        kibibytes: 1 << 20,
        hard: true,
        note: "Azure Functions takes no larger deployment package; leave out what the function does not need"
            .to_owned(),
    }
}

/// That no row has it makes it refused, for this reason:
/// <https://learn.microsoft.com/azure/azure-functions/container-concepts>.
fn no_containers() -> Deployment {
    let note = "functions in the Consumption plans, which these are for, run from packages alone; containers of one's own \
                want a Premium, Dedicated or Container Apps plan"
        .to_owned();
    let limit = Limit { subject: Subject::Image, kibibytes: 0, hard: true, note };
    Deployment { name: "container".to_owned(), image: false, symlinks: false, limits: vec![limit] }
}

fn support(row: &Row) -> Support {
    let image = match row.language {
        "java" => format!("docker.io/library/maven:{}", row.image),
        language => format!("mcr.microsoft.com/azure-functions/{}:{}", runtime_name(language), row.image),
    };
    Support {
        runtime: Runtime {
            language: row.language.to_owned(),
            version: row.version.to_owned(),
            variant: "default".to_owned(),
        },
        architectures: vec!["x64".to_owned()],
        deployments: vec![PACKAGE.to_owned()],
        build_images: vec![BuildImage {
            architecture: "x64".to_owned(),
            source: ImageSource::Reference(image),
        }],
        libc: row.libc.to_owned(),
    }
}
