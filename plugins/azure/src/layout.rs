//! A function app with one function, `handler`: its folder has function.json, the entry point and
//! the benchmark's code. In the root are host.json, what was installed, and the manifest, without
//! which `func azure functionapp publish` refuses an app.
//!
//! <https://learn.microsoft.com/azure/azure-functions/functions-reference-python> (programming model v1),
//! <https://learn.microsoft.com/azure/azure-functions/functions-reference-node> (v3),
//! <https://learn.microsoft.com/azure/azure-functions/functions-reference-java>.

use fnpack_plugin::{
    Archive, Edit, Failure, Layout, MoveEntry, Pair, RenameEntry, Target, move_all_but, pair,
    require_entry_point, text_file, tree,
};

use crate::description::runtime_name;
use crate::unknown;

/// The function's folder, by which its URL ends too.
const FUNCTION: &str = "handler";
/// A Java program with all that it needs, and where the runtime looks for it.
const PROGRAM: &str = "function.jar";
const LIBRARIES: &str = "lib";

/// The memory of an instance of the Flex Consumption plan, in MiB:
/// <https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#instance-sizes>.
const INSTANCE_SIZES: [u32; 3] = [512, 2048, 4096];

pub fn arrange(target: &Target) -> Result<Layout, Failure> {
    check_entry_point(target)?;
    let mut edits = match target.runtime.language.as_str() {
        "python" => python()?,
        "nodejs" => nodejs()?,
        "java" => java(),
        other => return Err(unknown(other)),
    };
    edits.push(Edit::Write(text_file("host.json", &host_json(target.timeout_seconds))));
    Ok(Layout {
        edits,
        archive: Some(Archive { format: "zip".to_owned(), path: String::new() }),
        deploy: deploy(target),
    })
}

/// The options of `az functionapp create`, by their names.
fn deploy(target: &Target) -> Vec<Pair> {
    let [.., largest] = INSTANCE_SIZES;
    let memory = INSTANCE_SIZES.into_iter().find(|size| *size >= target.memory_mib).unwrap_or(largest);
    vec![
        pair("runtime", runtime_name(&target.runtime.language)),
        pair("runtime-version", target.runtime.version.as_str()),
        pair("functions-version", "4"),
        pair("instance-memory", memory.to_string()),
    ]
}

/// The handler imports the function's own module by this name.
fn check_entry_point(target: &Target) -> Result<(), Failure> {
    let names: &[&str] = match target.runtime.language.as_str() {
        "python" => &["function.py"],
        // Maven made it, with the function in it.
        "java" => &[PROGRAM],
        _ => &["function.js"],
    };
    require_entry_point(target, names)
}

fn python() -> Result<Vec<Edit>, Failure> {
    let mut edits = Vec::new();
    if !exists("requirements.txt")? {
        edits.push(Edit::Write(text_file("requirements.txt", "")));
    }
    edits.push(move_all_but(&[".python_packages", "requirements.txt"], FUNCTION));
    edits.push(function_json("handler.py"));
    Ok(edits)
}

fn nodejs() -> Result<Vec<Edit>, Failure> {
    let mut edits = vec![move_all_but(&["node_modules", "package.json", "package-lock.json"], FUNCTION)];
    let is_module = exists("package.json")? && says_module(&tree::read_text("package.json")?);
    if is_module {
        // Else the runtime would take the handler for an ES module, too.
        edits.push(Edit::Rename(RenameEntry {
            source: "handler/handler.js".to_owned(),
            destination: "handler/handler.cjs".to_owned(),
        }));
    }
    edits.push(function_json(if is_module { "handler.cjs" } else { "handler.js" }));
    Ok(edits)
}

fn java() -> Vec<Edit> {
    vec![
        move_all_but(&[PROGRAM], FUNCTION),
        Edit::Move(MoveEntry {
            source: PROGRAM.to_owned(),
            directory: LIBRARIES.to_owned(),
            except: Vec::new(),
        }),
        function_json_of(
            "../lib/function.jar",
            "\n  \"entryPoint\": \"org.serverlessbench.Handler.handleRequest\",",
        ),
    ]
}

/// Whether a package.json declares ES modules. To see it where it does not does no harm: the name
/// handler.cjs fits the handler always.
fn says_module(package_json: &str) -> bool {
    let dense: String = package_json.chars().filter(|character| !character.is_whitespace()).collect();
    dense.contains(r#""type":"module""#)
}

fn exists(name: &str) -> Result<bool, Failure> {
    Ok(tree::entries("")?.iter().any(|entry| entry.name == name))
}

/// The range of extensions is that of
/// <https://learn.microsoft.com/azure/azure-functions/functions-bindings-register#extension-bundles>.
fn host_json(timeout_seconds: u32) -> String {
    let (hours, minutes, seconds) = (timeout_seconds / 3600, timeout_seconds / 60 % 60, timeout_seconds % 60);
    format!(
        r#"{{
  "version": "2.0",
  "functionTimeout": "{hours:02}:{minutes:02}:{seconds:02}",
  "extensionBundle": {{
    "id": "Microsoft.Azure.Functions.ExtensionBundle",
    "version": "[4.0.0, 5.0.0)"
  }}
}}
"#
    )
}

fn function_json(script: &str) -> Edit {
    function_json_of(script, "")
}

/// With a line that says what of the script is called, where the runtime does not know.
fn function_json_of(script: &str, entry_point: &str) -> Edit {
    let text = format!(
        r#"{{
  "scriptFile": "{script}",{entry_point}
  "bindings": [
    {{
      "authLevel": "anonymous",
      "type": "httpTrigger",
      "direction": "in",
      "name": "req",
      "methods": ["get", "post"]
    }},
    {{
      "type": "http",
      "direction": "out",
      "name": "$return"
    }}
  ]
}}
"#
    );
    Edit::Write(text_file("handler/function.json", &text))
}

#[cfg(test)]
mod tests {
    use fnpack_plugin::Runtime;

    use super::*;

    fn deploy_of(language: &str, version: &str, memory_mib: u32) -> Vec<(String, String)> {
        let target = Target {
            benchmark: "010.hello".to_owned(),
            runtime: Runtime {
                language: language.to_owned(),
                version: version.to_owned(),
                variant: "default".to_owned(),
            },
            architecture: "x64".to_owned(),
            deployment: "package".to_owned(),
            modules: Vec::new(),
            native_dependencies: Vec::new(),
            timeout_seconds: 42,
            memory_mib,
            settings: Vec::new(),
        };
        deploy(&target).into_iter().map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn azure_is_told_the_runtime_and_the_smallest_instance_that_has_the_memory() {
        for (language, version, memory, runtime, instance) in [
            ("python", "3.11", 128, "python", "512"),
            ("nodejs", "22", 512, "node", "512"),
            ("nodejs", "24", 513, "node", "2048"),
            ("python", "3.14", 9000, "python", "4096"),
            ("java", "21", 128, "java", "512"),
        ] {
            let expected = [
                ("runtime", runtime),
                ("runtime-version", version),
                ("functions-version", "4"),
                ("instance-memory", instance),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
            assert_eq!(deploy_of(language, version, memory), expected);
        }
    }

    #[test]
    fn the_time_limit_is_written_in_hours_minutes_and_seconds() {
        assert!(host_json(42).contains(r#""functionTimeout": "00:00:42""#));
        assert!(host_json(3700).contains(r#""functionTimeout": "01:01:40""#));
    }

    #[test]
    fn a_manifest_of_es_modules_is_seen_however_it_is_written() {
        assert!(says_module("{\n \"type\" :\n \"module\"}"));
        assert!(!says_module(r#"{"type": "commonjs", "name": "module"}"#));
    }
}
