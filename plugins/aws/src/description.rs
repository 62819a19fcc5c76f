//! What AWS Lambda is and can do.

use fnpack_plugin::{
    BuildImage, Deployment, Description, ImageSource, KnownSetting, Limit, Runtime, Subject, Support,
};

use crate::image;
use crate::{bun, cpp};

/// The setting that says where the AWS SDK comes from.
pub const SDK: &str = "sdk";
/// The SDK is in the package, in one version.
pub const SDK_PACKAGED: &str = "packaged";
/// The SDK is that of Lambda's runtime.
pub const SDK_RUNTIME: &str = "runtime";

/// Runtimes of <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>. Those up to
/// Python 3.11 run on Amazon Linux 2 (glibc 2.26), the others on Amazon Linux 2023 (glibc 2.34).
const PYTHON: [(&str, &str); 6] = [
    ("3.9", "glibc-2.26"),
    ("3.10", "glibc-2.26"),
    ("3.11", "glibc-2.26"),
    ("3.12", "glibc-2.34"),
    ("3.13", "glibc-2.34"),
    ("3.14", "glibc-2.34"),
];

const NODEJS: [(&str, &str); 3] = [("20", "glibc-2.34"), ("22", "glibc-2.34"), ("24", "glibc-2.34")];

/// The first two run on Amazon Linux 2, the others on Amazon Linux 2023.
const JAVA: [(&str, &str); 4] =
    [("11", "glibc-2.26"), ("17", "glibc-2.26"), ("21", "glibc-2.34"), ("25", "glibc-2.34")];

pub fn describe() -> Description {
    let (_, newest) = NODEJS[NODEJS.len() - 1];
    let mut bun = support("nodejs", bun::NODEJS, newest, &format!("nodejs{}.x", bun::NODEJS));
    bun.runtime.variant = bun::VARIANT.to_owned();
    // npm takes a package that is for one processor alone only on that processor.
    bun.architectures.retain(|architecture| architecture == "x64");
    bun.build_images.retain(|image| image.architecture == "x64");
    let python =
        PYTHON.iter().map(|(version, libc)| support("python", version, libc, &format!("python{version}")));
    let nodejs =
        NODEJS.iter().map(|(version, libc)| support("nodejs", version, libc, &format!("nodejs{version}.x")));
    let java = JAVA.iter().map(|(version, libc)| support("java", version, libc, &format!("java{version}")));
    Description {
        name: "aws".to_owned(),
        title: "AWS Lambda".to_owned(),
        deployments: vec![package(), image::deployment()],
        supports: python.chain(nodejs).chain([bun]).chain(java).chain([cpp::support()]).collect(),
        settings: vec![KnownSetting {
            key: SDK.to_owned(),
            default: SDK_PACKAGED.to_owned(),
            note: format!(
                "where a function that uses storage or nosql has the AWS SDK from: \"{SDK_PACKAGED}\", in one version \
                 for every build, or \"{SDK_RUNTIME}\", Lambda's own, for a smaller package"
            ),
        }],
    }
}

/// Quotas of <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
fn package() -> Deployment {
    Deployment {
        name: "package".to_owned(),
        image: false,
        symlinks: true,
        limits: vec![
            Limit {
                subject: Subject::Archive,
                kibibytes: 50 << 10,
                hard: false,
                note: "it cannot be uploaded to Lambda directly; upload it to S3 and create the function from there"
                    .to_owned(),
            },
            Limit {
                subject: Subject::Unpacked,
                kibibytes: 250 << 10,
                hard: true,
                note: "Lambda refuses it; leave out what the function does not need".to_owned(),
            },
        ],
    }
}

fn support(language: &str, version: &str, libc: &str, runtime: &str) -> Support {
    // The images that AWS builds for its own build tool: the runtime's system with compilers.
    let image = |architecture: &str, machine: &str| BuildImage {
        architecture: architecture.to_owned(),
        source: ImageSource::Reference(format!("public.ecr.aws/sam/build-{runtime}:latest-{machine}")),
    };
    Support {
        runtime: Runtime {
            language: language.to_owned(),
            version: version.to_owned(),
            variant: "default".to_owned(),
        },
        architectures: vec!["x64".to_owned(), "arm64".to_owned()],
        deployments: vec!["package".to_owned(), image::CONTAINER.to_owned()],
        build_images: vec![image("x64", "x86_64"), image("arm64", "arm64")],
        libc: libc.to_owned(),
    }
}
