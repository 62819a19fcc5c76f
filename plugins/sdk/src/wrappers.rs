//! Wrappers of which a platform writes only what is its own.
//!
//! An entry point, a `storage` and a `nosql` are one file each in a package: the platform's part, and
//! behind it the part that is the same everywhere, which begins with what the first has to define.

use crate::{File, text_file};

/// The wrappers of Python, of a platform's parts of its entry point, which calls `_start`, `_run` and
/// `_error_body`, and of its `storage`, which defines `_Objects`; and of its `nosql`.
pub fn python_wrappers(entry_point: (&str, &str), storage: &str, nosql: &str) -> Vec<File> {
    let (path, own) = entry_point;
    vec![
        text_file(path, &joined(own, "\n\n", include_str!("../wrappers/python/invocation.py"))),
        text_file("storage.py", &joined(storage, "\n\n", include_str!("../wrappers/python/storage.py"))),
        text_file("nosql.py", nosql),
        unpacked_packages(),
    ]
}

/// The same of Node.js: the entry point calls `start`, `run` and `errorBody`, and `storage` defines
/// `Objects`; this and `nosql` get their SDK by `load`.
pub fn nodejs_wrappers(entry_point: (&str, &str), storage: &str, nosql: &str) -> Vec<File> {
    let (path, own) = entry_point;
    vec![
        text_file(path, &joined(own, "\n", include_str!("../wrappers/nodejs/invocation.js"))),
        text_file(
            "storage.js",
            &module(&joined(storage, "\n", include_str!("../wrappers/nodejs/storage.js"))),
        ),
        text_file("nosql.js", &module(nosql)),
    ]
}

/// The wrappers of Java: a platform's `Handler`, and the classes that it calls.
pub fn java_wrappers(handler: &str) -> Vec<File> {
    [
        ("Handler", handler),
        ("Invocation", include_str!("../wrappers/java/Invocation.java")),
        ("BadRequest", include_str!("../wrappers/java/BadRequest.java")),
        ("ColdStartTracker", include_str!("../wrappers/java/ColdStartTracker.java")),
    ]
    .into_iter()
    .map(|(name, text)| text_file(&format!("src/main/java/org/serverlessbench/{name}.java"), text))
    .collect()
}

/// A `nosql` of Python by the API of DynamoDB, of the part that connects to the service.
pub fn python_dynamodb(own: &str) -> String {
    joined(own, "\n\n", include_str!("../wrappers/python/dynamodb.py"))
}

/// The same of Node.js.
pub fn nodejs_dynamodb(own: &str) -> String {
    joined(own, "\n", include_str!("../wrappers/nodejs/dynamodb.js"))
}

/// The wrapper that unpacks packages of Python which `shrink` has put into an archive. A handler
/// imports it where there is such an archive, and puts the folder that it gives on its path:
///
/// ```python
/// if os.path.exists(os.path.join(PACKAGES, "packages.zip")):
///     sys.path.append(PACKAGES)
///     import unpacked_packages
///     sys.path.insert(2, unpacked_packages.folder())
/// ```
///
/// Both are in `.python_packages`, which the layout leaves as it is. In packages without an archive
/// it is left out.
pub fn unpacked_packages() -> File {
    text_file(
        ".python_packages/unpacked_packages.py",
        include_str!("../wrappers/python/unpacked_packages.py"),
    )
}

/// A module of Node.js with what all have; it defines `MODULE`.
fn module(own: &str) -> String {
    joined(own, "\n", include_str!("../wrappers/nodejs/module.js"))
}

fn joined(own: &str, between: &str, shared: &str) -> String {
    [own, shared].join(between)
}
