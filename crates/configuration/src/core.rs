//! The options of one version of the kernel.

use crate::configure::Error;
use crate::tables::{Features, Names};
use pith_kconfig::{Config, Files, Kconfig, Origin, Variables};
use std::fmt;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The preset that stands for "any Linux program".
pub const DEFAULT_PRESET: &str = "runtime";
/// The root menu.
const ROOT: &str = "Kconfig";
/// Name under which an application's own options are added to the tree.
const APPLICATION: &str = "application/Config.uk";

/// Files of a core, an application's options added.
struct Tree<'a> {
    files: &'a dyn Files,
    application: Option<&'a str>,
}

impl Files for Tree<'_> {
    fn read(&self, path: &str) -> std::io::Result<String> {
        match (path, self.application) {
            (APPLICATION, Some(text)) => Ok(text.to_owned()),
            (ROOT, Some(_)) => {
                let root = self.files.read(path)?;
                Ok(format!("{root}\nmenu \"Application\"\nsource \"{APPLICATION}\"\nendmenu\n"))
            }
            _ => self.files.read(path),
        }
    }
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
        Self::load(&Embedded, application)
    }

    /// A core's directory: the one with `Kconfig` and `configs/` in it, or the one with that as `kernel/`.
    ///
    /// # Errors
    /// No core there, or a broken one.
    pub fn open(directory: &Path, application: Option<&str>) -> Result<Self, Error> {
        let inner = directory.join("kernel");
        let root = if inner.join(ROOT).is_file() { inner } else { directory.to_owned() };
        if !root.join("configs/features.map").is_file() {
            return Err(Error::NoCore(directory.display().to_string()));
        }
        Self::load(&root, application)
    }

    /// A core from wherever its files are; `application` is the text of an application's `Config.uk`.
    ///
    /// # Errors
    /// A broken file.
    pub fn load(files: &dyn Files, application: Option<&str>) -> Result<Self, Error> {
        let tree = Tree { files, application };
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

    /// Tells trees of options apart.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}
