//! `pith ps`.

use super::filter::Filters;
use super::select::on_platform;
use super::times;
use crate::cli::{Arch, PsArgs};
use crate::error::Result;
use crate::listing::{Listing, ago, one_line, shorten, span};
use crate::settings::Settings;
use pith_machine::state::now_ms;
use pith_machine::{Machine, Status, StoreError};
use serde_json::{Value, json};

const SHORT: [&str; 8] = ["NAME", "KERNEL", "ARGS", "CREATED", "STATUS", "MEM", "PORTS", "PLAT"];
const LONG: [&str; 12] = ["MACHINE ID", "NAME", "KERNEL", "ARGS", "CREATED", "STATUS", "MEM", "PORTS", "PID", "ACCEL", "PLAT", "ARCH"];

/// Lists machines.
///
/// # Errors
/// When the store cannot be read, or a filter is none.
pub fn ps(settings: &Settings, arguments: &PsArgs) -> Result<u8> {
    let filters = Filters::parse(&arguments.filter)?;
    let store = settings.store()?;
    let (mut machines, mut damaged) = (Vec::new(), Vec::new());
    for (id, machine) in store.list()? {
        match machine {
            Ok(machine) => {
                let status = machine.status();
                // Read again what a supervisor may have written since; one that is gone was there when we looked.
                let machine = store.get(&machine.record.id).unwrap_or(machine);
                machines.push((machine, status));
            }
            Err(error) => damaged.push((id, error)),
        }
    }
    let last = if arguments.latest { Some(1) } else { arguments.last };
    // Docker's rule: a filter by status, or a number, looks at all machines.
    let shows_all =
        arguments.all || last.is_some() || arguments.filter.iter().any(|f| f.starts_with("status=") || f.starts_with("exited="));
    let everything: Vec<Machine> = machines.iter().filter_map(|(machine, _)| store.get(&machine.record.id).ok()).collect();
    machines.retain(|(machine, status)| {
        let is_here = on_platform(arguments.plat) && arguments.arch != Some(Arch::Arm64);
        is_here && (shows_all || status.is_live()) && filters.fit(machine, *status, &everything)
    });
    if let Some(last) = last {
        machines.drain(..machines.len().saturating_sub(last));
        damaged.clear();
    }
    if !shows_all || !filters.is_empty() {
        damaged.clear();
    }
    // Newest first, as Docker has it.
    machines.reverse();
    if arguments.quiet {
        machines.iter().for_each(|(machine, _)| println!("{}", machine.record.id));
        damaged.iter().for_each(|(id, _)| println!("{id}"));
        return Ok(0);
    }
    let mut listing = Listing::new(if arguments.long { &LONG } else { &SHORT });
    for (machine, status) in &machines {
        listing.push(row(machine, *status, arguments), value(machine, *status));
    }
    for (id, error) in &damaged {
        let (row, value) = damage(id, error, arguments);
        listing.push(row, value);
    }
    print!("{}", listing.show(arguments.output)?);
    Ok(0)
}

fn row(machine: &Machine, status: Status, arguments: &PsArgs) -> Vec<String> {
    let record = &machine.record;
    let cut = |text: &str| if arguments.long || arguments.no_trunc { one_line(text) } else { shorten(text) };
    let (plat, arch) = record.target.split_once('/').unwrap_or((&record.target, ""));
    let ports = if status.is_live() { ports(machine).join(", ") } else { String::new() };
    let mut row = vec![
        record.name.clone(),
        cut(&record.source),
        cut(&record.config.argv.join(" ")),
        ago(now_ms().saturating_sub(record.created_ms) / 1000),
        status_text(machine, status),
        format!("{} MiB", record.config.memory_mib),
        ports,
    ];
    if arguments.long {
        row.insert(0, record.id.clone());
        let pid = record.monitor.filter(|_| status.is_live()).map(|process| process.pid.to_string());
        row.extend([pid.unwrap_or_default(), record.accelerator.clone(), plat.to_owned(), arch.to_owned()]);
    } else {
        row.push(record.target.clone());
    }
    row
}

/// `running`, `exited (3)`, with how long it has been so.
fn status_text(machine: &Machine, status: Status) -> String {
    let record = &machine.record;
    let since = |time: Option<u64>| time.map(|time| span(now_ms().saturating_sub(time) / 1000));
    match (status, record.exit_code) {
        (Status::Exited, Some(code)) => match since(record.ended_ms) {
            Some(time) => format!("exited ({code}) {time} ago"),
            None => format!("exited ({code})"),
        },
        (Status::Restarting, Some(code)) => format!("restarting ({code})"),
        (Status::Running, _) => since(record.started_ms).map_or("running".to_owned(), |time| format!("running {time}")),
        _ => status.name().to_owned(),
    }
}

/// Published ports in the form of listings.
pub fn ports(machine: &Machine) -> Vec<String> {
    machine.record.config.ports.iter().map(ToString::to_string).collect()
}

fn value(machine: &Machine, status: Status) -> Value {
    let record = &machine.record;
    let (plat, arch) = record.target.split_once('/').unwrap_or((&record.target, ""));
    let labels: serde_json::Map<String, Value> =
        record.config.labels.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    json!({
        "id": record.id, "name": record.name, "kernel": record.source, "args": record.config.argv,
        "created": times::shown_ms(record.created_ms), "status": status.name(), "exit_code": record.exit_code,
        "memory_mib": record.config.memory_mib, "ports": ports(machine), "pid": record.monitor.map(|process| process.pid),
        "accelerator": record.accelerator, "plat": plat, "arch": arch, "restarts": record.restarts, "labels": labels,
    })
}

fn damage(id: &str, error: &StoreError, arguments: &PsArgs) -> (Vec<String>, Value) {
    let headings: &[&str] = if arguments.long { &LONG } else { &SHORT };
    let cell = |heading: &&str| match *heading {
        "NAME" | "MACHINE ID" => id.to_owned(),
        "STATUS" => "damaged".to_owned(),
        _ => "-".to_owned(),
    };
    (headings.iter().map(cell).collect(), json!({ "id": id, "name": id, "status": "damaged", "reason": error.to_string() }))
}
