//! `docs/kraftfile.schema.json` is what the code's tables say, and agrees with the reader.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kraftfile::Project;
use pith_kraftfile::project::{Form, Key, Rule, TOP};
use pith_kraftfile::schema::schema;
use std::path::Path;

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kraftfile.schema.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, schema()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == schema(), "docs/kraftfile.schema.json is stale: UPDATE_DOCS=1 cargo test -p pith-kraftfile --test schema");
}

/// A value that a form allows.
fn sample(form: &Form) -> String {
    match form {
        Form::Text => "\"text\"".to_owned(),
        Form::Word(words) => words[0].to_owned(),
        Form::Switch => "true".to_owned(),
        Form::Spec => "v0.7".to_owned(),
        Form::Pattern(_) => "qemu/x86_64".to_owned(),
        Form::Strings => "{a: b}".to_owned(),
        Form::Variables => "[A=b, C]".to_owned(),
        Form::Options => "[CONFIG_A=y]".to_owned(),
        Form::List(inner) => format!("[{}]", sample(inner)),
        Form::Named(inner) => format!("{{name: {}}}", sample(inner)),
        Form::Mapping(keys, _) => {
            // Of two names for one thing, one.
            let pairs = keys.iter().filter(|key| !["kernel", "platform", "architecture", "type", "dockerfile"].contains(&key.name));
            let pairs: Vec<String> = pairs.map(|key| format!("{}: {}", key.name, sample(&key.form))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Form::OneOf(forms) => sample(&forms[0]),
        Form::Nothing => String::new(),
    }
}

fn each(form: &Form, visit: &mut dyn FnMut(String)) {
    match form {
        Form::OneOf(forms) => forms.iter().for_each(|form| each(form, visit)),
        other => visit(sample(other)),
    }
}

/// Every form that the tables list is one that the reader takes, without a warning.
#[test]
fn the_reader_takes_what_the_tables_list() {
    let mut count = 0;
    for key in TOP.iter().filter(|key| !["spec", "specification"].contains(&key.name)) {
        each(&key.form, &mut |value| {
            let value = if key.name == "volumes" { value.replace("\"text\"", "\"a:/b\"") } else { value };
            let value = value.replace("destination: \"a:/b\"", "destination: /b").replace("mode: \"a:/b\"", "mode: ro");
            let needs_kind = !["unikraft", "pith", "runtime", "template"].contains(&key.name);
            let kind = if needs_kind { "runtime: base\n" } else { "" };
            let text = format!("spec: v0.7\n{kind}{}: {value}\n", key.name);
            let is_refused_empty =
                value.is_empty() && !["libraries", "targets", "rootfs", "cmd", "env", "volumes", "roms", "labels"].contains(&key.name);
            match Project::parse("Kraftfile", &text, &|_| None) {
                Ok(project) => assert_eq!(project.warnings, [], "{text}"),
                Err(problem) => assert!(is_refused_empty, "{text}: {problem}"),
            }
            count += 1;
        });
    }
    assert!(count > 25, "{count}");
}

#[test]
fn every_key_is_described_once() {
    fn check(keys: &[Key], path: &str) {
        for (number, key) in keys.iter().enumerate() {
            assert!(!key.about.is_empty() && !key.about.ends_with('.'), "{path}{}", key.name);
            assert!(!keys[..number].iter().any(|other| other.name == key.name), "{path}{} is there twice", key.name);
            inside(&key.form, &format!("{path}{}.", key.name));
        }
    }
    fn inside(form: &Form, path: &str) {
        match form {
            Form::Mapping(keys, rules) => {
                for rule in *rules {
                    let is_readable = match rule {
                        Rule::Some(names) => names.iter().all(|name| keys.iter().any(|key| key.name == *name)),
                        Rule::Schema(text) => serde_json::from_str::<serde_json::Value>(text).is_ok_and(|rule| rule.is_object()),
                    };
                    assert!(is_readable, "{path}: {rule:?}");
                }
                check(keys, path);
            }
            Form::OneOf(forms) => forms.iter().for_each(|form| inside(form, path)),
            Form::List(form) | Form::Named(form) => inside(form, path),
            _ => {}
        }
    }
    check(TOP, "");
}
