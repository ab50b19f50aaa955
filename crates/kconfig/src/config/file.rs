//! `.config` and defconfig files.

use super::value::Value;
use super::{Config, Origin};
use crate::expr::{Tristate, escape};
use crate::model::{Item, Kconfig, Kind, NodeId, SymbolId};
use std::fmt::Write;
use std::sync::Arc;

/// A line that could not be taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Line, counted from 1.
    pub line: usize,
    /// The option that it names, if it names one.
    pub name: Option<String>,
    /// What is wrong.
    pub message: String,
}

/// One line: an option and its text, or `None` for what says nothing.
fn assignment(line: &str) -> Result<Option<(&str, String)>, String> {
    let line = line.trim();
    if let Some(comment) = line.strip_prefix('#') {
        let name = comment.trim().strip_suffix(" is not set").and_then(|rest| rest.strip_prefix("CONFIG_"));
        return Ok(name.map(|name| (name, "n".to_owned())));
    }
    if line.is_empty() {
        return Ok(None);
    }
    let Some((name, value)) = line.split_once('=') else { return Err(format!("{line:?}: expected CONFIG_NAME=VALUE")) };
    let Some(name) = name.strip_prefix("CONFIG_") else { return Err(format!("{name:?}: an option's name starts with CONFIG_")) };
    let Some(inside) = value.strip_prefix('"') else { return Ok(Some((name, value.to_owned()))) };
    let mut text = String::new();
    let mut rest = inside.chars();
    loop {
        match rest.next() {
            None => return Err(format!("CONFIG_{name}: a string without its closing quote")),
            Some('"') => break,
            Some('\\') => text.extend(rest.next()),
            Some(c) => text.push(c),
        }
    }
    if rest.next().is_some() { Err(format!("CONFIG_{name}: something follows the closing quote")) } else { Ok(Some((name, text))) }
}

impl Config<'_> {
    /// Takes over what a `.config` or defconfig file asks for, on top of what was asked for before; `name` is for messages.
    /// What cannot be taken over is told and left out.
    pub fn read(&mut self, name: &str, text: &str) -> Vec<Note> {
        let file: Arc<str> = name.into();
        let mut notes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            let note = |name: Option<&str>, message: String| Note { line: number, name: name.map(str::to_owned), message };
            let (option, value) = match assignment(line) {
                Ok(None) => continue,
                Ok(Some(found)) => found,
                Err(message) => {
                    notes.push(note(None, message));
                    continue;
                }
            };
            let Some(symbol) = self.kconfig.find(option) else {
                // "is not set" for what does not exist is true.
                if value != "n" {
                    let hint = self.kconfig.nearest(option).map_or(String::new(), |near| format!("; did you mean CONFIG_{near}?"));
                    notes.push(note(Some(option), format!("CONFIG_{option} is no option{hint}")));
                }
                continue;
            };
            if let Err(error) = self.set(symbol, &value, Origin::File(Arc::clone(&file), number)) {
                notes.push(note(Some(option), error.message));
            }
        }
        notes
    }

    /// The line of `.config` for a symbol.
    fn line(&self, symbol: SymbolId, value: &Value) -> String {
        let name = &self.kconfig.symbol(symbol).name;
        match self.kconfig.symbol(symbol).kind {
            Kind::Bool if value.text == Tristate::No.as_str() => format!("# CONFIG_{name} is not set\n"),
            Kind::String => format!("CONFIG_{name}=\"{}\"\n", escape(&value.text)),
            _ => format!("CONFIG_{name}={}\n", value.text),
        }
    }

    /// All values, as `.config` has them, below a heading of comment lines.
    #[must_use]
    pub fn write(&self, heading: &str) -> String {
        let mut out = String::new();
        for line in heading.lines() {
            // A String takes everything.
            let _ = writeln!(out, "# {line}");
        }
        let mut seen = vec![false; self.kconfig.symbols.len()];
        self.write_below(Kconfig::ROOT, &mut out, &mut seen, &mut false);
        out
    }

    fn write_below(&self, parent: NodeId, out: &mut String, seen: &mut [bool], is_after_end: &mut bool) {
        for child in &self.kconfig.node(parent).children {
            let node = self.kconfig.node(*child);
            let title = node.prompt.as_ref().map_or("", |prompt| prompt.text.as_str());
            let is_offered = self.holds(&node.depends);
            let is_open = match node.item {
                Item::Symbol(symbol) => {
                    let value = self.value(symbol);
                    if !seen[symbol.0] && value.is_written {
                        if std::mem::take(is_after_end) {
                            out.push('\n');
                        }
                        out.push_str(&self.line(symbol, &value));
                    }
                    seen[symbol.0] = true;
                    false
                }
                Item::Menu => is_offered && self.holds(&node.visible_if),
                Item::Comment => is_offered,
                Item::Choice(_) => false,
            };
            if is_open {
                let _ = write!(out, "\n#\n# {title}\n#\n");
                *is_after_end = false;
            }
            self.write_below(*child, out, seen, is_after_end);
            if is_open && node.item == Item::Menu {
                let _ = writeln!(out, "# end of {title}");
                *is_after_end = true;
            }
        }
    }

    /// The fewest lines from which [`Config::read`] makes the same configuration again: `savedefconfig`.
    #[must_use]
    pub fn minimal(&self) -> String {
        let mut out = String::new();
        for id in self.kconfig.defined() {
            let symbol = self.kconfig.symbol(id);
            let value = self.value(id);
            let is_redundant = match symbol.choice {
                // What is not chosen follows from what is.
                Some(choice) => {
                    value.text == Tristate::No.as_str()
                        || (!self.kconfig.choice(choice).is_optional && self.chosen_by_default(choice) == Some(id))
                }
                None => self.visibility(id) <= self.forced(id) || value.text == self.untold(id),
            };
            if value.is_written && !is_redundant {
                out.push_str(&self.line(id, &value));
            }
        }
        out
    }
}
