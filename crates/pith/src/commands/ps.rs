//! `pith ps`.

use crate::cli::{Global, Output, PsArgs};
use crate::error::{Error, Result};
use pith_machine::state::now_ms;
use pith_machine::{Machine, Status, Store};

/// Lists machines.
///
/// # Errors
/// When the store cannot be read.
pub fn ps(_global: &Global, arguments: &PsArgs) -> Result<u8> {
    let store = Store::open(None)?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for (name, machine) in store.list()? {
        match machine {
            Ok(machine) => {
                let status = machine.status();
                // Read again what a supervisor may have written since.
                let machine = store.get(&name).unwrap_or(machine);
                if arguments.all || status == Status::Running {
                    values.push(json(&machine, status)?);
                    rows.push(row(&machine, status, arguments));
                }
            }
            Err(error) if arguments.all => {
                values.push(serde_json::json!({ "name": name, "status": "damaged", "reason": error.to_string() }));
                let mut row = vec![name, "-".to_owned(), "-".to_owned(), "-".to_owned(), "damaged".to_owned()];
                row.resize(headings(arguments).len(), "-".to_owned());
                rows.push(row);
            }
            Err(_) => {}
        }
    }
    let text = match arguments.output {
        _ if arguments.quiet => rows.iter().filter_map(|row| row.first()).map(|name| format!("{name}\n")).collect(),
        Output::Json => serde_json::to_string_pretty(&values).map_err(|error| Error::new(error.to_string()))? + "\n",
        Output::Table => table(&headings(arguments), &rows),
    };
    print!("{text}");
    Ok(0)
}

fn headings(arguments: &PsArgs) -> Vec<&'static str> {
    let mut headings = vec!["NAME", "KERNEL", "ARGS", "CREATED", "STATUS", "MEM", "PORTS", "PLAT"];
    if arguments.long {
        headings.extend(["ACCEL", "PID"]);
    }
    headings
}

fn row(machine: &Machine, status: Status, arguments: &PsArgs) -> Vec<String> {
    let record = &machine.record;
    let status_text = match (status, record.exit_code) {
        (Status::Exited, Some(code)) => format!("exited ({code})"),
        _ => status.name().to_owned(),
    };
    let ports = if status == Status::Running { record.ports.join(", ") } else { String::new() };
    let mut row = vec![
        record.name.clone(),
        shorten(&record.source),
        shorten(&record.args.join(" ")),
        ago(now_ms().saturating_sub(record.created_ms) / 1000),
        status_text,
        format!("{} MiB", record.memory_mib),
        ports,
        record.target.clone(),
    ];
    if arguments.long {
        let pid = record.monitor.filter(|_| status == Status::Running).map(|process| process.pid.to_string());
        row.extend([record.accelerator.clone(), pid.unwrap_or_default()]);
    }
    row
}

fn json(machine: &Machine, status: Status) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(&machine.record).map_err(|error| Error::new(error.to_string()))?;
    if let Some(object) = value.as_object_mut() {
        object.insert("status".to_owned(), status.name().into());
    }
    Ok(value)
}

fn shorten(text: &str) -> String {
    const WIDTH: usize = 40;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= WIDTH { text } else { text.chars().take(WIDTH - 1).chain(['…']).collect() }
}

fn ago(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86400 => (seconds / 3600, "hour"),
        _ => (seconds / 86400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

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

#[cfg(test)]
mod tests {
    #[test]
    fn times_and_tables() {
        assert_eq!(super::ago(1), "1 second ago");
        assert_eq!(super::ago(7200), "2 hours ago");
        let rows = [vec!["web".to_owned(), "x".to_owned()]];
        assert_eq!(super::table(&["NAME", "K"], &rows), "NAME  K\nweb   x\n");
        assert_eq!(super::shorten(&"a".repeat(50)).chars().count(), 40);
    }
}
