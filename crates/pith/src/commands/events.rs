//! `pith events`.

use super::times;
use crate::cli::{EventsArgs, Output};
use crate::error::{Error, Result};
use crate::settings::Settings;
use pith_machine::events::{EventReader, Happening};
use pith_machine::{Machine, Status, Store};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::thread;

/// Holds the process number of a running `pith events`; gone with it.
struct PidFile(PathBuf);

impl PidFile {
    fn new(path: PathBuf) -> Result<Self> {
        std::fs::write(&path, format!("{}\n", std::process::id())).map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Someone may have taken it away already.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Shows what happens to machines.
///
/// # Errors
/// A time or filter that is none; no such machine.
pub fn events(settings: &Settings, arguments: &EventsArgs) -> Result<u8> {
    let store = settings.store()?;
    let wrong = |flag: &str, text: &str| {
        let (flag, text) = (flag.to_owned(), text.to_owned());
        move |problem: String| Error::new(format!("--{flag} {text:?}: {problem}"))
    };
    let step = times::span(&arguments.poll_granularity).map_err(wrong("poll-granularity", &arguments.poll_granularity))?;
    let point = |flag: &str, text: &Option<String>| text.as_ref().map(|text| times::point(text).map_err(wrong(flag, text))).transpose();
    let (since, until) = (point("since", &arguments.since)?, point("until", &arguments.until)?);
    if arguments.output == Output::Yaml || arguments.output == Output::List {
        return Err(Error::new("--output: events come as table or json"));
    }
    let mut wanted = filters(&arguments.filter)?;
    if let Some(word) = &arguments.machine {
        let id = match store.get(word) {
            Ok(machine) => machine.record.id,
            // It may be gone while its past is still known.
            Err(_) if since.is_some() => word.clone(),
            Err(error) => return Err(error.into()),
        };
        wanted.push(("id".to_owned(), id));
    }
    let _pidfile = settings.events_pidfile().map(PidFile::new).transpose()?;
    let mut reader = if since.is_some() { EventReader::from_start(store.data()) } else { EventReader::from_now(store.data()) };
    let mut known: BTreeMap<String, Status> = statuses(&store)?.into_iter().map(|(machine, status)| (machine.record.id, status)).collect();
    let mut out = io::stdout().lock();
    loop {
        let now = statuses(&store)?;
        let mut happened = reader.poll().map_err(|error| Error::new(format!("the log of events: {error}")))?;
        // A supervisor that was killed could not tell.
        for (machine, status) in &now {
            let before = known.insert(machine.record.id.clone(), *status);
            if *status == Status::Failed && before.is_some_and(|before| before != Status::Failed) {
                happened.push(Happening::now("die", &machine.record).with("reason", "its supervisor was killed"));
            }
        }
        let is_over = until.is_some_and(|until| times::point("0s").is_ok_and(|now| now >= until));
        for happening in &happened {
            let micros = happening.time_ms.saturating_mul(1000);
            if since.is_none_or(|since| micros >= since) && until.is_none_or(|until| micros <= until) && fits(&wanted, happening) {
                match show(&mut out, happening, arguments.output) {
                    // The reader has seen enough.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
                    other => other.map_err(|error| Error::new(format!("standard output: {error}")))?,
                }
            }
        }
        if is_over || (arguments.quit_together && !now.iter().any(|(_, status)| status.is_live())) {
            return Ok(0);
        }
        thread::sleep(step);
    }
}

fn statuses(store: &Store) -> Result<Vec<(Machine, Status)>> {
    let machines = store.list()?.into_iter().filter_map(|(_, machine)| machine.ok());
    Ok(machines
        .map(|machine| {
            let status = machine.status();
            (machine, status)
        })
        .collect())
}

fn filters(texts: &[String]) -> Result<Vec<(String, String)>> {
    let one = |text: &String| {
        let wrong = || Error::new(format!("--filter {text:?}: expected event=, name= or id="));
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        if ["event", "name", "id"].contains(&key) { Ok((key.to_owned(), value.to_owned())) } else { Err(wrong()) }
    };
    texts.iter().map(one).collect()
}

fn fits(filters: &[(String, String)], happening: &Happening) -> bool {
    ["event", "name", "id"].iter().all(|key| {
        let mut values = filters.iter().filter(|(known, _)| known == key).map(|(_, value)| value).peekable();
        let fits = |value: &String| match *key {
            "event" => happening.what == *value,
            "name" => happening.name == *value,
            _ => happening.id.starts_with(value.as_str()) || happening.name == *value,
        };
        values.peek().is_none() || values.any(fits)
    })
}

fn show(out: &mut impl Write, happening: &Happening, output: Output) -> io::Result<()> {
    if output == Output::Json {
        writeln!(out, "{}", serde_json::to_string(happening)?)?;
    } else {
        let details: String = happening.details.iter().map(|(name, value)| format!(", {name}={value}")).collect();
        let time = times::shown_ms(happening.time_ms);
        writeln!(out, "{time} machine {} {} (name={}{details})", happening.what, happening.id, happening.name)?;
    }
    out.flush()
}
