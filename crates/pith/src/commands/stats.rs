//! `pith stats`.

use crate::cli::{Output, StatsArgs};
use crate::error::{Error, Result};
use crate::listing::{Listing, bytes};
use crate::report::Report;
use crate::settings::Settings;
use pith_machine::control::Stats;
use pith_machine::state::Process;
use pith_machine::{Control, Machine, Store};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two tables.
const STEP: Duration = Duration::from_secs(1);
/// Time over which the processor's use is measured for the first table.
const FIRST: Duration = Duration::from_millis(200);
const HEADINGS: [&str; 10] =
    ["MACHINE ID", "NAME", "CPU %", "GUEST %", "HOST MEM", "MEM USED / LIMIT", "PAGE CACHE", "NET I/O", "FILE I/O", "THREADS"];

/// What was seen of one machine at one time.
#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    /// Processor time of the monitor, in nanoseconds.
    host_cpu_ns: u64,
    /// Memory of the monitor on the host, in bytes.
    host_bytes: u64,
    guest: Option<Stats>,
}

/// Shows what machines use.
///
/// # Errors
/// No such machine.
pub fn stats(settings: &Settings, arguments: &StatsArgs, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    for name in &arguments.machines {
        store.get(name)?;
    }
    let mut before: HashMap<String, Sample> = sample_all(&select(&store, arguments)?).into_iter().collect();
    thread::sleep(FIRST);
    let is_screen = io::stdout().is_terminal() && arguments.output == Output::Table && !arguments.no_stream;
    loop {
        let machines = select(&store, arguments)?;
        let now: HashMap<String, Sample> = sample_all(&machines).into_iter().collect();
        let mut listing = Listing::new(&HEADINGS);
        for machine in &machines {
            let id = &machine.record.id;
            let (row, value) = show(machine, before.get(id), now.get(id));
            listing.push(row, value);
        }
        let text = listing.show(arguments.output)?;
        // A screen is written over, so that numbers change in their places.
        let written = if is_screen { write!(io::stdout(), "\x1b[H\x1b[J{text}") } else { write!(io::stdout(), "{text}") };
        match written.and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
            other => other.map_err(|error| Error::new(format!("standard output: {error}")))?,
        }
        if arguments.no_stream {
            return Ok(0);
        }
        if machines.is_empty() && !arguments.machines.is_empty() {
            report.debug("none of the machines is there any more");
            return Ok(0);
        }
        before = now;
        thread::sleep(STEP);
    }
}

fn select(store: &Store, arguments: &StatsArgs) -> Result<Vec<Machine>> {
    if !arguments.machines.is_empty() {
        return Ok(arguments.machines.iter().filter_map(|name| store.get(name).ok()).collect());
    }
    let all = store.list()?.into_iter().filter_map(|(_, machine)| machine.ok());
    Ok(all.filter(|machine| arguments.all || machine.status().is_live()).collect())
}

/// All at once: a machine that is slow to answer does not hold up the others.
fn sample_all(machines: &[Machine]) -> Vec<(String, Sample)> {
    thread::scope(|scope| {
        let asked: Vec<_> =
            machines.iter().map(|machine| scope.spawn(move || Some((machine.record.id.clone(), sample(machine)?)))).collect();
        asked.into_iter().filter_map(|thread| thread.join().ok().flatten()).collect()
    })
}

fn sample(machine: &Machine) -> Option<Sample> {
    let monitor = machine.record.monitor.filter(Process::is_alive)?;
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", monitor.pid)).ok();
    // proc_pid_statm(5): the second field is the resident set in pages. proc_pid_schedstat(5) is of one thread only.
    let pages: u64 = read("statm")?.split_whitespace().nth(1)?.parse().ok()?;
    let tasks = std::fs::read_dir(format!("/proc/{}/task", monitor.pid)).ok()?.flatten();
    let of_task = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    let host_cpu_ns = tasks.filter_map(of_task).sum();
    let page_size = rustix::param::page_size() as u64;
    // A paused machine does not answer; neither does a kernel without an agent.
    let is_up = machine.status() == pith_machine::Status::Running;
    let guest = if is_up { Control::connect(machine.directory()).and_then(|mut control| control.stats()).ok() } else { None };
    Some(Sample { at: Instant::now(), host_cpu_ns, host_bytes: pages * page_size, guest })
}

/// Hundredths of a percent.
fn share(part_ns: u64, whole_ns: u128) -> Option<u64> {
    u64::try_from(u128::from(part_ns) * 10_000 / whole_ns.max(1)).ok()
}

fn percent(hundredths: Option<u64>) -> String {
    hundredths.map_or("-".to_owned(), |share| format!("{}.{:02}%", share / 100, share % 100))
}

fn show(machine: &Machine, before: Option<&Sample>, now: Option<&Sample>) -> (Vec<String>, Value) {
    let record = &machine.record;
    let none = || "-".to_owned();
    let host_share = before
        .zip(now)
        .and_then(|(before, now)| share(now.host_cpu_ns.saturating_sub(before.host_cpu_ns), now.at.duration_since(before.at).as_nanos()));
    let guest = now.and_then(|now| now.guest.as_ref());
    let guest_share = before.and_then(|before| before.guest.as_ref()).zip(guest).and_then(|(before, now)| {
        let busy = |stats: &Stats| stats.cpu.application_ns + stats.cpu.kernel_ns;
        share(busy(now).saturating_sub(busy(before)), now.uptime_ns.saturating_sub(before.uptime_ns).into())
    });
    let limit = record.config.memory_mib << 20;
    // Loopback never leaves the machine.
    let network = guest.map(|guest| {
        let cards = guest.network.iter().filter(|interface| interface.name != "lo");
        cards.fold((0_u64, 0_u64), |(received, sent), card| (received + card.received_bytes, sent + card.sent_bytes))
    });
    let pair = |pair: Option<(u64, u64)>| pair.map_or_else(none, |(a, b)| format!("{} / {}", bytes(a), bytes(b)));
    let row = vec![
        record.id.clone(),
        record.name.clone(),
        percent(host_share),
        percent(guest_share),
        now.map_or_else(none, |now| bytes(now.host_bytes)),
        guest.map_or_else(none, |guest| format!("{} / {}", bytes(guest.memory.used_bytes()), bytes(limit))),
        guest.map_or_else(none, |guest| bytes(guest.memory.page_cache_bytes)),
        pair(network),
        pair(guest.map(|guest| (guest.files.read_bytes, guest.files.written_bytes))),
        guest.map_or_else(none, |guest| guest.threads.to_string()),
    ];
    let value = json!({
        "id": record.id, "name": record.name, "status": machine.status().name(), "cpu_hundredths_of_percent": host_share,
        "host_memory_bytes": now.map(|now| now.host_bytes), "memory_limit_bytes": limit, "guest": guest,
    });
    (row, value)
}
