//! What Maven and Java are lent in their own words: they read neither the variables of proxies nor
//! a file of certificates as other programs have it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::lent::{Address, logins};

/// Options for Maven's command line, split at blanks.
pub const ARGUMENTS: &str = "FNPACK_MAVEN_ARGUMENTS";
/// The folder of what Maven downloads.
pub const REPOSITORY: &str = "FNPACK_MAVEN_REPOSITORY";
/// The user's settings.xml, and the file that opens the passwords in it.
pub const SETTINGS: [(&str, &str); 2] =
    [("FNPACK_MAVEN_SETTINGS", ".m2/settings.xml"), ("FNPACK_MAVEN_SECURITY", ".m2/settings-security.xml")];
/// A file of certificates in Java's form.
pub const TRUST_STORE: &str = "FNPACK_JAVA_TRUST_STORE";
/// Options for Maven's Java.
const JAVA_OPTIONS: &str = "MAVEN_OPTS";
/// What the user wants on every command line of Maven.
const USER_ARGUMENTS: &str = "MAVEN_ARGS";

/// The variables that hold options. Where Maven does not see this machine's files (`here` is
/// false), it is not given those that name one.
pub fn variables(environment: &BTreeMap<String, String>, here: bool) -> BTreeMap<String, String> {
    let words = |name: &str| environment.get(name).map(|text| text.split_whitespace().collect::<Vec<_>>());
    let fits = |word: &&str| here || !word.contains("=/");
    let java: Vec<_> = words(JAVA_OPTIONS).unwrap_or_default().into_iter().filter(fits).collect();
    let (arguments, _) = without_settings(words(USER_ARGUMENTS).unwrap_or_default());
    let proxied = java.iter().chain(&arguments).any(|word| word.contains("proxyHost="));
    let proxies = if proxied { Vec::new() } else { proxies(environment) };
    let arguments: Vec<_> =
        proxies.iter().map(String::as_str).chain(arguments.into_iter().filter(fits)).collect();
    [(JAVA_OPTIONS, java.join(" ")), (ARGUMENTS, arguments.join(" "))]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text))
        .collect()
}

/// The settings file that the user's arguments name.
pub fn settings_file(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let arguments = environment.get(USER_ARGUMENTS)?.split_whitespace().collect();
    without_settings(arguments).1.map(PathBuf::from)
}

/// The arguments but those that name a settings file, and that file.
fn without_settings(arguments: Vec<&str>) -> (Vec<&str>, Option<&str>) {
    let mut kept = Vec::new();
    let mut file = None;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument {
            "-s" | "--settings" => file = arguments.next(),
            _ => match argument.strip_prefix("--settings=") {
                Some(named) => file = Some(named),
                None => kept.push(argument),
            },
        }
    }
    (kept, file)
}

/// Words of the user's options that tell a password, and logins as Java is told them.
pub fn secrets(environment: &BTreeMap<String, String>) -> Vec<String> {
    let options = [JAVA_OPTIONS, USER_ARGUMENTS].into_iter().filter_map(|name| environment.get(name));
    let proxies = environment.iter().filter(|(name, _)| name.to_lowercase().ends_with("_proxy"));
    let proxies = proxies.map(|(_, value)| value.as_str());
    let secret = |word: &&str| {
        let name = word.split('=').next().unwrap_or_default().to_lowercase();
        ["password", "token", "secret"].iter().any(|part| name.contains(part))
    };
    options
        .flat_map(|text| text.split_whitespace())
        .filter(secret)
        .filter_map(|word| Some(word.split_once('=')?.1.to_owned()))
        .chain(proxies.flat_map(logins).map(|login| unescaped(&login)))
        .collect()
}

/// Java's properties for the proxies that the environment names:
/// <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/net/doc-files/net-properties.html>
fn proxies(environment: &BTreeMap<String, String>) -> Vec<String> {
    let of = |name: &str| environment.get(name).or_else(|| environment.get(&name.to_uppercase()));
    let mut properties = Vec::new();
    for scheme in ["http", "https"] {
        let Some(url) = of(&format!("{scheme}_proxy")).or_else(|| of("all_proxy")) else { continue };
        let Some(Address { login, host, port }) = Address::of(url) else { continue };
        properties.push(format!("-D{scheme}.proxyHost={host}"));
        properties.push(format!("-D{scheme}.proxyPort={}", port.unwrap_or(80)));
        if let Some((user, password)) = login.and_then(|login| login.split_once(':')) {
            properties.push(format!("-D{scheme}.proxyUser={}", unescaped(user)));
            properties.push(format!("-D{scheme}.proxyPassword={}", unescaped(password)));
        }
    }
    if properties.is_empty() {
        return properties;
    }
    if let Some(hosts) = of("no_proxy") {
        let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty());
        let hosts: Vec<_> = hosts
            .map(|host| if host.starts_with('.') { format!("*{host}") } else { host.to_owned() })
            .collect();
        properties.push(format!("-Dhttp.nonProxyHosts={}", hosts.join("|")));
    }
    // Maven 3.9 looks at them when it is told to.
    properties.push("-Daether.connector.http.useSystemProperties=true".to_owned());
    properties.push("-Daether.transport.apache.useSystemProperties=true".to_owned());
    properties
}

/// A part of an address without its percent signs.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A file of certificates as a key store that Java reads (JKS), with no password; none when it
/// holds no certificate. Each is trusted. The digest at the end, which only a password could
/// check, is left empty.
pub fn key_store(certificates: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(certificates);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let blocks = blocks.filter_map(|block| block.split("-----END CERTIFICATE-----").next());
    let certificates: Vec<Vec<u8>> = blocks.filter_map(decode).collect();
    if certificates.is_empty() {
        return None;
    }
    let mut store = Vec::new();
    let text = |store: &mut Vec<u8>, text: &str| {
        store.extend((text.len() as u16).to_be_bytes());
        store.extend(text.as_bytes());
    };
    for number in [0xfeed_feed, 2, certificates.len() as u32] {
        store.extend(number.to_be_bytes());
    }
    for (index, certificate) in certificates.iter().enumerate() {
        store.extend(2u32.to_be_bytes());
        text(&mut store, &index.to_string());
        store.extend(0u64.to_be_bytes());
        text(&mut store, "X.509");
        store.extend((certificate.len() as u32).to_be_bytes());
        store.extend(certificate);
    }
    store.extend([0; 20]);
    Some(store)
}

fn decode(base64: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut value, mut bits) = (0u32, 0);
    for c in base64.bytes().filter(|c| !c.is_ascii_whitespace() && *c != b'=') {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        value = value << 6 | u32::from(digit);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((value >> bits) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn proxies_are_told_to_java() {
        let set = environment(&[
            ("https_proxy", "http://me:w%6Frd%@proxy.example:3128/"),
            ("NO_PROXY", "localhost, .inside.example"),
        ]);
        let arguments = &variables(&set, true)[ARGUMENTS];
        assert!(
            arguments.starts_with(
                "-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128 -Dhttps.proxyUser=me -Dhttps.proxyPassword=word% \
                 -Dhttp.nonProxyHosts=localhost|*.inside.example"
            ),
            "{arguments}"
        );
        let own = environment(&[("http_proxy", "http://p:1"), ("MAVEN_OPTS", "-Dhttp.proxyHost=other")]);
        assert_eq!(variables(&own, true), environment(&[("MAVEN_OPTS", "-Dhttp.proxyHost=other")]));
    }

    #[test]
    fn the_users_options_reach_a_container_without_what_names_this_machines_files() {
        let set = environment(&[
            ("MAVEN_OPTS", "-Xmx1g -Djavax.net.ssl.trustStore=/etc/own.jks"),
            (
                "MAVEN_ARGS",
                "-s /home/me/other.xml -Dcentral.mirror=https://mirror.example/maven -Da.token=word",
            ),
        ]);
        let [here, there] = [true, false].map(|here| variables(&set, here));
        assert_eq!(here["MAVEN_OPTS"], set["MAVEN_OPTS"]);
        assert_eq!(there["MAVEN_OPTS"], "-Xmx1g");
        let arguments = "-Dcentral.mirror=https://mirror.example/maven -Da.token=word";
        assert_eq!((here[ARGUMENTS].as_str(), there[ARGUMENTS].as_str()), (arguments, arguments));
        assert_eq!(settings_file(&set), Some(PathBuf::from("/home/me/other.xml")));
        assert_eq!(secrets(&set), ["word"]);
    }

    #[test]
    fn certificates_become_a_key_store() {
        let pem = b"# a\n-----BEGIN CERTIFICATE-----\nAQID\nBA==\n-----END CERTIFICATE-----\n";
        let store = key_store(pem).unwrap();
        let begin = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, b'0'];
        assert_eq!(store[..begin.len()], begin);
        assert_eq!(store[store.len() - 28..store.len() - 20], [0, 0, 0, 4, 1, 2, 3, 4]);
        assert_eq!(key_store(b"nothing"), None);
    }
}
