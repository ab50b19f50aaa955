//! `pith inspect` and `pith port`.

use super::ps::ports;
use super::times;
use crate::cli::{InspectArgs, Output, PortArgs};
use crate::error::{Error, Result};
use crate::listing;
use crate::report::Report;
use crate::settings::Settings;
use pith_machine::Machine;
use pith_monitor::PortForward;
use serde_json::Value;
use std::path::Path;

/// Shows everything that is known about machines.
///
/// # Errors
/// When one of them is not there; those that are have been shown.
pub fn inspect(settings: &Settings, arguments: &InspectArgs, report: &Report) -> Result<u8> {
    let template = arguments.format.as_deref().map(Template::parse).transpose()?;
    let store = settings.store()?;
    let (mut values, mut failed) = (Vec::new(), None);
    for name in &arguments.machines {
        match store.get(name) {
            Ok(machine) => values.push(value(&machine)?),
            // A machine's name is no path of a kernel by accident: machines go first.
            Err(_) if Path::new(name).is_file() => match kernel(Path::new(name)) {
                Ok(value) => values.push(value),
                Err(error) => {
                    report.failure(&error);
                    failed = Some(error.exit_code());
                }
            },
            Err(error) => {
                let error = Error::from(error);
                report.failure(&error);
                failed = Some(error.exit_code());
            }
        }
    }
    match template {
        None => match arguments.output {
            Output::Json => print!("{}", listing::json(&Value::Array(values))?),
            Output::Yaml => print!("{}", listing::yaml(&Value::Array(values))),
            Output::Table | Output::List => values.iter().for_each(|value| print!("{}", flat(value))),
        },
        Some(template) => {
            for value in &values {
                println!("{}", template.fill(value)?);
            }
        }
    }
    failed.map_or(Ok(0), |code| Err(Error::told(code)))
}

/// The record, with what is found out by looking.
fn value(machine: &Machine) -> Result<Value> {
    let status = machine.status();
    let mut value = serde_json::to_value(&machine.record).map_err(|error| Error::new(error.to_string()))?;
    if let Some(members) = value.as_object_mut() {
        members.insert("status".to_owned(), status.name().into());
        members.insert("directory".to_owned(), machine.directory().display().to_string().into());
        members.insert("ports".to_owned(), ports(machine).into());
        members.insert("created".to_owned(), times::shown_ms(machine.record.created_ms).into());
        for (name, time) in [("started", machine.record.started_ms), ("ended", machine.record.ended_ms)] {
            members.insert(name.to_owned(), time.map(times::shown_ms).into());
        }
    }
    Ok(value)
}

/// What a kernel says about itself.
fn kernel(path: &Path) -> Result<Value> {
    let info = pith_builder::info(path)?.ok_or_else(|| {
        let error = Error::new(format!("{}: neither a machine nor a kernel that `pith build` made", path.display()));
        error.with_help("`pith ps -a` lists machines")
    })?;
    let mut value = serde_json::to_value(&info).map_err(|error| Error::new(error.to_string()))?;
    if let Some(members) = value.as_object_mut() {
        members.insert("kernel".to_owned(), path.display().to_string().into());
    }
    Ok(value)
}

/// One field a line, the names of those inside others joined by dots.
fn flat(value: &Value) -> String {
    fn add(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
        let inner = |key: &str| if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| add(&inner(key), value, out)),
            Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| add(&inner(&at.to_string()), item, out)),
            Value::String(text) => out.push((name.to_owned(), text.clone())),
            other => out.push((name.to_owned(), other.to_string())),
        }
    }
    let mut fields = Vec::new();
    add("", value, &mut fields);
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    fields.iter().map(|(name, text)| format!("{name:<width$}{text}\n")).collect()
}

/// A text with `{{.a.b}}` and `{{json .a}}` in it.
struct Template<'t>(Vec<Part<'t>>);

enum Part<'t> {
    Text(&'t str),
    Field { path: &'t str, is_json: bool },
}

impl<'t> Template<'t> {
    fn parse(text: &'t str) -> Result<Self> {
        let wrong = |problem: &str| {
            let error = Error::new(format!("--format {text:?}: {problem}"));
            error.with_help("write for example '{{.status}} {{.config.memory_mib}}' or '{{json .config}}'")
        };
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (inside, after) = behind.split_once("}}").ok_or_else(|| wrong("a {{ without }}"))?;
            let inside = inside.trim();
            let (path, is_json) = match inside.strip_prefix("json ") {
                Some(path) => (path.trim(), true),
                None => (inside, false),
            };
            let path = path.strip_prefix('.').filter(|path| !path.contains(char::is_whitespace));
            parts.push(Part::Text(before));
            parts.push(Part::Field { path: path.ok_or_else(|| wrong(&format!("{inside:?} is not understood")))?, is_json });
            rest = after;
        }
        parts.push(Part::Text(rest));
        Ok(Self(parts))
    }

    fn fill(&self, value: &Value) -> Result<String> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field { path, is_json } => {
                    let found = path.split('.').filter(|name| !name.is_empty()).try_fold(value, |value, name| match value {
                        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
                        other => other.get(name),
                    });
                    match found.ok_or_else(|| Error::new(format!("--format: there is no field .{path}")))? {
                        Value::String(text) if !is_json => out.push_str(text),
                        other => out.push_str(&other.to_string()),
                    }
                }
            }
        }
        Ok(out)
    }
}

/// Shows published ports, Docker's way: `80/tcp -> 0.0.0.0:8080`, or only the host's side when a port is named.
///
/// # Errors
/// No such machine, a port that is none or not published.
pub fn port(settings: &Settings, arguments: &PortArgs) -> Result<u8> {
    let machine = settings.store()?.get(&arguments.machine)?;
    let ports = &machine.record.config.ports;
    let host = |port: &PortForward| std::net::SocketAddr::new(port.host, port.host_port).to_string();
    let Some(text) = &arguments.port else {
        for port in ports {
            println!("{}/{} -> {}", port.guest_port, port.protocol.name(), host(port));
        }
        return Ok(0);
    };
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number: u16 = number.parse().map_err(|_| Error::new(format!("{text:?} is no port; expected a number as in 80 or 53/udp")))?;
    let mut wanted = ports.iter().filter(|port| port.guest_port == number && port.protocol.name() == protocol).peekable();
    if wanted.peek().is_none() {
        return Err(Error::new(format!("{}: port {number}/{protocol} is not published", machine.record.name)));
    }
    wanted.for_each(|port| println!("{}", host(port)));
    Ok(0)
}
