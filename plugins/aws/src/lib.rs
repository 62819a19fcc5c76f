//! AWS Lambda.

mod bun;
mod cpp;
mod description;
mod image;
mod layout;
mod packages;
mod recipe;

use fnpack_plugin::{
    Description, Failure, File, ImagePlan, Layout, Platform, Requirement, Target, failure, image_tag,
    java_wrappers, nodejs_dynamodb, nodejs_wrappers, python_dynamodb, python_wrappers,
};

struct Aws;

impl Platform for Aws {
    fn describe() -> Description {
        description::describe()
    }

    fn wrappers(target: &Target) -> Result<Vec<File>, Failure> {
        match target.runtime.language.as_str() {
            "python" => Ok(python_wrappers(
                ("handler.py", include_str!("../wrappers/python/handler.py")),
                include_str!("../wrappers/python/storage.py"),
                &python_dynamodb(include_str!("../wrappers/python/nosql.py")),
            )),
            "nodejs" => {
                let mut files = nodejs_wrappers(
                    ("handler.js", include_str!("../wrappers/nodejs/handler.js")),
                    include_str!("../wrappers/nodejs/storage.js"),
                    &nodejs_dynamodb(include_str!("../wrappers/nodejs/nosql.js")),
                );
                if bun::is_wanted(target) {
                    files.extend(bun::wrappers());
                }
                Ok(files)
            }
            "java" => Ok(java_wrappers(include_str!("../wrappers/java/Handler.java"))),
            "cpp" => Ok(cpp::wrappers()),
            other => Err(unknown(other)),
        }
    }

    fn packages(target: &Target) -> Result<Vec<Requirement>, Failure> {
        packages::packages(target)
    }

    fn build_recipe(target: &Target) -> Result<Vec<File>, Failure> {
        recipe::recipe(target)
    }

    fn plan_image(target: &Target) -> Result<ImagePlan, Failure> {
        image::plan(target)
    }

    fn name_image(target: &Target, host_version: &str) -> Result<String, Failure> {
        Ok(image_tag("aws", target, host_version))
    }

    fn arrange(target: &Target) -> Result<Layout, Failure> {
        layout::arrange(target)
    }
}

/// No row of the description names the language.
fn unknown(language: &str) -> Failure {
    failure(format!("AWS Lambda has no runtime for {language}"))
}

fnpack_plugin::plugin!(Aws);
