//! Every setting that the configuration file may have. Names and variables are kraft's; each variable is also read with
//! `PITH_` in front, which wins.

/// What kind of value a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// Several texts.
    List,
    /// Names and values of the user's choice, as in `toolchain.CC`.
    Group,
}

/// What Pith makes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It does what it says.
    Honoured,
    /// Kept for kraft, which may share the file; it changes nothing here.
    Kept,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Name in the file, groups joined by dots.
    pub name: &'static str,
    /// Variable without its prefix.
    pub variable: &'static str,
    /// Kind of value.
    pub kind: Kind,
    /// Value without file, variable and flag.
    pub default: &'static str,
    /// Whether it means anything here.
    pub used: Use,
}

const fn key(name: &'static str, variable: &'static str, kind: Kind, default: &'static str, used: Use) -> Key {
    Key { name, variable, kind, default, used }
}

const LEVELS: &[&str] = &["panic", "fatal", "error", "warn", "warning", "info", "debug", "trace"];
const TYPES: &[&str] = &["fancy", "basic", "json", "quiet"];
const PLATS: &[&str] = &["auto", "qemu", "kvm", "fc", "firecracker", "xen"];
const ARCHS: &[&str] = &["x86_64", "amd64", "arm64", "aarch64"];

/// Every setting, in the order of a listing.
pub const KEYS: [Key; 25] = [
    key("no_prompt", "NO_PROMPT", Kind::Switch, "false", Use::Honoured),
    key("no_parallel", "NO_PARALLEL", Kind::Switch, "false", Use::Honoured),
    key("no_color", "NO_COLOR", Kind::Switch, "false", Use::Honoured),
    key("qemu", "QEMU", Kind::Text, "", Use::Honoured),
    key("runtime_dir", "RUNTIME_DIR", Kind::Text, "", Use::Honoured),
    key("default_plat", "DEFAULT_PLAT", Kind::Word(PLATS), "auto", Use::Honoured),
    key("default_arch", "DEFAULT_ARCH", Kind::Word(ARCHS), "x86_64", Use::Honoured),
    key("events_pidfile", "EVENTS_PIDFILE", Kind::Text, "", Use::Honoured),
    key("log.level", "LOG_LEVEL", Kind::Word(LEVELS), "info", Use::Honoured),
    key("log.type", "LOG_TYPE", Kind::Word(TYPES), "fancy", Use::Honoured),
    key("log.timestamps", "LOG_TIMESTAMPS", Kind::Switch, "false", Use::Honoured),
    key("buildkit_host", "BUILDKIT_HOST", Kind::Text, "", Use::Honoured),
    key("no_emojis", "NO_EMOJIS", Kind::Switch, "true", Use::Kept),
    key("no_check_updates", "NO_CHECK_UPDATES", Kind::Switch, "true", Use::Kept),
    key("no_warn_sudo", "NO_WARN_SUDO", Kind::Switch, "true", Use::Kept),
    key("editor", "EDITOR", Kind::Text, "", Use::Kept),
    key("pager", "PAGER", Kind::Text, "", Use::Kept),
    key("git_protocol", "GIT_PROTOCOL", Kind::Text, "", Use::Kept),
    key("http_unix_socket", "HTTP_UNIX_SOCKET", Kind::Text, "", Use::Kept),
    key("containerd_addr", "CONTAINERD_ADDR", Kind::Text, "", Use::Kept),
    key("collect_anonymous_telemetry", "COLLECT_ANONYMOUS_TELEMETRY", Kind::Switch, "false", Use::Kept),
    key("paths.manifests", "PATHS_MANIFESTS", Kind::Text, "", Use::Kept),
    key("paths.sources", "PATHS_SOURCES", Kind::Text, "", Use::Kept),
    key("unikraft.mirrors", "UNIKRAFT_MIRRORS", Kind::List, "", Use::Kept),
    key("unikraft.manifests", "UNIKRAFT_MANIFESTS", Kind::List, "", Use::Kept),
];

/// Groups whose members the user names: `auth.<host>.user`, `registries.map.<name>`, `aliases.<name>`, `toolchain.<variable>`.
const GROUPS: [&str; 4] = ["auth", "registries", "aliases", "toolchain"];

/// What kind of value `name` takes; `None` when there is no such setting.
pub fn kind_of(name: &str) -> Option<Kind> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Some(key.kind);
    }
    let is_group =
        |name: &str| GROUPS.contains(&name) || KEYS.iter().any(|key| key.name.split_once('.').is_some_and(|(group, _)| group == name));
    match name.split_once('.') {
        Some((group, rest)) if GROUPS.contains(&group) && !rest.is_empty() => Some(Kind::Text),
        None if is_group(name) => Some(Kind::Group),
        _ => None,
    }
}

/// Says what is wrong with a value, if anything.
pub fn check(kind: Kind, value: &str) -> Result<(), String> {
    match kind {
        Kind::Switch if switch(value).is_none() => Err("expected true or false".to_owned()),
        Kind::Word(words) if !words.iter().any(|word| word.eq_ignore_ascii_case(value)) => {
            Err(format!("expected one of {}", words.join(", ")))
        }
        Kind::Group => Err("this is a group of settings; name one of them, as in log.level".to_owned()),
        _ => Ok(()),
    }
}

/// A boolean as Go's `strconv.ParseBool` reads it.
pub fn switch(value: &str) -> Option<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" | "yes" | "on" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "no" | "off" => Some(false),
        _ => None,
    }
}
