//! What the user has settled: flags over variables over the configuration file over defaults.
//!
//! [`keys`] lists every setting, [`file`] reads and changes `config.yaml`. `--flag`, `PITH_FLAG`, `KRAFTKIT_FLAG`, the
//! file: the first that says something counts.

pub mod file;
pub mod keys;

use crate::cli::{Arch, Global, LogLevel, LogType, Plat, variable};
use crate::error::{Error, Result};
use clap::ValueEnum;
use file::ConfigFile;
use keys::{KEYS, Key};
use pith_machine::{Store, paths};
use std::path::{Path, PathBuf};

/// One setting as it stands.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The setting.
    pub key: Key,
    /// Its value.
    pub value: String,
    /// Where that comes from: `flag`, the name of a variable, `file` or `default`.
    pub origin: String,
}

/// What the user has settled.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every setting.
    pub all: Vec<Setting>,
    /// The configuration file, there or not.
    pub file: PathBuf,
    /// Whether this process was called as `kraft`.
    pub is_kraft: bool,
}

/// The file to read and to write: `--config-dir`, `PITH_CONFIG_DIR` and kraft's two variables, else `pith` in the user's
/// configuration directory, unless only kraft's is there.
fn config_path(global: &Global, is_kraft: bool) -> Option<PathBuf> {
    let named = ["PITH_CONFIG_DIR", "KRAFTKIT_CONFIG_DIR", "KRAFTKIT_PATHS_CONFIG"].into_iter().find_map(variable).map(PathBuf::from);
    if let Some(directory) = global.config_dir.clone().or(named) {
        return Some(directory.join("config.yaml"));
    }
    let base = paths::config_base()?;
    let (pith, kraft) = (base.join("pith/config.yaml"), base.join("kraftkit/config.yaml"));
    let takes_kraft = kraft.exists() && (is_kraft || !pith.exists());
    Some(if takes_kraft { kraft } else { pith })
}

fn flag(global: &Global, key: &str) -> Option<String> {
    let switch = |is_on: bool| is_on.then(|| "true".to_owned());
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    match key {
        "no_prompt" => switch(global.no_prompt),
        "no_parallel" => switch(global.no_parallel),
        "no_color" => switch(global.no_color),
        "log.timestamps" => switch(global.log_timestamps),
        "qemu" => path(&global.qemu),
        "runtime_dir" => path(&global.runtime_dir),
        "buildkit_host" => global.buildkit_host.clone(),
        "events_pidfile" => path(&global.events_pid_file),
        "log.level" => global.log_level.and_then(name_of),
        "log.type" => global.log_type.and_then(name_of),
        _ => None,
    }
}

fn name_of<T: ValueEnum>(value: T) -> Option<String> {
    value.to_possible_value().map(|value| value.get_name().to_owned())
}

impl Settings {
    /// Puts flags, variables and file together.
    ///
    /// # Errors
    /// A flag that is not honoured, a value that is none, a file that cannot be read.
    pub fn new(global: &Global, is_kraft: bool) -> Result<Self> {
        if let Some((flag, why)) = global.refused() {
            return Err(Error::new(format!("--{flag} is not supported: {why}")));
        }
        let path = config_path(global, is_kraft).unwrap_or_else(|| PathBuf::from("config.yaml"));
        let file = read(&path)?;
        let mut all = Vec::with_capacity(KEYS.len());
        for key in KEYS {
            let from_variable = || {
                ["PITH", "KRAFTKIT"].into_iter().find_map(|prefix| {
                    let name = format!("{prefix}_{}", key.variable);
                    Some((variable(&name)?.to_string_lossy().into_owned(), name))
                })
            };
            let (value, origin) = match flag(global, key.name) {
                Some(value) => (value, "flag".to_owned()),
                None => match from_variable() {
                    // Anything at all switches colours off (no-color.org), as kraft has it.
                    Some((value, origin)) if key.name == "no_color" && keys::switch(&value).is_none() => ("true".to_owned(), origin),
                    Some((value, origin)) => {
                        let wrong = |problem| Error::new(format!("environment variable {origin} is {value:?}: {problem}"));
                        keys::check(key.kind, &value).map_err(wrong)?;
                        (value, origin)
                    }
                    None => match file.get(key.name) {
                        Some(value) => (value, "file".to_owned()),
                        None => (key.default.to_owned(), "default".to_owned()),
                    },
                },
            };
            all.push(Setting { key, value, origin });
        }
        for (name, value, line) in file.settings() {
            let problem = match keys::kind_of(name) {
                None => continue,
                Some(kind) => keys::check(kind, &value).err(),
            };
            if let Some(problem) = problem {
                return Err(Error::new(format!("{}:{line}: {name} is {value:?}: {problem}", path.display())));
            }
        }
        Ok(Self { all, file: path, is_kraft })
    }

    /// A setting's value; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.all.iter().find(|setting| setting.key.name == name).map_or("", |setting| setting.value.as_str())
    }

    fn text(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    fn is_on(&self, name: &str) -> bool {
        keys::switch(self.get(name)) == Some(true)
    }

    fn word<T: ValueEnum>(&self, name: &str) -> Option<T> {
        T::from_str(self.get(name), true).ok()
    }

    /// Adds what the configuration file says about registries; what is there already counts for more.
    ///
    /// # Errors
    /// The file cannot be read, or says something that is no setting.
    pub fn registries(&self, registries: &mut pith_image::Settings) -> Result<()> {
        for (name, value, line) in read(&self.file)?.settings() {
            let wrong = |problem: &str| Error::new(format!("{}:{line}: {name}: {problem}", self.file.display()));
            if let Some(image) = name.strip_prefix("registries.map.") {
                registries.map.entry(image.to_owned()).or_insert(value);
            } else if name == "registries.insecure" {
                registries.insecure.extend(value.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()));
            } else if name.starts_with("registries.") {
                return Err(wrong("expected registries.map or registries.insecure"));
            } else if let Some((host, field)) = name.strip_prefix("auth.").and_then(|rest| rest.rsplit_once('.')) {
                let auth = registries.auth.entry(host.to_owned()).or_default();
                match field {
                    "user" => auth.user = value,
                    "token" => auth.token = value,
                    "endpoint" => auth.endpoint = Some(value),
                    "verify_ssl" => auth.verify_ssl = Some(keys::switch(&value).ok_or_else(|| wrong("expected true or false"))?),
                    _ => return Err(wrong("expected user, token, endpoint or verify_ssl")),
                }
            }
        }
        Ok(())
    }

    /// Least important message to show.
    pub fn log_level(&self) -> LogLevel {
        self.word("log.level").unwrap_or(LogLevel::Info)
    }

    /// Form of messages.
    pub fn log_type(&self) -> LogType {
        self.word("log.type").unwrap_or(LogType::Fancy)
    }

    /// Whether messages begin with the time.
    pub fn has_timestamps(&self) -> bool {
        self.is_on("log.timestamps")
    }

    /// Whether nothing may be coloured. `NO_COLOR` is honoured (no-color.org).
    pub fn is_plain(&self) -> bool {
        self.is_on("no_color") || variable("NO_COLOR").is_some()
    }

    /// Whether the user may be asked.
    pub fn may_prompt(&self) -> bool {
        !self.is_on("no_prompt")
    }

    /// Whether several things may be done at once.
    pub fn is_parallel(&self) -> bool {
        !self.is_on("no_parallel")
    }

    /// The QEMU that the user named.
    pub fn qemu(&self) -> Option<PathBuf> {
        self.text("qemu").map(PathBuf::from)
    }

    /// The platform that the user prefers.
    pub fn plat(&self) -> Plat {
        self.word("default_plat").unwrap_or(Plat::Auto)
    }

    /// The architecture that the user prefers.
    pub fn arch(&self) -> Option<Arch> {
        self.word("default_arch")
    }

    /// The file for the process number of `pith events`.
    pub fn events_pidfile(&self) -> Option<PathBuf> {
        self.text("events_pidfile").map(PathBuf::from)
    }

    /// The user's machines.
    ///
    /// # Errors
    /// When there is no place for them.
    pub fn store(&self) -> Result<Store> {
        let named = self.text("runtime_dir").map(std::path::absolute).transpose();
        Ok(Store::open(named.map_err(|error| Error::new(format!("--runtime-dir: {error}")))?)?)
    }
}

/// The file's content; one that is not there says nothing.
///
/// # Errors
/// With the line.
pub fn read(path: &Path) -> Result<ConfigFile> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => String::new(),
        Err(error) => return Err(Error::new(format!("{}: {error}", path.display()))),
    };
    let wrong = |problem: String| {
        Error::new(format!("{}: {problem}", path.display())).with_help("correct the file, or name another with --config-dir")
    };
    ConfigFile::parse(&text).map_err(wrong)
}
