//! `config.yaml`: reading it, and changing single settings without touching anything else, comments least of all.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use std::ops::Range;

/// Nesting beyond which the file is refused rather than followed.
const DEPTH_LIMIT: usize = 16;

/// A setting in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// Names of its groups and its own, joined by dots.
    name: String,
    /// Byte range of the key.
    key: Range<usize>,
    /// Columns before the key.
    indent: usize,
    value: Value,
    /// Whether it stands in `{ }`, where lines mean nothing.
    is_inline: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Scalar {
        text: String,
        range: Range<usize>,
    },
    List {
        items: Vec<String>,
        end: usize,
    },
    /// Byte position behind its last member.
    Group {
        is_inline: bool,
        end: usize,
    },
}

impl Value {
    fn end(&self) -> usize {
        match self {
            Self::Scalar { range, .. } => range.end,
            Self::List { end, .. } | Self::Group { end, .. } => *end,
        }
    }
}

/// The file's text and what it says.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    text: String,
    entries: Vec<Entry>,
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    /// Character positions to byte positions.
    bytes: Vec<usize>,
    entries: Vec<Entry>,
}

type Parsed<T> = Result<T, String>;

impl<'t> Reader<'t> {
    fn next(&mut self) -> Parsed<(Event<'t>, Span)> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Span::default())),
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(format!("line {}: not valid YAML: {}", error.marker().line(), error.info())),
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let at = |character: usize| self.bytes.get(character).or(self.bytes.last()).copied().unwrap_or(0);
        at(span.start.index())..at(span.end.index())
    }

    fn value(&mut self, event: Event<'t>, span: Span, prefix: &str, is_inline: bool, depth: usize) -> Parsed<Value> {
        if depth > DEPTH_LIMIT {
            return Err(format!("line {}: nested too deeply", span.start.line()));
        }
        let range = self.range(span);
        match event {
            Event::Scalar(text, style, ..) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                Ok(Value::Scalar { text: if is_null { String::new() } else { text.into_owned() }, range })
            }
            Event::SequenceStart(..) => {
                let (mut items, mut end) = (Vec::new(), range.end);
                loop {
                    let (event, span) = self.next()?;
                    match event {
                        // A bracket has a width; the end of a block has none and lies at what follows.
                        Event::SequenceEnd if !self.range(span).is_empty() => return Ok(Value::List { items, end: self.range(span).end }),
                        Event::SequenceEnd | Event::StreamEnd => return Ok(Value::List { items, end }),
                        Event::Scalar(text, ..) => {
                            items.push(text.into_owned());
                            end = self.range(span).end;
                        }
                        _ => return Err(format!("line {}: expected a list of texts", span.start.line())),
                    }
                }
            }
            Event::MappingStart(..) => {
                // A block mapping's first event has no width; a brace has.
                let inline = is_inline || !range.is_empty();
                let mut end = range.end;
                loop {
                    let (event, span) = self.next()?;
                    let key = self.range(span);
                    let name = match event {
                        Event::MappingEnd if inline => return Ok(Value::Group { is_inline: inline, end: key.end }),
                        Event::MappingEnd | Event::StreamEnd => return Ok(Value::Group { is_inline: inline, end }),
                        Event::Scalar(text, ..) => text.into_owned(),
                        _ => return Err(format!("line {}: expected the name of a setting", span.start.line())),
                    };
                    let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                    if self.entries.iter().any(|entry| entry.name == name) {
                        return Err(format!("line {}: {name} is given twice", span.start.line()));
                    }
                    let indent = span.start.col();
                    let (event, span) = self.next()?;
                    let at = self.entries.len();
                    let value = self.value(event, span, &name, inline, depth + 1)?;
                    // An empty value has its place behind the blank lines that follow.
                    let value = match value {
                        Value::Scalar { text, range } if range.is_empty() => Value::Scalar { text, range: key.end + 1..key.end + 1 },
                        other => other,
                    };
                    end = value.end();
                    self.entries.insert(at, Entry { name, key, indent, value, is_inline: inline });
                }
            }
            _ => Err(format!("line {}: anchors and aliases are not understood here", span.start.line())),
        }
    }
}

/// Line number, from 1, of a byte.
fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

/// A scalar as YAML would have it.
fn scalar(text: &str) -> String {
    let is_plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '+' | '='))
        && !text.ends_with(':');
    // JSON's strings are YAML's.
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

impl ConfigFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// A sentence with the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bytes = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let mut reader = Reader { parser: Parser::new_from_str(text), bytes, entries: Vec::new() };
        loop {
            let (event, span) = reader.next()?;
            match event {
                Event::StreamEnd => break,
                Event::MappingStart(..) if reader.entries.is_empty() => drop(reader.value(event, span, "", false, 0)?),
                Event::Scalar(ref text, ScalarStyle::Plain, ..) if text.is_empty() => {}
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ => return Err(format!("line {}: expected settings, as in `no_color: true`", span.start.line())),
            }
        }
        Ok(Self { text: text.to_owned(), entries: reader.entries })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every setting: name, value (lists joined by commas), line.
    pub fn settings(&self) -> impl Iterator<Item = (&str, String, usize)> {
        self.entries.iter().filter_map(|entry| {
            let line = line_of(&self.text, entry.key.start);
            match &entry.value {
                Value::Scalar { text, .. } => Some((entry.name.as_str(), text.clone(), line)),
                Value::List { items, .. } => Some((entry.name.as_str(), items.join(","), line)),
                Value::Group { .. } => None,
            }
        })
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<String> {
        self.settings().find(|(known, ..)| *known == name).map(|(_, value, _)| value)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Gives a setting a value; `values` has several for a list.
    ///
    /// # Errors
    /// Where the file is written in a way that is not ours to change.
    pub fn set(&self, name: &str, values: &[String], is_list: bool) -> Result<Self, String> {
        let value = match (is_list, values) {
            (true, _) => format!("[{}]", values.iter().map(|value| scalar(value)).collect::<Vec<_>>().join(", ")),
            (false, values) => scalar(values.first().map_or("", String::as_str)),
        };
        let mut text = self.text.clone();
        match self.entry(name) {
            Some(Entry { value: Value::Scalar { range, .. }, key, .. }) => {
                let space = if range.start == key.end + 1 { " " } else { "" };
                text.replace_range(range.clone(), &format!("{space}{value}"));
            }
            Some(Entry { value: Value::List { .. }, .. }) => return self.unset(name)?.set(name, values, is_list),
            Some(_) => return Err(format!("{name} is a group of settings")),
            None => {
                let (at, lines) = self.insertion(name, &value)?;
                text.insert_str(at, &lines);
            }
        }
        let changed = Self::parse(&text)?;
        let wanted = values.join(",");
        if changed.get(name).as_deref() == Some(&wanted) {
            Ok(changed)
        } else {
            Err(format!("{name} cannot be set here; edit the file by hand"))
        }
    }

    /// Where a new setting goes, and the lines that make it.
    fn insertion(&self, name: &str, value: &str) -> Result<(usize, String), String> {
        let parts: Vec<&str> = split(name);
        for depth in (0..parts.len()).rev() {
            let group = parts.get(..depth).unwrap_or_default().join(".");
            let (end, indent) = match self.entry(&group) {
                None if depth > 0 => continue,
                None => (self.text.len(), 0),
                Some(Entry { value: Value::Group { is_inline: true, .. }, .. }) => {
                    return Err(format!("{group} is written on one line, in braces; edit the file by hand"));
                }
                Some(Entry { value: Value::Group { end, .. }, .. }) => {
                    let member =
                        self.entries.iter().find(|entry| entry.name.strip_prefix(&group).is_some_and(|rest| rest.starts_with('.')));
                    (*end, member.map_or(2, |member| member.indent))
                }
                // `log:` with nothing below it.
                Some(Entry { value: Value::Scalar { text, range }, indent, .. }) if text.is_empty() => (range.end, indent + 2),
                Some(_) => return Err(format!("{group} has a value of its own; edit the file by hand")),
            };
            // At the end of that line, comments on it included.
            let at = self.text.get(end..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |offset| end + offset + 1);
            let mut lines = String::new();
            if !self.text.is_empty() && !self.text.get(..at).unwrap_or_default().ends_with('\n') {
                lines.push('\n');
            }
            let rest = parts.get(depth..).unwrap_or_default();
            for (level, part) in rest.iter().enumerate() {
                let spaces = " ".repeat(indent + 2 * level);
                let end = if level + 1 == rest.len() { format!(" {value}") } else { String::new() };
                lines += &format!("{spaces}{}:{end}\n", scalar(part));
            }
            return Ok((at, lines));
        }
        Err(format!("{name:?} is no name of a setting"))
    }

    /// Takes a setting, or a group, out of the file.
    ///
    /// # Errors
    /// It is not there, or written in a way that is not ours to change.
    pub fn unset(&self, name: &str) -> Result<Self, String> {
        let entry = self.entry(name).ok_or_else(|| format!("{name} is not set in the file"))?;
        if entry.is_inline {
            return Err(format!("{name} is written on one line with others, in braces; edit the file by hand"));
        }
        let start = self.text.get(..entry.key.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let last = entry.value.end().max(entry.key.end);
        let end = self.text.get(last..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |offset| last + offset + 1);
        let mut text = self.text.clone();
        text.replace_range(start..end, "");
        let changed = Self::parse(&text)?;
        if changed.entry(name).is_some() {
            return Err(format!("{name} cannot be taken out; edit the file by hand"));
        }
        // A group without members goes too.
        match name.rsplit_once('.') {
            Some((group, _))
                if changed.entry(group).is_some_and(|entry| matches!(&entry.value, Value::Scalar { text, .. } if text.is_empty())) =>
            {
                changed.unset(group)
            }
            _ => Ok(changed),
        }
    }
}

/// The parts of a name. In `auth.registry.example.com:5000.user` the host between the first and last keeps its dots.
fn split(name: &str) -> Vec<&str> {
    if let Some(rest) = name.strip_prefix("auth.")
        && let Some((host, field)) = rest.rsplit_once('.')
    {
        return vec!["auth", host, field];
    }
    name.split('.').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nno_color: true # always\n\nlog:\n  # how much\n  level: info\n\n# the end\ntoolchain: {CC: gcc}\n";

    #[track_caller]
    fn set(text: &str, name: &str, value: &str) -> String {
        ConfigFile::parse(text).unwrap().set(name, &[value.to_owned()], false).unwrap().text
    }

    #[test]
    fn settings_change_and_nothing_else() {
        assert_eq!(set(FILE, "log.level", "debug"), FILE.replace("level: info", "level: debug"));
        assert_eq!(set(FILE, "no_color", "false"), FILE.replace("true #", "false #"));
        assert_eq!(set(FILE, "log.type", "basic"), FILE.replace("level: info\n", "level: info\n  type: basic\n"));
        assert_eq!(set(FILE, "qemu", "/opt/my qemu"), format!("{FILE}qemu: \"/opt/my qemu\"\n"));
        assert_eq!(set("", "log.type", "basic"), "log:\n  type: basic\n");
        assert_eq!(set("a: 1", "log.type", "basic"), "a: 1\nlog:\n  type: basic\n");
        assert_eq!(set("log:\nqemu: x\n", "log.type", "basic"), "log:\n  type: basic\nqemu: x\n");
        assert_eq!(set("qemu:\nlog: {}\n", "qemu", "x"), "qemu: x\nlog: {}\n");
        assert_eq!(set("", "auth.index.docker.io:443.user", "me"), "auth:\n  index.docker.io:443:\n    user: me\n");
        assert_eq!(set("qemu: 'it''s'\n", "qemu", "q"), "qemu: q\n");
    }

    #[test]
    fn settings_go_and_groups_with_them() {
        let file = ConfigFile::parse(FILE).unwrap();
        assert_eq!(file.unset("no_color").unwrap().text, FILE.replace("no_color: true # always\n", ""));
        assert_eq!(
            file.unset("log.level").unwrap().text,
            "# mine\nno_color: true # always\n\n  # how much\n\n# the end\ntoolchain: {CC: gcc}\n"
        );
        assert!(file.unset("toolchain.CC").is_err() && file.unset("nothing").is_err());
        assert!(file.set("toolchain.LD", &["ld".to_owned()], false).is_err());
        let lists = ConfigFile::parse("unikraft:\n  mirrors:\n  - a\n  - b\nqemu: x\n").unwrap();
        assert_eq!(lists.get("unikraft.mirrors").as_deref(), Some("a,b"));
        assert_eq!(lists.set("unikraft.mirrors", &["c".to_owned()], true).unwrap().text, "qemu: x\nunikraft:\n  mirrors: [c]\n");
    }

    #[test]
    fn what_is_no_configuration_is_named_by_line() {
        for text in ["- a\n", "a: 1\na: 2\n", "a: [b\n", "a: &x 1\nb: *x\n", "word\n"] {
            assert!(ConfigFile::parse(text).unwrap_err().starts_with("line "), "{text}");
        }
        assert_eq!(ConfigFile::parse("").unwrap().settings().count(), 0);
        assert_eq!(ConfigFile::parse("# only\n").unwrap().settings().count(), 0);
    }
}
