use std::collections::BTreeSet;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

/// A step that makes the installed packages smaller.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum ShrinkStep {
    /// Native files of other platforms and versions go
    Binaries,
    /// Byte code and caches of tools go
    Caches,
    /// Tests, and for Node.js documents and types, go
    Tests,
    /// Native files lose what only debuggers and linkers read
    Strip,
}

impl ShrinkStep {
    /// The word for it in config.json and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binaries => "binaries",
            Self::Caches => "caches",
            Self::Tests => "tests",
            Self::Strip => "strip",
        }
    }
}

/// How the installed packages are made smaller: in the order of the steps here, however they are
/// written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shrink {
    /// The steps.
    pub steps: BTreeSet<ShrinkStep>,
    /// Python packages that go into one archive, which is unpacked when the function starts.
    pub archive: BTreeSet<String>,
}

impl Shrink {
    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.archive.is_empty()
    }
}

impl std::fmt::Display for Shrink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words: Vec<String> = self.steps.iter().map(|step| step.name().to_owned()).collect();
        if !self.archive.is_empty() {
            words.push(format!("archive of {}", Vec::from_iter(self.archive.clone()).join(", ")));
        }
        f.write_str(&words.join(", "))
    }
}

impl<'de> Deserialize<'de> for Shrink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut shrink = Self::default();
        for entry in Vec::<Entry>::deserialize(deserializer)? {
            match entry {
                Entry::Step(step) => {
                    shrink.steps.insert(step);
                }
                Entry::Archive(names) => shrink.archive.extend(names),
            }
        }
        Ok(shrink)
    }
}

/// What there is, for errors.
const STEPS: &str = "`binaries`, `caches`, `tests`, `strip`, and {\"archive\": [names of packages]}";

enum Entry {
    Step(ShrinkStep),
    Archive(Vec<String>),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Object {
            archive: Vec<String>,
        }

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Entry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(STEPS)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Entry, E> {
                let known = <ShrinkStep as clap::ValueEnum>::value_variants();
                let step = known.iter().find(|step| step.name() == word);
                step.map(|step| Entry::Step(*step)).ok_or_else(|| {
                    E::custom(format!("unknown step `{}`; there is {STEPS}", word.escape_debug()))
                })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Entry, A::Error> {
                let object = Object::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let is_name = |name: &String| {
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
                };
                match object.archive.iter().find(|name| !is_name(name)) {
                    Some(name) => Err(de::Error::custom(format!(
                        "`{name}` is no name that is imported, such as `torch`: a package is archived as a whole"
                    ))),
                    None => Ok(Entry::Archive(object.archive)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_writing_does_not_matter() {
        let parse = |text: &str| serde_json::from_str::<Shrink>(text).map_err(|error| error.to_string());
        let one = parse(r#"["strip", {"archive": ["b"]}, "tests", {"archive": ["a"]}]"#).unwrap();
        assert_eq!(one, parse(r#"["tests", {"archive": ["a", "b"]}, "strip", "strip"]"#).unwrap());
        assert_eq!(one.to_string(), "tests, strip, archive of a, b");
        for (text, word) in [
            (r#"["stripp"]"#, "unknown step `stripp`; there is `binaries`, `caches`, `tests`, `strip`"),
            (r#"["archive"]"#, "{\"archive\": [names"),
            (r#"[{"archives": ["x"]}]"#, "archive"),
            (r#"[{"archive": ["x.y"]}]"#, "x.y"),
            (r#"[3]"#, "strip"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{word} in {error}");
        }
    }
}
