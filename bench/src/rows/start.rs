//! How soon a program speaks.

use super::{PATIENCE, milliseconds};
use crate::Result;
use crate::lab::{Guest, Lab, Side};
use crate::machine::Machine;
use crate::report::{Met, Row};
use crate::stats::Sample;

/// Time from just before QEMU's start to the first line of PVH kernel `floor`, which does nothing else.
fn floor(lab: &Lab) -> Result<f64> {
    let mut machine = Machine::start(lab.pith_command(&lab.program("floor"), &Guest::new("floor")))?;
    Ok(milliseconds(machine.wait_for("floor", PATIENCE)?.0))
}

/// Time to the application's first line.
fn hello(lab: &Lab, side: Side) -> Result<f64> {
    Ok(milliseconds(lab.start(side, &Guest::new("hello"))?.wait_for("hello from C", PATIENCE)?.0))
}

pub fn first_line(lab: &Lab) -> Result<Vec<Row>> {
    let (mut ours, mut control, mut floors) = (Sample::default(), Sample::default(), Sample::default());
    // One start more than counts, so that everything is in the host's page cache.
    for run in 0..=lab.runs * 3 {
        let at = floor(lab)?;
        if run > 0 {
            floors.add(at);
        }
        let at = hello(lab, Side::Pith)?;
        if run > 0 {
            ours.add(at);
        }
        // The control takes seconds: every third time is as good.
        if run % 3 == 1 {
            lab.control(|| hello(lab, Side::Linux)).inspect(|at| control.add(*at));
        }
    }
    Ok(vec![Row {
        promise: "QEMU start -> application's first line",
        target: "<= 0.5x elfloader (118 ms)",
        elsewhere: "237 ms (pc), hello alone 150 ms (microvm); Linux 2,570 ms",
        ours: ours.show("ms"),
        control: control.show("ms"),
        met: Met::median_at_most(&ours, 237.0 * 0.5),
        remark: format!(
            "no network card; {} of ours are QEMU's and its firmware's own (a kernel whose first instruction writes the line)",
            floors.show("ms")
        ),
    }])
}

/// The guest's clock at main().
fn guest_time(lab: &Lab, side: Side, port: Option<u16>) -> Result<f64> {
    let (_, line) = lab.start(side, &Guest { port, ..Guest::new("entry") })?.wait_for("entry ", PATIENCE)?;
    let ns: f64 = line.trim_start_matches("entry ").trim().parse().map_err(|_| format!("not a time: {line}"))?;
    Ok(ns / 1e6)
}

pub fn entry(lab: &Lab) -> Result<Vec<Row>> {
    let mut samples = [Sample::default(), Sample::default(), Sample::default(), Sample::default()];
    let [bare, card, control, control_card] = &mut samples;
    for run in 0..lab.runs * 3 {
        bare.add(guest_time(lab, Side::Pith, None)?);
        card.add(guest_time(lab, Side::Pith, Some(crate::lab::free_port()?))?);
        if run % 3 == 0 {
            lab.control(|| guest_time(lab, Side::Linux, None)).inspect(|ms| control.add(*ms));
            lab.control(|| guest_time(lab, Side::Linux, Some(crate::lab::free_port()?))).inspect(|ms| control_card.add(*ms));
        }
    }
    Ok(vec![Row {
        promise: "guest's own time, entry -> main, no NIC / one NIC",
        target: "<= 2 ms TCG (<= 50 us KVM); no calibration wait",
        elsewhere: "55 us / 544 us (KVM, published); 5.6 ms + 100 ms TSC calibration (TCG)",
        ours: format!("{} / {}", bare.show("ms"), card.show("ms")),
        control: format!("{} / {}", control.show("ms"), control_card.show("ms")),
        met: Met::median_at_most(bare, 2.0),
        remark: "CLOCK_MONOTONIC when main is entered: starts with the kernel's clock, a little after entry. TCG translates some 3,500 blocks of kernel code meanwhile, spread over the whole kernel: about 5 us for each. KVM: not measured, no usable /dev/kvm here".to_owned(),
    }])
}
