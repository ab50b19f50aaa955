//! Wishes applied to a core's options.

use crate::core::{Core, DEFAULT_PRESET};
use crate::inputs::{self, PRESET, Wish};
use crate::report::{Ignored, Mapped, Refused, Report, Unknown};
use crate::saved::{self, Saved};
use crate::tables::Meaning;
use pith_diagnostic::Problem;
use pith_kconfig::{Config, Kind, Origin, SymbolId, Tristate, Value};
use pith_kraftfile::{Project, Target};

/// What cannot be configured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A Kconfig file or a table is broken.
    #[error(transparent)]
    Problem(#[from] Box<Problem>),
    /// A table is missing.
    #[error("{0}: {1}")]
    Unreadable(String, String),
    /// A directory that is none of ours.
    #[error("{0} is no core of Pith: there is no kernel/Kconfig with kernel/configs/features.map")]
    NoCore(String),
    /// No such preset.
    #[error("there is no preset {name}{hint} (there are {known})")]
    Preset {
        /// The name.
        name: String,
        /// Those there are.
        known: String,
        /// What may have been meant.
        hint: String,
    },
    /// A preset asks for what does not exist.
    #[error("preset {name}, line {line}: {message}")]
    BrokenPreset {
        /// The preset.
        name: String,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A platform or architecture that no kernel is for.
    #[error("cannot build for {target}: {why}")]
    Target {
        /// The target.
        target: String,
        /// Why.
        why: String,
    },
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// Where the application is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Application {
    /// A program in the root file system.
    #[default]
    InFiles,
    /// A program that is built from the project's sources and becomes part of the image.
    InImage,
    /// A program that is compiled together with the kernel.
    InKernel,
}

/// What is to be configured.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The project, its template merged into it.
    pub project: &'a Project,
    /// Its file, for messages.
    pub file: &'a str,
    /// What to build for.
    pub target: &'a Target,
    /// Where its application is.
    pub application: Application,
    /// What `pith set` and `pith menu` saved for this target.
    pub saved: Option<&'a Saved>,
    /// Options whose saved values are to be forgotten.
    pub forgotten: &'a [String],
    /// Names, with or without `CONFIG_`, and values that win over all others.
    pub overrides: &'a [(String, String)],
}

impl<'a> Request<'a> {
    /// A project with its application among its files, and a target, nothing saved, nothing overridden.
    #[must_use]
    pub fn new(project: &'a Project, file: &'a str, target: &'a Target) -> Self {
        Self { project, file, target, application: Application::InFiles, saved: None, forgotten: &[], overrides: &[] }
    }
}

/// A configuration.
#[derive(Debug)]
pub struct Configured<'c> {
    /// Every option's value.
    pub config: Config<'c>,
    /// The preset that it began with.
    pub preset: String,
    /// Features of `kernel/image`, sorted.
    pub features: Vec<String>,
    /// Numbers and strings, by name without `CONFIG_`.
    pub constants: Vec<(String, Value)>,
    /// Variables for the program's environment, where nobody else sets them.
    pub environment: Vec<(String, String)>,
    /// Whether the root file system becomes part of the image.
    pub embeds_rootfs: bool,
    /// What became of every wish.
    pub report: Report,
    /// What the project and the target asked for: a saved configuration remembers it.
    pub(crate) asked: Vec<(String, String)>,
    /// Everything that was asked for, in the order in which later ones win.
    wished: Vec<(String, String)>,
}

impl Configured<'_> {
    /// What an option comes to, whose name may have its `CONFIG_`: one of the core's is what it is; one of Unikraft's, what its
    /// counterpart is; any other, what was asked for last. Nothing where there is no such option, or one without a value.
    #[must_use]
    pub fn option(&self, core: &Core, name: &str) -> Option<String> {
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        if let Some(symbol) = core.kconfig.find(name) {
            let value = self.config.value(symbol);
            return (core.kconfig.symbol(symbol).kind == Kind::Bool || value.is_written).then_some(value.text);
        }
        let asked = self.wished.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let is_switch = asked.as_deref().is_none_or(|text| Tristate::parse(text).is_some());
        let (yes, no) = (Tristate::Yes.as_str(), Tristate::No.as_str());
        match core.names.find(name) {
            Some(Meaning::Option(options)) if is_switch => {
                let is_set = options.iter().any(|option| self.config.is_set(option));
                Some(if is_set { yes } else { no }.to_owned())
            }
            Some(Meaning::BuiltIn(_)) if is_switch && asked.is_some() => Some(yes.to_owned()),
            Some(Meaning::Unsupported(_)) if is_switch => Some(no.to_owned()),
            _ => asked,
        }
    }
}

/// A configuration in the making.
struct Maker<'c> {
    core: &'c Core,
    config: Config<'c>,
    report: Report,
    environment: Vec<(String, String)>,
}

impl Maker<'_> {
    fn apply(&mut self, wish: &Wish) {
        if wish.name == PRESET {
            return;
        }
        if let Some(symbol) = self.core.kconfig.find(&wish.name) {
            self.set(symbol, wish, wish.origin.clone());
            return;
        }
        let ignored =
            |why: &str| Ignored { name: wish.name.clone(), value: wish.value.clone(), origin: wish.origin.clone(), why: why.to_owned() };
        let is_off = wish.value == Tristate::No.as_str();
        match self.core.names.find(&wish.name) {
            Some(Meaning::Option(options)) => {
                for option in options {
                    self.map(wish, option);
                }
            }
            Some(Meaning::BuiltIn(why)) if is_off => {
                let (name, wanted, origin) = (wish.name.clone(), wish.value.clone(), wish.origin.clone());
                let reason = format!("it cannot be left out: {why}");
                self.report.refused.push(Refused { name, wanted, origin, got: "y".to_owned(), reason });
            }
            Some(Meaning::BuiltIn(why)) => self.report.built_in.push(ignored(why)),
            Some(Meaning::Unsupported(_)) if is_off => {}
            Some(Meaning::Unsupported(why)) => self.report.unsupported.push(ignored(why)),
            Some(Meaning::Setting(why)) => self.report.settings.push(ignored(why)),
            Some(Meaning::Environment) => {
                if let Some((name, value)) = wish.value.split_once('=') {
                    self.environment.retain(|(known, _)| known != name);
                    self.environment.push((name.to_owned(), value.to_owned()));
                }
            }
            None => {
                let nearest = nearest(self.core, &wish.name);
                let (name, origin, library) = (wish.name.clone(), wish.origin.clone(), wish.library.clone());
                self.report.unknown.push(Unknown { name, origin, nearest, library });
            }
        }
    }

    /// A wish under another's name, for an option of ours.
    fn map(&mut self, wish: &Wish, option: &str) {
        let (name, value, origin) = (wish.name.clone(), wish.value.clone(), wish.origin.clone());
        match self.core.kconfig.find(option) {
            Some(symbol) if self.core.kconfig.symbol(symbol).kind != Kind::Bool || Tristate::parse(&value).is_some() => {
                let as_ours = Origin::Other(format!("{origin}, as CONFIG_{name}").into());
                self.report.mapped.push(Mapped { name, option: option.to_owned(), value, origin });
                self.set(symbol, wish, as_ours);
            }
            // A number for something that is there or not.
            _ => self.report.settings.push(Ignored { name, value, origin, why: format!("it is part of CONFIG_{option}") }),
        }
    }

    fn set(&mut self, symbol: SymbolId, wish: &Wish, origin: Origin) {
        if let Err(error) = self.config.set(symbol, &wish.value, origin) {
            let (name, wanted, origin) = (wish.name.clone(), wish.value.clone(), wish.origin.clone());
            let got = self.config.value(symbol).text;
            // The message names what the report names anyway.
            let own = format!("CONFIG_{}={wanted}: ", self.core.kconfig.symbol(symbol).name);
            let reason = error.message.strip_prefix(&own).unwrap_or(&error.message).to_owned();
            self.report.refused.push(Refused { name, wanted, origin, got, reason });
        }
    }
}

/// The known name that is nearest to one that is not.
pub(crate) fn nearest(core: &Core, name: &str) -> Option<String> {
    let ours = core.kconfig.defined().map(|id| core.kconfig.symbol(id).name.as_str());
    let theirs = core.names.all().map(|(pattern, _)| pattern).filter(|pattern| !pattern.contains('*'));
    let known: Vec<&str> = ours.chain(theirs).collect();
    pith_diagnostic::nearest(name, &known).map(ToOwned::to_owned)
}

/// The preset that wishes lead to: the last one named; else the one for any program where a loader is asked for, and else the least.
fn preset_of(wishes: &[Wish]) -> String {
    let named = wishes.iter().rev().find(|wish| wish.name == PRESET);
    let is_wished = |name: &str| wishes.iter().any(|wish| wish.name == name && wish.value == Tristate::Yes.as_str());
    let loads_programs = || wishes.iter().any(|wish| wish.name == "LIBELF" && wish.value != Tristate::No.as_str());
    match named {
        Some(wish) => wish.value.clone(),
        None if is_wished("LIBAPP") => "app".to_owned(),
        None if loads_programs() => DEFAULT_PRESET.to_owned(),
        None => "minimal".to_owned(),
    }
}

/// Works out what a project's kernel is made of for one target.
///
/// # Errors
/// A preset that does not exist; a target that no kernel is for. Options that come to nothing are no errors: the report has them.
pub fn configure<'c>(core: &'c Core, request: &Request<'_>) -> Result<Configured<'c>, Error> {
    let target = request.target;
    let unsupported = |wish: &Wish| match core.names.find(&wish.name) {
        Some(Meaning::Unsupported(why)) => Some(why.clone()),
        _ => None,
    };
    let why = match inputs::of_target(target) {
        // One name for the platform, perhaps one for the monitor, one for the architecture.
        implied if implied.len() < 2 => Some("expected qemu, fc or xen and x86_64 or arm64".to_owned()),
        implied => implied.iter().find_map(unsupported),
    };
    if let Some(why) = why {
        return Err(Error::Target { target: target.shown(), why });
    }
    let command_line = Origin::Other("the command line".into());
    let overrides: Vec<Wish> = request.overrides.iter().map(|(name, value)| Wish::new(name, value, command_line.clone())).collect();
    let mut wishes = inputs::gather(core, request.project, request.application, target, request.file);
    let asked_preset = preset_of(&wishes);
    let mut asked = vec![(PRESET.to_owned(), asked_preset)];
    asked.extend(wishes.iter().filter(|wish| wish.name != PRESET).map(|wish| (wish.name.clone(), wish.value.clone())));
    if let Some(preset) = request.saved.and_then(Saved::chosen_preset) {
        wishes.push(Wish::new(PRESET, preset, Origin::Other(".config".into())));
    }
    wishes.extend(overrides.iter().filter(|wish| wish.name == PRESET).cloned());
    let preset = preset_of(&wishes);

    let mut maker = Maker { core, config: core.preset(&preset)?, report: Report::default(), environment: Vec::new() };
    wishes.iter().for_each(|wish| maker.apply(wish));
    if let Some(saved) = request.saved {
        saved::overlay(core, saved, &asked, request.forgotten, &mut maker.config, &mut maker.report)?;
    }
    overrides.iter().for_each(|wish| maker.apply(wish));

    let mut wished = asked.clone();
    wished.extend(request.saved.into_iter().flat_map(Saved::lines));
    wished.extend(overrides.iter().map(|wish| (wish.name.clone(), wish.value.clone())));
    let Maker { config, mut report, environment, .. } = maker;
    let own = |id: SymbolId| core.kconfig.symbol(id).name.clone();
    // What a preset says of other options gives way without a word: nobody wished for it.
    let is_wish = |ignored: &pith_kconfig::Ignored| !matches!(&ignored.origin, Origin::Other(text) if text.starts_with("preset "));
    report.refused.extend(config.ignored().into_iter().filter(is_wish).map(|ignored| {
        let pith_kconfig::Ignored { symbol, wanted, origin, got, reason } = ignored;
        Refused { name: own(symbol), wanted, origin, got, reason }
    }));
    let unmet = config.unmet_selections();
    report.notes.extend(unmet.into_iter().map(|(selected, by)| {
        let needs = config.unmet(&core.kconfig.symbol(selected).depends).join(" and ");
        format!("CONFIG_{} selects CONFIG_{}, which needs {needs}", own(by), own(selected))
    }));
    let constants = core.kconfig.defined().filter(|id| matches!(core.kconfig.symbol(*id).kind, Kind::Int | Kind::Hex | Kind::String));
    let constants = constants.map(|id| (own(id), config.value(id))).filter(|(_, value)| value.is_written).collect();
    let (features, embeds_rootfs) = (core.features_of(&config), config.is_set("EINITRD"));
    Ok(Configured { config, preset, features, constants, environment, embeds_rootfs, report, asked, wished })
}

/// A configuration that applies wishes and says nothing: what a project came to at another time.
pub(crate) fn silent<'c>(core: &'c Core, asked: &[(String, String)]) -> Result<Config<'c>, Error> {
    let origin = Origin::Other("the project".into());
    let wishes: Vec<Wish> = asked.iter().map(|(name, value)| Wish::new(name, value, origin.clone())).collect();
    let config = core.preset(&preset_of(&wishes))?;
    let mut maker = Maker { core, config, report: Report::default(), environment: Vec::new() };
    wishes.iter().for_each(|wish| maker.apply(wish));
    Ok(maker.config)
}
