//! `RUN --mount=…`.

use super::ast::Word;
use super::words::{Body, Flag};
use pith_diagnostic::{Place, Problem, Source, nearest};

/// What is mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountType {
    /// Files of the context, a stage or an image.
    Bind,
    /// A directory that lives on between builds.
    Cache,
    /// Memory.
    Tmpfs,
    /// A file that only this command sees.
    Secret,
    /// The SSH agent's socket.
    Ssh,
}

impl MountType {
    const NAMES: [&str; 5] = ["bind", "cache", "tmpfs", "secret", "ssh"];

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "bind" => Self::Bind,
            "cache" => Self::Cache,
            "tmpfs" => Self::Tmpfs,
            "secret" => Self::Secret,
            "ssh" => Self::Ssh,
            _ => return None,
        })
    }

    /// Its keys, in their first spelling.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Bind => &["target", "source", "from", "rw", "ro"],
            Self::Cache => &["target", "id", "ro", "sharing", "from", "source", "mode", "uid", "gid"],
            Self::Tmpfs => &["target", "size"],
            Self::Secret => &["id", "target", "env", "required", "mode", "uid", "gid"],
            Self::Ssh => &["id", "target", "required", "mode", "uid", "gid"],
        }
    }
}

/// Who may use a cache at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// Everybody.
    #[default]
    Shared,
    /// Another build gets another directory.
    Private,
    /// Another build waits.
    Locked,
}

/// A mount as written: keys are checked, values may hold variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountFlag {
    /// What is mounted.
    pub kind: MountType,
    fields: Vec<(String, Option<Word>)>,
    /// Where.
    pub place: Place,
}

/// A mount whose values are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub kind: MountType,
    /// Where to; relative to the working directory. Empty for a secret that is only a variable.
    pub target: String,
    /// Path in the source; `/` when not given.
    pub source: String,
    /// Stage or image that it comes from.
    pub from: Option<Word>,
    /// Name of cache, secret or agent.
    pub id: Option<String>,
    /// Environment variable that holds the secret.
    pub env: Option<String>,
    /// Whether writing is allowed. What is written to a bind mount is thrown away.
    pub writable: bool,
    /// A secret or agent without which the build fails.
    pub required: bool,
    /// Who may use a cache at the same time.
    pub sharing: Sharing,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Limit of a tmpfs in bytes.
    pub size_bytes: Option<u64>,
    /// Where.
    pub place: Place,
}

fn canonical(key: &str) -> String {
    match key.to_ascii_lowercase().as_str() {
        "dst" | "destination" => "target".to_owned(),
        "src" => "source".to_owned(),
        "readonly" => "ro".to_owned(),
        "readwrite" => "rw".to_owned(),
        other => other.to_owned(),
    }
}

/// Reads one `--mount` flag.
pub(super) fn parse(body: &Body<'_>, flag: &Flag) -> Result<MountFlag, Problem> {
    let value = flag.value.as_ref().filter(|value| !value.text.is_empty()).ok_or_else(|| {
        body.source.problem(flag.place, "--mount without a value", "here").with_help("for example --mount=type=cache,target=/var/cache/apt")
    })?;
    let (mut kind, mut fields, mut at) = (MountType::Bind, Vec::new(), 0);
    for field in value.text.split(',') {
        let place = body.line.place_of(flag.value_offset + at, field.len());
        at += field.len() + 1;
        let (key, word) = match field.split_once('=') {
            Some((key, text)) => (canonical(key.trim()), Some(Word { text: text.to_owned(), place })),
            None => (canonical(field.trim()), None),
        };
        if key == "type" {
            let name = word.as_ref().map_or("", |word| word.text.as_str());
            kind = MountType::named(&name.to_ascii_lowercase()).ok_or_else(|| {
                let problem = body.source.problem(place, format!("unknown mount type {name:?}"), "here");
                let near = nearest(name, &MountType::NAMES).map_or(String::new(), |near| format!("; did you mean {near:?}?"));
                problem.with_help(format!("expected one of {}{near}", MountType::NAMES.join(", ")))
            })?;
            continue;
        }
        fields.push((key, word, place));
    }
    for (key, word, place) in &fields {
        if !kind.keys().contains(&key.as_str()) {
            let near = nearest(key, kind.keys()).map_or(String::new(), |near| format!("; did you mean {near:?}?"));
            let problem = body.source.problem(*place, format!("a mount of this type has no option {key:?}"), "here");
            return Err(problem.with_help(format!("expected one of {}{near}", kind.keys().join(", "))));
        }
        if word.is_none() && !["ro", "rw", "required"].contains(&key.as_str()) {
            return Err(body
                .source
                .problem(*place, format!("the mount option {key:?} needs a value"), "here")
                .with_help(format!("write {key}=VALUE")));
        }
    }
    let has = |wanted: &str| fields.iter().any(|(key, ..)| key == wanted);
    if !has("target") && !matches!(kind, MountType::Secret | MountType::Ssh) {
        return Err(body.source.problem(flag.place, "a mount without a target", "here").with_help("add target=PATH"));
    }
    if kind == MountType::Secret && !has("id") && !has("target") {
        return Err(body.source.problem(flag.place, "a secret without a name", "here").with_help("add id=NAME"));
    }
    if has("ro") && has("rw") {
        return Err(body.source.problem(flag.place, "a mount cannot be read-only and writable", "here").with_help("keep one of ro and rw"));
    }
    Ok(MountFlag { kind, fields: fields.into_iter().map(|(key, word, _)| (key, word)).collect(), place: flag.place })
}

struct Values<'v> {
    source: &'v Source,
    fields: Vec<(String, Option<Word>)>,
}

impl Values<'_> {
    fn text(&self, key: &str) -> Option<&Word> {
        self.fields.iter().rev().find(|(name, _)| name == key).and_then(|(_, word)| word.as_ref())
    }

    fn switch(&self, key: &str) -> Result<Option<bool>, Problem> {
        let Some((_, word)) = self.fields.iter().rev().find(|(name, _)| name == key) else { return Ok(None) };
        let Some(word) = word else { return Ok(Some(true)) };
        match word.text.to_ascii_lowercase().as_str() {
            "true" | "1" => Ok(Some(true)),
            "false" | "0" => Ok(Some(false)),
            _ => Err(self.bad(key, word, "true or false")),
        }
    }

    fn bad(&self, key: &str, word: &Word, expected: &str) -> Problem {
        self.source
            .problem(word.place, format!("the mount option {key} is {:?}", word.text), "here")
            .with_help(format!("expected {expected}"))
    }

    fn number(&self, key: &str, radix: u32, expected: &str) -> Result<Option<u32>, Problem> {
        let parsed = self.text(key).map(|word| u32::from_str_radix(&word.text, radix).map_err(|_| self.bad(key, word, expected)));
        parsed.transpose()
    }
}

/// `10`, `10k`, `10m`, `1g`, with an optional `b` or `ib`, in any case.
fn size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match lower.get(digits.len()..)? {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

impl MountFlag {
    /// The stage or image that it comes from, variables not filled in.
    #[must_use]
    pub fn from(&self) -> Option<&Word> {
        self.fields.iter().rev().find(|(name, _)| name == "from").and_then(|(_, word)| word.as_ref())
    }

    /// Fills in variables and reads the values.
    ///
    /// # Errors
    /// Whatever `expand` says, and values that are none.
    pub fn resolve(&self, source: &Source, expand: &mut dyn FnMut(&Word) -> Result<String, Problem>) -> Result<Mount, Problem> {
        let mut fields = Vec::new();
        for (key, word) in &self.fields {
            let word = word.as_ref().map(|word| expand(word).map(|text| Word { text, place: word.place })).transpose()?;
            fields.push((key.clone(), word));
        }
        let values = Values { source, fields };
        let owned = |key: &str| values.text(key).map(|word| word.text.clone());
        let writable = match (self.kind, values.switch("rw")?, values.switch("ro")?) {
            (MountType::Bind, rw, ro) => rw.unwrap_or(false) || ro == Some(false),
            (_, _, ro) => !ro.unwrap_or(false),
        };
        let sharing = match values.text("sharing") {
            None => Sharing::Shared,
            Some(word) => match word.text.to_ascii_lowercase().as_str() {
                "shared" => Sharing::Shared,
                "private" => Sharing::Private,
                "locked" => Sharing::Locked,
                _ => return Err(values.bad("sharing", word, "shared, private or locked")),
            },
        };
        let size_bytes = values
            .text("size")
            .map(|word| size(&word.text).ok_or_else(|| values.bad("size", word, "bytes, or a number with k, m or g")))
            .transpose()?;
        let (mut id, mut target) = (owned("id"), owned("target").unwrap_or_default());
        let env = owned("env");
        if self.kind == MountType::Secret {
            // Either names the other; a secret that is only a variable has no file.
            id = id.or_else(|| target.rsplit('/').next().map(ToOwned::to_owned));
            if target.is_empty() && env.is_none() {
                target = format!("/run/secrets/{}", id.as_deref().unwrap_or_default());
            }
        }
        Ok(Mount {
            kind: self.kind,
            target,
            source: owned("source").unwrap_or_else(|| "/".to_owned()),
            from: values.text("from").cloned(),
            id,
            env,
            writable,
            required: values.switch("required")?.unwrap_or(false),
            sharing,
            mode: values.number("mode", 8, "an octal number")?,
            uid: values.number("uid", 10, "a number")?.unwrap_or(0),
            gid: values.number("gid", 10, "a number")?.unwrap_or(0),
            size_bytes,
            place: self.place,
        })
    }
}
