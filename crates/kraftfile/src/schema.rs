//! The JSON Schema of project files, for editors: made of the tables that the reader goes by.

use crate::project::{Form, Key, Rule, SpecVersion, TOP};
use serde_json::{Map, Value, json};

fn form(form: &Form) -> Value {
    let text = || json!({ "type": ["string", "number"] });
    // What an option or a variable may be: YAML's booleans are y and n.
    let value = || json!({ "type": ["string", "number", "boolean"] });
    match form {
        Form::Text => text(),
        // A variable may stand for the word.
        Form::Word(words) => json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": "\\$" }] }),
        Form::Switch => json!({ "type": ["boolean", "string"] }),
        Form::Spec => json!({ "type": "string", "pattern": "^v?[0-9]+\\.[0-9]+(\\.[0-9]+)?$" }),
        Form::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
        Form::Strings => json!({ "type": "object", "additionalProperties": value() }),
        Form::Variables => json!({ "anyOf": [
            { "type": "array", "items": { "type": "string", "pattern": "^[^=]" } },
            { "type": "object", "propertyNames": { "pattern": "^[^=]+$" },
              "additionalProperties": { "type": ["string", "number", "boolean", "null"] } },
        ] }),
        Form::Options => json!({ "anyOf": [
            { "type": "array", "items": { "type": "string", "pattern": "^CONFIG_[A-Za-z0-9_]+=|\\$.*=" } },
            { "type": "object", "patternProperties": { "^CONFIG_[A-Za-z0-9_]+$|\\$": value() }, "additionalProperties": false },
            { "type": "null" },
        ] }),
        Form::List(inner) => json!({ "type": "array", "items": self::form(inner) }),
        Form::Named(inner) => json!({ "type": "object", "additionalProperties": self::form(inner) }),
        Form::Mapping(keys, rules) => mapping(keys, rules),
        Form::OneOf(forms) => json!({ "anyOf": forms.iter().map(self::form).collect::<Vec<_>>() }),
        Form::Nothing => json!({ "type": "null" }),
    }
}

fn version(version: SpecVersion) -> &'static str {
    match version {
        SpecVersion::V05 => "v0.5",
        SpecVersion::V06 => "v0.6",
        SpecVersion::V07 => "v0.7",
    }
}

fn some(names: &[&str]) -> Value {
    json!({ "anyOf": names.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>() })
}

fn rule(rule: &Rule) -> Value {
    match rule {
        Rule::Some(names) => some(names),
        // A test looks at each.
        Rule::Schema(text) => serde_json::from_str(text).unwrap_or_default(),
    }
}

fn mapping(keys: &[Key], rules: &[Rule]) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut value = form(&key.form);
        let since = if key.since == SpecVersion::V05 { String::new() } else { format!(" (since {})", version(key.since)) };
        if let Value::Object(object) = &mut value {
            object.insert("description".to_owned(), json!(format!("{}{since}.", key.about)));
        }
        properties.insert(key.name.to_owned(), value);
    }
    // Unknown keys are warnings, and x- keys are free: an editor that marks the former as wrong would be stricter than Pith.
    let mut out = json!({ "type": "object", "properties": properties, "patternProperties": { "^x-": true } });
    if let (Value::Object(object), false) = (&mut out, rules.is_empty()) {
        object.insert("allOf".to_owned(), rules.iter().map(rule).collect());
    }
    out
}

/// The schema, as a text that ends with a line break.
#[must_use]
pub fn schema() -> String {
    let mut root = mapping(TOP, &[Rule::Some(&["spec", "specification"]), Rule::Some(&["runtime", "unikraft", "pith", "template"])]);
    if let Value::Object(object) = &mut root {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("Kraftfile, v0.5 to v0.7"));
    }
    format!("{root:#}\n")
}
