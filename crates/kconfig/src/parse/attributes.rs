//! What stands below an entry: type, prompt, defaults, dependencies, help.

use super::Parser;
use super::expressions::Words;
use super::reader::{Line, Reader};
use crate::expr::{Expr, Operand};
use crate::lexer::Token;
use crate::model::{Default, Item, Kind, Link, NodeId, Prompt, Range};
use pith_diagnostic::Problem;

/// Every word that starts an attribute.
pub(super) const KEYWORDS: [&str; 21] = [
    "bool",
    "tristate",
    "int",
    "hex",
    "string",
    "prompt",
    "default",
    "def_bool",
    "def_tristate",
    "def_int",
    "def_hex",
    "def_string",
    "depends",
    "select",
    "imply",
    "range",
    "visible",
    "help",
    "option",
    "optional",
    "modules",
];

fn kind_of(word: &str) -> Option<Kind> {
    match word.strip_prefix("def_").unwrap_or(word) {
        "bool" | "tristate" => Some(Kind::Bool),
        "int" => Some(Kind::Int),
        "hex" => Some(Kind::Hex),
        "string" => Some(Kind::String),
        _ => None,
    }
}

impl Parser<'_> {
    /// Reads all attributes of an entry.
    pub(super) fn attributes(&mut self, reader: &mut Reader, node: NodeId) -> Result<(), Problem> {
        while let Some(line) = reader.next(&self.variables)? {
            // `modules = ...` and the like set a variable.
            let is_variable = matches!(line.tokens.get(1), Some((Token::Assign | Token::Compare(crate::expr::Compare::Equal), _)));
            if is_variable || !KEYWORDS.contains(&line.keyword()) {
                reader.push_back(line);
                return Ok(());
            }
            self.attribute(reader, node, &line)?;
        }
        Ok(())
    }

    fn attribute(&mut self, reader: &mut Reader, node: NodeId, line: &Line) -> Result<(), Problem> {
        let item = self.kconfig.nodes[node.0].item;
        let mut words = Words::new(line, 1);
        let keyword = line.keyword();
        let misplaced = |what: &str| {
            let message = format!("`{keyword}` does not belong to {what}");
            Err(reader.problem(line.place(0), message, "here"))
        };
        match (keyword, item) {
            ("help", Item::Symbol(_) | Item::Choice(_)) => {
                words.end(reader)?;
                self.kconfig.nodes[node.0].help = Some(reader.help());
            }
            ("depends", _) => {
                if !words.take("on") {
                    return Err(words.problem(reader, "expected `depends on EXPRESSION`"));
                }
                let expr = self.expr(&mut words, reader)?;
                words.end(reader)?;
                let depends = &mut self.kconfig.nodes[node.0].depends;
                *depends = std::mem::replace(depends, Expr::yes()).and(expr);
            }
            ("visible", Item::Menu) => {
                if !words.take("if") {
                    return Err(words.problem(reader, "expected `visible if EXPRESSION`"));
                }
                let expr = self.expr(&mut words, reader)?;
                words.end(reader)?;
                let visible = &mut self.kconfig.nodes[node.0].visible_if;
                *visible = std::mem::replace(visible, Expr::yes()).and(expr);
            }
            ("prompt", Item::Symbol(_) | Item::Choice(_)) => self.prompt(&mut words, reader, node)?,
            ("optional", Item::Choice(choice)) => {
                words.end(reader)?;
                self.kconfig.choices[choice.0].is_optional = true;
            }
            ("default", Item::Symbol(_) | Item::Choice(_)) => self.default(&mut words, reader, node)?,
            ("select" | "imply", Item::Symbol(_)) => self.link(&mut words, reader, node, keyword == "select")?,
            ("range", Item::Symbol(_)) => {
                let low = self.operand(&mut words, reader)?;
                let high = self.operand(&mut words, reader)?;
                let condition = self.condition(&mut words, reader)?;
                self.kconfig.nodes[node.0].own.ranges.push(Range { low, high, condition });
            }
            ("option", Item::Symbol(_)) => self.option(&mut words, reader, node)?,
            ("modules", Item::Symbol(_)) => return Err(reader.problem(line.place(0), "there are no modules here", "not supported")),
            (_, Item::Choice(_)) if matches!(keyword, "bool" | "tristate") => {
                if words.peek().is_some() {
                    self.prompt(&mut words, reader, node)?;
                }
            }
            (_, Item::Symbol(symbol)) => {
                let Some(kind) = kind_of(keyword) else { return misplaced("a symbol") };
                let known = self.kconfig.symbols[symbol.0].kind;
                if known != Kind::Undefined && known != kind {
                    let name = &self.kconfig.symbols[symbol.0].name;
                    let message = format!("{name} is {} here, {} elsewhere", kind.as_str(), known.as_str());
                    return Err(reader.problem(line.place(0), message, "another type"));
                }
                self.kconfig.symbols[symbol.0].kind = kind;
                if keyword.starts_with("def_") {
                    self.default(&mut words, reader, node)?;
                } else if words.peek().is_some() {
                    self.prompt(&mut words, reader, node)?;
                }
            }
            (_, Item::Choice(_)) => return misplaced("a choice"),
            (_, Item::Menu) => return misplaced("a menu"),
            (_, Item::Comment) => return misplaced("a comment"),
        }
        Ok(())
    }

    /// `"TEXT" [if EXPR]`.
    pub(super) fn prompt(&mut self, words: &mut Words<'_>, reader: &Reader, node: NodeId) -> Result<(), Problem> {
        let text = match words.peek() {
            Some(Token::Text(text) | Token::Word(text)) => text.trim().to_owned(),
            _ => return Err(words.problem(reader, "expected a \"prompt\"")),
        };
        words.next();
        let condition = self.condition(words, reader)?;
        self.kconfig.nodes[node.0].prompt = Some(Prompt { text, condition });
        Ok(())
    }

    fn default(&mut self, words: &mut Words<'_>, reader: &Reader, node: NodeId) -> Result<(), Problem> {
        let value = self.expr(words, reader)?;
        let condition = self.condition(words, reader)?;
        let location = words.line.location.clone();
        self.kconfig.nodes[node.0].own.defaults.push(Default { value, condition, location });
        Ok(())
    }

    fn link(&mut self, words: &mut Words<'_>, reader: &Reader, node: NodeId, is_select: bool) -> Result<(), Problem> {
        let Operand::Symbol(symbol) = self.operand(words, reader)? else {
            words.at -= 1;
            return Err(words.problem(reader, "expected a symbol"));
        };
        let condition = self.condition(words, reader)?;
        let link = Link { symbol, condition, location: words.line.location.clone() };
        let own = &mut self.kconfig.nodes[node.0].own;
        if is_select {
            own.selects.push(link)
        } else {
            own.implies.push(link)
        }
        Ok(())
    }

    /// `option env="NAME"`: an old way to write a default from a variable.
    fn option(&mut self, words: &mut Words<'_>, reader: &Reader, node: NodeId) -> Result<(), Problem> {
        let name = match (words.next(), words.next(), words.next()) {
            (Some(Token::Word(word)), Some(Token::Compare(crate::expr::Compare::Equal)), Some(Token::Text(name) | Token::Word(name)))
                if word == "env" =>
            {
                name
            }
            _ => {
                words.at = 1;
                return Err(words.problem(reader, "of all options only `option env=\"NAME\"` is supported"));
            }
        };
        words.end(reader)?;
        let value = Expr::Operand(Operand::Constant(self.variables.get(name).unwrap_or_default().to_owned()));
        let location = words.line.location.clone();
        self.kconfig.nodes[node.0].own.defaults.push(Default { value, condition: Expr::yes(), location });
        Ok(())
    }
}
