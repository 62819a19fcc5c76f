use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The C library of a runtime and its version, such as glibc 2.34.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Libc {
    /// GNU's.
    Glibc {
        /// Mostly 2.
        major: u32,
        /// Such as 34.
        minor: u32,
    },
    /// Alpine's.
    Musl {
        /// Mostly 1.
        major: u32,
        /// Such as 2.
        minor: u32,
    },
}

impl Libc {
    /// The word that npm uses for it.
    pub fn npm_name(self) -> &'static str {
        match self {
            Self::Glibc { .. } => "glibc",
            Self::Musl { .. } => "musl",
        }
    }
}

impl FromStr for Libc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || format!("`{text}` is no C library; write it like `glibc-2.34` or `musl-1.2`");
        let (name, version) = text.split_once('-').ok_or_else(malformed)?;
        let (major, minor) = version.split_once('.').ok_or_else(malformed)?;
        let number = |text: &str| text.parse().map_err(|_| malformed());
        let (major, minor) = (number(major)?, number(minor)?);
        match name {
            "glibc" => Ok(Self::Glibc { major, minor }),
            "musl" => Ok(Self::Musl { major, minor }),
            _ => Err(malformed()),
        }
    }
}

impl fmt::Display for Libc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Glibc { major, minor } | Self::Musl { major, minor }) = self;
        write!(f, "{}-{major}.{minor}", self.npm_name())
    }
}

impl TryFrom<String> for Libc {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Libc> for String {
    fn from(libc: Libc) -> Self {
        libc.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_c_library_is_read_back_from_what_it_prints() {
        for text in ["glibc-2.34", "musl-1.2"] {
            assert_eq!(text.parse::<Libc>().unwrap().to_string(), text);
        }
        for text in ["glibc", "glibc-2", "bionic-1.2", "glibc-2.x"] {
            assert!(text.parse::<Libc>().is_err(), "{text}");
        }
    }
}
