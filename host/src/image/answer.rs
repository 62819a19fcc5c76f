//! What a registry answers: its headers, its body and, when it refuses, its words.

use std::io::Read;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use ureq::http::Response;
use ureq::{Body, ResponseExt};
use url::Url;

use super::login::masked;
use super::{ImageError, Secret, Sha256};

/// More than this of an error's text is nothing for a person.
const WORDS: usize = 500;

/// An answer to a request.
pub struct Answer {
    pub response: Response<Body>,
    /// What was to be done, for errors.
    pub what: String,
    /// What was sent that a registry's words may not show.
    pub secrets: Vec<Secret>,
}

#[derive(Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<Entry>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// A header that names content.
    pub fn digest(&self) -> Option<Sha256> {
        self.header("docker-content-digest")?.trim().parse().ok()
    }

    /// How many bytes the content has, as the headers tell.
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Where to go on, taken relative to where the answer came from.
    pub fn location(&self) -> Result<Url, ImageError> {
        let text = self.header("location").ok_or_else(|| self.malformed("it has no Location"))?;
        let next = Url::parse(&self.response.get_uri().to_string()).and_then(|from| next_of(&from, text));
        next.map_err(|error| self.malformed(&format!("its Location: {error}")))
    }

    /// How long to wait before the next request.
    pub fn retry_after(&self) -> Option<Duration> {
        wait_of(self.header("retry-after")?, SystemTime::now())
    }

    /// The whole body, if it is no longer than `limit`.
    pub fn bytes(self, limit: usize) -> Result<Vec<u8>, ImageError> {
        let what = self.what;
        let mut bytes = Vec::new();
        let reader = self.response.into_body().into_with_config().limit(u64::MAX).reader();
        reader
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| ImageError::Connection { what: what.clone(), reason: error.to_string() })?;
        if bytes.len() > limit {
            return Err(ImageError::Malformed { what, reason: format!("it is longer than {limit} bytes") });
        }
        Ok(bytes)
    }

    /// The registry's own words: of its errors, or the beginning of what it sent.
    pub fn words(&mut self) -> String {
        let mut bytes = Vec::new();
        let _ = self.response.body_mut().as_reader().take(64 * 1024).read_to_end(&mut bytes);
        words_of(&bytes, &self.secrets)
    }

    pub fn malformed(&self, reason: &str) -> ImageError {
        ImageError::Malformed { what: self.what.clone(), reason: reason.to_owned() }
    }
}

/// Where a `Location` leads. A registry behind a proxy that takes HTTPS off does not know of it.
fn next_of(asked: &Url, location: &str) -> Result<Url, url::ParseError> {
    let mut next = asked.join(location)?;
    if asked.scheme() == "https" && next.scheme() == "http" && next.host() == asked.host() {
        let _ = next.set_scheme("https").and_then(|()| next.set_port(asked.port()));
    }
    Ok(next)
}

/// The wait of a `Retry-After`: seconds, or a date.
fn wait_of(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

/// The `errors` of the specification, `details` of a token service, or plain text; without secrets
/// that are repeated in it.
fn words_of(bytes: &[u8], secrets: &[Secret]) -> String {
    if let Ok(found) = serde_json::from_slice::<Errors>(bytes) {
        let entry = |entry: &Entry| match (entry.code.is_empty(), entry.message.is_empty()) {
            (false, false) => format!("{}: {}", entry.code, entry.message),
            _ => format!("{}{}", entry.code, entry.message),
        };
        let entries: Vec<String> = found.errors.iter().map(entry).collect();
        let text = match entries.is_empty() {
            true => found.details.or(found.message).unwrap_or_default(),
            false => entries.join("; "),
        };
        return shortened(&masked(&text, secrets));
    }
    let text = String::from_utf8_lossy(bytes);
    // A proxy's page is not the registry's words.
    if text.trim_start().starts_with('<') { String::new() } else { shortened(&masked(&text, secrets)) }
}

fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(WORDS).filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_does_not_lead_from_https_to_plain_http_of_the_same_host() {
        let asked = Url::parse("https://a.example:444/v2/x/blobs/uploads/").unwrap();
        for (location, expected) in [
            ("/v2/x/blobs/uploads/1?s=t", "https://a.example:444/v2/x/blobs/uploads/1?s=t"),
            ("http://a.example/v2/1", "https://a.example:444/v2/1"),
            ("https://a.example/v2/1", "https://a.example/v2/1"),
            ("http://b.example/v2/1", "http://b.example/v2/1"),
        ] {
            assert_eq!(next_of(&asked, location).unwrap().as_str(), expected, "{location}");
        }
    }

    #[test]
    fn a_wait_is_in_seconds_or_until_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, seconds) in [
            ("3", Some(3)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(wait_of(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_registrys_words_are_found_in_any_form() {
        for (body, words) in [
            (r#"{"errors":[{"code":"DENIED","message":"no"},{"code":"X","detail":1}]}"#, "DENIED: no; X"),
            (r#"{"details":"incorrect username or password"}"#, "incorrect username or password"),
            (r#"{"message":"toomany"}"#, "toomany"),
            ("404 page\n not found\n", "404 page not found"),
            ("<html>gateway</html>", ""),
            ("", ""),
        ] {
            assert_eq!(words_of(body.as_bytes(), &[]), words, "{body}");
        }
        assert_eq!(words_of("x".repeat(9999).as_bytes(), &[]).len(), WORDS);
    }

    #[test]
    fn a_registry_that_repeats_a_secret_is_not_quoted_with_it() {
        let secret = [Secret::new("pass/word")];
        for body in [r#"{"message":"bad pass\/word"}"#, "bad pass/word"] {
            assert_eq!(words_of(body.as_bytes(), &secret), "bad ****");
        }
    }
}
