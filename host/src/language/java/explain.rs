//! What Maven's errors mean: <https://maven.apache.org/guides/mini/guide-maven-errors.html>.

use super::install::NO_PROGRAM;

/// How many compiler errors are shown.
const SHOWN: usize = 3;

/// A sentence with a hint for a failed run's output.
pub fn explain(output: &str) -> Option<String> {
    if let Some(there) = after(output, NO_PROGRAM) {
        let there = there.replace("target/*.jar", "nothing");
        return Some(format!(
            "Maven did not make target/function.jar but {there}; write <finalName>function</finalName> below <build> \
             in pom.xml"
        ));
    }
    let compiler = compiler_errors(output);
    if !compiler.is_empty() {
        let more = compiler.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        return Some(format!(
            "the function does not compile: {}{more}",
            compiler[..compiler.len().min(SHOWN)].join("; ")
        ));
    }
    let has = |words: &str| output.contains(words);
    if let Some(version) = after(output, "release version ").filter(|_| has("not supported")) {
        return Some(format!("the JDK is too old to compile for Java {}", word(version)));
    }
    if let Some(version) = after(output, "Source option ").filter(|_| has("no longer supported")) {
        return Some(format!(
            "the JDK is too new to compile for Java {}, which pom.xml, or a compiler plugin that is older than 3.6.0 and \
             knows no maven.compiler.release, asks for; name a newer version, or that plugin's, in pom.xml",
            word(version)
        ));
    }
    if has("No compiler is provided in this environment") {
        return Some(
            "Maven runs on a JRE, which has no compiler; install a JDK, and set JAVA_HOME to it".to_owned(),
        );
    }
    if has("Non-parseable POM") || has("Malformed POM") {
        return Some("Maven cannot read pom.xml; the reason is below".to_owned());
    }
    if has("PKIX path building failed") || has("trustAnchors parameter must be non-empty") {
        return Some(
            "Java does not trust the Maven repository's certificate; name the network's certificates as `ca-bundle` of \
             [docker] in fnpack.toml"
                .to_owned(),
        );
    }
    if has("status code: 401") || has("status code: 403") || has("Unauthorized") {
        return Some(
            "the Maven repository refuses the login; check the <server> of its id in ~/.m2/settings.xml"
                .to_owned(),
        );
    }
    if let Some(artifact) =
        after(output, "Could not find artifact ").or_else(|| after(output, "Failure to find "))
    {
        return Some(format!(
            "no Maven repository that was asked has {}; mend pom.xml, or name the repository that has it there or in \
             ~/.m2/settings.xml",
            word(artifact)
        ));
    }
    // The first is in all of Maven's words for it.
    let network = ["Could not transfer artifact", "Unknown host", "Connection refused", "timed out"];
    if network.iter().any(|words| has(words)) {
        return Some(
            "the Maven repository cannot be reached over the network; check the connection, the proxy, the mirror in \
             ~/.m2/settings.xml, and `network` of [docker] in fnpack.toml"
                .to_owned(),
        );
    }
    if let Some(dependency) = after(output, "'dependencies.dependency.version' for ") {
        return Some(format!("pom.xml gives {} no version", word(dependency)));
    }
    None
}

/// `FILE:LINE: MESSAGE` of each error of the compiler, in the order of the output.
fn compiler_errors(output: &str) -> Vec<String> {
    let mut errors = Vec::new();
    for line in output.lines() {
        let Some(error) = line.strip_prefix("[ERROR] ") else { continue };
        let Some((file, rest)) = error.split_once(".java:[") else { continue };
        let Some((position, message)) = rest.split_once("] ") else { continue };
        let line = position.split(',').next().unwrap_or_default();
        let error = format!("{}.java:{line}: {}", inside(file), message.trim());
        if !errors.contains(&error) {
            errors.push(error);
        }
    }
    errors
}

/// A path as it is in the function's folder, whichever executor's folder it was copied to.
fn inside(path: &str) -> &str {
    ["/input/", "/mnt/function/"]
        .iter()
        .find_map(|folder| path.split_once(folder).map(|(_, rest)| rest))
        .unwrap_or(path)
}

/// The rest of the line after these words.
fn after<'o>(output: &'o str, words: &str) -> Option<&'o str> {
    output.split_once(words)?.1.lines().next()
}

fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or(text).trim_matches([',', '\'', ';'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mavens_errors_are_explained() {
        for (output, words) in [
            (
                "[ERROR] /c/scratch/1/input/src/main/java/function/Function.java:[7,16] cannot find symbol\n\
                 [ERROR]   symbol: method sleeep(int)\n\
                 [ERROR] Failed to execute goal: Compilation failure\n\
                 [ERROR] /c/scratch/1/input/src/main/java/function/Function.java:[7,16] cannot find symbol\n",
                "does not compile: src/main/java/function/Function.java:7: cannot find symbol",
            ),
            (
                "[ERROR] Failed to execute goal on project x: Could not resolve dependencies: Could not find artifact a.b:c:jar:9 in central (https://maven.example)\n",
                "has a.b:c:jar:9; mend pom.xml",
            ),
            (
                "Could not transfer artifact a:b:pom:1 from/to central (https://maven.example): maven.example: Unknown host",
                "cannot be reached",
            ),
            ("PKIX path building failed: unable to find valid certification path", "ca-bundle"),
            ("error: release version 21 not supported", "compile for Java 21"),
            (
                "[ERROR] Source option 5 is no longer supported. Use 7 or later.",
                "too new to compile for Java 5",
            ),
            ("authentication failed for https://maven.example, status code: 401 Unauthorized", "<server>"),
            (
                "fnpack: Maven did not make target/function.jar but target/app-1.jar\n",
                "but target/app-1.jar; write <finalName>",
            ),
            ("fnpack: Maven did not make target/function.jar but target/*.jar\n", "but nothing;"),
        ] {
            let explained = explain(output).unwrap_or_default();
            assert!(explained.contains(words), "{output}: {explained}");
        }
        assert_eq!(explain("[ERROR] something else"), None);
    }

    #[test]
    fn many_compiler_errors_are_counted() {
        let output: String =
            (1..=5).map(|line| format!("[ERROR] /mnt/function/A.java:[{line},1] wrong\n")).collect();
        let explained = explain(&output).unwrap();
        assert!(
            explained.contains("A.java:3")
                && !explained.contains("A.java:4")
                && explained.ends_with("(and 2 more)")
        );
    }
}
