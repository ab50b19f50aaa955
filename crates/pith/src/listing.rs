//! Listings: the same rows as a table, a list, JSON or YAML.

use crate::cli::Output;
use crate::error::{Error, Result};
use serde_json::Value;

/// Rows for people and for programs.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Headings of the columns.
    pub headings: Vec<&'static str>,
    /// Cells, as many as there are headings.
    pub rows: Vec<Vec<String>>,
    /// What programs get, one for each row.
    pub values: Vec<Value>,
}

impl Listing {
    /// An empty one.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), ..Self::default() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<String>, value: Value) {
        self.rows.push(row);
        self.values.push(value);
    }

    /// The text in the wanted form.
    ///
    /// # Errors
    /// A value that JSON cannot express.
    pub fn show(&self, output: Output) -> Result<String> {
        Ok(match output {
            Output::Table => table(&self.headings, &self.rows),
            Output::List => self.list(),
            Output::Json => json(&Value::Array(self.values.clone()))?,
            Output::Yaml => yaml(&Value::Array(self.values.clone())),
        })
    }

    fn list(&self) -> String {
        let width = self.headings.iter().map(|heading| heading.len()).max().unwrap_or(0) + 1;
        let line = |(heading, cell): (&&str, &String)| format!("{:<width$} {cell}", format!("{heading}:")).trim_end().to_owned() + "\n";
        let block = |row: &Vec<String>| self.headings.iter().zip(row).map(line).collect::<String>();
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n")
    }
}

/// Indented JSON.
///
/// # Errors
/// A value that JSON cannot express.
pub fn json(value: &Value) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).map_err(|error| Error::new(error.to_string()))? + "\n")
}

/// YAML with every text that needs it in double quotes; JSON's strings are YAML's.
pub fn yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Array(items) if items.is_empty() => out.push_str("[]\n"),
        Value::Object(members) if members.is_empty() => out.push_str("{}\n"),
        Value::Array(_) | Value::Object(_) => block(value, 0, &mut out),
        _ => out = format!("{}\n", flow(value)),
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Array(items) => {
            for item in items {
                let start = out.len();
                member(&format!("{pad}-"), item, indent + 2, out);
                // `- a: 1` on one line: the first member follows its dash.
                if let Some(at) = out.get(start..).and_then(|text| text.find('\n')).map(|at| start + at)
                    && is_block(item)
                {
                    out.replace_range(at..at + indent + 3, " ");
                }
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                member(&format!("{pad}{}:", text(name)), value, indent + 2, out);
            }
        }
        _ => {}
    }
}

fn is_block(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    }
}

fn member(head: &str, value: &Value, indent: usize, out: &mut String) {
    if is_block(value) {
        out.push_str(head);
        out.push('\n');
        block(value, indent, out);
    } else {
        out.push_str(&format!("{head} {}\n", flow(value)));
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        other => other.to_string(),
    }
}

fn text(string: &str) -> String {
    let is_plain = string.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_'))
        && string.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | '+' | '=' | ' ' | '(' | ')'))
        && !string.ends_with(' ')
        && !matches!(string.to_ascii_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | "null");
    if is_plain { string.to_owned() } else { Value::from(string).to_string() }
}

/// Columns as wide as they need to be, two spaces apart.
fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize, heading: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heading.len()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = headings.iter().enumerate().map(|(column, heading)| width(column, heading)).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = line(headings.to_vec());
    for row in rows {
        out += &line(row.iter().map(String::as_str).collect());
    }
    out
}

/// One line of at most 40 characters.
pub fn shorten(text: &str) -> String {
    const WIDTH: usize = 40;
    let text = one_line(text);
    if text.chars().count() <= WIDTH { text } else { text.chars().take(WIDTH - 1).chain(['…']).collect() }
}

/// Without control characters.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `2 hours ago`.
pub fn ago(seconds: u64) -> String {
    format!("{} ago", span(seconds))
}

/// `2 hours`.
pub fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut whole, mut rest, mut unit) = (count, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (rest, whole, unit) = (whole % 1024, whole / 1024, unit + 1);
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 || whole >= 100 { format!("{whole} {name}") } else { format!("{whole}.{} {name}", rest * 10 / 1024) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_lists_and_yaml() {
        let mut listing = Listing::new(&["NAME", "K"]);
        listing.push(
            vec!["web".to_owned(), "x".to_owned()],
            serde_json::json!({ "name": "web", "ports": ["80: x"], "none": [], "at": { "m": 1, "yes": "no" } }),
        );
        assert_eq!(listing.show(Output::Table).unwrap(), "NAME  K\nweb   x\n");
        assert_eq!(listing.show(Output::List).unwrap(), "NAME: web\nK:    x\n");
        assert_eq!(
            listing.show(Output::Yaml).unwrap(),
            "- at:\n    m: 1\n    \"yes\": \"no\"\n  name: web\n  none: []\n  ports:\n    - \"80: x\"\n"
        );
        assert_eq!(Listing::new(&["A"]).show(Output::Yaml).unwrap(), "[]\n");
    }

    #[test]
    fn times_sizes_and_long_texts() {
        assert_eq!(ago(1), "1 second ago");
        assert_eq!(ago(7200), "2 hours ago");
        assert_eq!(shorten(&"a".repeat(50)).chars().count(), 40);
        for (count, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (300 << 20, "300 MiB"), (1 << 30, "1.0 GiB")] {
            assert_eq!(bytes(count), text);
        }
    }
}
