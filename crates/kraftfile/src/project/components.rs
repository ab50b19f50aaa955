//! What a project builds its kernel from: core, template, libraries, targets, and the options of each.

use super::Project;
use super::keys;
use super::options::switch;
use super::reader::{Reader, Result};
use crate::yaml::{Data, Node};

/// One `CONFIG_NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KconfigEntry {
    /// Name, `CONFIG_` included.
    pub name: String,
    /// Value as `.config` has it, without quotes.
    pub value: String,
    /// Line, counted from 1.
    pub line: usize,
}

/// Where a component comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentSource {
    /// The one that comes with the program.
    Default,
    /// A directory or archive on this machine.
    Path(String),
    /// An address.
    Url(String),
}

/// Core, template or library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name: the library's key, the template's name, or the last part of an address.
    pub name: Option<String>,
    /// Where it comes from.
    pub source: ComponentSource,
    /// Version, branch or tag.
    pub version: Option<String>,
    /// Options that it sets.
    pub kconfig: Vec<KconfigEntry>,
    /// Whether it is one word, which may be a path as well: see [`Project::take_paths`].
    pub is_word: bool,
    /// Line, counted from 1.
    pub line: usize,
}

impl Component {
    /// Takes a word for a path if there is one of that name.
    fn take_path(&mut self, is_there: &dyn Fn(&str) -> bool) {
        // A template's word is its name.
        let word = self.version.as_ref().or(self.name.as_ref()).filter(|word| self.is_word && !word.is_empty() && is_there(word));
        if let Some(path) = word.map(|word| format!("./{word}")) {
            (self.source, self.version, self.is_word) = (ComponentSource::Path(path), None, false);
        }
    }
}

impl Project {
    /// Takes what is written as a version, or as a template's name, for a path where there is one of that name, as kraft does. `is_there`
    /// knows about paths from the project's directory.
    pub fn take_paths(&mut self, is_there: &dyn Fn(&str) -> bool) {
        self.template.iter_mut().chain(&mut self.unikraft).for_each(|component| component.take_path(is_there));
        // A library's name is its key.
        for library in self.libraries.iter_mut().filter(|library| library.version.is_some()) {
            library.take_path(is_there);
        }
    }
}

/// A platform and architecture to build for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name, if it has one of its own.
    pub name: Option<String>,
    /// `qemu`, `fc`, `xen` or what else is written, aliases resolved.
    pub platform: String,
    /// `x86_64`, `arm64` or what else is written, aliases resolved.
    pub architecture: String,
    /// Options for this target only.
    pub kconfig: Vec<KconfigEntry>,
    /// Where the kernel goes.
    pub output: Option<String>,
    /// Line, counted from 1.
    pub line: usize,
}

impl Target {
    /// `platform/architecture`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}/{}", self.platform, self.architecture)
    }
}

/// The name of a platform, aliases resolved.
#[must_use]
pub fn platform(text: &str) -> String {
    match text {
        "kvm" => "qemu",
        "firecracker" => "fc",
        other => other,
    }
    .to_owned()
}

/// The name of an architecture, aliases resolved.
#[must_use]
pub fn architecture(text: &str) -> String {
    match text {
        "amd64" | "x86-64" => "x86_64",
        "aarch64" => "arm64",
        other => other,
    }
    .to_owned()
}

/// Whether a text names a place rather than a version.
fn source_of(text: &str) -> Option<ComponentSource> {
    let is_address = text.contains("://") || text.starts_with("git@");
    let is_path = text == "." || text == ".." || text.starts_with(['/', '~']) || text.starts_with("./") || text.starts_with("../");
    if is_address { Some(ComponentSource::Url(text.to_owned())) } else { is_path.then(|| ComponentSource::Path(text.to_owned())) }
}

/// Name and version that an address tells: `.../lib-lwip.git?branch=stable` or `...git@v1`.
#[must_use]
pub fn of_address(address: &str) -> (Option<String>, Option<String>) {
    // What follows is the digest of an archive.
    let address = address.split('#').next().unwrap_or_default();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let versions = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut version = versions.into_iter().find(|(key, _)| ["branch", "tag", "version"].contains(key)).map(|(_, value)| value.to_owned());
    let mut last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if let Some((name, after)) = last.split_once(".git@") {
        version = version.or(Some(after.to_owned()));
        last = name;
    }
    let mut name = last;
    for suffix in [".git", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".tar.zst", ".tar"] {
        name = name.strip_suffix(suffix).unwrap_or(name);
    }
    for prefix in ["lib-", "app-", "plat-", "arch-"] {
        name = name.strip_prefix(prefix).unwrap_or(name);
    }
    (Some(name.to_owned()).filter(|name| !name.is_empty()), version)
}

impl Reader<'_> {
    /// `kconfig`: a list of `NAME=VALUE` or a mapping.
    pub(super) fn kconfig(&mut self, node: Option<&Node>) -> Result<Vec<KconfigEntry>> {
        let expected = "kconfig must be a list of NAME=VALUE or a mapping";
        let Some(node) = node.filter(|node| !node.is_null()) else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        match &node.data {
            Data::Sequence(items) => {
                for item in items {
                    let text = self.text(item, expected)?;
                    let Some((name, value)) = text.split_once('=') else {
                        let problem = self.source.problem(item.place, format!("{text:?} has no value"), "expected NAME=VALUE");
                        return Err(problem.with_help(format!("to switch it on, write {text}=y")));
                    };
                    out.push(self.option(item, name, value.trim_matches('"').to_owned())?);
                }
            }
            Data::Mapping(pairs) => {
                for (key, value) in pairs {
                    let name = self.text(key, "an option's name must be a string")?;
                    out.push(self.option(key, &name, self.option_value(value)?)?);
                }
            }
            Data::Scalar { .. } => return Err(self.source.problem(node.place, expected, format!("this is {}", node.kind()))),
        }
        Ok(out)
    }

    fn option(&self, at: &Node, name: &str, value: String) -> Result<KconfigEntry> {
        let name = name.trim();
        let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !name.strip_prefix("CONFIG_").is_some_and(is_name) {
            let problem = self.source.problem(at.place, format!("{name:?} is no option"), "expected CONFIG_NAME");
            return Err(if is_name(name) { problem.with_help(format!("did you mean CONFIG_{name}?")) } else { problem });
        }
        Ok(KconfigEntry { name: name.to_owned(), value, line: self.source.position(at.place).0 })
    }

    /// A value; YAML's booleans are `y` and `n`.
    fn option_value(&self, node: &Node) -> Result<String> {
        let text = self.text(node, "an option's value must be a string, a number or a boolean")?;
        let is_plain = matches!(&node.data, Data::Scalar { is_quoted: false, .. });
        Ok(if is_plain { switch(text) } else { text })
    }

    /// A component in its short (version, path or address) or long form.
    pub(super) fn component(&mut self, node: &Node, what: &str, known: &[&str]) -> Result<Component> {
        let expected = format!("{what} must be a version, a path, an address or a mapping");
        let line = self.source.position(node.place).0;
        let mut component =
            Component { name: None, source: ComponentSource::Default, version: None, kconfig: Vec::new(), is_word: false, line };
        let place = |component: &mut Component, text: String| match source_of(&text) {
            Some(source) => {
                if let ComponentSource::Url(address) = &source {
                    (component.name, component.version) = of_address(address);
                }
                component.source = source;
            }
            None => component.version = Some(text),
        };
        if !matches!(node.data, Data::Mapping(_)) {
            let text = self.string(node, &expected)?;
            place(&mut component, text);
            component.is_word = component.source == ComponentSource::Default;
            return Ok(component);
        }
        let pairs = self.mapping(node, &expected, known)?;
        let get = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        if let Some(source) = get("source") {
            let text = self.string(source, "a source must be a string")?;
            let is_place = source_of(&text).is_some();
            // A bare word as source is a relative path.
            place(&mut component, if is_place { text } else { format!("./{text}") });
        }
        if let Some(version) = get("version") {
            component.version = Some(self.string(version, "a version must be a string")?);
        }
        if let Some(name) = get("name") {
            component.name = Some(self.string(name, "a name must be a string")?);
        }
        component.kconfig = self.kconfig(get("kconfig"))?;
        Ok(component)
    }

    /// `template`: a name, path, address, or a mapping.
    pub(super) fn template(&mut self, node: &Node) -> Result<Component> {
        let mut template = self.component(node, "template", &keys::names(keys::TEMPLATE))?;
        // Alone, a word is the template's name, with its version after a colon or an @.
        if matches!(node.data, Data::Scalar { .. })
            && template.source == ComponentSource::Default
            && let Some(text) = template.version.take()
        {
            let (name, version) = text.split_once([':', '@']).map_or((text.as_str(), None), |(name, version)| (name, Some(version)));
            template.name = Some(name.to_owned());
            template.version = version.map(ToOwned::to_owned);
            template.is_word = template.version.is_none();
        }
        Ok(template)
    }

    pub(super) fn libraries(&mut self, node: &Node) -> Result<Vec<Component>> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        let pairs = self.mapping(node, "libraries section must be a mapping", &[])?;
        let mut out = Vec::new();
        for (name, value) in pairs {
            let mut library = self.component(value, &format!("library {name}"), &keys::names(keys::COMPONENT))?;
            library.name = Some(name);
            out.push(library);
        }
        Ok(out)
    }

    pub(super) fn targets(&mut self, node: &Node) -> Result<Vec<Target>> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        let Data::Sequence(items) = &node.data else {
            return Err(self.source.problem(node.place, "targets section must be a list", format!("this is {}", node.kind())));
        };
        let mut out: Vec<Target> = Vec::new();
        for item in items {
            let target = self.target(item)?;
            let same = |other: &&Target| {
                (&other.platform, &other.architecture, &other.name) == (&target.platform, &target.architecture, &target.name)
            };
            if let Some(first) = out.iter().find(same) {
                let help = format!("the first is in line {}; give one of them a name", first.line);
                return Err(self
                    .source
                    .problem(item.place, format!("target {} is given twice", target.shown()), "again here")
                    .with_help(help));
            }
            out.push(target);
        }
        Ok(out)
    }

    fn target(&mut self, node: &Node) -> Result<Target> {
        let line = self.source.position(node.place).0;
        let mut target =
            Target { name: None, platform: String::new(), architecture: String::new(), kconfig: Vec::new(), output: None, line };
        let halves = |text: &str| text.split_once('/').map(|(plat, arch)| (platform(plat), architecture(arch)));
        let both = |text: &str| halves(text).filter(|(plat, arch)| !plat.is_empty() && !arch.is_empty() && !arch.contains('/'));
        let invalid = |node: &Node, text: &str| {
            let message = format!("invalid target format: {text}");
            self.source.problem(node.place, message, "expected PLATFORM/ARCHITECTURE, as in qemu/x86_64")
        };
        if let Data::Scalar { .. } = node.data {
            let text = self.text(node, "a target must be PLATFORM/ARCHITECTURE or a mapping")?;
            let Some((plat, arch)) = both(&text) else { return Err(invalid(node, &text)) };
            return Ok(Target { platform: plat, architecture: arch, ..target });
        }
        let pairs = self.mapping(node, "a target must be PLATFORM/ARCHITECTURE or a mapping", &keys::names(keys::TARGET))?;
        let get = |first: &str, second: &str| pairs.iter().find(|(key, _)| key == first || key == second).map(|(_, value)| *value);
        let text_of = |node: Option<&Node>, what: &str| node.map(|node| self.string(node, &format!("{what} must be a string"))).transpose();
        target.name = text_of(get("name", "name"), "a target's name")?;
        target.output = text_of(get("output", "kernel"), "a target's output")?;
        let arch = text_of(get("architecture", "arch"), "an architecture")?;
        if let Some(plat) = text_of(get("platform", "plat"), "a platform")? {
            match both(&plat) {
                Some((plat, arch)) => (target.platform, target.architecture) = (plat, arch),
                None if plat.contains('/') => return Err(invalid(node, &plat)),
                None => target.platform = platform(&plat),
            }
        }
        if let Some(arch) = arch {
            target.architecture = architecture(&arch);
        }
        for (what, text) in [("architecture", &target.architecture), ("platform", &target.platform)] {
            if text.is_empty() {
                let message = format!("{what} must be specified for all targets");
                return Err(self.source.problem(node.place, message, format!("no `{what}` in this target")));
            }
        }
        target.kconfig = self.kconfig(get("kconfig", "kconfig"))?;
        Ok(target)
    }
}
