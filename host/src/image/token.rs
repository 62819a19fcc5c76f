//! Who asks: the header by which a request is let in, kept until it ends or is refused.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::answer::Answer;
use super::challenge::Challenge;
use super::http::{Http, Outgoing, Payload, is_loopback};
use super::{ImageError, Login, Logins, Secret};

/// The name by which a token service knows the program.
const CLIENT: &str = "fnpack";
/// How long a token is good when its service does not say, by the specification.
const DEFAULT_LIFE: f64 = 60.0;
/// No token is kept longer.
const LONGEST_LIFE: f64 = 24.0 * 3600.0;
/// Longest answer of a token service.
const LONGEST: usize = 1 << 20;

/// What is known of one registry's wish to know who asks.
#[derive(Default)]
pub struct Entrance {
    challenge: Option<Challenge>,
    login: Option<Option<Login>>,
    tokens: HashMap<String, Token>,
}

struct Token {
    header: Secret,
    ends: Instant,
}

/// The value of an `Authorization` header.
pub struct Authorization {
    pub header: Option<Secret>,
    pub with_login: bool,
}

/// Whom to ask for logins and tokens.
pub struct Source<'s> {
    pub http: &'s Http,
    pub logins: &'s dyn Logins,
    pub registry: &'s str,
    /// Whether a host may be told a login by plain HTTP.
    pub may_be_plain: &'s dyn Fn(&Url) -> bool,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Value,
}

impl Entrance {
    /// What to send for a request with these scopes.
    pub fn authorization(
        &mut self,
        source: &Source<'_>,
        scopes: &[String],
    ) -> Result<Authorization, ImageError> {
        let Some(challenge) = self.challenge.clone() else {
            return Ok(Authorization { header: None, with_login: false });
        };
        if self.login.is_some() && source.logins.is_ended(source.registry) {
            self.tokens.clear();
            self.login = None;
        }
        let was_known = self.login.is_some();
        let login = match &self.login {
            Some(login) => login.clone(),
            None => match source.logins.login(source.registry) {
                Err(ImageError::Nobody { .. }) if may_be_anybody(&challenge, scopes) => None,
                login => self.login.insert(login?).clone(),
            },
        };
        let with_login = login.is_some();
        let header = match (challenge, login) {
            (_, Some(Login::RegistryToken(token))) => Some(Secret::new(format!("Bearer {}", token.reveal()))),
            (Challenge::Basic, None) => None,
            (Challenge::Basic, Some(Login::Password { user, password })) => Some(basic(&user, &password)),
            (Challenge::Basic, Some(Login::IdentityToken(_))) => {
                let reason = "it takes a user and a password, and there is an identity token".to_owned();
                return Err(ImageError::Login { registry: source.registry.to_owned(), reason });
            }
            (Challenge::Bearer { realm, service, scope }, login) => {
                let given: Vec<String> =
                    if scopes.is_empty() { scope.into_iter().collect() } else { scopes.to_vec() };
                let key = given.join(" ");
                if self.tokens.get(&key).is_none_or(|token| token.ends <= Instant::now()) {
                    let ask = |login: Option<&Login>| source.token(&realm, service.as_deref(), &given, login);
                    let token = match ask(login.as_ref()) {
                        // The login may have ended since it was asked for.
                        Err(ImageError::Unauthorized { .. }) if was_known && with_login => {
                            let renewed = source.logins.login(source.registry)?;
                            ask(self.login.insert(renewed).as_ref())?
                        }
                        other => other?,
                    };
                    self.tokens.insert(key.clone(), token);
                }
                self.tokens.get(&key).map(|token| token.header.clone())
            }
        };
        Ok(Authorization { header, with_login })
    }

    /// The registry did not let in what was sent: it is asked anew, as it now wants it.
    pub fn refused(&mut self, challenge: Challenge) {
        self.challenge = Some(challenge);
        self.tokens.clear();
        self.login = None;
    }
}

/// Whether a token service may let in anybody, for nothing but reading.
fn may_be_anybody(challenge: &Challenge, scopes: &[String]) -> bool {
    matches!(challenge, Challenge::Bearer { .. }) && scopes.iter().all(|scope| scope.ends_with(":pull"))
}

/// How long a token is good, however its service writes the seconds.
fn life_of(told: &Value) -> Duration {
    let seconds = told.as_f64().or_else(|| told.as_str()?.trim().parse().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0).unwrap_or(DEFAULT_LIFE);
    Duration::from_secs_f64(seconds.min(LONGEST_LIFE))
}

/// What of an `Authorization` header nobody may see.
pub fn secrets_of(header: &Secret) -> Vec<Secret> {
    let value = header.reveal().split_once(' ').map_or(header.reveal(), |(_, value)| value);
    let login = STANDARD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = login.as_deref().and_then(|login| Some(login.split_once(':')?.1));
    [value].into_iter().chain(password).map(Secret::new).collect()
}

fn basic(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal()))))
}

impl Source<'_> {
    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scopes: &[String],
        login: Option<&Login>,
    ) -> Result<Token, ImageError> {
        let unusable = |reason: String| ImageError::Login { registry: self.registry.to_owned(), reason };
        let mut url =
            Url::parse(realm).map_err(|error| unusable(format!("its token service `{realm}`: {error}")))?;
        let plain_to_afar = url.scheme() != "https" && !is_loopback(&url) && !(self.may_be_plain)(&url);
        if login.is_some() && plain_to_afar {
            return Err(unusable(format!("its token service `{realm}` has no HTTPS to protect the login")));
        }
        let mut answer = match login {
            Some(Login::IdentityToken(token)) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT);
                form.append_pair("scope", &scopes.join(" ")).append_pair("refresh_token", token.reveal());
                form.extend_pairs(service.map(|service| ("service", service)));
                let body = form.finish();
                let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
                let payload = Payload { reader: &mut body.as_bytes(), length: body.len() as u64 };
                let outgoing = Outgoing { method: "POST", url: &url, headers: &headers, body: Some(payload) };
                self.ask(outgoing, vec![token.clone()])?
            }
            login => {
                let scopes = scopes.iter().map(|scope| ("scope", scope.as_str()));
                url.query_pairs_mut()
                    .extend_pairs(service.map(|service| ("service", service)))
                    .extend_pairs(scopes);
                let (mut headers, mut secrets) = (Vec::new(), Vec::new());
                if let Some(Login::Password { user, password }) = login {
                    let header = basic(user, password);
                    headers.push(("authorization", header.reveal().to_owned()));
                    secrets = secrets_of(&header);
                }
                self.ask(Outgoing { method: "GET", url: &url, headers: &headers, body: None }, secrets)?
            }
        };
        match answer.status() {
            200 => {}
            // A refusal with words is told as the registry's.
            400 | 401 | 403 => {
                return Err(ImageError::Unauthorized {
                    registry: self.registry.to_owned(),
                    what: format!("asking for the right to {}", scopes.join(" and ")),
                    with_login: login.is_some(),
                    words: answer.words(),
                });
            }
            _ => return Err(super::registries::refusal(&mut answer)),
        }
        let asked = Instant::now();
        let malformed = answer.malformed("it holds no token");
        let found: Option<TokenAnswer> = serde_json::from_slice(&answer.bytes(LONGEST)?).ok();
        let (token, life) = found
            .and_then(|found| {
                let mut tokens = [found.token, found.access_token].into_iter().flatten();
                Some((tokens.find(|token| !token.is_empty())?, life_of(&found.expires_in)))
            })
            .ok_or(malformed)?;
        // A tenth is left for what is under way when the token ends.
        let ends = asked + life.mul_f32(0.9);
        Ok(Token { header: Secret::new(format!("Bearer {token}")), ends })
    }

    fn ask(&self, outgoing: Outgoing<'_>, secrets: Vec<Secret>) -> Result<Answer, ImageError> {
        let what = format!("the token service of {}", self.registry);
        Ok(Answer { response: self.http.send(&what, outgoing)?, what, secrets })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_life_of_a_token_is_understood_however_it_is_written() {
        for (told, seconds) in [
            (json!(300), 300.0),
            (json!(1.5), 1.5),
            (json!("300"), 300.0),
            (json!(1e12), LONGEST_LIFE),
            (json!(-1), DEFAULT_LIFE),
            (json!(0), DEFAULT_LIFE),
            (json!("soon"), DEFAULT_LIFE),
            (json!("NaN"), DEFAULT_LIFE),
            (Value::Null, DEFAULT_LIFE),
        ] {
            assert_eq!(life_of(&told), Duration::from_secs_f64(seconds), "{told}");
        }
    }
}
