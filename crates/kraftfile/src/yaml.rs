//! A YAML document as a tree in which every node knows its place. Scalars keep their text: `1.10` stays `1.10`.

use pith_diagnostic::{Place, Problem, Source};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Nesting beyond which a file is refused rather than followed.
const DEPTH_LIMIT: usize = 64;
/// Nodes beyond which a file is refused: aliases multiply.
const NODE_LIMIT: usize = 100_000;

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub data: Data,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Text, with what YAML would make of it left to the reader.
    Scalar {
        /// The text, quotes and escapes resolved.
        text: String,
        /// Whether it was quoted or a block, so that it is text and nothing else.
        is_quoted: bool,
    },
    /// `- a`.
    Sequence(Vec<Node>),
    /// `a: b`, in order.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Whether this is `null`, `~` or nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, is_quoted: false } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What to call it in a complaint.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.data {
            Data::Scalar { .. } if self.is_null() => "nothing",
            Data::Scalar { text, is_quoted: false } if text.parse::<f64>().is_ok() => "a number",
            Data::Scalar { text, is_quoted: false } if ["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => "a boolean",
            Data::Scalar { .. } => "a string",
            Data::Sequence(_) => "a list",
            Data::Mapping(_) => "a mapping",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.data {
            Data::Scalar { .. } => 0,
            Data::Sequence(items) => items.iter().map(Self::size).sum(),
            Data::Mapping(pairs) => pairs.iter().map(|(key, value)| key.size() + value.size()).sum(),
        }
    }
}

/// Character positions to byte positions: the parser counts characters.
struct Bytes(Vec<usize>);

impl Bytes {
    fn new(text: &str) -> Self {
        Self(text.char_indices().map(|(at, _)| at).chain([text.len()]).collect())
    }

    fn at(&self, character: usize) -> usize {
        self.0.get(character).or(self.0.last()).copied().unwrap_or(0)
    }

    fn place(&self, span: Span) -> Place {
        let (start, end) = (self.at(span.start.index()), self.at(span.end.index()));
        Place { start, len: end.saturating_sub(start) }
    }
}

struct Builder<'s, 't> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    bytes: Bytes,
    source: &'s Source,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// Reads one document.
pub(crate) fn parse(source: &Source, text: &str) -> Result<Node, Problem> {
    let mut builder = Builder { parser: Parser::new_from_str(text), bytes: Bytes::new(text), source, anchors: HashMap::new(), nodes: 0 };
    let mut root = None;
    loop {
        let (event, place) = builder.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => {
                return Err(source.problem(place, "more than one document in the file", "the second begins here"));
            }
            other => root = Some(builder.node(other, place, 0)?),
        }
    }
    let nothing = Node { place: Place::default(), data: Data::Scalar { text: String::new(), is_quoted: false } };
    Ok(root.unwrap_or(nothing))
}

impl<'t> Builder<'_, 't> {
    fn next(&mut self) -> Result<(Event<'t>, Place), Problem> {
        match self.parser.next_event() {
            None => Ok((Event::StreamEnd, Place::default())),
            Some(Ok((event, span))) => Ok((event, self.bytes.place(span))),
            Some(Err(error)) => {
                let place = Place { start: self.bytes.at(error.marker().index()), len: 0 };
                Err(self.source.problem(place, format!("not valid YAML: {}", error.info()), "here"))
            }
        }
    }

    fn node(&mut self, event: Event<'t>, place: Place, depth: usize) -> Result<Node, Problem> {
        self.nodes += 1;
        if depth > DEPTH_LIMIT || self.nodes > NODE_LIMIT {
            return Err(self.source.problem(place, "the file is too deeply nested or too large", "at this point"));
        }
        let (data, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                (Data::Scalar { text: text.into_owned(), is_quoted: style != ScalarStyle::Plain }, anchor)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::StreamEnd, _) => break,
                        (event, place) => items.push(self.node(event, place, depth + 1)?),
                    }
                }
                (Data::Sequence(items), anchor)
            }
            Event::MappingStart(anchor, _) => (Data::Mapping(self.mapping(depth)?), anchor),
            Event::Alias(anchor) => {
                let target = self.anchors.get(&anchor).cloned();
                let target = target.ok_or_else(|| self.source.problem(place, "this alias has no anchor", "used here"))?;
                self.nodes += target.size();
                (target.data, 0)
            }
            _ => (Data::Scalar { text: String::new(), is_quoted: false }, 0),
        };
        let node = Node { place, data };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    /// The pairs of a mapping: `<<` merged, a key given twice refused.
    fn mapping(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Problem> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut merged: Vec<(Node, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd | Event::StreamEnd, _) => break,
                (event, place) => self.node(event, place, depth + 1)?,
            };
            let (event, place) = self.next()?;
            let value = self.node(event, place, depth + 1)?;
            if matches!(&key.data, Data::Scalar { text, is_quoted: false } if text == "<<") {
                let sources = match value.data {
                    Data::Sequence(items) => items,
                    _ => vec![value],
                };
                for item in sources {
                    if let Data::Mapping(pairs) = item.data {
                        merged.extend(pairs);
                    }
                }
                continue;
            }
            if let Some((first, _)) = pairs.iter().find(|(known, _)| known.data == key.data) {
                let (line, _) = self.source.position(first.place);
                let help = format!("it was first given in line {line}");
                return Err(self.source.problem(key.place, "this key is given twice", "again here").with_help(help));
            }
            pairs.push((key, value));
        }
        for (key, value) in merged {
            if !pairs.iter().any(|(known, _)| known.data == key.data) {
                pairs.push((key, value));
            }
        }
        Ok(pairs)
    }
}
