use std::path::{Path, PathBuf};

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Download, Shrink};
use crate::store::read_regular;

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The folder's name would do to a terminal what nobody expects.
    #[error("the name of its folder, `{name}`, holds control characters; rename the folder")]
    Name {
        /// The name, escaped.
        name: String,
    },
    /// It is not what it should be; the reason holds line and column.
    #[error("{}: {field}{reason}", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// The field that is meant, with ": "; empty for the file as a whole.
        field: String,
        /// What is wrong with it, and where.
        reason: String,
    },
}

/// What a benchmark's `config.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BenchmarkConfig {
    /// The time limit that the function asks for, in seconds.
    #[serde(deserialize_with = "seconds")]
    pub timeout: u32,
    /// The memory that it asks for, in MiB.
    #[serde(deserialize_with = "mebibytes")]
    pub memory: u32,
    /// The languages that it is written in.
    #[serde(deserialize_with = "not_empty")]
    pub languages: Vec<LanguageConfig>,
    /// What it needs of the platform.
    #[serde(default)]
    pub modules: Vec<Module>,
    /// What its C++ sources are linked with.
    #[serde(default)]
    pub cpp_dependencies: Vec<CppDependency>,
    /// Files and archives of data to fetch.
    #[serde(default)]
    pub downloads: Vec<Download>,
    /// How the installed packages are made smaller.
    #[serde(default)]
    pub shrink: Shrink,
}

/// One language of a benchmark, and its variants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "LanguageEntry")]
pub struct LanguageConfig {
    /// The language.
    pub language: LanguageName,
    /// Names of variants; "default" for the language's usual engine.
    pub variants: Vec<String>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, a $what:literal { $($(#[$case_doc:meta])* $case:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum $name { $($(#[$case_doc])* #[serde(rename = $word)] $case),+ }

        impl $name {
            /// The word for it in config.json, commands and contracts.
            pub fn name(self) -> &'static str {
                match self { $(Self::$case => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                match word.as_str() {
                    $($word => Ok(Self::$case),)+
                    _ => Err(de::Error::custom(format!(
                        "unknown {} `{}`; there is {}", $what, word.escape_debug(), [$($word),+].join(", ")
                    ))),
                }
            }
        }
    };
}

words! {
    /// A language that functions are written in.
    LanguageName, a "language" {
        /// Python.
        Python = "python",
        /// JavaScript on Node.js or an engine like it.
        Nodejs = "nodejs",
        /// Java, built by Maven.
        Java = "java",
        /// C++, built by CMake.
        Cpp = "cpp",
    }
}

words! {
    /// A service of the platform that a benchmark uses through a wrapper.
    Module, a "module" {
        /// Object storage.
        Storage = "storage",
        /// A key-value database.
        Nosql = "nosql",
    }
}

words! {
    /// A library that C++ benchmarks may be linked with.
    CppDependency, a "library" {
        /// The AWS SDK for C++.
        Sdk = "sdk",
        /// The Lambda runtime.
        Runtime = "runtime",
        /// PyTorch's C++ library.
        Torch = "torch",
        /// OpenCV.
        Opencv = "opencv",
        /// libjpeg-turbo.
        LibjpegTurbo = "libjpeg-turbo",
        /// igraph.
        Igraph = "igraph",
        /// Boost.
        Boost = "boost",
        /// hiredis.
        Hiredis = "hiredis",
        /// RapidJSON.
        Rapidjson = "rapidjson",
    }
}

#[derive(Deserialize)]
struct LanguageObject {
    language: LanguageName,
    #[serde(default = "default_variants")]
    variants: Vec<String>,
}

/// A language alone means its default variant.
struct LanguageEntry(LanguageObject);

impl<'de> Deserialize<'de> for LanguageEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = LanguageEntry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a language, or {\"language\": ..., \"variants\": [...]}")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<LanguageEntry, E> {
                let language = LanguageName::deserialize(de::value::StrDeserializer::new(word))?;
                Ok(LanguageEntry(LanguageObject { language, variants: default_variants() }))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<LanguageEntry, A::Error> {
                LanguageObject::deserialize(de::value::MapAccessDeserializer::new(map)).map(LanguageEntry)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl From<LanguageEntry> for LanguageConfig {
    fn from(LanguageEntry(object): LanguageEntry) -> Self {
        Self { language: object.language, variants: object.variants }
    }
}

fn default_variants() -> Vec<String> {
    vec!["default".to_owned()]
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    positive(deserializer, "seconds")
}

fn mebibytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    positive(deserializer, "MiB")
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D, unit: &str) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| *number > 0);
    number
        .ok_or_else(|| de::Error::custom(format!("must be a whole number above 0 ({unit}), and is {value}")))
}

fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LanguageConfig>, D::Error> {
    let languages = Vec::deserialize(deserializer)?;
    if languages.is_empty() {
        return Err(de::Error::custom("at least one language is needed"));
    }
    Ok(languages)
}

const KNOWN_KEYS: [&str; 7] =
    ["timeout", "memory", "languages", "modules", "cpp_dependencies", "downloads", "shrink"];

const KNOWN_KEYS_OF_LANGUAGES: [&str; 2] = ["language", "variants"];

/// Why a text is not JSON, and what that is mostly due to.
fn no_json(text: &str, error: &serde_json::Error) -> String {
    let rest = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    let rest = rest.get(error.column().saturating_sub(1)..).unwrap_or_default();
    let hint = match rest.starts_with('/') || rest.starts_with('#') {
        true => "; JSON has no comments",
        false => "",
    };
    format!("it is not JSON: {error}{hint}")
}

impl BenchmarkConfig {
    /// Reads a `config.json`; also gives warnings about keys that mean nothing.
    pub fn read(file: &Path) -> Result<(Self, Vec<String>), ConfigError> {
        let bytes = read_regular(file)
            .map_err(|source| ConfigError::Unreadable { file: file.to_path_buf(), source })?;
        Self::parse(&bytes, file)
    }

    fn parse(bytes: &[u8], file: &Path) -> Result<(Self, Vec<String>), ConfigError> {
        let malformed = |field: String, reason: String| ConfigError::Malformed {
            file: file.to_path_buf(),
            field,
            reason,
        };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value = serde_json::from_slice(bytes)
            .map_err(|error| malformed(String::new(), no_json(&String::from_utf8_lossy(bytes), &error)))?;
        let Value::Object(keys) = value else {
            return Err(malformed(String::new(), "it must be a JSON object, `{...}`".to_owned()));
        };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let config: Self = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { format!("`{path}`: ") };
            malformed(field, error.into_inner().to_string())
        })?;
        let unknown = |place: &str, object: &Map<String, Value>, known: &[&str]| {
            let slips = object.keys().filter(|key| !known.contains(&key.as_str()));
            let warning = |key: &String| {
                let (file, key, known) = (file.display(), key.escape_debug(), known.join(", "));
                format!("{file}: {place}unknown key `{key}` (known are {known})")
            };
            slips.map(warning).collect::<Vec<_>>()
        };
        let mut warnings = unknown("", &keys, &KNOWN_KEYS);
        let languages = keys.get("languages").and_then(Value::as_array).into_iter().flatten();
        for (number, object) in languages.enumerate().filter_map(|(at, one)| Some((at, one.as_object()?))) {
            warnings.extend(unknown(&format!("`languages[{number}]`: "), object, &KNOWN_KEYS_OF_LANGUAGES));
        }
        for entry in &config.languages {
            for variant in &entry.variants {
                let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if variant.is_empty() || variant.starts_with('.') || !variant.chars().all(fine) {
                    let reason =
                        format!("`{variant}` is no name for a variant: use letters, digits, `-` and `_`");
                    return Err(malformed("`languages`: ".into(), reason));
                }
            }
        }
        Ok((config, warnings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(BenchmarkConfig, Vec<String>), String> {
        BenchmarkConfig::parse(text.as_bytes(), Path::new("b/config.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_language_is_a_word_or_an_object() {
        let (config, warnings) = parse(
            r#"{"timeout": 10, "memory": 128, "languages": ["python", {"language": "nodejs", "variants": ["default", "bun"]}]}"#,
        )
        .unwrap();
        assert_eq!(config.languages[0].variants, ["default"]);
        assert_eq!(config.languages[1].variants, ["default", "bun"]);
        assert!(warnings.is_empty() && config.modules.is_empty());
    }

    #[test]
    fn an_unknown_key_is_a_warning() {
        let (_, warnings) =
            parse(r#"{"timeout": 1, "memory": 1, "languages": ["cpp"], "timout": 3}"#).unwrap();
        assert!(warnings[0].contains("timout"), "{warnings:?}");
    }

    #[test]
    fn an_unknown_key_of_a_language_is_a_warning() {
        let text = r#"{"timeout": 1, "memory": 1, "languages": ["cpp", {"language": "python", "variant": ["pypy"]}]}"#;
        let (config, warnings) = parse(text).unwrap();
        assert_eq!(config.languages[1].variants, ["default"]);
        assert!(warnings[0].contains("`languages[1]`: unknown key `variant`"), "{warnings:?}");
        assert!(warnings[0].contains("variants"), "{warnings:?}");
    }

    #[test]
    fn every_mistake_names_the_file_the_field_and_the_line() {
        let base = r#"{"timeout": 10, "memory": 128,"#;
        for (text, words) in [
            (
                format!("{base}\n\"languages\": [\"pyton\"]}}"),
                vec!["languages[0]", "unknown language `pyton`; there is python, nodejs", "line 2"],
            ),
            (format!("{base}\n\"languages\": []}}"), vec!["languages", "at least one", "line 2"]),
            (
                format!("{base}\n\"languages\": [\"python\"], \"modules\": [\"queue\"]}}"),
                vec!["modules[0]", "queue", "storage", "line 2"],
            ),
            (
                "{\"timeout\": \"10\",\n\"memory\": 1, \"languages\": [\"python\"]}".into(),
                vec!["timeout", "a whole number above 0 (seconds), and is \"10\"", "line 1"],
            ),
            (
                "{\"timeout\": 1,\n\"memory\": 1.5, \"languages\": [\"python\"]}".into(),
                vec!["memory", "a whole number above 0 (MiB), and is 1.5", "line 2"],
            ),
            (
                format!("{base} \"languages\": [\"cpp\"], \"cpp_dependencies\": [\"qt\"]}}"),
                vec!["unknown library `qt`; there is sdk, runtime"],
            ),
            ("{\n  // why\n  \"timeout\": 1}".into(), vec!["not JSON", "line 2", "no comments"]),
            ("timeout: 1".into(), vec!["not JSON", "line 1"]),
            (
                "{\"timeout\": 0, \"memory\": 1, \"languages\": [\"python\"]}".into(),
                vec!["timeout", "above 0"],
            ),
            (
                "{\"memory\": 1,\n \"languages\": [\"python\"]}".into(),
                vec!["missing field `timeout`", "line 2"],
            ),
            ("{\"timeout\": 1".into(), vec!["EOF", "line 1"]),
            ("[]".into(), vec!["must be a JSON object"]),
            (String::new(), vec!["EOF"]),
        ] {
            let error = parse(&text).unwrap_err();
            for word in words.iter().chain(&["b/config.json"]) {
                assert!(error.contains(word), "{word} in {error}");
            }
        }
    }
}
