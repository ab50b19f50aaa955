//! What lies over the list: help, search, entering a value, a message, leaving with something unsaved.

use pith_kconfig::{Config, Kind, NodeId, SymbolId};

/// A text that is being typed; the cursor is counted in characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    text: Vec<char>,
    cursor: usize,
}

impl Field {
    /// A field with a text and the cursor behind it.
    pub fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        Self { cursor: text.len(), text }
    }

    /// The text.
    pub fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Where the cursor stands.
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    /// Types a character.
    pub fn insert(&mut self, c: char) {
        self.text.insert(self.cursor, c);
        self.cursor += 1;
    }

    /// Removes the character before the cursor.
    pub fn backspace(&mut self) {
        if let Some(at) = self.cursor.checked_sub(1) {
            self.text.remove(at);
            self.cursor = at;
        }
    }

    /// Removes the character at the cursor.
    pub fn delete(&mut self) {
        if self.cursor < self.text.len() {
            self.text.remove(self.cursor);
        }
    }

    /// Moves the cursor.
    pub fn step(&mut self, to: Step) {
        self.cursor = match to {
            Step::Left => self.cursor.saturating_sub(1),
            Step::Right => (self.cursor + 1).min(self.text.len()),
            Step::Start => 0,
            Step::End => self.text.len(),
        };
    }
}

/// A way to move the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One to the left.
    Left,
    /// One to the right.
    Right,
    /// To the start.
    Start,
    /// To the end.
    End,
}

/// An entry that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The entry.
    pub node: NodeId,
    /// As it is listed.
    pub text: String,
}

/// What lies over the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// A text to read; how many lines are scrolled away.
    Text {
        /// Above it.
        title: String,
        /// Lines.
        lines: Vec<String>,
        /// First line shown.
        top: usize,
    },
    /// Something to look for, and what was found.
    Search {
        /// What is typed.
        field: Field,
        /// What was found.
        hits: Vec<Hit>,
        /// The one that is marked.
        at: usize,
    },
    /// A value to enter.
    Entry {
        /// Of what.
        symbol: SymbolId,
        /// What is typed.
        field: Field,
        /// Why it is not taken.
        problem: Option<String>,
    },
    /// There are changes, and the user wants to leave.
    Leave,
}

/// Whether a value fits an option; else what would.
pub fn check(config: &Config<'_>, symbol: SymbolId, text: &str) -> Result<(), String> {
    // What is wrong with the form of it, a copy says.
    let mut trial = config.clone();
    let origin = pith_kconfig::Origin::Other("the menu".into());
    trial.set(symbol, text, origin).map_err(|error| error.message)?;
    let kind = config.kconfig().symbol(symbol).kind;
    if matches!(kind, Kind::Int | Kind::Hex)
        && let Some(limits) = config.limits_text(symbol)
        && trial.value(symbol).text != text
    {
        return Err(format!("expected a number from {limits}"));
    }
    Ok(())
}

/// Every option whose name or title has the words in it, whatever their case.
pub fn find(config: &Config<'_>, text: &str) -> Vec<Hit> {
    let kconfig = config.kconfig();
    let upper = text.trim().to_uppercase();
    let words: Vec<&str> = upper.strip_prefix("CONFIG_").unwrap_or(&upper).split_whitespace().collect();
    if words.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for symbol in kconfig.defined() {
        let about = kconfig.symbol(symbol);
        let title = crate::rows::title_of(kconfig, symbol);
        let line = format!("{} {}", about.name, title.to_uppercase());
        if let (true, Some(node)) = (words.iter().all(|word| line.contains(word)), about.nodes.first()) {
            let value = config.value(symbol).text;
            let shown = if title == about.name { String::new() } else { format!("  {title}") };
            out.push(Hit { node: *node, text: format!("{}={value}{shown}", about.name) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_edited_by_character() {
        let mut field = Field::new("gr\u{fc}n");
        field.step(Step::Left);
        field.step(Step::Left);
        field.backspace();
        field.insert('R');
        field.delete();
        assert_eq!((field.text().as_str(), field.cursor()), ("gRn", 2));
        field.step(Step::Start);
        field.backspace();
        field.step(Step::End);
        field.delete();
        field.insert('!');
        assert_eq!(field.text(), "gRn!");
    }
}
