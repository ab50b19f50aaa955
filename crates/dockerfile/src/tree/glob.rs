//! Wildcards in paths: those of `COPY` (Go's `filepath.Match`) and of `.dockerignore` (which adds `**`).

#[derive(Clone, Debug)]
enum Token {
    Byte(u8),
    /// `?`: one character, no slash.
    One,
    /// `*`: any characters, no slash.
    Any,
    /// `**`: anything.
    Deep,
    /// `**/`: nothing, or anything up to a slash.
    Directories,
    /// `[a-z]`, `[^a-z]`: ranges, inclusive.
    Class {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
}

/// Whether `**` means more than `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stars {
    /// Two are as one.
    Shallow,
    /// Two match slashes too.
    Deep,
}

/// A path with wildcards, read once.
#[derive(Clone, Debug)]
pub struct Glob(Vec<Token>);

/// Number of bytes of the character that starts with this byte.
fn width(lead: u8) -> usize {
    match lead {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    }
}

/// Whether a path has wildcards at all.
#[must_use]
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

impl Glob {
    /// Reads a pattern; `Err` says what is wrong with it.
    ///
    /// # Errors
    /// A class without end, a backslash without anything after it.
    pub fn new(text: &str, stars: Stars) -> Result<Self, &'static str> {
        let mut tokens = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(ch) = rest.next() {
            match ch {
                '*' if rest.peek() == Some(&'*') && stars == Stars::Deep => {
                    while rest.next_if_eq(&'*').is_some() {}
                    tokens.push(if rest.next_if_eq(&'/').is_some() { Token::Directories } else { Token::Deep });
                }
                '*' => tokens.push(Token::Any),
                '?' => tokens.push(Token::One),
                '[' => {
                    let negated = rest.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    loop {
                        let mut one = || match rest.next() {
                            Some('\\') => rest.next(),
                            other => other,
                        };
                        let low = one().ok_or("a '[' without ']'")?;
                        if low == ']' && !ranges.is_empty() {
                            break;
                        }
                        let high = if rest.next_if_eq(&'-').is_some() { rest.next().ok_or("a '[' without ']'")? } else { low };
                        ranges.push((low, high));
                    }
                    tokens.push(Token::Class { ranges, negated });
                }
                _ => {
                    let literal = if ch == '\\' { rest.next().ok_or("a backslash at the end")? } else { ch };
                    tokens.extend(literal.to_string().bytes().map(Token::Byte));
                }
            }
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern matches all of `path`. Each token is one pass over the path.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let mut reached = vec![false; path.len() + 1];
        reached[0] = true;
        for token in &self.0 {
            let mut next = vec![false; path.len() + 1];
            let mut seen = false;
            for at in 0..=path.len() {
                let byte = path.get(at).copied();
                match token {
                    Token::Any | Token::Deep => {
                        seen |= reached[at];
                        next[at] = seen;
                        if matches!(token, Token::Any) && byte == Some(b'/') {
                            seen = false;
                        }
                    }
                    Token::Directories => {
                        next[at] |= reached[at];
                        seen |= reached[at];
                        if seen && byte == Some(b'/') {
                            next[at + 1] = true;
                        }
                    }
                    Token::Byte(wanted) => {
                        if reached[at] && byte == Some(*wanted) {
                            next[at + 1] = true;
                        }
                    }
                    Token::One | Token::Class { .. } => {
                        let Some(lead) = byte.filter(|byte| reached[at] && *byte != b'/') else { continue };
                        let end = at + width(lead);
                        let Some(bytes) = path.get(at..end) else { continue };
                        let fits = match token {
                            Token::Class { ranges, negated } => {
                                let ch = str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
                                ch.is_some_and(|ch| ranges.iter().any(|(low, high)| (*low..=*high).contains(&ch)) != *negated)
                            }
                            _ => true,
                        };
                        if fits {
                            next[end] = true;
                        }
                    }
                }
            }
            reached = next;
        }
        reached.last() == Some(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_go_has_them() {
        let cases = [
            ("a*c", "abbc", true),
            ("a*c", "ab/c", false),
            ("*", "", true),
            ("?.txt", "é.txt", true),
            ("?.txt", "/.txt", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("a\\*", "a*", true),
            ("**/x", "x", true),
            ("**/x", "a/b/x", true),
            ("**/x", "ax", false),
            ("a/**", "a/b/c", true),
            ("a**c", "ab/c", true),
            ("a/**/c", "a/c", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(Glob::new(pattern, Stars::Deep).unwrap().matches(path.as_bytes()), expected, "{pattern} {path}");
        }
        assert!(!Glob::new("a**c", Stars::Shallow).unwrap().matches(b"ab/c"));
        assert!(Glob::new("[a", Stars::Deep).is_err());
        assert!(Glob::new("a\\", Stars::Deep).is_err());
    }
}
