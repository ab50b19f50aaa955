//! The user's credentials for registries, as Docker and Podman store them: in the file, or with a helper program.

use crate::error::{Error, Result};
use crate::reference::DEFAULT_REGISTRY;
use crate::settings::Settings;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Docker's key for its own registry, without scheme and path.
const DOCKER_KEY: &str = "index.docker.io";
/// The user name that marks an identity token.
const TOKEN_USER: &str = "<token>";

/// What to show a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User name and password (or an access token in its place).
    Password {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// An OAuth2 refresh token.
    IdentityToken(String),
}

/// `config.json` and `auth.json`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct File {
    #[serde(deserialize_with = "crate::spec::null_as_default")]
    auths: BTreeMap<String, Auth>,
    #[serde(deserialize_with = "crate::spec::null_as_default")]
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase", default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// The credentials for a repository: from the caller's table, else from the first file that has some.
///
/// # Errors
/// A file or a helper is broken. That nobody has credentials is none.
pub fn find(settings: &Settings, registry: &str, repository: &str) -> Result<Option<Credentials>> {
    if let Some(host) = settings.host(registry).filter(|host| !host.token.is_empty()) {
        return Ok(Some(from_pair(host.user.clone(), host.token.clone())));
    }
    for path in &settings.credential_files.paths {
        let found = in_file(path, registry, repository).map_err(|problem| Error::Credentials { registry: registry.to_owned(), problem })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn from_pair(user: String, password: String) -> Credentials {
    if user == TOKEN_USER { Credentials::IdentityToken(password) } else { Credentials::Password { user, password } }
}

fn in_file(path: &Path, registry: &str, repository: &str) -> std::result::Result<Option<Credentials>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    in_text(&bytes, registry, repository, &ask_helper).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Asks helper program NAME for a registry.
type Helper<'a> = &'a dyn Fn(&str, &str) -> std::result::Result<Option<Credentials>, String>;

/// Looks into the text of a file; for fuzzing, without helpers.
#[doc(hidden)]
pub fn parse(bytes: &[u8], registry: &str, repository: &str) -> std::result::Result<Option<Credentials>, String> {
    in_text(bytes, registry, repository, &|_, _| Ok(None))
}

fn in_text(bytes: &[u8], registry: &str, repository: &str, helper: Helper<'_>) -> std::result::Result<Option<Credentials>, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let keys = keys(registry, repository);
    for key in &keys {
        if let Some(name) = file.cred_helpers.iter().find(|(stored, _)| normal(stored) == *key).map(|(_, name)| name) {
            return helper(name, registry);
        }
    }
    for key in &keys {
        if let Some((stored, auth)) = file.auths.iter().find(|(stored, _)| normal(stored) == *key)
            && let Some(credentials) = from_auth(auth).map_err(|problem| format!("auths[{stored:?}]: {problem}"))?
        {
            return Ok(Some(credentials));
        }
    }
    match &file.creds_store {
        Some(name) => helper(name, registry),
        None => Ok(None),
    }
}

/// Keys under which credentials may stand, the most exact first: Podman allows repositories and parts of them.
fn keys(registry: &str, repository: &str) -> Vec<String> {
    let host = if registry == DEFAULT_REGISTRY { DOCKER_KEY } else { registry };
    let mut keys = Vec::new();
    for registry in [registry, host] {
        let full = format!("{registry}/{repository}");
        let parts = full.match_indices('/').map(|(at, _)| at).chain([full.len()]);
        keys.extend(parts.map(|end| full.get(..end).unwrap_or_default().to_owned()));
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.matches('/').count()));
    keys.dedup();
    keys
}

/// A key without scheme, version path and final slash.
fn normal(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key).trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn from_auth(auth: &Auth) -> std::result::Result<Option<Credentials>, String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&auth.identitytoken) {
        return Ok(Some(Credentials::IdentityToken(token)));
    }
    if let (Some(user), Some(password)) = (given(&auth.username), given(&auth.password)) {
        return Ok(Some(from_pair(user, password)));
    }
    let Some(encoded) = given(&auth.auth) else { return Ok(None) };
    let decoded = STANDARD.decode(encoded.trim()).map_err(|_| "`auth` is not base64".to_owned())?;
    let text = String::from_utf8(decoded).map_err(|_| "`auth` does not hold text".to_owned())?;
    let (user, password) = text.split_once(':').ok_or("`auth` does not hold USER:PASSWORD")?;
    Ok(Some(from_pair(user.to_owned(), password.trim_end_matches('\0').to_owned())))
}

/// Docker's protocol for credential helpers: the registry on standard input, JSON on standard output.
fn ask_helper(name: &str, registry: &str) -> std::result::Result<Option<Credentials>, String> {
    let program = format!("docker-credential-{name}");
    if name.is_empty() || name.contains('/') {
        return Err(format!("{name:?} is no name of a credential helper"));
    }
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let asked = if registry == DEFAULT_REGISTRY { format!("https://{DOCKER_KEY}/v1/") } else { registry.to_owned() };
    // A helper that ends without reading says why in its output.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(asked.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout }).trim().to_owned();
        // The text by which helpers say that they know nothing.
        return if said.contains("credentials not found") { Ok(None) } else { Err(format!("{program}: {said}")) };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| format!("{program}: {error}"))?;
    Ok(Some(from_pair(answer.username, answer.secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(bytes: &str, registry: &str, repository: &str) -> String {
        let helper = |name: &str, registry: &str| Ok(Some(from_pair(format!("{name}@{registry}"), "x".to_owned())));
        match in_text(bytes.as_bytes(), registry, repository, &helper) {
            Ok(Some(Credentials::Password { user, password })) => format!("{user}:{password}"),
            Ok(Some(Credentials::IdentityToken(token))) => format!("token {token}"),
            Ok(None) => String::new(),
            Err(problem) => format!("error: {problem}"),
        }
    }

    #[test]
    fn the_most_exact_entry_counts() {
        // a:1, b:2 and c:3 in base64.
        let text = r#"{"auths":{"index.docker.io/v1/":{"auth":"YTox"},"r.example.com":{"auth":"Yjoy"},
            "r.example.com/team":{"auth":"Yzoz"},"http://i.example.com/v2/":{"identitytoken":"t"},"e.example.com":{},
            "bad.example.com":{"auth":"?"},"u.example.com":{"username":"u","password":"p"}},
            "credHelpers":{"h.example.com":"one"},"credsStore":"all"}"#;
        for (registry, repository, expected) in [
            ("docker.io", "library/python", "a:1"),
            ("r.example.com", "other/app", "b:2"),
            ("r.example.com", "team/app", "c:3"),
            ("r.example.com", "teamwork", "b:2"),
            ("i.example.com", "x", "token t"),
            ("h.example.com", "x", "one@h.example.com:x"),
            ("u.example.com", "x", "u:p"),
            ("e.example.com", "x", "all@e.example.com:x"),
            ("bad.example.com", "x", "error: auths[\"bad.example.com\"]: `auth` is not base64"),
        ] {
            assert_eq!(user(text, registry, repository), expected, "{registry}/{repository}");
        }
        assert_eq!(user("{}", "docker.io", "x"), "");
        assert_eq!(user(r#"{"auths":null}"#, "docker.io", "x"), "");
        assert!(user("[", "docker.io", "x").starts_with("error: "));
    }
}
