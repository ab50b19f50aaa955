//! How a registry asks who one is (Docker's token authentication specification; RFC 7235), and the answer.

use super::client::Registry;
use super::credentials::Credentials;
use crate::error::{Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// What a header `WWW-Authenticate` wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token from another server.
    Bearer {
        /// The address of that server.
        realm: String,
        /// What to tell it about the registry.
        service: Option<String>,
        /// What the registry thinks is needed.
        scope: Option<String>,
    },
}

impl Challenge {
    /// `None` for schemes that are not known.
    pub(crate) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        while let Some((key, behind)) = rest.split_once('=') {
            let (value, behind) = parse_value(behind.trim_start())?;
            match key.trim().to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
            rest = behind.trim_start().strip_prefix(',').unwrap_or("").trim_start();
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// A token or a quoted string, and what follows it.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Some((value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// Header `Authorization` for [`Challenge::Basic`].
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// An answer of a token server.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
}

impl Registry<'_> {
    /// The header `Authorization` that answers `challenge` for `scope`.
    pub(super) fn answer(&self, challenge: &Challenge, scope: &str, credentials: Option<&Credentials>) -> Result<Option<String>> {
        let (realm, service) = match (challenge, credentials) {
            (Challenge::Basic, Some(Credentials::Password { user, password })) => return Ok(Some(basic(user, password))),
            (Challenge::Basic, _) => return Ok(None),
            (Challenge::Bearer { realm, service, .. }, _) => (realm, service.as_deref()),
        };
        if self.is_encrypted() && !realm.starts_with("https://") {
            let problem = format!("it names {realm:?} as its token server, which would be asked unencrypted; refused");
            return Err(Error::Credentials { registry: self.host().to_owned(), problem });
        }
        let network =
            |error| Error::Network { reference: self.shown().to_owned(), address: realm.clone(), problem: super::client::describe(&error) };
        let response = match credentials {
            Some(Credentials::IdentityToken(token)) => self
                .agent()
                .post(realm)
                .send_form([
                    ("grant_type", "refresh_token"),
                    ("service", service.unwrap_or_default()),
                    ("client_id", "pith"),
                    ("scope", scope),
                    ("refresh_token", token),
                ])
                .map_err(network)?,
            other => {
                let mut request = self.agent().get(realm).query("scope", scope);
                if let Some(service) = service {
                    request = request.query("service", service);
                }
                if let Some(Credentials::Password { user, password }) = other {
                    request = request.query("account", user).header("Authorization", basic(user, password));
                }
                request.call().map_err(network)?
            }
        };
        let mut response = response;
        let status = response.status().as_u16();
        if matches!(status, 400 | 401 | 403) {
            return Ok(None);
        }
        if status != 200 {
            return Err(self.refusal(realm, response));
        }
        let body = response.body_mut().with_config().limit(1 << 20).read_to_vec().map_err(network)?;
        let token: Token = crate::resolve::parse(realm, &body)?;
        let token = token.token.or(token.access_token).ok_or_else(|| Error::malformed(realm, "an answer without a token"))?;
        Ok(Some(format!("Bearer {token}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let own = |text: &str| text.to_owned();
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(own), scope: scope.map(own) }
    }

    #[test]
    fn challenges_are_read_as_servers_write_them() {
        for (header, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                r#"Bearer realm="https://auth.example.com/token",service="r.example.com",scope="repository:a/b:pull,push""#,
                Some(bearer("https://auth.example.com/token", Some("r.example.com"), Some("repository:a/b:pull,push"))),
            ),
            (
                r#"bearer  service = "s" , realm=https://a.example.com/t , error="x""#,
                Some(bearer("https://a.example.com/t", Some("s"), None)),
            ),
            (r#"Bearer realm="a\"b""#, Some(bearer("a\"b", None, None))),
            (r#"Bearer realm="unfinished"#, None),
            ("Bearer service=\"s\"", None),
            ("Digest realm=\"x\"", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }
}
