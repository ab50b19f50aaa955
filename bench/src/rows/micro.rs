//! The kernel's primitive costs: `bench/programs/micro.c` on both sides.

use crate::Result;
use crate::lab::{Guest, Lab, Side};
use crate::report::{Met, Row};
use crate::stats::{Sample, number};
use std::time::Duration;

/// Name in the program's output, and what it is.
const TESTS: [(&str, &str); 7] = [
    ("syscall", "null system call"),
    ("futex", "context switch (futex hand-over)"),
    ("pipe", "context switch (pipe hand-over)"),
    ("stream", "pipe, 4 KiB written and read"),
    ("fault", "page fault, anonymous"),
    ("mmap", "mmap + munmap, untouched page"),
    ("touched", "mmap + munmap, touched page"),
];

/// What a missed row consists of; the instructions are those that `tests/machines/tests/counts.rs` holds us to.
fn why(name: &str) -> &'static str {
    match name {
        "syscall" => "; 135 instructions, among them syscall, swapgs and sti, which each end a block of TCG's",
        "futex" | "pipe" => "; two system calls and a switch of threads",
        "mmap" => "; two system calls",
        _ => "",
    }
}

/// One run: nanoseconds in the order of [`TESTS`].
fn once(lab: &Lab, side: Side) -> Result<Vec<f64>> {
    let mut machine = lab.start(side, &Guest::new("micro"))?;
    let value = |(name, _): &(&str, &str)| {
        let (_, line) = machine.wait_for(&format!("{name} "), Duration::from_secs(60))?;
        line.rsplit(' ').next().unwrap_or_default().parse().map_err(|_| format!("{side:?}: {line}"))
    };
    TESTS.iter().map(value).collect()
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let mut samples: Vec<(Sample, Sample)> = vec![Default::default(); TESTS.len()];
    for _ in 0..lab.runs {
        samples.iter_mut().zip(once(lab, Side::Pith)?).for_each(|((ours, _), ns)| ours.add(ns));
        let linux = lab.control(|| once(lab, Side::Linux)).unwrap_or_default();
        samples.iter_mut().zip(linux).for_each(|((_, control), ns)| control.add(ns));
    }
    Ok(TESTS
        .iter()
        .zip(&samples)
        .map(|((name, promise), (ours, control))| {
            let ratio = ours.median().zip(control.median()).map(|(a, b)| a / b);
            let met = ratio.map_or(Met::Unmeasured, |r| Met::at_most(r, 0.5));
            let why = if met == Met::No { why(name) } else { "" };
            Row {
                promise,
                target: "<= 0.5x Linux",
                elsewhere: "-",
                ours: ours.show("ns"),
                control: control.show("ns"),
                met,
                remark: ratio.map_or_else(String::new, |r| format!("{}x Linux{why}", number(r))),
            }
        })
        .collect())
}
