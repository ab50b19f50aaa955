//! One configuration: what the user asked for, and what follows.
//!
//! [`value`] works values out, [`file`] reads and writes `.config`, [`explain`] tells why.

mod explain;
mod file;
mod value;

pub use explain::Ignored;
pub use file::Note;
pub use value::{Value, Why};

use crate::expr::Tristate;
use crate::model::{ChoiceId, Kconfig, Kind, SymbolId};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// Where a wish comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a file.
    File(Arc<str>, usize),
    /// Anything else, in words: "the command line", "target qemu/x86_64".
    Other(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, line) => write!(f, "{file}:{line}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// A value that somebody asked for.
#[derive(Clone, Debug)]
struct Wish {
    text: String,
    origin: Origin,
}

/// A value that cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetError {
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SetError {}

/// One configuration of a [`Kconfig`].
#[derive(Clone, Debug)]
pub struct Config<'k> {
    kconfig: &'k Kconfig,
    wishes: Vec<Option<Wish>>,
    /// The symbol last asked for in each choice.
    picks: Vec<Option<SymbolId>>,
    cache: RefCell<value::Cache>,
}

impl<'k> Config<'k> {
    /// All defaults.
    #[must_use]
    pub fn new(kconfig: &'k Kconfig) -> Self {
        Self {
            kconfig,
            wishes: vec![None; kconfig.symbols.len()],
            picks: vec![None; kconfig.choices.len()],
            cache: RefCell::new(value::Cache::new(kconfig)),
        }
    }

    /// The tree that this is a configuration of.
    #[must_use]
    pub fn kconfig(&self) -> &'k Kconfig {
        self.kconfig
    }

    /// Asks for a value, as it stands in `.config` but without quotes. Whether the wish is granted, [`Config::value`] tells.
    ///
    /// # Errors
    /// No value of the symbol's type.
    pub fn set(&mut self, symbol: SymbolId, text: &str, origin: Origin) -> Result<(), SetError> {
        let kind = self.kconfig.symbol(symbol).kind;
        let expected = match kind {
            Kind::Undefined => Some("no value: the option is not defined"),
            Kind::Bool if Tristate::parse(text).is_none() => Some("y or n"),
            Kind::Int if value::number(Kind::Int, text).is_none() => Some("a whole number"),
            Kind::Hex if value::number(Kind::Hex, text).is_none() => Some("a hexadecimal number such as 0x1000"),
            _ => None,
        };
        if let Some(expected) = expected {
            let name = &self.kconfig.symbol(symbol).name;
            return Err(SetError { message: format!("CONFIG_{name}={text}: expected {expected}") });
        }
        if let (Some(choice), "y" | "m") = (self.kconfig.symbol(symbol).choice, text) {
            self.picks[choice.0] = Some(symbol);
        }
        self.wishes[symbol.0] = Some(Wish { text: text.to_owned(), origin });
        self.cache.borrow_mut().clear();
        Ok(())
    }

    /// Takes a wish back.
    pub fn unset(&mut self, symbol: SymbolId) {
        if let Some(choice) = self.kconfig.symbol(symbol).choice
            && self.picks[choice.0] == Some(symbol)
        {
            self.picks[choice.0] = None;
        }
        self.wishes[symbol.0] = None;
        self.cache.borrow_mut().clear();
    }

    /// Whether somebody asked for a value of it.
    #[must_use]
    pub fn is_asked(&self, symbol: SymbolId) -> bool {
        self.wishes[symbol.0].is_some()
    }

    /// The value that was asked for, and by whom.
    #[must_use]
    pub fn asked(&self, symbol: SymbolId) -> Option<(&str, &Origin)> {
        self.wishes[symbol.0].as_ref().map(|wish| (wish.text.as_str(), &wish.origin))
    }

    /// The symbol that a choice has chosen.
    #[must_use]
    pub fn selection(&self, choice: ChoiceId) -> Option<SymbolId> {
        self.chosen(choice)
    }
}
