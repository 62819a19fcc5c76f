//! Azure Functions.

mod description;
mod layout;
mod packages;

use fnpack_plugin::{
    Description, Failure, File, Layout, Platform, Requirement, Target, failure, java_wrappers,
    nodejs_wrappers, python_wrappers,
};

struct Azure;

impl Platform for Azure {
    fn describe() -> Description {
        description::describe()
    }

    fn wrappers(target: &Target) -> Result<Vec<File>, Failure> {
        match target.runtime.language.as_str() {
            "python" => Ok(python_wrappers(
                ("handler.py", include_str!("../wrappers/python/handler.py")),
                include_str!("../wrappers/python/storage.py"),
                include_str!("../wrappers/python/nosql.py"),
            )),
            "nodejs" => Ok(nodejs_wrappers(
                ("handler.js", include_str!("../wrappers/nodejs/handler.js")),
                include_str!("../wrappers/nodejs/storage.js"),
                include_str!("../wrappers/nodejs/nosql.js"),
            )),
            "java" => Ok(java_wrappers(include_str!("../wrappers/java/Handler.java"))),
            other => Err(unknown(other)),
        }
    }

    fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
        packages::packages(target)
    }

    fn arrange(target: &Target) -> Result<Layout, Failure> {
        layout::arrange(target)
    }
}

/// No row of the description names the language.
fn unknown(language: &str) -> Failure {
    failure(format!("Azure Functions is not described for {language}"))
}

fnpack_plugin::plugin!(Azure);
