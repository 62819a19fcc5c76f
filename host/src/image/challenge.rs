/// How a registry wants to be told who asks: its `WWW-Authenticate` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// User and password with every request.
    Basic,
    /// A token from a service.
    Bearer {
        /// The service's URL.
        realm: String,
        /// For whom the token is.
        service: Option<String>,
        /// What the registry wants it for; asked for when nothing better is known.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The first of the challenges in a header that is understood.
    pub fn parse(header: &str) -> Option<Self> {
        let mut challenges: Vec<(&str, Vec<(String, String)>)> = Vec::new();
        for part in parts(header) {
            let (word, rest) = part.split_once([' ', '\t']).unwrap_or((part, ""));
            // A part of its own begins with a scheme, others go on with `name=value` or `name = value`.
            let begins = !word.contains('=') && !rest.trim_start().starts_with('=');
            let pair = if begins { rest } else { part };
            if begins {
                challenges.push((word, Vec::new()));
            }
            if let (Some((_, parameters)), Some(pair)) = (challenges.last_mut(), parameter(pair)) {
                parameters.push(pair);
            }
        }
        challenges.into_iter().find_map(|(scheme, parameters)| Self::of(scheme, &parameters))
    }

    fn of(scheme: &str, parameters: &[(String, String)]) -> Option<Self> {
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let get = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        Some(Self::Bearer { realm: get("realm")?, service: get("service"), scope: get("scope") })
    }
}

/// What commas outside of quotes separate.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let ends = text.split(move |character| {
        let was_escaped = escaped;
        escaped = quoted && !was_escaped && character == '\\';
        quoted ^= character == '"' && !was_escaped;
        character == ',' && !quoted
    });
    ends.map(str::trim).filter(|part| !part.is_empty())
}

/// `name=value` or `name="quoted \" value"`.
fn parameter(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    let value = match value.trim().strip_prefix('"') {
        Some(quoted) => unquoted(quoted),
        None => value.trim().to_owned(),
    };
    Some((name.trim().to_owned(), value))
}

fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_understood_however_they_are_written() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) })
        };
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://a/token",service="registry",scope="repository:a/b:pull,push""#,
                bearer("https://a/token", Some("registry"), Some("repository:a/b:pull,push")),
            ),
            (r#"bearer Realm = "a\"b" , service=plain"#, bearer("a\"b", Some("plain"), None)),
            (r#"Bearer realm="https://a/t?x=y""#, bearer("https://a/t?x=y", None, None)),
            ("Bearer service=\"x\"", None),
            ("Negotiate", None),
            ("Negotiate, Basic realm=\"x\"", Some(Challenge::Basic)),
            ("Negotiate YWI=, NTLM,Basic realm=\"x, y\", charset=\"UTF-8\"", Some(Challenge::Basic)),
            (
                r#"Digest realm="no", nonce="a=\",Basic", Bearer realm="https://a/t",service="s, t", scope="x""#,
                bearer("https://a/t", Some("s, t"), Some("x")),
            ),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }
}
