//! Google Cloud Functions.

mod description;
mod image;
mod layout;
mod packages;

use fnpack_plugin::{
    Description, Failure, File, ImagePlan, Layout, Platform, Requirement, Target, failure, image_tag,
    java_wrappers, nodejs_wrappers, python_wrappers,
};

struct Gcp;

impl Platform for Gcp {
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

    fn plan_image(target: &Target) -> Result<ImagePlan, Failure> {
        image::plan(target)
    }

    fn name_image(target: &Target, host_version: &str) -> Result<String, Failure> {
        Ok(image_tag("gcp", target, host_version))
    }

    fn arrange(target: &Target) -> Result<Layout, Failure> {
        layout::arrange(target)
    }
}

/// No row of the description names the language.
fn unknown(language: &str) -> Failure {
    failure(format!("Google Cloud Functions has no runtime for {language}"))
}

fnpack_plugin::plugin!(Gcp);
