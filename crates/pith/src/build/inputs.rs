//! What the flags for Dockerfiles say.

use crate::cli::BuildArgs;
use crate::error::{Error, Result};
use std::path::PathBuf;

/// Where a secret is.
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In an environment variable of ours.
    Variable(String),
}

/// A secret for `RUN --mount=type=secret`.
pub struct Secret {
    /// Its name in the Dockerfile.
    pub id: String,
    /// Where it is.
    pub source: SecretSource,
}

/// `--build-arg`: a name without a value takes the host's; one that the host does not have is left out, as Docker does.
pub fn build_args(arguments: &BuildArgs) -> Result<Vec<(String, String)>> {
    let mut out = Vec::new();
    for text in &arguments.build_arg {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), std::env::var(text).ok()),
        };
        if name.is_empty() {
            return Err(Error::new(format!("--build-arg {text:?}: expected NAME=VALUE or NAME")));
        }
        out.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(out)
}

/// `--build-secret`: `id=NAME[,type=file|env][,src=FILE][,env=VARIABLE]`. Without either the secret is the variable or the file of its name, as Docker has it.
pub fn secrets(arguments: &BuildArgs) -> Result<Vec<Secret>> {
    arguments.build_secret.iter().map(|text| secret(text)).collect()
}

fn secret(text: &str) -> Result<Secret> {
    let wrong = |problem: &str| {
        let error = Error::new(format!("--build-secret {text:?}: {problem}"));
        error.with_help("write id=NAME,src=FILE or id=NAME,env=VARIABLE")
    };
    let (mut id, mut file, mut variable, mut kind) = (None, None, None, None);
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("id", value)) if !value.is_empty() => id = Some(value.to_owned()),
            Some(("src" | "source", value)) if !value.is_empty() => file = Some(value.to_owned()),
            Some(("env", value)) if !value.is_empty() => variable = Some(value.to_owned()),
            Some(("type", value @ ("file" | "env"))) => kind = Some(value.to_owned()),
            _ => return Err(wrong(&format!("{part:?} is none of id=, src=, env= and type=file|env"))),
        }
    }
    let id = id.ok_or_else(|| wrong("it has no id"))?;
    let source = match (file, variable) {
        (Some(_), Some(_)) => return Err(wrong("it has both a file and a variable")),
        // `type=env,src=NAME` names a variable.
        (Some(name), None) if kind.as_deref() == Some("env") => SecretSource::Variable(name),
        (Some(file), None) => SecretSource::File(PathBuf::from(file)),
        (None, Some(variable)) => SecretSource::Variable(variable),
        (None, None) if kind.as_deref() != Some("file") && std::env::var_os(&id).is_some() => SecretSource::Variable(id.clone()),
        (None, None) => SecretSource::File(PathBuf::from(&id)),
    };
    match &source {
        SecretSource::File(path) if !path.is_file() => Err(wrong(&format!("there is no file {}", path.display()))),
        SecretSource::Variable(name) if std::env::var_os(name).is_none() => Err(wrong(&format!("{name} is not set here"))),
        _ => Ok(Secret { id, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_secret() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let is_file = |text: String| matches!(secret(&text), Ok(Secret { source: SecretSource::File(_), .. }));
        let is_variable = |text: &str| matches!(secret(text), Ok(Secret { source: SecretSource::Variable(_), .. }));
        assert!(is_file(format!("id=a,src={file}")) && is_file(format!("type=file,id=a,source={file}")));
        assert!(is_variable("id=a,env=PATH") && is_variable("id=PATH") && is_variable("id=a,type=env,src=PATH"));
        for text in ["", "src=x", "id=a,src=/nowhere/at/all", "id=a,env=NOT_SET_ANYWHERE", "id=a,src=x,env=PATH", "id=a,mode=1"] {
            assert!(secret(text).is_err(), "{text}");
        }
    }
}
