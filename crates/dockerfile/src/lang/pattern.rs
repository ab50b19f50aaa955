//! Patterns of `${x#…}`, `${x%…}` and `${x/…/…}`: `*` is any text, `?` any character, the escape character makes the next one ordinary.

enum Token {
    Any,
    One,
    Char(char),
}

/// A pattern, read once.
pub(super) struct Pattern(Vec<Token>);

impl Pattern {
    pub(super) fn new(text: &str, escape: char) -> Self {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(ch) = chars.next() {
            tokens.push(match ch {
                '*' => Token::Any,
                '?' => Token::One,
                _ if ch == escape => Token::Char(chars.next().unwrap_or(ch)),
                _ => Token::Char(ch),
            });
        }
        Self(tokens)
    }

    /// For each length of a beginning of `text`, whether the pattern matches it. Every token is one pass, so the cost is bounded.
    fn beginnings<'t>(tokens: impl Iterator<Item = &'t Token>, text: &[char]) -> Vec<bool> {
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for token in tokens {
            let mut next = vec![false; text.len() + 1];
            match token {
                Token::Any => {
                    let mut seen = false;
                    for (to, from) in next.iter_mut().zip(&reached) {
                        seen |= from;
                        *to = seen;
                    }
                }
                Token::One | Token::Char(_) => {
                    for (at, ch) in text.iter().enumerate() {
                        let fits = if let Token::Char(wanted) = token { wanted == ch } else { true };
                        next[at + 1] = reached[at] && fits;
                    }
                }
            }
            reached = next;
        }
        reached
    }

    fn length<'t>(tokens: impl Iterator<Item = &'t Token>, text: &[char], longest: bool) -> Option<usize> {
        let matching = Self::beginnings(tokens, text);
        let mut lengths = matching.iter().enumerate().filter(|(_, matches)| **matches).map(|(length, _)| length);
        if longest { lengths.next_back() } else { lengths.next() }
    }

    /// `value` without the shortest or longest beginning that matches.
    pub(super) fn without_prefix(&self, value: &str, longest: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let cut = Self::length(self.0.iter(), &chars, longest).unwrap_or(0);
        chars.iter().skip(cut).collect()
    }

    /// `value` without the shortest or longest end that matches.
    pub(super) fn without_suffix(&self, value: &str, longest: bool) -> String {
        let reversed: Vec<char> = value.chars().rev().collect();
        let cut = Self::length(self.0.iter().rev(), &reversed, longest).unwrap_or(0);
        value.chars().take(reversed.len() - cut).collect()
    }

    /// `value` with the first or every longest match replaced.
    pub(super) fn replaced(&self, value: &str, with: &str, all: bool) -> String {
        let chars: Vec<char> = value.chars().collect();
        let mut result = String::new();
        let mut at = 0;
        while at < chars.len() {
            let rest = chars.get(at..).unwrap_or_default();
            let length = Self::length(self.0.iter(), rest, true).unwrap_or(0);
            if length == 0 {
                result.extend(rest.first());
                at += 1;
                continue;
            }
            result.push_str(with);
            at += length;
            if !all {
                result.extend(chars.iter().skip(at));
                break;
            }
        }
        result
    }
}
