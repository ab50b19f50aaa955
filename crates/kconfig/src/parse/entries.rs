//! Entries and the blocks that hold them.

use super::attributes::KEYWORDS;
use super::expressions::Words;
use super::reader::{Line, Reader};
use super::{Context, DEPTH, Parser};
use crate::expr::{Compare, Expr};
use crate::lexer::Token;
use crate::model::{Item, Kconfig, Kind, NodeId, Prompt};
use pith_diagnostic::Problem;

const ENTRIES: [&str; 14] = [
    "config",
    "menuconfig",
    "choice",
    "endchoice",
    "menu",
    "endmenu",
    "if",
    "endif",
    "comment",
    "source",
    "rsource",
    "osource",
    "orsource",
    "mainmenu",
];

impl Parser<'_> {
    /// Reads entries until the word that ends the block, or the file's end.
    pub(super) fn block(&mut self, reader: &mut Reader, context: &Context, end: Option<(&str, usize)>) -> Result<(), Problem> {
        loop {
            let Some(line) = reader.next(&self.variables)? else {
                return match end {
                    None => Ok(()),
                    Some((word, line)) => {
                        let opened = word.trim_start_matches("end");
                        Err(reader.at_line(line, format!("`{opened}` without its `{word}`"), "opened here"))
                    }
                };
            };
            if matches!(line.tokens.get(1), Some((Token::Assign | Token::Compare(Compare::Equal), _))) {
                self.assign(reader, &line)?;
                continue;
            }
            if end.is_some_and(|(word, _)| word == line.keyword()) {
                return Words::new(&line, 1).end(reader);
            }
            self.entry(reader, context, &line)?;
        }
    }

    fn entry(&mut self, reader: &mut Reader, context: &Context, line: &Line) -> Result<(), Problem> {
        let mut words = Words::new(line, 1);
        let keyword = line.keyword();
        if context.depth > DEPTH {
            return Err(reader.problem(line.place(0), format!("more than {DEPTH} blocks in each other"), "here"));
        }
        match keyword {
            "config" | "menuconfig" => {
                let Some(Token::Word(name)) = words.next() else {
                    words.at = 1;
                    return Err(words.problem(reader, format!("expected `{keyword} NAME`")));
                };
                words.end(reader)?;
                let symbol = self.kconfig.intern(name);
                let node = self.node(Item::Symbol(symbol), context, line.location.clone());
                self.kconfig.nodes[node.0].is_menuconfig = keyword == "menuconfig";
                self.attributes(reader, node)?;
                if self.kconfig.symbol(symbol).kind == Kind::Undefined && !self.is_in_choice(context) {
                    // A misspelt type is the better thing to tell.
                    if let Some(next) = reader.next(&self.variables)? {
                        if !ENTRIES.contains(&next.keyword()) {
                            self.entry(reader, context, &next)?;
                        }
                        reader.push_back(next);
                    }
                    let message = format!("{name} has no type");
                    return Err(reader.problem(line.place(1), message, "add bool, int, hex or string"));
                }
                Ok(())
            }
            "choice" => {
                let name = match words.next() {
                    Some(Token::Word(name)) => Some(name.clone()),
                    _ => None,
                };
                let choice = self.choice(name);
                let node = self.node(Item::Choice(choice), context, line.location.clone());
                self.kconfig.nodes[node.0].is_menuconfig = true;
                self.attributes(reader, node)?;
                self.nested(reader, node, "endchoice", context, line)
            }
            "menu" => {
                let node = self.titled(reader, context, &mut words, Item::Menu)?;
                self.kconfig.nodes[node.0].is_menuconfig = true;
                self.attributes(reader, node)?;
                self.nested(reader, node, "endmenu", context, line)
            }
            "comment" => {
                let node = self.titled(reader, context, &mut words, Item::Comment)?;
                self.attributes(reader, node)
            }
            "if" => {
                let expr = self.expr(&mut words, reader)?;
                words.end(reader)?;
                let inner = Context { parent: context.parent, condition: context.condition.clone().and(expr), depth: context.depth + 1 };
                self.block(reader, &inner, Some(("endif", line.location.line)))
            }
            "source" | "osource" | "rsource" | "orsource" => self.source(reader, context, &mut words),
            "mainmenu" => match words.next() {
                Some(Token::Text(title) | Token::Word(title)) => {
                    self.kconfig.title.clone_from(title);
                    self.kconfig.nodes[Kconfig::ROOT.0].prompt = Some(Prompt { text: title.clone(), condition: Expr::yes() });
                    words.end(reader)
                }
                _ => Err(reader.problem(line.place(1), "expected `mainmenu \"TITLE\"`", "here")),
            },
            "endmenu" | "endif" | "endchoice" => {
                let opened = keyword.trim_start_matches("end");
                Err(reader.problem(line.place(0), format!("`{keyword}` without its `{opened}`"), "nothing to end here"))
            }
            _ if KEYWORDS.contains(&keyword) => {
                let message = format!("`{keyword}` belongs below a config, a choice or a menu");
                Err(reader.problem(line.place(0), message, "here"))
            }
            _ => {
                let known: Vec<&str> = ENTRIES.into_iter().chain(KEYWORDS).collect();
                let problem = reader.problem(line.place(0), format!("`{}` is no entry of Kconfig", line.text.trim()), "here");
                Err(match pith_diagnostic::nearest(keyword, &known) {
                    Some(word) => problem.with_help(format!("did you mean `{word}`?")),
                    None => problem,
                })
            }
        }
    }

    fn is_in_choice(&self, context: &Context) -> bool {
        matches!(self.kconfig.node(context.parent).item, Item::Choice(_))
    }

    fn nested(&mut self, reader: &mut Reader, node: NodeId, end: &str, context: &Context, line: &Line) -> Result<(), Problem> {
        let inner = Context { parent: node, condition: Expr::yes(), depth: context.depth + 1 };
        self.block(reader, &inner, Some((end, line.location.line)))
    }

    /// A menu or comment with its text.
    fn titled(&mut self, reader: &Reader, context: &Context, words: &mut Words<'_>, item: Item) -> Result<NodeId, Problem> {
        let node = self.node(item, context, words.line.location.clone());
        self.prompt(words, reader, node)?;
        Ok(node)
    }

    /// `NAME = text` or `NAME := text`.
    fn assign(&mut self, reader: &Reader, line: &Line) -> Result<(), Problem> {
        let name = line.keyword();
        let (_, value) = line.text.split_once('=').unwrap_or_default();
        if name.is_empty() || line.text.contains("+=") {
            return Err(reader.problem(line.place(0), "expected `NAME = TEXT` or `NAME := TEXT`", "here"));
        }
        self.variables.set(name, value.trim());
        Ok(())
    }

    fn source(&mut self, reader: &Reader, context: &Context, words: &mut Words<'_>) -> Result<(), Problem> {
        let keyword = words.line.keyword();
        let path = match words.next() {
            Some(Token::Text(path) | Token::Word(path)) => path.clone(),
            _ => {
                words.at = 1;
                return Err(words.problem(reader, format!("expected `{keyword} \"FILE\"`")));
            }
        };
        words.end(reader)?;
        let path = match (keyword, reader.file.rsplit_once('/')) {
            ("rsource" | "orsource", Some((directory, _))) => format!("{directory}/{path}"),
            _ => path,
        };
        let place = words.line.place(1);
        if self.open.contains(&path) || self.open.len() >= DEPTH {
            let message = format!("{path} sources itself: {} -> {path}", self.open.join(" -> "));
            return Err(reader.problem(place, message, "again here"));
        }
        let text = match self.files.read(&path) {
            Ok(text) => text,
            Err(error) if keyword.starts_with('o') && error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(reader.problem(place, format!("cannot read {path}: {error}"), "sourced here")),
        };
        self.open.push(path.clone());
        let mut inner = Reader::new(&path, &text);
        self.block(&mut inner, context, None)?;
        self.open.pop();
        Ok(())
    }
}
