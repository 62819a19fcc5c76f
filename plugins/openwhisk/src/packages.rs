//! The clients of MinIO, and of ScyllaDB, which speaks DynamoDB's protocol.

use fnpack_plugin::{Failure, Requirement, Target, requirement};

use crate::unknown;

const MINIO_PYTHON: &str = "7.2.20";
/// The AWS SDK for Python, and the last that runs on Python 3.9.
const BOTO3: &str = "1.44.5";
const BOTO3_PYTHON_39: &str = "1.42.97";
const GSON: &str = "2.15.0";
const MINIO_JAVASCRIPT: &str = "8.0.7";
/// The AWS SDK for JavaScript, and one that runs on Node.js 18; all its packages have one version.
const AWS_SDK_JAVASCRIPT: &str = "3.1162.0";
const AWS_SDK_JAVASCRIPT_NODEJS_18: &str = "3.967.0";

pub fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
    let mut packages = Vec::new();
    let version = target.runtime.version.as_str();
    match target.runtime.language.as_str() {
        "python" => {
            if target.has_module("storage") {
                packages.push(requirement("minio", MINIO_PYTHON));
            }
            if target.has_module("nosql") {
                packages.push(requirement("boto3", if version == "3.9" { BOTO3_PYTHON_39 } else { BOTO3 }));
            }
        }
        "nodejs" => {
            if target.has_module("storage") {
                packages.push(requirement("minio", MINIO_JAVASCRIPT));
            }
            if target.has_module("nosql") {
                let sdk = if version == "18" { AWS_SDK_JAVASCRIPT_NODEJS_18 } else { AWS_SDK_JAVASCRIPT };
                packages.push(requirement("@aws-sdk/client-dynamodb", sdk));
                packages.push(requirement("@aws-sdk/lib-dynamodb", sdk));
            }
        }
        // What the wrapper needs; the function brings its own clients.
        "java" => packages.push(requirement("com.google.code.gson:gson", GSON)),
        other => return Err(unknown(other)),
    }
    Ok(packages)
}
