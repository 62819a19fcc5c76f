//! Azure Functions.

mod description;
mod layout;
mod packages;

use fnpack_plugin::{
    Description, Failure, File, Layout, Platform, Requirement, Target, failure, text_file, unpacked_packages,
};

struct Azure;

impl Platform for Azure {
    fn describe() -> Description {
        description::describe()
    }

    fn wrappers(target: &Target) -> Result<Vec<File>, Failure> {
        match target.runtime.language.as_str() {
            "python" => Ok(vec![
                text_file("handler.py", include_str!("../wrappers/python/handler.py")),
                text_file("storage.py", include_str!("../wrappers/python/storage.py")),
                text_file("nosql.py", include_str!("../wrappers/python/nosql.py")),
                unpacked_packages(),
            ]),
            "nodejs" => Ok(vec![
                text_file("handler.js", include_str!("../wrappers/nodejs/handler.js")),
                text_file("storage.js", include_str!("../wrappers/nodejs/storage.js")),
                text_file("nosql.js", include_str!("../wrappers/nodejs/nosql.js")),
            ]),
            "java" => Ok(vec![
                text_file(
                    "src/main/java/org/serverlessbench/Handler.java",
                    include_str!("../wrappers/java/src/main/java/org/serverlessbench/Handler.java"),
                ),
                text_file(
                    "src/main/java/org/serverlessbench/ColdStartTracker.java",
                    include_str!("../wrappers/java/src/main/java/org/serverlessbench/ColdStartTracker.java"),
                ),
            ]),
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
