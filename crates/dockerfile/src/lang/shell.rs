//! Words as Dockerfiles have them: quotes, escapes, `$name` and `${name…}`.
//!
//! Source: the Dockerfile reference, "Environment replacement". It is not a shell: no globbing, no command substitution.

use super::pattern::Pattern;

/// Depth of `${a:-${b:-…}}` beyond which a text is refused.
const DEPTH: usize = 64;

/// What cannot be read as a word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ShellError {
    /// First byte of the trouble in the text.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

/// A word with its variables filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expansion {
    /// The text.
    pub text: String,
    /// Variables that have no value and no default.
    pub unset: Vec<String>,
}

/// How variables get their values.
pub type Lookup<'l> = dyn Fn(&str) -> Option<String> + 'l;

/// Reads words.
pub struct Lexer<'l> {
    escape: char,
    lookup: &'l Lookup<'l>,
    keep_unset: bool,
    raw: bool,
    literal_quotes: bool,
}

/// One character with whether it may separate words and where it comes from.
struct Piece {
    offset: usize,
    ch: char,
    separates: bool,
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let ch = self.peek()?;
        self.at += ch.len_utf8();
        Some(ch)
    }
}

struct Run {
    pieces: Vec<Piece>,
    unset: Vec<String>,
    /// Starts of quotes: an empty pair of quotes is a word all the same.
    quotes: Vec<usize>,
}

impl Run {
    fn push(&mut self, offset: usize, ch: char, separates: bool) {
        self.pieces.push(Piece { offset, ch, separates });
    }

    /// Takes what was pushed since `mark` as text.
    fn take(&mut self, mark: usize) -> String {
        self.pieces.drain(mark..).map(|piece| piece.ch).collect()
    }
}

fn error<T>(offset: usize, message: impl Into<String>) -> Result<T, ShellError> {
    Err(ShellError { offset, message: message.into() })
}

impl<'l> Lexer<'l> {
    /// A lexer with the file's escape character.
    pub fn new(escape: char, lookup: &'l Lookup<'l>) -> Self {
        Self { escape, lookup, keep_unset: false, raw: false, literal_quotes: false }
    }

    /// Leaves variables without a value as they are written.
    #[must_use]
    pub fn keep_unset(mut self) -> Self {
        self.keep_unset = true;
        self
    }

    /// Leaves quotes and escapes as they are written.
    #[must_use]
    pub fn raw(mut self) -> Self {
        self.raw = true;
        self
    }

    /// Takes quotes as ordinary characters, as in the text of a heredoc.
    #[must_use]
    pub fn literal_quotes(mut self) -> Self {
        self.literal_quotes = true;
        self
    }

    fn run(&self, text: &str) -> Result<Run, ShellError> {
        let mut run = Run { pieces: Vec::new(), unset: Vec::new(), quotes: Vec::new() };
        self.until(None, self.raw, &mut Cursor { text, at: 0 }, &mut run, 0)?;
        Ok(run)
    }

    /// The text as one word.
    ///
    /// # Errors
    /// Quotes or braces that do not end, or a modifier that does not exist.
    pub fn word(&self, text: &str) -> Result<Expansion, ShellError> {
        let mut run = self.run(text)?;
        Ok(Expansion { text: run.take(0), unset: run.unset })
    }

    /// The text as words, each with where it starts.
    ///
    /// # Errors
    /// As [`Lexer::word`].
    pub fn split(&self, text: &str) -> Result<Vec<(usize, String)>, ShellError> {
        let run = self.run(text)?;
        let mut words: Vec<(usize, String)> = Vec::new();
        let mut open = false;
        let mut quotes = run.quotes.iter().copied().peekable();
        for piece in &run.pieces {
            while let Some(&at) = quotes.peek().filter(|at| **at < piece.offset) {
                quotes.next();
                if !open {
                    words.push((at, String::new()));
                    open = true;
                }
            }
            if piece.separates && piece.ch.is_whitespace() {
                open = false;
                continue;
            }
            if !open {
                words.push((piece.offset, String::new()));
                open = true;
            }
            if let Some((_, word)) = words.last_mut() {
                word.push(piece.ch);
            }
        }
        if let (false, Some(at)) = (open, quotes.next()) {
            words.push((at, String::new()));
        }
        Ok(words)
    }

    fn until(&self, stop: Option<char>, raw: bool, from: &mut Cursor<'_>, into: &mut Run, depth: usize) -> Result<(), ShellError> {
        if depth > DEPTH {
            return error(from.at, format!("substitutions are nested deeper than {DEPTH}"));
        }
        let start = from.at;
        while let Some(ch) = from.peek() {
            let offset = from.at;
            if Some(ch) == stop {
                from.next();
                return Ok(());
            }
            match ch {
                '\'' if !self.literal_quotes => self.single_quoted(from, into)?,
                '"' if !self.literal_quotes => self.double_quoted(from, into, depth)?,
                '$' => self.dollar(from, into, Quoted::No, depth)?,
                _ => {
                    from.next();
                    if ch == self.escape {
                        let Some(next) = from.next() else {
                            // At the very end there is nothing to escape; only raw text keeps the character.
                            if raw {
                                into.push(offset, ch, false);
                            }
                            break;
                        };
                        if raw {
                            into.push(offset, ch, false);
                        }
                        into.push(offset, next, false);
                    } else {
                        into.push(offset, ch, true);
                    }
                }
            }
        }
        match stop {
            None => Ok(()),
            Some(stop) => error(start, format!("a substitution has no end; expected {stop:?}")),
        }
    }

    fn single_quoted(&self, from: &mut Cursor<'_>, into: &mut Run) -> Result<(), ShellError> {
        let start = from.at;
        into.quotes.push(start);
        from.next();
        if self.raw {
            into.push(start, '\'', false);
        }
        loop {
            let offset = from.at;
            match from.next() {
                None => return error(start, "a single quote has no partner"),
                Some('\'') => {
                    if self.raw {
                        into.push(offset, '\'', false);
                    }
                    return Ok(());
                }
                Some(ch) => into.push(offset, ch, false),
            }
        }
    }

    fn double_quoted(&self, from: &mut Cursor<'_>, into: &mut Run, depth: usize) -> Result<(), ShellError> {
        let start = from.at;
        into.quotes.push(start);
        from.next();
        if self.raw {
            into.push(start, '"', false);
        }
        loop {
            let offset = from.at;
            match from.peek() {
                None => return error(start, "a double quote has no partner"),
                Some('"') => {
                    from.next();
                    if self.raw {
                        into.push(offset, '"', false);
                    }
                    return Ok(());
                }
                Some('$') => self.dollar(from, into, Quoted::Yes, depth)?,
                Some(ch) => {
                    from.next();
                    if ch == self.escape {
                        let Some(next) = from.next() else { return error(start, "a double quote has no partner") };
                        // Inside double quotes only these three can be escaped.
                        if self.raw || !(next == '"' || next == '$' || next == self.escape) {
                            into.push(offset, ch, false);
                        }
                        into.push(offset, next, false);
                    } else {
                        into.push(offset, ch, false);
                    }
                }
            }
        }
    }

    fn name(from: &mut Cursor<'_>) -> String {
        let mut name = String::new();
        while let Some(ch) = from.peek() {
            let special = "@*#?-$!0".contains(ch);
            if name.is_empty() && special && !(ch.is_ascii_digit()) {
                from.next();
                return ch.to_string();
            }
            let digits = name.starts_with(|c: char| c.is_ascii_digit());
            let fits = if digits { ch.is_ascii_digit() } else { ch == '_' || ch.is_ascii_alphabetic() || (ch.is_ascii_digit()) };
            if !fits {
                break;
            }
            name.push(ch);
            from.next();
        }
        name
    }

    fn dollar(&self, from: &mut Cursor<'_>, into: &mut Run, quoted: Quoted, depth: usize) -> Result<(), ShellError> {
        let start = from.at;
        from.next();
        let value = if from.peek() == Some('{') {
            from.next();
            self.braced(start, from, into, depth)?
        } else {
            let name = Self::name(from);
            if name.is_empty() { "$".to_owned() } else { self.plain(&name, format!("${name}"), into) }
        };
        for ch in value.chars() {
            into.push(start, ch, quoted == Quoted::No);
        }
        Ok(())
    }

    /// The value of a variable without modifiers.
    fn plain(&self, name: &str, written: String, into: &mut Run) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            into.unset.push(name.to_owned());
            if self.keep_unset { written } else { String::new() }
        })
    }

    fn nested(&self, stop: char, raw: bool, from: &mut Cursor<'_>, into: &mut Run, depth: usize) -> Result<String, ShellError> {
        let mark = into.pieces.len();
        self.until(Some(stop), raw, from, into, depth + 1)?;
        Ok(into.take(mark))
    }

    /// After `${`.
    fn braced(&self, start: usize, from: &mut Cursor<'_>, into: &mut Run, depth: usize) -> Result<String, ShellError> {
        let name = Self::name(from);
        if name.is_empty() {
            return error(start, "a substitution without a name; expected ${NAME}");
        }
        let Some(mut ch) = from.next() else { return error(start, "a substitution has no end; expected '}'") };
        if ch == '}' {
            return Ok(self.plain(&name, format!("${{{name}}}"), into));
        }
        let value = (self.lookup)(&name);
        if ch == '/' {
            return self.replaced(&name, value, from, into, depth);
        }
        let colon = ch == ':';
        if colon {
            let Some(next) = from.next() else { return error(start, "a substitution has no end; expected '}'") };
            ch = next;
        }
        let known = if colon { "+-?" } else { "+-?#%" };
        if !known.contains(ch) {
            let modifier = if colon { format!(":{ch}") } else { ch.to_string() };
            return error(
                start,
                format!("the modifier {modifier:?} of ${{{name}}} does not exist; expected one of :- :+ :? - + ? # ## % %% / //"),
            );
        }
        let trims = ch == '#' || ch == '%';
        let longest = trims && from.peek() == Some(ch);
        if longest {
            from.next();
        }
        let word = self.nested('}', trims || self.raw, from, into, depth)?;
        let set = value.filter(|value| !(colon && value.is_empty()));
        Ok(match (ch, set) {
            ('-', set) => set.unwrap_or(word),
            ('+', Some(_)) => word,
            ('+', None) => String::new(),
            ('?', Some(value)) => value,
            ('?', None) => {
                let reason = if word.is_empty() { "it has no value".to_owned() } else { word };
                return error(start, format!("${{{name}}} is required: {reason}"));
            }
            ('#', Some(value)) => Pattern::new(&word, self.escape).without_prefix(&value, longest),
            (_, Some(value)) => Pattern::new(&word, self.escape).without_suffix(&value, longest),
            (_, None) => {
                into.unset.push(name);
                String::new()
            }
        })
    }

    /// After `${name/`.
    fn replaced(
        &self,
        name: &str,
        value: Option<String>,
        from: &mut Cursor<'_>,
        into: &mut Run,
        depth: usize,
    ) -> Result<String, ShellError> {
        let all = from.peek() == Some('/');
        if all {
            from.next();
        }
        let pattern = self.nested('/', true, from, into, depth)?;
        let replacement = self.nested('}', self.raw, from, into, depth)?;
        let Some(value) = value else {
            into.unset.push(name.to_owned());
            return Ok(String::new());
        };
        Ok(Pattern::new(&pattern, self.escape).replaced(&value, &replacement, all))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    No,
    Yes,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<String> {
        let value = match name {
            "x" => "value",
            "empty" => "",
            "path" => "a/b/c.tar.gz",
            "list" => "one two",
            "foo" => "foobarfoo",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn word(text: &str) -> String {
        Lexer::new('\\', &lookup).word(text).map_or_else(|error| format!("error: {error}"), |expansion| expansion.text)
    }

    #[test]
    fn substitutions_are_those_of_the_reference() {
        let cases = [
            ("$x", "value"),
            ("${x}y", "valuey"),
            ("a$x.b", "avalue.b"),
            ("'$x'", "$x"),
            ("\"$x\"", "value"),
            ("\\$x", "$x"),
            ("\"\\$x \\a\"", "$x \\a"),
            ("${x:-w}${n:-w}${empty:-w}${empty-w}", "valueww"),
            ("${x:+w}|${n:+w}|${empty:+w}|${empty+w}", "w|||w"),
            ("${n:-${x:-q}}", "value"),
            ("${n:-a b}", "a b"),
            ("${path#*/}|${path##*/}|${path%.*}|${path%%.*}", "b/c.tar.gz|c.tar.gz|a/b/c.tar|a/b/c"),
            ("${foo#f?o}|${foo%zz}", "barfoo|foobarfoo"),
            ("${foo/foo/X}|${foo//foo/X}|${foo//o/}", "Xbarfoo|XbarX|fbarf"),
            ("${path//\\//-}", "a-b-c.tar.gz"),
            ("$n|${n}|$", "||$"),
            ("$1|$0", "|"),
            ("a\\", "a"),
            ("${x:?no}", "value"),
        ];
        for (text, expected) in cases {
            assert_eq!(word(text), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        for text in ["'a", "\"a", "${x", "${", "${}", "${x:#a}", "${x^^}", "${n:?must be set}", "${x/a}", "\"a\\"] {
            assert!(word(text).starts_with("error: "), "{text}: {}", word(text));
        }
        let deep = "${a:-".repeat(10_000);
        assert!(word(&deep).starts_with("error: "));
    }

    #[test]
    fn words_split_at_unquoted_blanks_only() {
        let split = |text: &str| Lexer::new('\\', &lookup).split(text).unwrap();
        assert_eq!(split("a 'b c' d\\ e"), [(0, "a".into()), (2, "b c".into()), (8, "d e".into())]);
        assert_eq!(split("$list \"$list\""), [(0, "one".into()), (0, "two".into()), (6, "one two".into())]);
        assert_eq!(split("  '' x"), [(2, String::new()), (5, "x".into())]);
        assert_eq!(split(" ''"), [(1, String::new())]);
    }

    #[test]
    fn a_backtick_can_be_the_escape() {
        let text = Lexer::new('`', &lookup).word("C:\\$x `$x").unwrap().text;
        assert_eq!(text, "C:\\value $x");
    }
}
