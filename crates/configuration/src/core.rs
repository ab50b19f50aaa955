//! The options of one version of the kernel.

use crate::configure::Error;
use crate::tables::{Features, Meaning, Names};
use pith_kconfig::{Config, Files, Kconfig, Origin, Variables};
use pith_kraftfile::{ComponentSource, Project};
use std::fmt;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The preset that stands for "any Linux program".
pub const DEFAULT_PRESET: &str = "runtime";
/// The root menu.
const ROOT: &str = "Kconfig";
/// What an application's own options are called where nobody says where they come from.
const APPLICATION: &str = "Config.uk";

fn of_text(application: Option<&str>) -> Vec<Extra> {
    application.iter().map(|text| Extra { path: APPLICATION.to_owned(), text: (*text).to_owned() }).collect()
}

/// Options that a project brings along: the `Config.uk` of an application, a template or a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extra {
    /// Its path, for messages.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Files of a core, a project's options added.
struct Tree<'a> {
    files: &'a dyn Files,
    extras: &'a [Extra],
}

impl Files for Tree<'_> {
    fn read(&self, path: &str) -> std::io::Result<String> {
        if let Some(extra) = self.extras.iter().find(|extra| extra.path == path) {
            return Ok(extra.text.clone());
        }
        let mut text = self.files.read(path)?;
        if path == ROOT && !self.extras.is_empty() {
            let quoted = |path: &str| path.replace('\\', "\\\\").replace('"', "\\\"");
            let sources: String = self.extras.iter().map(|extra| format!("source \"{}\"\n", quoted(&extra.path))).collect();
            text += &format!("\nmenu \"Application\"\n{sources}endmenu\n");
        }
        Ok(text)
    }
}

/// What a project brings along: `Config.uk` of its own directory, and of its template and libraries where these are directories here.
#[must_use]
pub fn extras(directory: &Path, project: &Project) -> Vec<Extra> {
    let components = project.template.iter().chain(&project.libraries);
    let places = components.filter_map(|component| match &component.source {
        ComponentSource::Path(path) => Some(directory.join(path)),
        _ => None,
    });
    let mut out: Vec<Extra> = Vec::new();
    for place in std::iter::once(directory.to_owned()).chain(places) {
        let path = place.join("Config.uk");
        let shown = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
        if let (false, Ok(text)) = (out.iter().any(|extra| extra.path == shown), std::fs::read_to_string(&path)) {
            out.push(Extra { path: shown, text });
        }
    }
    out
}

/// The files that are built in.
struct Embedded;

impl Files for Embedded {
    fn read(&self, path: &str) -> std::io::Result<String> {
        let found = FILES.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }
}

/// The options of one version of the kernel.
pub struct Core {
    pub(crate) kconfig: Kconfig,
    pub(crate) names: Names,
    pub(crate) features: Features,
    presets: Vec<(String, String)>,
    fingerprint: u64,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// FNV-1a: tells trees of options apart.
pub(crate) fn fingerprint(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Core {
    /// The core that this program was built with.
    ///
    /// # Errors
    /// None, unless the sources that were built in are broken.
    pub fn embedded(application: Option<&str>) -> Result<Self, Error> {
        Self::embedded_with(&of_text(application))
    }

    /// The core that this program was built with, and a project's own options.
    ///
    /// # Errors
    /// Options of the project's that are broken.
    pub fn embedded_with(extras: &[Extra]) -> Result<Self, Error> {
        Self::load(&Embedded, extras)
    }

    /// A core's directory: the one with `Kconfig` and `configs/` in it, or the one with that as `kernel/`.
    ///
    /// # Errors
    /// No core there, or a broken one.
    pub fn open(directory: &Path, application: Option<&str>) -> Result<Self, Error> {
        Self::open_with(directory, &of_text(application))
    }

    /// A core's directory as [`Core::open`] takes it, and a project's own options.
    ///
    /// # Errors
    /// No core there, or a broken one.
    pub fn open_with(directory: &Path, extras: &[Extra]) -> Result<Self, Error> {
        let inner = directory.join("kernel");
        let root = if inner.join(ROOT).is_file() { inner } else { directory.to_owned() };
        if !root.join("configs/features.map").is_file() {
            return Err(Error::NoCore(directory.display().to_string()));
        }
        Self::load(&root, extras)
    }

    /// A core from wherever its files are.
    ///
    /// # Errors
    /// A broken file.
    pub fn load(files: &dyn Files, extras: &[Extra]) -> Result<Self, Error> {
        let tree = Tree { files, extras };
        let kconfig = Kconfig::load(&tree, ROOT, &Variables::default())?;
        let read = |path: &str| files.read(path).map_err(|error| Error::Unreadable(path.to_owned(), error.to_string()));
        let features = Features::parse("configs/features.map", &read("configs/features.map")?)?;
        let names = Names::parse("configs/unikraft.map", &read("configs/unikraft.map")?)?;
        let mut presets = Vec::new();
        for line in read("configs/presets")?.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let file = format!("configs/{line}.defconfig");
            presets.push((line.to_owned(), read(&file)?));
        }
        let shape = Config::new(&kconfig).write("");
        let defined: Vec<&str> = kconfig.defined().map(|id| kconfig.symbol(id).name.as_str()).collect();
        let fingerprint = fingerprint(&[&shape, &defined.join(" ")]);
        Ok(Self { kconfig, names, features, presets, fingerprint })
    }

    /// Its options.
    #[must_use]
    pub fn kconfig(&self) -> &Kconfig {
        &self.kconfig
    }

    /// Names of its presets.
    pub fn presets(&self) -> impl Iterator<Item = &str> {
        self.presets.iter().map(|(name, _)| name.as_str())
    }

    /// The preset of that name: a configuration with nothing else in it.
    ///
    /// # Errors
    /// There is none, or it asks for what does not exist.
    pub fn preset(&self, name: &str) -> Result<Config<'_>, Error> {
        let Some((_, text)) = self.presets.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = self.presets().collect();
            let hint = pith_diagnostic::nearest(name, &known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            return Err(Error::Preset { name: name.to_owned(), known: known.join(", "), hint });
        };
        let mut config = Config::new(&self.kconfig);
        // A preset's line is known by the preset's name alone.
        let mut scratch = Config::new(&self.kconfig);
        let notes = scratch.read(&format!("configs/{name}.defconfig"), text);
        if let Some(note) = notes.first() {
            return Err(Error::BrokenPreset { name: name.to_owned(), line: note.line, message: note.message.clone() });
        }
        for id in self.kconfig.defined().filter(|id| scratch.is_asked(*id)) {
            let value = scratch.value(id).text;
            let set = config.set(id, &value, Origin::Other(format!("preset {name}").into()));
            set.map_err(|error| Error::BrokenPreset { name: name.to_owned(), line: 0, message: error.message })?;
        }
        Ok(config)
    }

    /// The Cargo features of `kernel/image` that a configuration comes to, sorted.
    #[must_use]
    pub fn features_of(&self, config: &Config<'_>) -> Vec<String> {
        let mut features: Vec<String> =
            self.features.all().filter(|(option, _)| config.is_set(option)).map(|(_, feature)| feature.to_owned()).collect();
        features.sort();
        features.dedup();
        features
    }

    /// Options and the features they are, as the table has them.
    pub fn feature_table(&self) -> impl Iterator<Item = (&str, &str)> {
        self.features.all()
    }

    /// Options that are none of the image's features but the builder's business.
    pub fn packing_options(&self) -> impl Iterator<Item = &str> {
        self.features.packing()
    }

    /// Names of Unikraft's, `*` for any text, and the options of ours that they lead to.
    pub fn mapped_names(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.names.all().filter_map(|(name, meaning)| match meaning {
            Meaning::Option(options) => Some((name, options.as_slice())),
            _ => None,
        })
    }

    /// What one of Unikraft's options is here; its name without `CONFIG_`.
    #[must_use]
    pub fn meaning(&self, name: &str) -> Option<&Meaning> {
        self.names.find(name)
    }

    /// Tells trees of options apart.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
