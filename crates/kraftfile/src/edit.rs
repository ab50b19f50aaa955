//! Changes to a project's file that leave the rest of it as it is: order, comments, quotes, blank lines.
//!
//! The text is changed, not written anew from what it means. What comes out is read again, and has to mean what was wanted and
//! nothing else; where it does not (a file that says things in a way that this module does not know), nothing is changed.

use crate::yaml::{self, Data, Node};
use pith_diagnostic::{Place, Problem, Source};

/// A library to add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLibrary {
    /// Its name.
    pub name: String,
    /// Its version, branch or tag.
    pub version: Option<String>,
    /// Its directory or address.
    pub source: Option<String>,
}

/// The pairs of the top level.
fn top<'n>(source: &Source, root: &'n Node) -> Result<&'n [(Node, Node)], Problem> {
    match &root.data {
        Data::Mapping(pairs) => Ok(pairs),
        _ => Err(source.problem(root.place, "Top-level object must be a mapping", format!("this is {}", root.kind()))),
    }
}

fn text_of(node: &Node) -> &str {
    match &node.data {
        Data::Scalar { text, .. } => text,
        _ => "",
    }
}

/// A text as YAML has it, quoted where it would be something else than a string; a dollar sign is one.
#[must_use]
pub fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | '+' | '@');
    let starts_well =
        text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '/')) || text.starts_with("./") || text.starts_with("../");
    let lower = text.to_ascii_lowercase();
    let means_other = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(&lower.as_str());
    if starts_well && !means_other && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '$' => out.push_str("$$"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c).min(0xff))),
            c => out.push(c),
        }
    }
    out + "\""
}

/// The value of a library's entry: alone, a version or a place; both in a mapping.
fn entry(library: &NewLibrary, indent: &str, step: &str) -> String {
    let name = scalar(&library.name);
    match (&library.source, &library.version) {
        (None, version) => format!("{indent}{name}: {}\n", scalar(version.as_deref().unwrap_or("stable"))),
        (Some(source), None) => format!("{indent}{name}: {}\n", scalar(source)),
        (Some(source), Some(version)) => {
            let inner = format!("{indent}{step}");
            format!("{indent}{name}:\n{inner}source: {}\n{inner}version: {}\n", scalar(source), scalar(version))
        }
    }
}

fn flow_entry(library: &NewLibrary) -> String {
    let name = scalar(&library.name);
    match (&library.source, &library.version) {
        (None, version) => format!("{name}: {}", scalar(version.as_deref().unwrap_or("stable"))),
        (Some(source), None) => format!("{name}: {}", scalar(source)),
        (Some(source), Some(version)) => format!("{name}: {{source: {}, version: {}}}", scalar(source), scalar(version)),
    }
}

/// Start of the line that a place is in.
fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1)
}

/// Where the block that a key begins ends: behind the last line that is indented deeper than the key and says something.
fn block_end(text: &str, key: Place) -> usize {
    let start = line_start(text, key.start);
    let indent = key.start - start;
    let mut end = start;
    let mut at = start;
    for (number, line) in text.get(start..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let depth = line.len() - line.trim_start().len();
        let says_nothing = line.trim().is_empty() || line.trim_start().starts_with('#');
        // A list may stand as deep as its key.
        let is_item = depth == indent && line.trim_start().starts_with("- ");
        if number > 0 && !says_nothing && depth <= indent && !is_item {
            break;
        }
        at += line.len();
        if number == 0 || !says_nothing {
            end = at;
        }
    }
    end
}

/// Behind the bracket that closes the collection that begins at `start`.
fn flow_end(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut escaped = false;
    for (offset, c) in text.get(start..)?.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (Some('"'), '\\') => escaped = true,
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start + offset + c.len_utf8());
                }
            }
            _ => {}
        }
    }
    None
}

/// Where a value that stands in brackets ends.
fn value_end(text: &str, node: &Node) -> Option<usize> {
    match node.data {
        Data::Scalar { .. } => Some(node.place.start + node.place.len),
        _ => flow_end(text, node.place.start),
    }
}

fn is_flow(text: &str, node: &Node) -> bool {
    text.get(node.place.start..).is_some_and(|rest| rest.starts_with(['{', '[']))
}

fn splice(text: &str, from: usize, to: usize, with: &str) -> String {
    let (before, after) = (text.get(..from).unwrap_or_default(), text.get(to..).unwrap_or_default());
    format!("{before}{with}{after}")
}

/// The pairs of both texts except `libraries`, which change, and the libraries of the second.
fn check(source: &Source, before: &Node, name: &str, after: &str, expected: &[(Node, Node)], place: Place) -> Result<(), Problem> {
    let refuse = || {
        let problem = source.problem(place, "this file is written in a way that cannot be changed by a program", "at this place");
        problem.with_help("change `libraries` with an editor")
    };
    let changed = Source::new(name, after, "yaml");
    let root = yaml::parse(&changed, after).map_err(|_| refuse())?;
    let others = |root: &Node| -> Result<Vec<(Shape, Shape)>, Problem> {
        let pairs = top(source, root)?.iter().filter(|(key, _)| text_of(key) != "libraries");
        Ok(pairs.map(|(key, value)| (shape(key), shape(value))).collect())
    };
    let libraries: Vec<(Shape, Shape)> = top(&changed, &root)?
        .iter()
        .filter(|(key, _)| text_of(key) == "libraries")
        .flat_map(|(_, value)| if let Data::Mapping(pairs) = &value.data { pairs.as_slice() } else { &[] })
        .map(|(key, value)| (shape(key), shape(value)))
        .collect();
    let wanted: Vec<(Shape, Shape)> = expected.iter().map(|(key, value)| (shape(key), shape(value))).collect();
    if others(before)? == others(&root)? && libraries == wanted { Ok(()) } else { Err(refuse()) }
}

/// A node without its place.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    Scalar(String),
    Sequence(Vec<Shape>),
    Mapping(Vec<(Shape, Shape)>),
}

fn shape(node: &Node) -> Shape {
    match &node.data {
        Data::Scalar { text, .. } => Shape::Scalar(text.clone()),
        Data::Sequence(items) => Shape::Sequence(items.iter().map(shape).collect()),
        Data::Mapping(pairs) => Shape::Mapping(pairs.iter().map(|(key, value)| (shape(key), shape(value))).collect()),
    }
}

/// Adds a library to `libraries`, or changes the one of that name; the section is made where there is none.
///
/// # Errors
/// The file is not YAML, its libraries are no mapping, or it is written in a way that cannot be changed.
pub fn add_library(name: &str, text: &str, library: &NewLibrary) -> Result<String, Problem> {
    let source = Source::new(name, text, "yaml");
    let root = yaml::parse(&source, text)?;
    let pairs = top(&source, &root)?;
    let libraries = pairs.iter().find(|(key, _)| text_of(key) == "libraries");
    let mut expected: Vec<(Node, Node)> = Vec::new();
    let (out, place) = match libraries {
        None => {
            let separator = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            let blank = if text.contains("\n\n") { "\n" } else { "" };
            (format!("{text}{separator}{blank}libraries:\n{}", entry(library, "  ", "  ")), root.place)
        }
        Some((key, value)) => match &value.data {
            Data::Scalar { .. } if value.is_null() => {
                let end = block_end(text, key.place);
                let line = text.get(key.place.start..end).unwrap_or_default();
                // `libraries: null` or `~`: the word goes.
                let head = line.split(':').next().unwrap_or("libraries");
                let comment = line.find(" #").map(|at| line.get(at..).unwrap_or_default().trim_end()).unwrap_or_default();
                let indent = " ".repeat(key.place.start - line_start(text, key.place.start));
                let body = entry(library, &format!("{indent}  "), "  ");
                (splice(text, key.place.start, end, &format!("{head}:{comment}\n{body}")), key.place)
            }
            Data::Mapping(entries) => {
                expected.extend(entries.iter().cloned());
                let old = entries.iter().position(|(key, _)| text_of(key) == library.name);
                if let Some(old) = old {
                    let without = remove_library(name, text, &library.name)?;
                    expected.remove(old);
                    if expected.is_empty() || is_flow(text, value) {
                        return add_library(name, &without, library);
                    }
                    // In its old place: before what followed it.
                    let (key, _) = &entries[old];
                    let at = line_start(text, key.place.start);
                    let indent = " ".repeat(key.place.start - at);
                    let out = splice(&without, at, at, &entry(library, &indent, "  "));
                    expected.insert(old, parsed(library)?);
                    check(&source, &root, name, &out, &expected, key.place)?;
                    return Ok(out);
                }
                match entries.last() {
                    Some((last, last_value)) if is_flow(text, value) => {
                        let at = value_end(text, last_value).unwrap_or(last.place.start);
                        (splice(text, at, at, &format!(", {}", flow_entry(library))), value.place)
                    }
                    Some((last, _)) => {
                        let indent = " ".repeat(last.place.start - line_start(text, last.place.start));
                        let end = block_end(text, last.place);
                        let separator = if text.get(..end).is_some_and(|before| before.ends_with('\n')) { "" } else { "\n" };
                        (splice(text, end, end, &format!("{separator}{}", entry(library, &indent, "  "))), value.place)
                    }
                    None => {
                        let end = flow_end(text, value.place.start).unwrap_or(value.place.start);
                        (splice(text, value.place.start, end, &format!("{{{}}}", flow_entry(library))), value.place)
                    }
                }
            }
            _ => {
                let label = format!("this is {}", value.kind());
                return Err(source.problem(value.place, "libraries section must be a mapping", label));
            }
        },
    };
    expected.push(parsed(library)?);
    check(&source, &root, name, &out, &expected, place)?;
    Ok(out)
}

/// What a library's entry means.
fn parsed(library: &NewLibrary) -> Result<(Node, Node), Problem> {
    let text = entry(library, "", "  ");
    let source = Source::new("library", &text, "yaml");
    let root = yaml::parse(&source, &text)?;
    let pair = top(&source, &root)?.first().cloned();
    pair.ok_or_else(|| source.problem(Place::default(), "a library needs a name", "here"))
}

/// Takes a library out of `libraries`, and the section with its last one.
///
/// # Errors
/// The file is not YAML, there is no such library, or it is written in a way that cannot be changed.
pub fn remove_library(name: &str, text: &str, library: &str) -> Result<String, Problem> {
    let source = Source::new(name, text, "yaml");
    let root = yaml::parse(&source, text)?;
    let pairs = top(&source, &root)?;
    let section = pairs.iter().find(|(key, _)| text_of(key) == "libraries");
    let Some((section_key, value)) = section else {
        return Err(source.problem(root.place, format!("there is no library {library}"), "there are no libraries in this file"));
    };
    let entries: &[(Node, Node)] = if let Data::Mapping(entries) = &value.data { entries } else { &[] };
    let Some(at) = entries.iter().position(|(key, _)| text_of(key) == library) else {
        let known: Vec<&str> = entries.iter().map(|(key, _)| text_of(key)).collect();
        let problem = source.problem(section_key.place, format!("there is no library {library}"), "among these");
        return Err(match pith_diagnostic::nearest(library, &known) {
            Some(near) => problem.with_help(format!("did you mean {near}?")),
            None => problem,
        });
    };
    let (key, own) = &entries[at];
    let out = if entries.len() == 1 {
        splice(text, line_start(text, section_key.place.start), block_end(text, section_key.place), "")
    } else if is_flow(text, value) {
        match entries.get(at + 1) {
            Some((next, _)) => splice(text, key.place.start, next.place.start, ""),
            None => {
                let before = entries.get(at.wrapping_sub(1)).and_then(|(_, value)| value_end(text, value)).unwrap_or(key.place.start);
                splice(text, before, value_end(text, own).unwrap_or(before), "")
            }
        }
    } else {
        splice(text, line_start(text, key.place.start), block_end(text, key.place), "")
    };
    let mut expected = entries.to_vec();
    expected.remove(at);
    check(&source, &root, name, &out, &expected, key.place)?;
    Ok(out)
}
