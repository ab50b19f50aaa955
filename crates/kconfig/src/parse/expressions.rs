//! Dependencies: `||` below `&&` below `!` and comparisons.

use super::Parser;
use super::reader::{Line, Reader};
use crate::expr::{Expr, Operand, Tristate};
use crate::lexer::Token;
use pith_diagnostic::Problem;

/// How deeply parentheses and negations may stand in each other.
const DEPTH: usize = 64;

/// A number that stands without quotes.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.chars().all(|c| c.is_ascii_hexdigit()),
        None => !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()),
    }
}

/// Words of a line, one after the other.
pub(super) struct Words<'l> {
    pub(super) line: &'l Line,
    pub(super) at: usize,
}

impl<'l> Words<'l> {
    /// After the first `skip` words.
    pub(super) fn new(line: &'l Line, skip: usize) -> Self {
        Self { line, at: skip }
    }

    pub(super) fn peek(&self) -> Option<&'l Token> {
        self.line.tokens.get(self.at).map(|(token, _)| token)
    }

    pub(super) fn next(&mut self) -> Option<&'l Token> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes the word if it is next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let is_it = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.at += usize::from(is_it);
        is_it
    }

    pub(super) fn problem(&self, reader: &Reader, message: impl Into<String>) -> Problem {
        let label = if self.peek().is_some() { "here" } else { "the line ends here" };
        reader.problem(self.line.place(self.at), message, label)
    }

    /// Nothing may be left.
    pub(super) fn end(&self, reader: &Reader) -> Result<(), Problem> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.problem(reader, format!("something is left over after `{}`", self.line.keyword())))
        }
    }
}

impl Parser<'_> {
    /// `[if EXPR]` and nothing more.
    pub(super) fn condition(&mut self, words: &mut Words<'_>, reader: &Reader) -> Result<Expr, Problem> {
        let condition = if words.take("if") { self.expr(words, reader)? } else { Expr::yes() };
        words.end(reader)?;
        Ok(condition)
    }

    pub(super) fn expr(&mut self, words: &mut Words<'_>, reader: &Reader) -> Result<Expr, Problem> {
        self.or(words, reader, DEPTH)
    }

    fn or(&mut self, words: &mut Words<'_>, reader: &Reader, depth: usize) -> Result<Expr, Problem> {
        let mut left = self.and(words, reader, depth)?;
        while words.peek() == Some(&Token::Or) {
            words.next();
            left = left.or(self.and(words, reader, depth)?);
        }
        Ok(left)
    }

    fn and(&mut self, words: &mut Words<'_>, reader: &Reader, depth: usize) -> Result<Expr, Problem> {
        let mut left = self.factor(words, reader, depth)?;
        while words.peek() == Some(&Token::And) {
            words.next();
            left = left.and(self.factor(words, reader, depth)?);
        }
        Ok(left)
    }

    fn factor(&mut self, words: &mut Words<'_>, reader: &Reader, depth: usize) -> Result<Expr, Problem> {
        let depth = depth.checked_sub(1).ok_or_else(|| words.problem(reader, "an expression too deep in parentheses"))?;
        match words.peek() {
            Some(Token::Not) => {
                words.next();
                Ok(Expr::Not(Box::new(self.factor(words, reader, depth)?)))
            }
            Some(Token::Open) => {
                words.next();
                let inner = self.or(words, reader, depth)?;
                if words.peek() != Some(&Token::Close) {
                    return Err(words.problem(reader, "expected `)`"));
                }
                words.next();
                Ok(inner)
            }
            _ => {
                let left = self.operand(words, reader)?;
                let Some(Token::Compare(compare)) = words.peek() else { return Ok(Expr::Operand(left)) };
                words.next();
                Ok(Expr::Compare(*compare, left, self.operand(words, reader)?))
            }
        }
    }

    /// A symbol, a number or a string.
    pub(super) fn operand(&mut self, words: &mut Words<'_>, reader: &Reader) -> Result<Operand, Problem> {
        let operand = match words.peek() {
            Some(Token::Text(text)) => Operand::Constant(text.clone()),
            Some(Token::Word(word)) if Tristate::parse(word).is_some() || is_number(word) => Operand::Constant(word.clone()),
            Some(Token::Word(word)) => Operand::Symbol(self.kconfig.intern(word)),
            _ => return Err(words.problem(reader, "expected a symbol, a number or a \"string\"")),
        };
        words.next();
        Ok(operand)
    }
}
