//! `pith logs`, and the following of machines that were just started.

use super::select::on_platform;
use super::times;
use crate::cli::LogsArgs;
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_machine::logs::{Follow, LogReader, Piece, Selection, Stream};
use pith_machine::{Machine, Store, StoreError, wait};
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// How often followed logs are looked at.
const STEP: Duration = Duration::from_millis(50);
/// Colours of prefixes, by the order of machines.
const COLORS: [&str; 6] = ["36", "33", "32", "35", "34", "31"];

/// How lines are shown.
#[derive(Clone, Debug, Default)]
struct Style {
    /// Begin each line with the time at which it was written.
    has_times: bool,
    /// Do not show lines that were written later, in microseconds since 1970.
    until_micros: Option<u64>,
}

/// One machine's log while it is shown.
struct Source {
    machine: Machine,
    reader: LogReader,
    prefix: String,
    is_over: bool,
    /// Whether the line that is being shown began too late to be shown.
    is_late: [bool; 2],
}

/// Shows what machines wrote: their output on standard output, their errors on standard error.
///
/// # Errors
/// No such machine.
pub fn logs(settings: &Settings, arguments: &LogsArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let tail = match arguments.tail.as_str() {
        "all" | "-1" => None,
        text => Some(text.parse().map_err(|_| Error::new(format!("--tail {text:?}: expected a number of lines, or all")))?),
    };
    let point = |flag: &str, text: &Option<String>| {
        let point = |text: &String| times::point(text).map_err(|problem| Error::new(format!("--{flag} {text:?}: {problem}")));
        text.as_ref().map(point).transpose()
    };
    let selection = Selection { tail, since_micros: point("since", &arguments.since)? };
    let style = Style { has_times: arguments.timestamps, until_micros: point("until", &arguments.until)? };
    if !on_platform(arguments.plat) {
        return Ok(0);
    }
    let machines = arguments.machines.iter().map(|name| Ok(store.get(name)?)).collect::<Result<Vec<_>>>()?;
    let has_prefixes = machines.len() > 1 && !arguments.no_prefix;
    let sources = sources(machines, selection, has_prefixes, report.colors_output(settings))?;
    let follow = if arguments.follow { Follow::Yes } else { Follow::No };
    show(&store, sources, follow, &style)?;
    Ok(0)
}

/// Follows machines from the present end of their logs to theirs.
///
/// # Errors
/// A log that cannot be read.
pub fn attach(settings: &Settings, store: &Store, names: &[String], no_prefix: bool, report: &Report) -> Result<()> {
    let machines: Vec<Machine> = names.iter().filter_map(|name| store.get(name).ok()).collect();
    let has_prefixes = machines.len() > 1 && !no_prefix;
    let started = machines.iter().filter_map(|machine| machine.record.started_ms).min();
    let selection = Selection { tail: None, since_micros: started.map(|started| started.saturating_mul(1000)) };
    show(store, sources(machines, selection, has_prefixes, report.colors_output(settings))?, Follow::Yes, &Style::default())
}

fn sources(machines: Vec<Machine>, selection: Selection, has_prefixes: bool, has_color: bool) -> Result<Vec<Source>> {
    let width = machines.iter().map(|machine| machine.record.name.len()).max().unwrap_or(0);
    let one = |(machine, color): (Machine, &&str)| {
        let name = &machine.record.name;
        let prefix = match (has_prefixes, has_color) {
            (false, _) => String::new(),
            (true, false) => format!("{name:<width$} | "),
            (true, true) => format!("\x1b[{color}m{name:<width$} |\x1b[0m "),
        };
        Ok(Source { reader: LogReader::open(&machine, selection)?, machine, prefix, is_over: false, is_late: [false; 2] })
    };
    machines.into_iter().zip(COLORS.iter().cycle()).map(one).collect()
}

fn show(store: &Store, mut sources: Vec<Source>, follow: Follow, style: &Style) -> Result<()> {
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    loop {
        for source in sources.iter_mut().filter(|source| !source.is_over) {
            // Asked before reading: what was written before the end is then read for certain.
            source.is_over = follow == Follow::No || !goes_on(store, &source.machine);
            let path = source.machine.path("output.log");
            match copy(source, style, &mut out, &mut err) {
                // The reader has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(|source| StoreError::Io { path, source })?,
            }
        }
        let late = style.until_micros.is_some_and(|until| times::point("0s").is_ok_and(|now| now > until));
        if late || sources.iter().all(|source| source.is_over) {
            return Ok(());
        }
        thread::sleep(STEP);
    }
}

/// Whether the machine may still write.
fn goes_on(store: &Store, machine: &Machine) -> bool {
    store.get(&machine.record.id).is_ok_and(|now| wait::is_in_use(&now, now.status()))
}

fn copy(source: &mut Source, style: &Style, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
    let Source { reader, prefix, is_late, .. } = source;
    reader.each(&mut |piece: Piece<'_>| {
        let late = match piece.stream {
            Stream::Output => &mut is_late[0],
            Stream::Error => &mut is_late[1],
        };
        if piece.starts_line {
            *late = style.until_micros.is_some_and(|until| piece.micros > until);
        }
        if *late {
            return Ok(());
        }
        match piece.stream {
            Stream::Output => line(out, prefix, style, piece),
            Stream::Error => line(err, prefix, style, piece),
        }
    })?;
    out.flush()?;
    err.flush()
}

fn line(to: &mut dyn Write, prefix: &str, style: &Style, piece: Piece<'_>) -> io::Result<()> {
    if piece.starts_line {
        to.write_all(prefix.as_bytes())?;
        if style.has_times {
            write!(to, "{} ", times::shown(piece.micros))?;
        }
    }
    to.write_all(piece.bytes)
}
