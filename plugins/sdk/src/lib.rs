//! What a platform plugin in Rust is written with.
//!
//! Implement [`Platform`] and hand the type to [`plugin!`]; the result, built for
//! `wasm32-unknown-unknown` and made a component, is a plugin:
//!
//! ```ignore
//! struct Cloud;
//!
//! impl fnpack_plugin::Platform for Cloud { /* describe, wrappers, arrange ... */ }
//!
//! fnpack_plugin::plugin!(Cloud);
//! ```
//!
//! The types are those of the contract, `wit/0.1/platform.wit`, which tells what each means. A
//! panic reaches the user as a failure of the plugin with its message and line.

#[allow(missing_docs, unsafe_code)]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1",
        world: "plugin",
        pub_export_macro: true,
        default_bindings_module: "fnpack_plugin::bindings",
    });
}

mod wrappers;

pub use bindings::exports::fnpack::plugin::platform::{
    Archive, BuildImage, Deployment, Description, Edit, ImagePlan, ImageSource, KnownSetting, Layer, Layout,
    Limit, MoveEntry, RenameEntry, Requirement, Subject, Support,
};
pub use bindings::fnpack::plugin::types::{Contents, Failure, File, Pair, Runtime, Target};
pub use bindings::fnpack::plugin::{log, tree};
pub use wrappers::{
    java_wrappers, nodejs_dynamodb, nodejs_wrappers, python_dynamodb, python_wrappers, unpacked_packages,
};

/// What a Java program of a deployment with an image depends on, where that lies beside `function.jar`.
pub const JAVA_DEPENDENCIES: &str = "dependencies.jar";

/// What differs from platform to platform. Each call runs in a fresh instance; nothing outlives it.
pub trait Platform {
    /// What the platform is. Asked once for each plugin, not for each build.
    fn describe() -> Description;

    /// Shims between the platform's API and the benchmark's.
    fn wrappers(target: &Target) -> Result<Vec<File>, Failure>;

    /// Packages that the wrappers and modules need.
    fn packages(_target: &Target) -> Result<Vec<Requirement>, Failure> {
        Ok(Vec::new())
    }

    /// A Dockerfile and the files that it copies, for a row whose build image is a recipe.
    fn build_recipe(target: &Target) -> Result<Vec<File>, Failure> {
        Err(failure(format!("{} {} needs no recipe", target.runtime.language, target.runtime.version)))
    }

    /// The platform's directory layout.
    fn arrange(target: &Target) -> Result<Layout, Failure>;

    /// How the function image is made.
    fn plan_image(target: &Target) -> Result<ImagePlan, Failure> {
        Err(failure(format!("{} has no function image", target.deployment)))
    }

    /// The tag of the function image.
    fn name_image(target: &Target, _host_version: &str) -> Result<String, Failure> {
        Err(failure(format!("{} has no function image", target.deployment)))
    }
}

/// Makes a type that implements [`Platform`] the plugin of its crate.
#[macro_export]
macro_rules! plugin {
    ($platform:ty) => {
        struct Exported;

        impl $crate::bindings::exports::fnpack::plugin::platform::Guest for Exported {
            fn describe() -> $crate::Description {
                $crate::tell_panics();
                <$platform as $crate::Platform>::describe()
            }
            fn wrappers(target: $crate::Target) -> Result<Vec<$crate::File>, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::wrappers(&target)
            }
            fn packages(target: $crate::Target) -> Result<Vec<$crate::Requirement>, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::packages(&target)
            }
            fn build_recipe(target: $crate::Target) -> Result<Vec<$crate::File>, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::build_recipe(&target)
            }
            fn arrange(target: $crate::Target) -> Result<$crate::Layout, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::arrange(&target)
            }
            fn plan_image(target: $crate::Target) -> Result<$crate::ImagePlan, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::plan_image(&target)
            }
            fn name_image(target: $crate::Target, host_version: String) -> Result<String, $crate::Failure> {
                $crate::tell_panics();
                <$platform as $crate::Platform>::name_image(&target, &host_version)
            }
        }

        $crate::bindings::export!(Exported with_types_in $crate::bindings);
    };
}

/// Sends the message and line of a panic to the host, which shows them as the cause of the trap.
#[doc(hidden)]
pub fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string())));
}

/// A failure without a hint.
pub fn failure(message: impl Into<String>) -> Failure {
    Failure { message: message.into(), hint: None }
}

/// A file of text.
pub fn text_file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), contents: Contents::Text(text.to_owned()), executable: false }
}

/// A name and its value.
pub fn pair(key: &str, value: impl Into<String>) -> Pair {
    Pair { key: key.to_owned(), value: value.into() }
}

/// A package of one version.
pub fn requirement(name: &str, version: &str) -> Requirement {
    Requirement { name: name.to_owned(), version: version.to_owned() }
}

/// Moves everything in the root but `except` into `directory`.
pub fn move_all_but(except: &[&str], directory: &str) -> Edit {
    Edit::Move(MoveEntry {
        source: "*".to_owned(),
        directory: directory.to_owned(),
        except: except.iter().map(|name| (*name).to_owned()).collect(),
    })
}

/// Fails unless the tree's root has one of these files, the first of which is the usual one: the
/// function's own, which the handler imports.
pub fn require_entry_point(target: &Target, names: &[&str]) -> Result<(), Failure> {
    if tree::entries("")?.iter().any(|entry| names.contains(&entry.name.as_str())) {
        return Ok(());
    }
    let (benchmark, language, name) = (&target.benchmark, &target.runtime.language, names[0]);
    Err(Failure {
        message: format!("the benchmark {benchmark} has no {name} for {language}"),
        hint: Some(format!("its handler(event) is looked for in {language}/{name}")),
    })
}

/// The entries of the tree's root as the layers of an image, at a directory of it: dependencies,
/// which seldom change, below everything else.
pub fn layers(directory: &str, dependencies: &[&str]) -> Result<Vec<Layer>, Failure> {
    let names = tree::entries("")?.into_iter().map(|entry| entry.name);
    let (seldom, often): (Vec<_>, Vec<_>) = names.partition(|name| dependencies.contains(&name.as_str()));
    let layer = |paths: Vec<String>| Layer { paths, directory: directory.to_owned() };
    Ok([seldom, often].into_iter().filter(|paths| !paths.is_empty()).map(layer).collect())
}

/// The tag of a target's function image that tells it from all others of the platform.
pub fn image_tag(platform: &str, target: &Target, host_version: &str) -> String {
    let Runtime { language, version, variant } = &target.runtime;
    let variant = match variant.as_str() {
        "default" => String::new(),
        variant => format!("-{variant}"),
    };
    let (benchmark, architecture) = (&target.benchmark, &target.architecture);
    format!("function.{platform}.{benchmark}.{language}-{version}{variant}-{architecture}-{host_version}")
}

impl Target {
    /// The value of a setting that the platform's description knows.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str())
    }

    /// Whether the benchmark's config.json asks for a module, such as "storage".
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.iter().any(|module| module == name)
    }
}
