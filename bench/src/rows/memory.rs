//! Least memory: the smallest `-m` that a program still does its work with, found by halving.

use super::http;
use crate::Result;
use crate::lab::{Guest, Lab, Side, free_port};
use crate::report::{Met, Row};
use crate::stats::number;
use std::time::Duration;

const MIB: u64 = 1024;
/// Size of the further file in the root file system row.
const BALLAST_MIB: usize = 16;

/// Whether the guest does its work with this much memory.
fn works(lab: &Lab, side: Side, guest: &Guest<'_>) -> Result<bool> {
    // A machine that is too small ends at once; one that hangs is given this long.
    let patience = Duration::from_secs(if side == Side::Pith { 3 } else { 12 });
    let mut machine = lab.start(side, guest)?;
    Ok(match (guest.program, guest.port) {
        ("server", Some(port)) => machine.wait_for("listening on port", patience).is_ok() && http::ask(port, patience),
        ("readall", _) if !guest.args.is_empty() => machine.wait_for(&format!("read {} bytes", guest.ballast_mib << 20), patience).is_ok(),
        ("readall", _) => machine.wait_for("read 0 bytes", patience).is_ok(),
        _ => machine.wait_for("hello from C", patience).is_ok(),
    })
}

/// The least memory in KiB, a multiple of `step`; widened from `hint` in both directions, then halved.
fn least_kib(lab: &Lab, side: Side, guest: &Guest<'_>, hint: u64, step: u64) -> Result<u64> {
    let check = |kib: u64| -> Result<bool> {
        let port = guest.port.map(|_| free_port()).transpose()?;
        works(lab, side, &Guest { memory_kib: kib, port, ..*guest })
    };
    // All in steps: `high` works, `low` does not.
    let (mut low, mut high) = (0, hint.div_ceil(step));
    let mut stride = 2;
    while !check(high * step)? {
        low = high;
        high += stride;
        stride *= 2;
        if high * step > 4096 * MIB {
            return Err(format!("{} does not even work with 4 GiB", guest.program));
        }
    }
    stride = 2;
    while low == 0 && high > stride && high - low > 1 {
        if check((high - stride) * step)? {
            high -= stride;
            stride *= 2;
        } else {
            low = high - stride;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if check(middle * step)? { high = middle } else { low = middle }
    }
    Ok(high * step)
}

fn mib(kib: u64) -> String {
    format!("{} MiB", number(kib as f64 / MIB as f64))
}

/// Steps and first guesses per side: the control's starts take seconds.
fn least_of(lab: &Lab, side: Side, guest: &Guest<'_>) -> Result<u64> {
    let ballast = guest.ballast_mib as u64 * MIB;
    match side {
        Side::Pith => least_kib(lab, side, guest, 3 * MIB + ballast, 64),
        Side::Linux => least_kib(lab, side, guest, 74 * MIB + 2 * ballast, 2 * MIB),
    }
}

fn control_of(lab: &Lab, guest: &Guest<'_>) -> Option<u64> {
    lab.control(|| least_of(lab, Side::Linux, guest))
}

pub fn least(lab: &Lab) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let server = Guest { args: "8080", port: Some(0), ..Guest::new("server") };
    for (guest, promise, target, limit, elsewhere) in [
        (Guest::new("hello"), "least memory, hello from initrd", "<= 2.5 MiB", 2560.0, "3.9 MiB; Linux 72 MiB"),
        (server, "least memory, HTTP server", "<= 4 MiB", 4096.0, "5.2 MiB"),
    ] {
        let ours = least_of(lab, Side::Pith, &guest)?;
        let control = control_of(lab, &guest);
        rows.push(Row {
            promise,
            target,
            elsewhere,
            ours: mib(ours),
            control: control.map_or_else(|| "-".to_owned(), mib),
            met: Met::at_most(ours as f64, limit),
            remark: "`-m`, halved to 64 KiB (control: 2 MiB)".to_owned(),
        });
    }
    Ok(rows)
}

pub fn root_file_system(lab: &Lab) -> Result<Vec<Row>> {
    let empty = Guest::new("readall");
    let untouched = Guest { ballast_mib: BALLAST_MIB, ..empty };
    let touched = Guest { args: "/ballast", ..untouched };
    let per_byte = |with: u64, without: u64| (with as f64 - without as f64) / (BALLAST_MIB as f64 * MIB as f64);
    let base = least_of(lab, Side::Pith, &empty)?;
    let (plain, read) = (least_of(lab, Side::Pith, &untouched)?, least_of(lab, Side::Pith, &touched)?);
    let control = match (control_of(lab, &empty), control_of(lab, &untouched)) {
        (Some(base), Some(with)) => format!("{}S", number(per_byte(with, base))),
        _ => "-".to_owned(),
    };
    let (plain, read) = (per_byte(plain, base), per_byte(read, base));
    Ok(vec![Row {
        promise: "memory for a root file system of size S",
        target: "S + touched pages",
        elsewhere: "2S and more; Linux 2S",
        ours: format!("{}S untouched, {}S all read", number(plain), number(read)),
        control,
        // What the step of the search can hide.
        met: Met::at_most(plain, 1.01).and(Met::at_most(read, 2.01)),
        remark: format!("growth of the least `-m` by a further file of {BALLAST_MIB} MiB"),
    }])
}
