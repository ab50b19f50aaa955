//! From the tree to a [`Project`].

use super::{Component, EnvEntry, Preset, Project, RootfsSource, Runtime, SpecVersion, keys};
use crate::interpolate::interpolate;
use crate::yaml::{Data, Node};
use pith_diagnostic::{Place, Problem, Source, Warning};

pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<Warning>,
}

pub(super) type Result<T> = std::result::Result<T, Problem>;

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { source, lookup, warnings: Vec::new() }
    }

    pub(super) fn project(mut self, root: &Node) -> Result<Project> {
        let pairs = self.mapping(root, "Top-level object must be a mapping", &keys::names(keys::TOP))?;
        let get = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let spec = self.spec(root, get("spec"), get("specification"))?;
        let cmd = get("cmd").map(|node| self.cmd(node)).transpose()?.unwrap_or_default();
        let (kernel_args, cmd) = match cmd.iter().position(|word| word == "--") {
            Some(at) => (cmd[..at].to_vec(), cmd[at + 1..].to_vec()),
            None => (Vec::new(), cmd),
        };
        let project = Project {
            spec,
            name: get("name").map(|node| self.name(node)).transpose()?,
            runtime: get("runtime").map(|node| self.runtime(node)).transpose()?,
            preset: get("preset").map(|node| self.preset(node)).transpose()?,
            kconfig: self.kconfig(get("kconfig"))?,
            unikraft: self.core(get("unikraft"), get("pith"))?,
            template: get("template").map(|node| self.template(node)).transpose()?,
            libraries: get("libraries").map(|node| self.libraries(node)).transpose()?.unwrap_or_default(),
            targets: get("targets").map(|node| self.targets(node)).transpose()?.unwrap_or_default(),
            outdir: get("outdir").map(|node| self.string(node, "outdir must be a string")).transpose()?,
            rootfs: get("rootfs").filter(|node| !node.is_null()).map(|node| self.files(node, "rootfs")).transpose()?,
            kernel_args,
            cmd,
            env: get("env").map(|node| self.env(node)).transpose()?.unwrap_or_default(),
            labels: get("labels").map(|node| self.labels(node, spec)).transpose()?.unwrap_or_default(),
            volumes: get("volumes").map(|node| self.volumes(node)).transpose()?.unwrap_or_default(),
            roms: get("roms").map(|node| self.roms(node)).transpose()?.unwrap_or_default(),
            warnings: Vec::new(),
        };
        if project.runtime.is_none() && !project.builds_kernel() {
            let message = "none of 'runtime', 'unikraft' and 'template' is given";
            let problem = self.source.problem(root.place, message, "in this file");
            return Err(problem.with_help("for a prebuilt kernel write `runtime: base:latest`"));
        }
        Ok(Project { warnings: self.warnings, ..project })
    }

    /// The core: `pith` is our name for what kraft calls `unikraft`.
    fn core(&mut self, unikraft: Option<&Node>, pith: Option<&Node>) -> Result<Option<Component>> {
        if let (Some(first), Some(second)) = (unikraft, pith) {
            let second = if first.place.start > second.place.start { first } else { second };
            return Err(self.source.problem(second.place, "both 'unikraft' and 'pith' are given", "remove one"));
        }
        let known = keys::names(keys::COMPONENT);
        match (unikraft, pith) {
            (Some(node), _) => self.component(node, "unikraft", &known).map(Some),
            (None, Some(node)) => self.component(node, "pith", &known).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// A mapping's pairs with string keys; unknown keys warn, `x-` keys are skipped.
    pub(super) fn mapping<'n>(&mut self, node: &'n Node, message: &str, known: &[&str]) -> Result<Vec<(String, &'n Node)>> {
        let Data::Mapping(pairs) = &node.data else {
            return Err(self.source.problem(node.place, message, format!("this is {}", node.kind())));
        };
        let mut out = Vec::new();
        for (key, value) in pairs {
            let Data::Scalar { text, .. } = &key.data else {
                return Err(self.source.problem(key.place, "a key must be a string", format!("this is {}", key.kind())));
            };
            if text.starts_with("x-") {
                continue;
            }
            if !known.is_empty() && !known.contains(&text.as_str()) {
                let hint = pith_diagnostic::nearest(text, known);
                let hint = hint.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
                self.warnings.push(self.source.warning(key.place, format!("unknown key {text:?} is ignored{hint}")));
                continue;
            }
            out.push((text.clone(), value));
        }
        Ok(out)
    }

    /// A scalar's text with its variables filled in.
    pub(super) fn text(&self, node: &Node, message: &str) -> Result<String> {
        let Data::Scalar { text, .. } = &node.data else {
            return Err(self.source.problem(node.place, message, format!("this is {}", node.kind())));
        };
        if node.is_null() {
            return Err(self.source.problem(node.place, message, "this is nothing"));
        }
        interpolate(text, self.lookup).map_err(|error| {
            let label = "in this string";
            self.source.problem(node.place, error.to_string(), label)
        })
    }

    /// A text that is no boolean.
    pub(super) fn string(&self, node: &Node, message: &str) -> Result<String> {
        if node.kind() == "a boolean" {
            return Err(self.source.problem(node.place, message, format!("this is {}", node.kind())));
        }
        self.text(node, message)
    }

    fn spec(&mut self, root: &Node, spec: Option<&Node>, specification: Option<&Node>) -> Result<SpecVersion> {
        let help = "write `spec: v0.6`";
        let Some(node) = spec.or(specification) else {
            return Err(self.source.problem(root.place, "missing 'spec' version attribute", "in this file").with_help(help));
        };
        if let (Some(_), Some(second)) = (spec, specification) {
            return Err(self.source.problem(second.place, "both 'spec' and 'specification' are given", "remove one"));
        }
        if node.is_null() || !matches!(node.data, Data::Scalar { .. }) {
            let label = format!("this is {}, expected a string", node.kind());
            return Err(self.source.problem(node.place, "missing 'spec' version attribute", label).with_help(help));
        }
        let text = self.text(node, "missing 'spec' version attribute")?;
        let bare = text.strip_prefix('v').unwrap_or(&text);
        let mut numbers = bare.split('.').map(|part| part.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(0), Some(5)) => Ok(SpecVersion::V05),
            (Some(0), Some(6)) => Ok(SpecVersion::V06),
            (Some(0), Some(7)) => Ok(SpecVersion::V07),
            (Some(major), Some(minor)) => {
                let (read_as, version) = if (major, minor) < (0, 5) { ("v0.5", SpecVersion::V05) } else { ("v0.7", SpecVersion::V07) };
                let message = format!("unknown specification {text:?} is read as {read_as}");
                self.warnings.push(self.source.warning(node.place, message));
                Ok(version)
            }
            _ => {
                let message = format!("{text:?} is no specification version");
                Err(self.source.problem(node.place, message, "expected v0.5, v0.6 or v0.7").with_help(help))
            }
        }
    }

    fn name(&self, node: &Node) -> Result<String> {
        Ok(clean_name(&self.string(node, "project name must be a string")?))
    }

    fn preset(&self, node: &Node) -> Result<Preset> {
        let name = self.text(node, "preset must be a name, as in http")?;
        if name.is_empty() {
            return Err(self.source.problem(node.place, "preset must be a name, as in http", "this is nothing"));
        }
        Ok(Preset { name, line: self.source.position(node.place).0 })
    }

    fn runtime(&mut self, node: &Node) -> Result<Runtime> {
        let expected = "runtime must be a string like base:latest, or a mapping with 'source'";
        let text = if matches!(node.data, Data::Mapping(_)) {
            let pairs = self.mapping(node, expected, &keys::names(keys::RUNTIME))?;
            let get = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
            let Some(source) = get("source").or(get("name")) else {
                return Err(self.source.problem(node.place, "runtime source must be specified", "in this mapping"));
            };
            let source = self.string(source, expected)?;
            match get("version").map(|version| self.string(version, "a version must be a string")).transpose()? {
                Some(version) => format!("{source}:{version}"),
                None => source,
            }
        } else {
            self.string(node, expected)?
        };
        if text.is_empty() {
            return Err(self.source.problem(node.place, "runtime must not be empty", "here"));
        }
        Ok(match text.strip_prefix("kernel://") {
            Some(path) => Runtime::Kernel(path.to_owned()),
            None => Runtime::Image(text.strip_prefix("oci://").unwrap_or(&text).to_owned()),
        })
    }

    /// A root file system or a ROM, which is what `what` says.
    pub(super) fn files(&mut self, node: &Node, what: &str) -> Result<RootfsSource> {
        let expected = &format!("{what} must be a mapping or a string");
        if let Data::Scalar { .. } = node.data {
            return Ok(RootfsSource { source: self.string(node, expected)?, kind: None, format: "cpio".to_owned(), place: node.place });
        }
        let pairs = self.mapping(node, expected, &keys::names(keys::ROOTFS))?;
        let get = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let Some(source) = get("source") else {
            return Err(self.source.problem(node.place, format!("{what} source must be specified"), "in this mapping"));
        };
        // v0.7: `source: { path: ..., type: ... }`.
        let (source, place, kind) = if matches!(source.data, Data::Mapping(_)) {
            if let (Some(node), None) = (get("type"), get("format")) {
                let problem = self.source.problem(node.place, format!("a {what} with a source in the long form has no type"), "here");
                return Err(problem.with_help("what it becomes is `format`; what the source is, `type` inside `source`"));
            }
            self.long_source(source, what)?
        } else {
            (self.string(source, &format!("{what} source must be a string"))?, source.place, None)
        };
        let format = match get("format").or(get("type")) {
            None => "cpio".to_owned(),
            Some(node) => self.word(node, &format!("{what} type"), &keys::FORMATS)?,
        };
        Ok(RootfsSource { source, kind, format, place })
    }

    /// `{path, type, dockerfile}`: the path, where it stands, and what it is.
    fn long_source(&mut self, node: &Node, what: &str) -> Result<(String, Place, Option<String>)> {
        let inner = self.mapping(node, &format!("{what} must be a mapping or a string"), &keys::names(keys::SOURCE))?;
        let get = |wanted: &str| inner.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let missing = || self.source.problem(node.place, format!("{what} source must be specified"), "'path' is missing");
        let path = get("path").ok_or_else(missing)?;
        let text = self.string(path, "a path must be a string")?;
        let kind = get("type").map(|node| self.word(node, &format!("{what} source type"), &keys::SOURCE_KINDS)).transpose()?;
        let Some(file) = get("dockerfile") else { return Ok((text, path.place, kind)) };
        if kind.as_deref().is_some_and(|kind| kind != "dockerfile") {
            return Err(self.source.problem(file.place, "a dockerfile belongs to a source of type dockerfile", "here"));
        }
        let name = self.string(file, "a dockerfile must be a path")?;
        Ok((format!("{}/{name}", text.trim_end_matches('/')), file.place, Some("dockerfile".to_owned())))
    }

    /// One of several words.
    fn word(&self, node: &Node, what: &str, words: &[&str]) -> Result<String> {
        let text = self.text(node, &format!("{what} must be a string"))?;
        if words.contains(&text.as_str()) {
            return Ok(text);
        }
        let (last, others) = words.split_last().unwrap_or((&"", &[]));
        let label = format!("expected {} or {last}", others.join(", "));
        Err(self.source.problem(node.place, format!("unknown {what} {text:?}"), label))
    }

    fn cmd(&self, node: &Node) -> Result<Vec<String>> {
        let expected = "cmd must be a string or a list of strings";
        if let Data::Sequence(items) = &node.data {
            return items.iter().map(|item| self.text(item, expected)).collect();
        }
        if node.is_null() {
            return Ok(Vec::new());
        }
        let text = self.text(node, expected)?;
        shell_words(&text).ok_or_else(|| self.source.problem(node.place, "cmd has a quote that is not closed", "in this string"))
    }

    fn env(&self, node: &Node) -> Result<Vec<EnvEntry>> {
        let entry = |name: String, value: Option<String>| EnvEntry { name, value: value.filter(|v| !v.is_empty()) };
        match &node.data {
            Data::Sequence(items) => items
                .iter()
                .map(|item| {
                    let text = self.text(item, "env must be a list of NAME=VALUE or a mapping")?;
                    let (name, value) = match text.split_once('=') {
                        Some((name, value)) => (name, Some(value.to_owned())),
                        None => (text.as_str(), None),
                    };
                    if name.is_empty() {
                        return Err(self.source.problem(item.place, "an environment variable needs a name", "here"));
                    }
                    Ok(entry(name.to_owned(), value))
                })
                .collect(),
            Data::Mapping(pairs) => pairs
                .iter()
                .map(|(key, value)| {
                    let name = self.text(key, "a variable's name must be a string")?;
                    if name.is_empty() || name.contains('=') {
                        return Err(self.source.problem(key.place, format!("{name:?} is no variable name"), "here"));
                    }
                    let value = if value.is_null() { None } else { Some(self.text(value, "a value must be a string")?) };
                    Ok(entry(name, value))
                })
                .collect(),
            Data::Scalar { .. } if node.is_null() => Ok(Vec::new()),
            Data::Scalar { .. } => {
                let label = format!("this is {}", node.kind());
                Err(self.source.problem(node.place, "env must be a list of NAME=VALUE or a mapping", label))
            }
        }
    }

    fn labels(&mut self, node: &Node, spec: SpecVersion) -> Result<Vec<(String, String)>> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        let pairs = self.mapping(node, "labels must be a mapping of strings", &[])?;
        // v0.7 has an opinion about names.
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
        if let (SpecVersion::V07, Data::Mapping(all)) = (spec, &node.data)
            && let Some((name, _)) = pairs.iter().find(|(name, _)| !is_name(name))
        {
            let key = all.iter().map(|(key, _)| key).find(|key| matches!(&key.data, Data::Scalar { text, .. } if text == name));
            let place = key.map_or(node.place, |key| key.place);
            return Err(self.source.problem(place, format!("{name:?} is no name of a label"), "expected letters, digits and ._/-"));
        }
        pairs.into_iter().map(|(key, value)| Ok((key, self.text(value, "a label must be a string")?))).collect()
    }
}

/// A name as upstream cleans it: lower case, `[a-z0-9_-]` only, no `_-` at its start.
pub(super) fn clean_name(text: &str) -> String {
    let lower = text.to_lowercase();
    let clean: String = lower.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')).collect();
    clean.trim_start_matches(['_', '-']).to_owned()
}

/// Splits as a shell would: blanks, quotes, backslashes; nothing is expanded. `None` for an open quote.
fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            c @ ('"' | '\\' | '$' | '`') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}
