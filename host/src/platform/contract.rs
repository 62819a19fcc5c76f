//! What a component says of itself before any of it is compiled or run: whether it is a plugin at
//! all, for which version of the contract, and what it wants of the host.

use serde::{Deserialize, Serialize};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::{ComponentTypeRef, Encoding, Parser, Payload, Validator, WasmFeatures};

use super::text::shown;

/// The version of the contract that this host serves; all of `0.1` are alike to a plugin.
const CONTRACT: &str = "0.1";
/// The interface that a plugin exports, without its version.
const PLATFORM: &str = "fnpack:plugin/platform";

/// The functions of the contract that a plugin may call.
const LENT: [(&str, &[&str]); 3] = [
    ("fnpack:plugin/types", &[]),
    ("fnpack:plugin/tree", &["entries", "read", "read-text"]),
    ("fnpack:plugin/log", &["write"]),
];

/// What runtimes of guest languages are linked with. There is nothing behind any of these: no
/// file, no variable, no time, no input.
const WASI: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// What a component says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The version of the contract that it was made for, such as "0.1.0".
    pub contract: String,
    /// The interfaces that it wants of the host, with their versions.
    pub imports: Vec<String>,
}

impl Facts {
    /// Whether it wants anything of WASI.
    pub fn wants_wasi(&self) -> bool {
        self.imports.iter().any(|name| name.starts_with("wasi:"))
    }
}

/// Why a file is no plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub hint: Option<String>,
}

fn refuse<T>(reason: impl Into<String>, hint: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { reason: reason.into(), hint: Some(hint.into()) })
}

/// Parses and checks a component that nobody vouches for.
pub fn read(bytes: &[u8]) -> Result<Facts, Refusal> {
    check_kind(bytes)?;
    let types =
        Validator::new_with_features(WasmFeatures::default()).validate_all(bytes).map_err(|error| {
            Refusal {
                reason: format!("it is damaged: {error}"),
                hint: Some("build or download it again".to_owned()),
            }
        })?;
    let types = types.as_ref();
    let (mut imports, mut exports, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    for payload in Parser::new(0).parse_all(bytes) {
        let malformed = |error: wasmparser::BinaryReaderError| Refusal {
            reason: format!("it is damaged: {error}"),
            hint: None,
        };
        match payload.map_err(malformed)? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import.map_err(malformed)?;
                    let functions = match import.ty {
                        ComponentTypeRef::Instance(index) => match types.component_any_type_at(index) {
                            ComponentAnyTypeId::Instance(id) => functions(&types[id].exports),
                            _ => Vec::new(),
                        },
                        _ => Vec::new(),
                    };
                    imports.push((import.name.name.to_owned(), functions));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let contract = check_exports(&exports)?;
    imports.iter().try_for_each(|(name, functions)| check_import(name, functions))?;
    Ok(Facts { contract, imports: imports.into_iter().map(|(name, _)| name).collect() })
}

fn functions<'a>(
    exports: impl IntoIterator<Item = (&'a String, &'a wasmparser::component_types::ComponentItem)>,
) -> Vec<String> {
    let functions = exports.into_iter().filter(|(_, item)| matches!(item.ty, ComponentEntityType::Func(_)));
    functions.map(|(name, _)| name.clone()).collect()
}

fn check_kind(bytes: &[u8]) -> Result<(), Refusal> {
    let hint = "a plugin is a WebAssembly component; docs/plugins.md tells how one is made";
    if bytes.is_empty() {
        return refuse("it is empty, no WebAssembly component", hint);
    }
    if !bytes.starts_with(b"\0asm") {
        let what = if bytes.starts_with(b"(component") || bytes.starts_with(b"(module") {
            "it is WebAssembly text, no binary component"
        } else {
            "it is no WebAssembly component"
        };
        return refuse(what, hint);
    }
    match Parser::new(0).parse_all(bytes).next() {
        Some(Ok(Payload::Version { encoding: Encoding::Component, .. })) => Ok(()),
        Some(Ok(Payload::Version { encoding: Encoding::Module, .. })) => refuse(
            "it is a core WebAssembly module, no component",
            "make a component of it, with `jco new` or `wasm-tools component new`",
        ),
        _ => refuse("it is no WebAssembly component that this fnpack reads", hint),
    }
}

fn check_exports(exports: &[String]) -> Result<String, Refusal> {
    let versions: Vec<&str> =
        exports.iter().filter_map(|name| name.strip_prefix(PLATFORM)?.strip_prefix('@')).collect();
    let served =
        |version: &&&str| version.strip_prefix(CONTRACT).and_then(|rest| rest.strip_prefix('.')).is_some();
    if let Some(version) = versions.iter().find(served) {
        return Ok((*version).to_owned());
    }
    match versions.first() {
        Some(version) => {
            let newer = numbers(version) > numbers(CONTRACT);
            let hint = if newer { "update fnpack, or take an older plugin" } else { "take a newer plugin" };
            let (version, host) = (shown(version), env!("CARGO_PKG_VERSION"));
            refuse(
                format!(
                    "it is made for version {version} of the plugin contract, and fnpack {host} serves \
                     {CONTRACT}.x"
                ),
                hint,
            )
        }
        None => {
            let found = match exports {
                [] => "nothing".to_owned(),
                names => shown(&names.join(", ")),
            };
            refuse(
                format!("it is no plugin: it exports {found}, not {PLATFORM}@{CONTRACT}.x"),
                "build it for the world `plugin` of fnpack:plugin",
            )
        }
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

fn check_import(name: &str, functions: &[String]) -> Result<(), Refusal> {
    let (interface, version) = name.split_once('@').unwrap_or((name, ""));
    if let Some((_, lent)) = LENT.iter().find(|(lent, _)| *lent == interface)
        && version.strip_prefix(CONTRACT).is_some_and(|rest| rest.starts_with('.'))
    {
        return match functions.iter().find(|function| !lent.contains(&function.as_str())) {
            None => Ok(()),
            Some(unknown) => refuse(
                format!("it calls `{}` of {interface}, which this fnpack does not have", shown(unknown)),
                "update fnpack, or take an older plugin",
            ),
        };
    }
    if WASI.contains(&interface) && version.starts_with("0.2.") {
        return Ok(());
    }
    refuse(
        format!("it wants {}, which no plugin gets", shown(name)),
        "a plugin reaches no network, file, clock or other program; it may look at the build tree, and says \
         what it wants done in its answers",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let Refusal { reason, hint } = read(&wat::parse_str(text).unwrap()).unwrap_err();
        format!("{reason} ({})", hint.unwrap_or_default())
    }

    fn plugin(before: &str) -> String {
        format!(r#"(component {before} (instance $p) (export "fnpack:plugin/platform@0.1.0" (instance $p)))"#)
    }

    #[test]
    fn what_is_no_component_is_told_in_plain_words() {
        for (bytes, words) in [
            (b"hello".as_slice(), "no WebAssembly component"),
            (b"", "empty"),
            (b"\0asm\x01\0\0\0", "core WebAssembly module"),
            (b"(component)", "text"),
        ] {
            let reason = read(bytes).unwrap_err().reason;
            assert!(reason.contains(words), "{reason}");
        }
        let whole = wat::parse_str(plugin("")).unwrap();
        let facts = read(&whole).unwrap();
        assert_eq!((facts.contract.as_str(), facts.wants_wasi()), ("0.1.0", false));
        let cut = read(&whole[..whole.len() - 1]).unwrap_err().reason;
        assert!(cut.contains("damaged"), "{cut}");
    }

    #[test]
    fn another_contract_tells_both_versions() {
        let of =
            |name: &str| refused(&format!(r#"(component (instance $p) (export "{name}" (instance $p)))"#));
        let newer = of("fnpack:plugin/platform@9.0.0");
        assert!(
            newer.contains("9.0.0") && newer.contains("0.1.x") && newer.contains("update fnpack"),
            "{newer}"
        );
        let older = of("fnpack:plugin/platform@0.0.3");
        assert!(older.contains("take a newer plugin"), "{older}");
        let other = of("other:thing/platform@0.1.0");
        assert!(other.contains("other:thing/platform@0.1.0") && other.contains("fnpack:plugin"), "{other}");
    }

    #[test]
    fn an_import_that_is_not_lent_is_refused_by_name() {
        let import = |name: &str, function: &str| {
            plugin(&format!(r#"(import "{name}" (instance (export "{function}" (func))))"#))
        };
        for (name, function, words) in [
            (
                "wasi:sockets/tcp-create-socket@0.2.0",
                "create-tcp-socket",
                "wasi:sockets/tcp-create-socket@0.2.0",
            ),
            ("wasi:http/types@0.2.0", "x", "wasi:http/types@0.2.0"),
            ("wasi:io/poll@0.3.0", "x", "wasi:io/poll@0.3.0"),
            ("fnpack:plugin/tree@0.1.0", "delete-everything", "delete-everything"),
            ("fnpack:plugin/telepathy@0.1.0", "guess", "telepathy"),
        ] {
            let refused = refused(&import(name, function));
            assert!(refused.contains(words), "{refused}");
        }
        let allowed = import("wasi:io/poll@0.2.9", "poll");
        let facts = read(&wat::parse_str(allowed).unwrap()).unwrap();
        assert!(facts.wants_wasi());
        assert_eq!(facts.imports, ["wasi:io/poll@0.2.9"]);
    }
}
