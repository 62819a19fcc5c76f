//! Google's client libraries, for functions that use storage or nosql, and what the wrapper of Java
//! needs.

use fnpack_plugin::{Failure, Requirement, Target, requirement};

use crate::image::framework;
use crate::unknown;

/// A client library and the version to install.
type Package = (&'static str, &'static str);

const PYTHON_STORAGE: Package = ("google-cloud-storage", "3.17.1");
const PYTHON_DATASTORE: Package = ("google-cloud-datastore", "2.27.0");

const NODEJS_STORAGE: Package = ("@google-cloud/storage", "8.4.0");
const NODEJS_DATASTORE: Package = ("@google-cloud/datastore", "11.1.0");
/// The last that run on Node.js 20.
const NODEJS_20_STORAGE: Package = ("@google-cloud/storage", "7.22.0");
const NODEJS_20_DATASTORE: Package = ("@google-cloud/datastore", "10.1.1");

const JAVA: [Package; 2] = [
    ("com.google.cloud.functions:functions-framework-api", "2.0.0"),
    ("com.fasterxml.jackson.core:jackson-databind", "2.23.0"),
];

pub fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
    if target.runtime.language == "java" {
        let packages = JAVA.iter().map(|(name, version)| requirement(name, version));
        return Ok(packages.chain(framework(target)).collect());
    }
    let (storage, datastore) = match (target.runtime.language.as_str(), target.runtime.version.as_str()) {
        ("python", _) => (PYTHON_STORAGE, PYTHON_DATASTORE),
        ("nodejs", "20") => (NODEJS_20_STORAGE, NODEJS_20_DATASTORE),
        ("nodejs", _) => (NODEJS_STORAGE, NODEJS_DATASTORE),
        (other, _) => return Err(unknown(other)),
    };
    Ok([("storage", storage), ("nosql", datastore)]
        .into_iter()
        .filter(|(module, _)| target.has_module(module))
        .map(|(_, (name, version))| requirement(name, version))
        .chain(framework(target))
        .collect())
}
