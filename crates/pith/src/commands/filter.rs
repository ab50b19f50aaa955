//! `--filter KEY=VALUE`, as Docker has it: values of one key are alternatives, different keys must all fit.

use crate::error::{Error, Result};
use pith_machine::{Machine, Status};

const KEYS: [&str; 8] = ["name", "id", "status", "label", "exited", "publish", "before", "since"];

/// Conditions on machines.
#[derive(Clone, Debug, Default)]
pub struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads `KEY=VALUE` texts.
    ///
    /// # Errors
    /// An unknown key, or a value that it cannot have.
    pub fn parse(texts: &[String]) -> Result<Self> {
        let one = |text: &String| {
            let wrong = |problem: String| Error::new(format!("--filter {text:?}: {problem}"));
            let (key, value) = text.split_once('=').ok_or_else(|| wrong("expected KEY=VALUE".to_owned()))?;
            if !KEYS.contains(&key) {
                return Err(wrong(format!("unknown key; expected one of {}", KEYS.join(", "))));
            }
            if key == "status" && !Status::ALL.iter().any(|status| status.name() == value) {
                let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
                return Err(wrong(format!("unknown status; expected one of {}", names.join(", "))));
            }
            if key == "exited" && value.parse::<u8>().is_err() {
                return Err(wrong("expected an exit code".to_owned()));
            }
            Ok((key.to_owned(), value.to_owned()))
        };
        Ok(Self(texts.iter().map(one).collect::<Result<_>>()?))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the machine fits. `all` has those that `before` and `since` may name.
    pub fn fit(&self, machine: &Machine, status: Status, all: &[Machine]) -> bool {
        KEYS.iter().all(|key| {
            let mut values = self.0.iter().filter(|(known, _)| known == key).map(|(_, value)| value.as_str()).peekable();
            values.peek().is_none() || values.any(|value| fits(key, value, machine, status, all))
        })
    }
}

fn fits(key: &str, value: &str, machine: &Machine, status: Status, all: &[Machine]) -> bool {
    let record = &machine.record;
    let made = |word: &str| {
        all.iter().find(|other| other.record.name == word || other.record.id.starts_with(word)).map(|other| other.record.created_ms)
    };
    match key {
        "name" => record.name.contains(value),
        "id" => record.id.starts_with(value),
        "status" => status.name() == value,
        "label" => match value.split_once('=') {
            Some((name, value)) => record.config.labels.iter().any(|label| (label.0.as_str(), label.1.as_str()) == (name, value)),
            None => record.config.labels.iter().any(|(name, _)| name == value),
        },
        "exited" => status == Status::Exited && record.exit_code.map(|code| code.to_string()).as_deref() == Some(value),
        "publish" => {
            let (port, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
            record.config.ports.iter().any(|forward| forward.host_port.to_string() == port && forward.protocol.name() == protocol)
        }
        "before" => made(value).is_some_and(|time| record.created_ms < time),
        "since" => made(value).is_some_and(|time| record.created_ms > time),
        _ => false,
    }
}
