//! The AWS SDK, for functions that use storage or nosql, and what the wrapper of Java needs.

use fnpack_plugin::{Failure, Requirement, Target, requirement};

use crate::description::{SDK, SDK_PACKAGED, SDK_RUNTIME};
use crate::{bun, unknown};

/// The SDK for Python, and the last that runs on Python 3.9.
const BOTO3: &str = "1.44.5";
const BOTO3_PYTHON_39: &str = "1.42.97";
/// The SDK for JavaScript; all its packages have one version.
const AWS_SDK_JAVASCRIPT: &str = "3.1162.0";

/// What the wrapper of Java needs: Lambda's interfaces, and JSON.
const JAVA: [(&str, &str); 2] = [
    ("com.amazonaws:aws-lambda-java-core", "1.4.0"),
    ("com.fasterxml.jackson.core:jackson-databind", "2.23.0"),
];

pub fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
    if target.runtime.language == "java" {
        return Ok(JAVA.iter().map(|(name, version)| requirement(name, version)).collect());
    }
    let (storage, nosql) = (target.has_module("storage"), target.has_module("nosql"));
    match target.setting(SDK) {
        Some(SDK_PACKAGED) | None => {}
        // A custom runtime has none.
        Some(SDK_RUNTIME) if bun::is_wanted(target) => {}
        Some(SDK_RUNTIME) => return Ok(Vec::new()),
        Some(other) => {
            return Err(Failure {
                message: format!("the setting `{SDK}` is \"{other}\""),
                hint: Some(format!("it can be \"{SDK_PACKAGED}\" or \"{SDK_RUNTIME}\"")),
            });
        }
    }
    let names: &[&str] = match target.runtime.language.as_str() {
        "python" if storage || nosql => {
            let version = if target.runtime.version == "3.9" { BOTO3_PYTHON_39 } else { BOTO3 };
            return Ok(vec![requirement("boto3", version)]);
        }
        "python" => &[],
        "nodejs" => match (storage, nosql) {
            (true, true) => &[S3, S3_UPLOAD, DYNAMODB, DYNAMODB_DOCUMENTS],
            (true, false) => &[S3, S3_UPLOAD],
            (false, true) => &[DYNAMODB, DYNAMODB_DOCUMENTS],
            (false, false) => &[],
        },
        // Its libraries are the build image's.
        "cpp" => return Ok(Vec::new()),
        other => return Err(unknown(other)),
    };
    let engine = bun::is_wanted(target).then(bun::engine);
    Ok(names.iter().map(|name| requirement(name, AWS_SDK_JAVASCRIPT)).chain(engine).collect())
}

const S3: &str = "@aws-sdk/client-s3";
const S3_UPLOAD: &str = "@aws-sdk/lib-storage";
const DYNAMODB: &str = "@aws-sdk/client-dynamodb";
const DYNAMODB_DOCUMENTS: &str = "@aws-sdk/lib-dynamodb";
