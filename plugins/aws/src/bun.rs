//! Functions for Node.js in Bun: a custom runtime, with the engine in the package.

use fnpack_plugin::{
    Edit, Failure, File, RenameEntry, Requirement, Target, move_all_but, requirement, text_file, tree,
};

/// The variant of nodejs.
pub const VARIANT: &str = "bun";
/// The version of Node.js whose interfaces this Bun offers.
pub const NODEJS: &str = "24";
/// Lambda's name of the system for custom runtimes.
pub const RUNTIME: &str = "provided.al2023";

const VERSION: &str = "1.4.5";
const BOOTSTRAP: &str = "bootstrap";
const LOOP: &str = "runtime.js";

/// Whether a target is for Bun.
pub fn is_wanted(target: &Target) -> bool {
    target.runtime.variant == VARIANT
}

/// What Lambda starts, and the loop that asks it for requests.
pub fn wrappers() -> [File; 2] {
    let bootstrap = text_file(BOOTSTRAP, include_str!("../wrappers/bun/bootstrap"));
    [File { executable: true, ..bootstrap }, text_file(LOOP, include_str!("../wrappers/bun/runtime.js"))]
}

/// The npm package that holds the engine.
const PACKAGE: &str = "bun-linux-x64";

/// The engine, as a package.
pub fn engine() -> Requirement {
    requirement(&format!("@oven/{PACKAGE}"), VERSION)
}

/// The engine on top beside what starts it, the function in its folder.
pub fn edits(function: &str) -> Result<Vec<Edit>, Failure> {
    let scope = "node_modules/@oven";
    // Nothing of the npm package is left but the engine.
    let others = tree::entries(scope)?.iter().any(|entry| entry.name != PACKAGE);
    let rest = if others { format!("{function}/{scope}/{PACKAGE}") } else { format!("{function}/{scope}") };
    Ok(vec![
        move_all_but(&["handler.js", LOOP, BOOTSTRAP], function),
        Edit::Rename(RenameEntry {
            source: format!("{function}/{scope}/{PACKAGE}/bin/bun"),
            destination: "bun".to_owned(),
        }),
        Edit::Remove(rest),
    ])
}
