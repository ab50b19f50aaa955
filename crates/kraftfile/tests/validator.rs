//! `docs/kraftfile.schema.json` against a validator of others' (Debian's python3-jsonschema, over python3-yaml): the schema itself is one, it
//! takes every form that the reader takes and refuses those that it refuses, as far as a schema can see.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "forms/mod.rs"]
mod forms;

use forms::forms;
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Reads `{schema, texts}` and answers with what is wrong with the schema, and with each text the first thing that is wrong, or null.
const VALIDATOR: &str = r#"
import json, sys, yaml, jsonschema
given = json.load(sys.stdin)
validator = jsonschema.Draft202012Validator
about = None
try:
    validator.check_schema(given["schema"])
except jsonschema.SchemaError as error:
    about = str(error)
def said(text):
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return "YAML: " + str(error)
    error = jsonschema.exceptions.best_match(validator(given["schema"]).iter_errors(document))
    return error and error.json_path + ": " + error.message
json.dump([about, [said(text) for text in given["texts"]]], sys.stdout)
"#;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What is wrong with each text.
fn validated(texts: &[String]) -> Vec<Option<String>> {
    let schema = fs::read_to_string(root().join("docs/kraftfile.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut command = Command::new("/usr/bin/python3");
    let mut validator = command.args(["-c", VALIDATOR]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = validator.stdin.take().unwrap();
    input.write_all(json!({ "schema": schema, "texts": texts }).to_string().as_bytes()).unwrap();
    drop(input);
    let output = validator.wait_with_output().unwrap();
    assert!(output.status.success(), "python3-jsonschema and python3-yaml are installed (tools/setup.sh test)");
    let (about, said): (Option<String>, Vec<Option<String>>) = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(about, None, "the schema is none");
    said
}

/// Project files below a directory.
fn projects(directory: &Path, out: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()) {
        if path.is_dir() && !path.ends_with("target") {
            projects(&path, out);
        } else if path.file_name().is_some_and(|name| pith_kraftfile::NAMES.iter().any(|known| name == *known)) {
            out.push(path);
        }
    }
}

#[test]
fn every_form_that_is_accepted_is_valid() {
    let forms = forms("accepted.yaml");
    let mut named: Vec<(String, String)> = forms.into_iter().map(|form| (form.name, form.text)).collect();
    let mut files = Vec::new();
    ["catalog", "tests"].iter().for_each(|directory| projects(&root().join(directory), &mut files));
    assert!(files.len() > 20, "{files:?}");
    named.extend(files.into_iter().map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())));
    let texts: Vec<String> = named.iter().map(|(_, text)| text.clone()).collect();
    let said = validated(&texts);
    let wrong: Vec<String> = named.iter().zip(said).filter_map(|((name, _), said)| Some(format!("{name}: {}", said?))).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn what_a_schema_can_see_is_refused() {
    let forms = forms("refused.yaml");
    let texts: Vec<String> = forms.iter().map(|form| form.text.clone()).collect();
    let said = validated(&texts);
    let names = |is_wanted: bool| {
        let wrong = forms.iter().zip(&said).filter(|(form, said)| form.is_visible == is_wanted && said.is_some() != is_wanted);
        wrong.map(|(form, _)| form.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(true), [""; 0], "these are valid");
    // A list of YAML's own or a key that is one is not the schema's business.
    let unseen = names(false);
    assert!(unseen.iter().all(|name| name.starts_with("a key that is a list")), "these are refused after all: {unseen:?}");
}
