//! Microsoft's client libraries, for functions that use storage or nosql. The library of the
//! functions themselves, azure-functions, is part of the runtime. What the wrapper of Java needs, it
//! is compiled against.

use fnpack_plugin::{Failure, Requirement, Target, requirement};

use crate::unknown;

/// A client library and the version to install.
type Package = (&'static str, &'static str);

const PYTHON_BLOBS: Package = ("azure-storage-blob", "12.31.1");
const PYTHON_COSMOS: Package = ("azure-cosmos", "4.17.1");

const NODEJS_BLOBS: Package = ("@azure/storage-blob", "12.34.0");
const NODEJS_COSMOS: Package = ("@azure/cosmos", "4.10.1");
/// The last that run on Node.js 20.
const NODEJS_20_BLOBS: Package = ("@azure/storage-blob", "12.32.0");
const NODEJS_20_COSMOS: Package = ("@azure/cosmos", "4.9.3");

const JAVA: [Package; 2] = [
    ("com.microsoft.azure.functions:azure-functions-java-library", "3.2.3"),
    ("com.fasterxml.jackson.core:jackson-databind", "2.23.0"),
];

pub fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
    if target.runtime.language == "java" {
        return Ok(JAVA.iter().map(|(name, version)| requirement(name, version)).collect());
    }
    let (blobs, cosmos) = match (target.runtime.language.as_str(), target.runtime.version.as_str()) {
        ("python", _) => (PYTHON_BLOBS, PYTHON_COSMOS),
        ("nodejs", "20") => (NODEJS_20_BLOBS, NODEJS_20_COSMOS),
        ("nodejs", _) => (NODEJS_BLOBS, NODEJS_COSMOS),
        (other, _) => return Err(unknown(other)),
    };
    Ok([("storage", blobs), ("nosql", cosmos)]
        .into_iter()
        .filter(|(module, _)| target.has_module(module))
        .map(|(_, (name, version))| requirement(name, version))
        .collect())
}
