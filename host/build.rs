//! Makes components of the project's own plugins; they travel inside the command.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use wit_component::ComponentEncoder;

/// The names of the platforms, each of a crate `fnpack-NAME` in `plugins/NAME`.
const PLUGINS: [&str; 4] = ["aws", "azure", "gcp", "openwhisk"];

const TARGET: &str = "wasm32-unknown-unknown";

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where"));
    let workspace = manifest.parent().expect("the host is in a workspace");
    for watched in ["plugins", "wit", "Cargo.lock", "Cargo.toml"] {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where"));
    let modules = compile(workspace, &out);

    let mut source = String::from("/// In the order of their names.\npub static BUILTIN: &[Builtin] = &[\n");
    for name in PLUGINS {
        let module = modules.join(format!("fnpack_{name}.wasm"));
        let module = fs::read(&module).unwrap_or_else(|error| panic!("{}: {error}", module.display()));
        let component = ComponentEncoder::default()
            .module(&module)
            .and_then(|encoder| encoder.validate(true).encode())
            .unwrap_or_else(|error| panic!("the plugin {name} cannot be made a component: {error:?}"));
        let file = out.join(format!("{name}.wasm"));
        fs::write(&file, &component).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let sha256: [u8; 32] = Sha256::digest(&component).into();
        writeln!(
            source,
            "    Builtin {{ name: {name:?}, sha256: {sha256:?}, bytes: include_bytes!({:?}) }},",
            file.display().to_string()
        )
        .expect("text takes text");
    }
    source.push_str("];\n");
    fs::write(out.join("builtin.rs"), source).expect("OUT_DIR can be written");
}

/// Compiles the plugins, in a target folder of their own, since cargo holds the lock of this one;
/// gives the folder of the modules.
fn compile(workspace: &Path, out: &Path) -> PathBuf {
    let target = target_folder(out).join("plugins");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo says where it is"));
    // What this build was asked for is not what the plugins' build is to do.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        // How cargo reaches its registries is the machine's business.
        let reaches = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR"];
        let is_build = name.starts_with("CARGO_") && !reaches.iter().any(|kept| name.starts_with(kept));
        if is_build
            || name.starts_with("RUSTC_")
            || ["RUSTFLAGS", "RUSTC", "TARGET", "HOST"].contains(&&*name)
        {
            cargo.env_remove(&*name);
        }
    }
    // The same bytes wherever the project and its dependencies are.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let mut flags = vec![format!("--remap-path-prefix={}=/fnpack", workspace.display())];
    flags.extend(home.map(|home| format!("--remap-path-prefix={}=/cargo", home.display())));
    cargo
        .current_dir(workspace)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .args(["build", "--locked", "--quiet", "--profile", "plugin", "--target", TARGET, "--target-dir"])
        .arg(&target);
    for name in PLUGINS {
        cargo.arg("--package").arg(format!("fnpack-{name}"));
    }
    let built = cargo.status().expect("cargo can be run");
    assert!(
        built.success(),
        "the plugins could not be compiled; if the Wasm target is missing, run `rustup target add {TARGET}`"
    );
    target.join(TARGET).join("plugin")
}

/// The target folder that `out` is in: TARGET/[TRIPLE/]PROFILE/build/NAME/out.
fn target_folder(out: &Path) -> &Path {
    let of_build = out.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == "build"));
    of_build.and_then(|build| build.parent()?.parent()).unwrap_or(out)
}
