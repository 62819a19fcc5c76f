//! What the words of a failed uv or pip mean.

use super::installer::NOT_PURE;
use crate::language::Place;

/// Lines that begin a sentence of uv's end in the middle of it.
fn joined(output: &str) -> String {
    output
        .split_whitespace()
        .filter(|word| !matches!(*word, "╰─▶" | "×" | "│" | "├─▶"))
        .collect::<Vec<_>>()
        .join(" ")
}

pub fn explain(output: &str, place: &Place) -> Option<String> {
    let text = joined(output);
    let elsewhere = match place {
        Place::Host { .. } => "; --executor docker builds it in a container like the function's machine",
        Place::Docker { .. } => "",
    };
    let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if let Some(path) = output.lines().find_map(|line| line.trim().strip_prefix(NOT_PURE)) {
        let path = path.trim_start_matches(": ");
        return Some(format!(
            "the package {path} has to be compiled, which cannot be done for another machine{elsewhere}"
        ));
    }
    if has(&[
        "Temporary failure in name resolution",
        "dns error",
        "Name or service not known",
        "Failed to establish a new connection",
        "Connection refused",
        "Network is unreachable",
        "error sending request",
        "tcp connect error",
    ]) {
        return Some(
            "the package index cannot be reached over the network; check the connection, the proxy, and `network` of [docker] in fnpack.toml"
                .to_owned(),
        );
    }
    if has(&[
        "401 Client Error",
        "403 Client Error",
        "401 Unauthorized",
        "403 Forbidden",
        "HTTP status client error (401",
        "HTTP status client error (403",
    ]) {
        return Some("the package index refuses the login; check [indexes] in fnpack.toml".to_owned());
    }
    if has(&["THESE PACKAGES DO NOT MATCH THE HASHES", "Hash mismatch for"]) {
        return Some("a package is not what its hash in requirements.txt says it is".to_owned());
    }
    let no_wheel = [
        "no usable wheels",
        "no wheels with a matching",
        "no wheels are usable",
        "has no wheels",
        "only has wheels",
    ];
    if let Some(package) = no_wheel.iter().find_map(|words| word_before(&text, words)) {
        return Some(format!(
            "{package} has no prebuilt package (wheel) for the function's Python version, processor and C library{elsewhere}"
        ));
    }
    if let Some(package) = word_after(&text, "Building source distributions for") {
        return Some(format!(
            "{} is only to be had as source, which cannot be compiled for another machine{elsewhere}",
            package.trim_matches('`')
        ));
    }
    if let Some(package) = word_before(&text, "was not found in the package registry") {
        return Some(format!("there is no package {package}; mend requirements.txt"));
    }
    if let Some(package) = word_before(&text, "was not found in the cache") {
        return Some(format!("{package} is not in the download cache, and there is no network"));
    }
    if let Some(package) = word_after(&text, "No matching distribution found for") {
        // pip says the same of what there is not and of one that has no wheel.
        return Some(format!(
            "{package}: there is no such package or version, or no prebuilt package (wheel) of it for the function's Python version, processor and \
             C library{elsewhere}"
        ));
    }
    if let Some(package) = word_after(&text, "Because there is no version of")
        .or_else(|| word_after(&text, "because there is no version of"))
    {
        return Some(format!("there is no version {package}; mend requirements.txt"));
    }
    if has(&["ResolutionImpossible", "No solution found when resolving dependencies"]) {
        return Some("the requirements contradict each other; mend requirements.txt".to_owned());
    }
    None
}

fn word_before<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let at = text.find(words)?;
    text[..at].split_whitespace().rev().find(|word| !matches!(*word, "has" | "which" | "that" | "and" | "is"))
}

fn word_after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(words)?;
    after.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_package_is_named() {
        let host = Place::Host { tools: BTreeMap::new() };
        for (output, words) in [
            (
                "  × No solution found when resolving dependencies:\n  ╰─▶ Because pycrypto==2.6.1 has no usable\n      wheels and you require pycrypto==2.6.1, we can conclude\n",
                ["pycrypto==2.6.1 has no prebuilt", "--executor docker"],
            ),
            (
                "ERROR: Could not find a version that satisfies the requirement pycrypto==2.6.1 (from versions: none)\nERROR: No matching distribution found for pycrypto==2.6.1\n",
                ["pycrypto==2.6.1", "--executor docker"],
            ),
            (
                "Because no-such was not found in the package registry and you require no-such",
                ["no package no-such", "requirements.txt"],
            ),
            (
                "Because there is no version of six==99.99.99 and you require six==99.99.99",
                ["six==99.99.99", "no version"],
            ),
            (
                "error: Failed to download and build `x @ http://h/x.tar.gz`\n  cause: Building source distributions for `x` is disabled\n",
                ["x is only to be had as source", "--executor docker"],
            ),
            (
                "ERROR: x has no wheels that can be used, and nothing is built here\n",
                ["x has no prebuilt", "--executor docker"],
            ),
            ("not pure Python: ./lib\n", ["./lib", "--executor docker"]),
            (
                "ConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution",
                ["network", "index"],
            ),
        ] {
            let said = explain(output, &host).unwrap_or_default();
            assert!(words.iter().all(|word| said.contains(word)), "{output}: {said}");
        }
        assert_eq!(explain("make: *** [all] Error 1", &host), None);
    }
}
