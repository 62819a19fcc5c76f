use std::fmt;
use std::str::FromStr;

use crate::tree::{Digest, parse_hex};

/// The SHA-256 by which a registry names content: `sha256:` and 64 hexadecimal digits. Unlike a
/// [`Digest`] it does not tell the size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Of bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Digest::of(bytes).into()
    }

    /// The 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.sized(0).hex()
    }

    /// The digest of content with this hash and so many bytes.
    pub fn sized(&self, size: u64) -> Digest {
        Digest::new(self.0, size)
    }
}

impl From<Digest> for Sha256 {
    fn from(digest: Digest) -> Self {
        Self(*digest.bytes())
    }
}

impl FromStr for Sha256 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((algorithm, hex)) = text.split_once(':') else {
            return Err(format!("`{text}` is no digest: it needs the form sha256:HEX"));
        };
        if algorithm != "sha256" {
            return Err(format!("the digest `{text}` is not understood: only sha256 is"));
        }
        let lower = !hex.bytes().any(|byte| byte.is_ascii_uppercase());
        parse_hex(hex).filter(|_| lower).map(Self).ok_or_else(|| {
            format!("`{text}` is no digest: after `sha256:` go 64 of 0-9 and a-f, here are {}", hex.len())
        })
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl serde::Serialize for Sha256 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Sha256 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_back_and_others_are_refused() {
        let digest = Sha256::of(b"image");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let upper = digest.to_string().to_uppercase().replace("SHA", "sha");
        for text in ["", "sha256:", "sha512:00", &digest.hex(), &upper, &format!("{digest}0")] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
    }
}
