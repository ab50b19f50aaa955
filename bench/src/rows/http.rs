//! The HTTP server: first answer, throughput, latency, cost.

use super::{PATIENCE, milliseconds};
use crate::Result;
use crate::lab::{Guest, Lab, Side, free_port};
use crate::machine::Machine;
use crate::report::{Met, Row};
use crate::stats::{Sample, number};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// Asks once; whether the whole page came with status 200.
pub fn ask(port: u16, patience: Duration) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), patience) else { return false };
    let _ = stream.set_read_timeout(Some(patience));
    let mut answer = Vec::new();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").is_ok()
        && stream.read_to_end(&mut answer).is_ok()
        && answer.starts_with(b"HTTP/1.1 200 ")
        && answer.len() > 612
}

/// A server that has answered once, and when that was.
fn server(lab: &Lab, side: Side) -> Result<(Machine, u16, f64)> {
    let port = free_port()?;
    let mut machine = lab.start(side, &Guest { args: "8080", port: Some(port), ..Guest::new("server") })?;
    machine.wait_for("listening on port", PATIENCE)?;
    machine.widen_backlogs();
    // Whoever waits for the machine knows when to ask; a question asked too early would be repeated by QEMU's network after seconds.
    if !ask(port, PATIENCE) {
        return Err("no answer with status 200".to_owned());
    }
    let at = milliseconds(machine.age());
    Ok((machine, port, at))
}

/// What one load test told.
struct Load {
    per_second: f64,
    per_cpu_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

/// A time as wrk writes it, in milliseconds.
fn wrk_time(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let value: f64 = text[..split].parse().ok()?;
    match &text[split..] {
        "us" => Some(value / 1e3),
        "ms" => Some(value),
        "s" => Some(value * 1e3),
        _ => None,
    }
}

fn load(machine: &Machine, port: u16, seconds: u32) -> Result<Load> {
    let before = machine.cpu_seconds();
    let url = format!("http://127.0.0.1:{port}/");
    let said =
        Command::new("wrk").args(["-t1", "-c8", &format!("-d{seconds}s"), "--latency", &url]).output().map_err(|e| format!("wrk: {e}"))?;
    let used = machine.cpu_seconds() - before;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let word = |prefix: &str| text.lines().find_map(|l| l.trim().strip_prefix(prefix).map(|rest| rest.trim().to_owned()));
    if let Some(errors) = word("Socket errors:").or_else(|| word("Non-2xx")) {
        return Err(format!("the load test met errors: {errors}"));
    }
    let fail = || format!("wrk said something else than expected: {text}");
    let total: f64 = text.lines().find_map(|l| l.trim().split_once(" requests in")).and_then(|(n, _)| n.parse().ok()).ok_or_else(fail)?;
    Ok(Load {
        per_second: word("Requests/sec:").and_then(|t| t.parse().ok()).ok_or_else(fail)?,
        per_cpu_second: total / used.max(0.01),
        p50_ms: word("50%").and_then(|t| wrk_time(&t)).ok_or_else(fail)?,
        p99_ms: word("99%").and_then(|t| wrk_time(&t)).ok_or_else(fail)?,
    })
}

#[derive(Default)]
struct Samples {
    first: Sample,
    per_second: Sample,
    per_cpu_second: Sample,
    p50: Sample,
    p99: Sample,
}

/// One server from start to end.
fn once(lab: &Lab, side: Side, into: &mut Samples) -> Result<()> {
    let (machine, port, first) = server(lab, side)?;
    // The first second is the emulator's, which translates the code then.
    load(&machine, port, 1)?;
    let measured = load(&machine, port, 5)?;
    into.first.add(first);
    into.per_second.add(measured.per_second);
    into.per_cpu_second.add(measured.per_cpu_second);
    into.p50.add(measured.p50_ms);
    into.p99.add(measured.p99_ms);
    Ok(())
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let (mut ours, mut control) = (Samples::default(), Samples::default());
    // Brings archives and emulator into the host's page cache.
    server(lab, Side::Pith)?;
    for _ in 0..lab.runs {
        once(lab, Side::Pith, &mut ours)?;
        lab.control(|| once(lab, Side::Linux, &mut control));
    }
    let ratio = |a: &Sample, b: &Sample| match (a.median(), b.median()) {
        (Some(a), Some(b)) if b > 0.0 => format!("{}x the control", number(a / b)),
        _ => String::new(),
    };
    let latency_met = Met::median_at_most(&ours.p50, 0.53).and(Met::median_at_most(&ours.p99, 1.58));
    Ok(vec![
        Row {
            promise: "QEMU start -> first HTTP 200",
            target: "<= 0.5x Unikraft (172 ms)",
            elsewhere: "344 ms; Linux 3,200-4,300 ms",
            ours: ours.first.show("ms"),
            control: control.first.show("ms"),
            met: Met::median_at_most(&ours.first, 344.0 * 0.5),
            remark: "one network card, static address".to_owned(),
        },
        Row {
            promise: "HTTP requests/s, 1 vCPU, keep-alive, wrk -t1 -c8",
            target: ">= 1.5x Unikraft (22,100)",
            elsewhere: "14.3-15.2 k; Linux 7.3-7.9 k",
            ours: ours.per_second.show("/s"),
            control: control.per_second.show("/s"),
            met: Met::median_at_least(&ours.per_second, 14_750.0 * 1.5),
            remark: ratio(&ours.per_second, &control.per_second),
        },
        Row {
            promise: "HTTP requests per VMM CPU-second",
            target: ">= 1.5x Unikraft (17,900)",
            elsewhere: "11.5-12.4 k; Linux 6.1-6.6 k",
            ours: ours.per_cpu_second.show(""),
            control: control.per_cpu_second.show(""),
            met: Met::median_at_least(&ours.per_cpu_second, 11_950.0 * 1.5),
            remark: format!("user and system time of the QEMU process; {}", ratio(&ours.per_cpu_second, &control.per_cpu_second)),
        },
        Row {
            promise: "p50 / p99 in that run",
            target: "<= Unikraft (0.53 / 1.58 ms)",
            elsewhere: "0.42-0.53 / 1.35-1.58 ms; Linux 0.91-1.02 / 3.2-3.4 ms",
            ours: format!("{} / {}", ours.p50.show("ms"), ours.p99.show("ms")),
            control: format!("{} / {}", control.p50.show("ms"), control.p99.show("ms")),
            met: latency_met,
            remark: "both machines' ports with the backlog that `pith run` gives them; with QEMU's own, of 1, late connections make p99"
                .to_owned(),
        },
    ])
}
