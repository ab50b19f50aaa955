//! Words of one logical line.

use crate::expr::Compare;
use pith_diagnostic::Place;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A keyword, symbol name or bare number.
    Word(String),
    /// A quoted string, quotes and escapes taken away.
    Text(String),
    Open,
    Close,
    Not,
    And,
    Or,
    Compare(Compare),
    /// `=`, `:=` or `+=` after the first word of a line that is a variable's.
    Assign,
}

/// What the lexer cannot read.
#[derive(Debug)]
pub(crate) struct LexError {
    pub(crate) at: usize,
    pub(crate) len: usize,
    pub(crate) message: String,
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')
}

/// Splits a line; places are offsets from its start.
pub(crate) fn tokens(line: &str) -> Result<Vec<(Token, Place)>, LexError> {
    let mut out = Vec::new();
    let mut rest = line.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        let next = rest.peek().map(|(_, c)| *c);
        let mut two = |token| {
            rest.next();
            (token, 2)
        };
        let (token, len) = match c {
            _ if c.is_whitespace() => continue,
            '#' => break,
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '&' if next == Some('&') => two(Token::And),
            '|' if next == Some('|') => two(Token::Or),
            '!' if next == Some('=') => two(Token::Compare(Compare::NotEqual)),
            '!' => (Token::Not, 1),
            '<' if next == Some('=') => two(Token::Compare(Compare::LessOrEqual)),
            '<' => (Token::Compare(Compare::Less), 1),
            '>' if next == Some('=') => two(Token::Compare(Compare::GreaterOrEqual)),
            '>' => (Token::Compare(Compare::Greater), 1),
            ':' | '+' if next == Some('=') => two(Token::Assign),
            '=' => (Token::Compare(Compare::Equal), 1),
            '"' | '\'' => {
                let mut text = String::new();
                let mut end = None;
                while let Some((at, inner)) = rest.next() {
                    match inner {
                        '\\' => text.extend(rest.next().map(|(_, escaped)| escaped)),
                        _ if inner == c => {
                            end = Some(at + 1);
                            break;
                        }
                        _ => text.push(inner),
                    }
                }
                let Some(end) = end else {
                    return Err(LexError {
                        at: start,
                        len: line.len() - start,
                        message: format!("a string that starts with {c} and never ends"),
                    });
                };
                (Token::Text(text), end - start)
            }
            _ if is_word(c) => {
                let mut end = start + c.len_utf8();
                while let Some((at, inner)) = rest.peek().copied() {
                    if !is_word(inner) {
                        break;
                    }
                    end = at + inner.len_utf8();
                    rest.next();
                }
                let text = line.get(start..end).unwrap_or_default();
                if text == "---help---" {
                    (Token::Word("help".to_owned()), end - start)
                } else {
                    (Token::Word(text.to_owned()), end - start)
                }
            }
            _ => return Err(LexError { at: start, len: c.len_utf8(), message: format!("unexpected character {c:?}") }),
        };
        out.push((token, Place { start, len }));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_strings_and_operators() {
        let line = r#"depends on (A && !B_2) || C != "x \"y\"" # why"#;
        let words: Vec<Token> = tokens(line).unwrap().into_iter().map(|(token, _)| token).collect();
        let word = |text: &str| Token::Word(text.to_owned());
        let expected = [
            word("depends"),
            word("on"),
            Token::Open,
            word("A"),
            Token::And,
            Token::Not,
            word("B_2"),
            Token::Close,
            Token::Or,
            word("C"),
            Token::Compare(Compare::NotEqual),
            Token::Text("x \"y\"".to_owned()),
        ];
        assert_eq!(words, expected);
        assert!(tokens("prompt \"open").is_err());
        assert!(tokens("A & B").is_err());
    }
}
