//! Apache OpenWhisk.

mod description;
mod image;
mod layout;
mod packages;

use fnpack_plugin::{
    Description, Failure, File, ImagePlan, Layout, Platform, Requirement, Target, failure, image_tag,
    java_wrappers, nodejs_dynamodb, nodejs_wrappers, python_dynamodb, python_wrappers, tree,
};

struct OpenWhisk;

impl Platform for OpenWhisk {
    fn describe() -> Description {
        description::describe()
    }

    fn wrappers(target: &Target) -> Result<Vec<File>, Failure> {
        match target.runtime.language.as_str() {
            "python" => Ok(python_wrappers(
                ("__main__.py", include_str!("../wrappers/python/__main__.py")),
                include_str!("../wrappers/python/storage.py"),
                &python_dynamodb(include_str!("../wrappers/python/nosql.py")),
            )),
            "nodejs" => Ok(nodejs_wrappers(
                ("index.js", include_str!("../wrappers/nodejs/index.js")),
                include_str!("../wrappers/nodejs/storage.js"),
                &nodejs_dynamodb(include_str!("../wrappers/nodejs/nosql.js")),
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

    fn plan_image(target: &Target) -> Result<ImagePlan, Failure> {
        let present: Vec<String> = tree::entries("")?.into_iter().map(|entry| entry.name).collect();
        image::plan(target, &present)
    }

    fn name_image(target: &Target, host_version: &str) -> Result<String, Failure> {
        Ok(image_tag("openwhisk", target, host_version))
    }
}

/// No row of the description names the language.
fn unknown(language: &str) -> Failure {
    failure(format!("Apache OpenWhisk has no runtime for {language}"))
}

fnpack_plugin::plugin!(OpenWhisk);
