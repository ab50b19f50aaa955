//! The table, on the terminal and as `docs/promises.md`.

use crate::lab::Lab;
use crate::stats::Sample;
use crate::{Result, host};
use std::fmt::Write;
use std::fs;

/// Whether a promise is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// There is no number.
    Unmeasured,
}

impl Met {
    /// `value <= limit`.
    pub fn at_most(value: f64, limit: f64) -> Self {
        if value <= limit { Self::Yes } else { Self::No }
    }

    /// The median is at most `limit`.
    pub fn median_at_most(sample: &Sample, limit: f64) -> Self {
        sample.median().map_or(Self::Unmeasured, |m| Self::at_most(m, limit))
    }

    /// The median is at least `limit`.
    pub fn median_at_least(sample: &Sample, limit: f64) -> Self {
        sample.median().map_or(Self::Unmeasured, |m| Self::at_most(limit, m))
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unmeasured, _) | (_, Self::Unmeasured) => Self::Unmeasured,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::No,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "**no**",
            Self::Unmeasured => "-",
        }
    }
}

/// One promise and what was found.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is promised.
    pub promise: &'static str,
    /// How much of it.
    pub target: &'static str,
    /// What was measured at another time on another machine: Unikraft's column of the design.
    pub elsewhere: &'static str,
    /// Our result.
    pub ours: String,
    /// The control's, in the same run.
    pub control: String,
    /// Whether the target is met.
    pub met: Met,
    /// What a reader must know.
    pub remark: String,
}

impl Row {
    /// A row that could not be measured.
    pub fn failed(name: &str, why: &str) -> Self {
        let remark = why.replace('|', "/").replace('\n', " ");
        let ours = format!("`{name}` could not be measured");
        Self { promise: "-", target: "-", elsewhere: "-", ours, control: "-".to_owned(), met: Met::Unmeasured, remark }
    }
}

/// A row with how it came about.
pub struct Measured {
    /// What `bench/run.sh` calls it.
    pub name: &'static str,
    /// Share of the host's processors that were busy with other work meanwhile.
    pub busy: f64,
    /// The row.
    pub row: Row,
}

/// Promises without a measurement, and why.
const PENDING: [(&str, &str, &str); 1] =
    [("guest's own time, entry -> main, under KVM", "<= 50 us", "no usable /dev/kvm where this was measured; the row above is TCG")];

fn conditions(lab: &Lab) -> String {
    let control = lab.control.as_deref().map_or_else(|| "none could be had".to_owned(), |r| format!("Debian's linux-image-{r}"));
    format!(
        "{}, TCG (no hardware virtualisation), 1 vCPU, user-mode networking. Host: {}; load average {} at the start, {} at the end. Control: {control}; \
         `-M microvm,acpi=off` where neither a network card nor an exact clock is needed, else `-M pc`. Medians of {} (short ones of three to five times as many) alternating \
         runs, with the range.",
        Lab::qemu_version(),
        host::processors(),
        lab.load_at_start,
        host::load(),
        lab.runs
    )
}

/// The table for the terminal.
pub fn print(lab: &Lab, table: &[Measured]) {
    println!("{}\n", conditions(lab));
    for Measured { name, busy, row } in table {
        println!("{} [{name}; host {:.0} % busy with other work]", row.promise, busy * 100.0);
        println!("    promised {}   met: {}", row.target, row.met.word().trim_matches('*'));
        println!("    ours     {}", row.ours);
        println!("    control  {}", row.control);
        if !row.remark.is_empty() {
            println!("    ({})", row.remark);
        }
    }
}

/// Writes `docs/promises.md`.
pub fn write(lab: &Lab, table: &[Measured]) -> Result<()> {
    let mut out = String::from(
        "# Promises\nWritten by `make bench`; do not edit. Every promise, what was measured, and the command that measures it. The control ran in the same run, in the \
         same QEMU, with the same programs.\n\n",
    );
    let _ = write!(out, "{}\n\n", conditions(lab));
    out.push_str(
        "The column \"elsewhere\" is Unikraft (and Linux) measured or published elsewhere: on another machine of this kind, at another time, under QEMU 7.2 TCG on \
         `-M pc`. It is no control; targets in its terms are compared with its number as it stands. Ratios under TCG do not carry over to KVM. \
         Rows with more than 20 % of other work on the host are no judgement: run again on a quiet machine.\n\n",
    );
    out.push_str(
        "| promise | target | elsewhere | ours | control | met? | other work on the host | command |\n|---|---|---|---|---|---|---|---|\n",
    );
    for Measured { name, busy, row } in table {
        let remark = if row.remark.is_empty() { String::new() } else { format!(" ({})", row.remark) };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {}{remark} | {} | {} | {:.0} % | `bench/run.sh {name}` |",
            row.promise,
            row.target,
            row.elsewhere,
            row.ours,
            row.control,
            row.met.word(),
            busy * 100.0
        );
    }
    for (promise, target, why) in PENDING {
        let _ = writeln!(out, "| {promise} | {target} | | {why} | | - | | |");
    }
    let path = lab.root.join("docs/promises.md");
    fs::write(&path, out).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("\nwritten: {}", path.display());
    Ok(())
}
