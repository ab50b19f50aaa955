//! The host while we measure: how busy it is with other work, what a process has used.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Share of processor time above which the host does not count as quiet.
const QUIET: f64 = 0.1;
/// How long to wait for quiet before measuring all the same.
const PATIENCE: Duration = Duration::from_secs(15);

/// Busy and all processor time since the host started, in clock ticks.
fn processor_ticks() -> Option<(f64, f64)> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    // user nice system idle iowait irq softirq steal (proc(5))
    let ticks: Vec<f64> = text.lines().next()?.split_whitespace().skip(1).take(8).filter_map(|t| t.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    let all: f64 = ticks.iter().sum();
    Some((all - idle, all))
}

/// Waits until the host is quiet, or patience ends.
pub fn settle() {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = processor_ticks();
        sleep(Duration::from_millis(500));
        let busy = match (before, processor_ticks()) {
            (Some(a), Some(b)) if b.1 > a.1 => (b.0 - a.0) / (b.1 - a.1),
            _ => 0.0,
        };
        if busy <= QUIET || Instant::now() >= deadline {
            return;
        }
    }
}

/// Processor time, in ticks, of this process and of those that it started and that have ended.
fn own_ticks() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // utime, stime, cutime, cstime: the 14th to 17th field of proc(5), see `cpu_seconds`.
    let fields: Vec<f64> = text.rsplit_once(") ")?.1.split(' ').skip(11).take(4).filter_map(|t| t.parse().ok()).collect();
    Some(fields.iter().sum())
}

/// Processor time, in seconds, of this process and of those that it started and that have ended.
pub fn own_seconds() -> Option<f64> {
    own_ticks().map(|ticks| ticks / 100.0)
}

/// Watches the host during a measurement.
pub struct Watch {
    host: Option<(f64, f64)>,
    own: Option<f64>,
}

impl Watch {
    /// Begins.
    pub fn start() -> Self {
        Self { host: processor_ticks(), own: own_ticks() }
    }

    /// Share of all processors that was busy with other work (or taken by the hypervisor) since the start.
    pub fn other_work(&self) -> f64 {
        match (self.host, processor_ticks(), self.own, own_ticks()) {
            (Some(a), Some(b), Some(own), Some(now)) if b.1 > a.1 => ((b.0 - a.0 - (now - own)) / (b.1 - a.1)).max(0.0),
            _ => 0.0,
        }
    }
}

/// Load average of the last minute, as the system tells it.
pub fn load() -> String {
    fs::read_to_string("/proc/loadavg").ok().and_then(|t| t.split(' ').next().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
}

/// Processor model and count.
pub fn processors() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        text.lines().find_map(|l| l.strip_prefix("model name")).map_or("unknown processor", |l| l.trim_start_matches([' ', '\t', ':']));
    format!("{} x {model}", text.lines().filter(|l| l.starts_with("processor")).count())
}

/// Processor time that a process has used, user and system, in seconds. Ticks are 10 ms on every Linux that has run on x86_64 (`USER_HZ`).
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Fields count from the name's closing parenthesis: state is the third of proc(5), utime and stime the 14th and 15th.
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    Some((fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?) / 100.0)
}
