//! The Kconfig language, as the Linux kernel's documentation defines it (Documentation/kbuild/kconfig-language.rst).
//!
//! [`Kconfig::load`] reads the files of a tree of options into a [`Kconfig`]: symbols, choices and the menu tree. A [`Config`] is one
//! configuration of it: what the user asked for, and, worked out on demand, the value that every symbol really has. Values
//! never need to be "propagated": a symbol's value follows from the user's and from the symbols it depends on, and a tree in
//! which it would follow from itself is refused when it is loaded.
//!
//! [`Config::read`] and [`Config::write`] are `.config`, [`Config::minimal`] is `savedefconfig`, [`Config::explain`] says why a
//! symbol has its value, [`Config::ignored`] which wishes came to nothing and why.
#![forbid(unsafe_code)]

mod config;
mod expr;
mod finish;
mod lexer;
mod model;
mod parse;

pub use config::{Config, Ignored, Note, Origin, SetError, Value, Why};
pub use expr::{Compare, Expr, Operand, Tristate};
pub use model::{Choice, ChoiceId, Default, Item, Kconfig, Kind, Link, Location, Node, NodeId, Prompt, Range, Symbol, SymbolId};
pub use parse::{Files, Variables};
