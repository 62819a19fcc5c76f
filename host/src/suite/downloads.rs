use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::LanguageName;
use crate::language::Architecture;
use crate::tree::RelPath;

/// A file or archive of data that a benchmark declares: fetched once, and known by its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Download {
    /// Where it is.
    pub url: String,
    /// Its SHA-256 in lower case.
    pub sha256: String,
    /// Where in the tree it goes: the file's path, or the folder into which it is unpacked.
    pub path: String,
    /// Whether it is an archive that is unpacked.
    pub unpack: bool,
    /// So many leading names of the paths in the archive are left out.
    pub strip: usize,
    /// Patterns of what of the archive is taken; none for all.
    pub include: Vec<String>,
    /// The languages that it is for; none for all.
    pub languages: Vec<LanguageName>,
    /// The architectures that it is for; none for all.
    pub architectures: Vec<Architecture>,
    /// Whether the file may be executed.
    pub executable: bool,
}

/// As config.json has it, unchecked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    url: String,
    sha256: String,
    path: String,
    #[serde(default)]
    unpack: bool,
    strip: Option<usize>,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    languages: Vec<LanguageName>,
    #[serde(default)]
    architectures: Vec<Architecture>,
    #[serde(default)]
    executable: bool,
}

impl<'de> Deserialize<'de> for Download {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(Entry::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Download {
    fn checked(entry: Entry) -> Result<Self, String> {
        let address = url::Url::parse(&entry.url).map_err(|error| format!("`url` is no URL: {error}"))?;
        if !matches!(address.scheme(), "http" | "https") {
            return Err(
                "`url` must begin with https:// or http://; a file of this machine is given by a mirror \
                        in fnpack.toml"
                    .to_owned(),
            );
        }
        if !address.username().is_empty() || address.password().is_some() {
            return Err(
                "`url` holds a login, which would be in everybody's sources: give it in the address of \
                        a mirror in fnpack.toml"
                    .to_owned(),
            );
        }
        if entry.sha256.len() != 64 || !entry.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("`sha256` is `{}`, but must be 64 hexadecimal digits", entry.sha256));
        }
        let path = match entry.path.trim_end_matches('/').trim_start_matches("./") {
            "." => "",
            path => path,
        };
        RelPath::new(path).map_err(|error| format!("`path`: {error}"))?;
        if path.is_empty() && !entry.unpack {
            return Err("`path` must name a file; with `unpack` it may be `.`".to_owned());
        }
        if !entry.unpack && (entry.strip.is_some() || !entry.include.is_empty()) {
            return Err("`strip` and `include` are for archives: add \"unpack\": true".to_owned());
        }
        if entry.unpack && entry.executable {
            return Err(
                "`executable` is for a file; an archive says itself which of its files are".to_owned()
            );
        }
        for pattern in &entry.include {
            globset::Glob::new(pattern).map_err(|error| format!("`include`: {error}"))?;
        }
        Ok(Self {
            path: path.to_owned(),
            sha256: entry.sha256.to_ascii_lowercase(),
            url: entry.url,
            unpack: entry.unpack,
            strip: entry.strip.unwrap_or_default(),
            include: entry.include,
            languages: entry.languages,
            architectures: entry.architectures,
            executable: entry.executable,
        })
    }

    /// Where in the tree it goes.
    pub fn place(&self) -> RelPath {
        RelPath::new(&self.path).expect("it was checked")
    }

    /// Whether a target of that language and architecture has it.
    pub fn is_for(&self, language: LanguageName, architecture: Architecture) -> bool {
        (self.languages.is_empty() || self.languages.contains(&language))
            && (self.architectures.is_empty() || self.architectures.contains(&architecture))
    }

    /// All that can change what it gives: not its address.
    pub fn input(&self) -> String {
        match self.unpack {
            true => format!("{} unpacked, strip {}, include {:?}", self.sha256, self.strip, self.include),
            false => format!("{}{}", self.sha256, if self.executable { " executable" } else { "" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_a_download_is_named() {
        let sha256 = "a".repeat(64);
        let base = format!(r#""url": "https://x.example/a", "sha256": "{sha256}", "path": "a""#);
        let good: Download = serde_json::from_str(&format!("{{{base}}}")).unwrap();
        assert!(good.is_for(LanguageName::Python, Architecture::Arm64));
        for (text, word) in [
            (format!("{{{base}, \"strip\": 1}}"), "unpack"),
            (format!("{{{base}, \"unpack\": true, \"executable\": true}}"), "executable"),
            (format!("{{{base}, \"unpac\": true}}"), "unknown field `unpac`"),
            (format!("{{{base}, \"languages\": [\"ruby\"]}}"), "nodejs"),
            (base.replace("https://", "file:///"), "mirror"),
            (base.replace("https://", "https://me:secret@"), "login"),
            (base.replace(&sha256, "abc"), "64 hexadecimal"),
            (base.replace("\"path\": \"a\"", "\"path\": \"../a\""), "path"),
            (base.replace("\"path\": \"a\"", "\"path\": \"/a\""), "absolute"),
            (base.replace("\"path\": \"a\"", "\"path\": \".\""), "name a file"),
        ] {
            let text = if text.starts_with('{') { text } else { format!("{{{text}}}") };
            let error = serde_json::from_str::<Download>(&text).unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("secret"), "{word} in {error}");
        }
    }
}
