use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

/// Where a file is fetched from.
#[derive(Clone, Debug)]
pub struct Place {
    /// For people: without a login.
    pub shown: String,
    pub goal: Goal,
    /// `user:password`, for the host of the goal alone.
    pub login: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    Http(Url),
    File(PathBuf),
}

/// The place of a URL: by the mirror with the longest prefix of it, else where it says itself.
pub fn place(url: &str, mirrors: &BTreeMap<String, String>) -> Result<Place, String> {
    let mirror = mirrors
        .iter()
        .filter(|(prefix, _)| url.starts_with(prefix.as_str()))
        .max_by_key(|(prefix, _)| prefix.len());
    let Some((prefix, mirror)) = mirror else {
        return Ok(Place { shown: url.to_owned(), goal: goal(parse(url)?)?, login: None });
    };
    let slash = if prefix.ends_with('/') && !mirror.ends_with('/') { "/" } else { "" };
    let mut address = parse(&format!("{mirror}{slash}{}", &url[prefix.len()..]))?;
    let login = login(&address);
    // These two cannot fail for an address that has a host, and one without has no login.
    let _ = address.set_username("");
    let _ = address.set_password(None);
    let shown = format!("{url} (from the mirror {address})");
    Ok(Place { shown, goal: goal(address)?, login })
}

/// Whether an entry of `mirrors` can be used; the reason if not, without a login.
pub fn check_mirror(prefix: &str, mirror: &str) -> Result<(), String> {
    let scheme = |text: &str| Url::parse(text).map(|url| url.scheme().to_owned()).unwrap_or_default();
    if !matches!(scheme(prefix).as_str(), "http" | "https") {
        return Err(format!("`{prefix}` must be the beginning of an http or https URL"));
    }
    match scheme(mirror).as_str() {
        "http" | "https" => Ok(()),
        "file" if goal(parse(mirror)?).is_ok() => Ok(()),
        "file" => Err(format!("the mirror of `{prefix}` must name a folder as file:///folder/")),
        _ => Err(format!("the mirror of `{prefix}` must be an http, https or file URL")),
    }
}

fn parse(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("it is no URL: {error}"))
}

fn goal(url: Url) -> Result<Goal, String> {
    match url.scheme() {
        "file" => url.to_file_path().map(Goal::File).map_err(|()| "it names no file of this machine".into()),
        _ => Ok(Goal::Http(url)),
    }
}

fn login(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some(format!("{}:{}", decoded(url.username()), decoded(url.password().unwrap_or_default())))
}

/// `%40` as `@`.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => (bytes.push(byte), rest = &after[2..]),
            None => (bytes.push(*first), rest = after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(prefix, mirror)| ((*prefix).to_owned(), (*mirror).to_owned())).collect()
    }

    #[test]
    fn the_longest_prefix_wins_and_its_login_is_not_shown() {
        let mirrors = mirrors(&[
            ("https://example.org/", "file:///all/"),
            ("https://example.org/models/", "https://me:p%40ss@mirror.example/x"),
        ]);
        let place = place("https://example.org/models/a%20b.bin", &mirrors).unwrap();
        assert_eq!(place.login.as_deref(), Some("me:p@ss"));
        assert_eq!(place.goal, Goal::Http(Url::parse("https://mirror.example/x/a%20b.bin").unwrap()));
        assert!(!place.shown.contains("p%40ss") && place.shown.contains("mirror.example"), "{}", place.shown);
    }

    #[test]
    fn a_mirror_may_be_a_folder() {
        let mirrors = mirrors(&[("https://example.org/", "file:///all")]);
        assert_eq!(place("https://example.org/x/y", &mirrors).unwrap().goal, Goal::File("/all/x/y".into()));
        let other = place("https://other.org/x", &mirrors).unwrap();
        assert!(other.login.is_none() && matches!(other.goal, Goal::Http(_)));
    }

    #[test]
    fn a_mirror_that_cannot_be_used_is_refused_without_its_login() {
        for (prefix, mirror) in [
            ("example.org", "https://x/"),
            ("https://example.org/", "ftp://me:secret@x/"),
            ("https://x/", "x"),
        ] {
            let reason = check_mirror(prefix, mirror).unwrap_err();
            assert!(reason.contains(prefix) && !reason.contains("secret"), "{reason}");
        }
    }
}
