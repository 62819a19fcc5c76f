//! Apache OpenWhisk.

mod description;
mod image;
mod layout;
mod packages;

use fnpack_plugin::{
    Description, Failure, File, ImagePlan, Layout, Platform, Requirement, Target, failure, image_tag,
    text_file, tree, unpacked_packages,
};

struct OpenWhisk;

impl Platform for OpenWhisk {
    fn describe() -> Description {
        description::describe()
    }

    fn wrappers(target: &Target) -> Result<Vec<File>, Failure> {
        match target.runtime.language.as_str() {
            "python" => Ok(vec![
                text_file("__main__.py", include_str!("../wrappers/python/__main__.py")),
                text_file("storage.py", include_str!("../wrappers/python/storage.py")),
                text_file("nosql.py", include_str!("../wrappers/python/nosql.py")),
                unpacked_packages(),
            ]),
            "nodejs" => Ok(vec![
                text_file("index.js", include_str!("../wrappers/nodejs/index.js")),
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
