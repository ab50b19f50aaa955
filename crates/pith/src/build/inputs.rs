//! What the flags for Dockerfiles say.

use crate::cli::BuildArgs;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
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

/// `--build-ssh`: `NAME[=SOCKET]`, name and socket of an SSH agent. Without a socket it is the user's own agent.
pub fn ssh_agents(arguments: &BuildArgs) -> Result<Vec<(String, PathBuf)>> {
    arguments.build_ssh.iter().map(|text| ssh_agent(text, std::env::var_os("SSH_AUTH_SOCK"))).collect()
}

fn ssh_agent(text: &str, own: Option<OsString>) -> Result<(String, PathBuf)> {
    let wrong = |problem: &str| {
        let error = Error::new(format!("--build-ssh {text:?}: {problem}"));
        error.with_help("write default for the agent at $SSH_AUTH_SOCK, or NAME=SOCKET; keys are added to an agent by ssh-add")
    };
    let (name, socket) = match text.split_once('=') {
        Some((name, socket)) => (name, PathBuf::from(socket)),
        None => match own.filter(|own| !own.is_empty()) {
            Some(own) => (text, PathBuf::from(own)),
            None => return Err(wrong("SSH_AUTH_SOCK is not set here: no agent is running")),
        },
    };
    if name.is_empty() {
        return Err(wrong("it has no name"));
    }
    match std::fs::metadata(&socket) {
        Ok(metadata) if metadata.file_type().is_socket() => {
            let socket = std::path::absolute(&socket).unwrap_or(socket);
            Ok((name.to_owned(), socket))
        }
        Ok(_) => Err(wrong(&format!("{} is no socket", socket.display()))),
        Err(error) => Err(wrong(&format!("{}: {error}", socket.display()))),
    }
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
    fn every_form_of_an_agent() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("agent");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let own = || Some(socket.clone().into_os_string());
        assert_eq!(ssh_agent("default", own()).unwrap(), ("default".to_owned(), socket.clone()));
        assert_eq!(ssh_agent(&format!("work={}", socket.display()), None).unwrap(), ("work".to_owned(), socket.clone()));
        for (text, own, problem) in [
            ("default", None, "SSH_AUTH_SOCK is not set"),
            ("=x", own(), "it has no name"),
            ("a=/nowhere/at/all", own(), "No such file"),
            ("a=/dev/null", own(), "/dev/null is no socket"),
        ] {
            assert!(ssh_agent(text, own).unwrap_err().message().contains(problem), "{text}");
        }
    }

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
