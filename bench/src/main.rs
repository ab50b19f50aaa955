//! Every promise of the project, measured: `bench [--runs N] [ROW...]`.
//!
//! Ours and the control (Debian's cloud kernel) run the same static programs in the same QEMU, alternating, and each row tells median and range. [`lab`]
//! knows how to start either side, [`machine`] is one that runs, [`rows`] are the measurements, [`report`] is the table and `docs/promises.md`.
//! Nothing here judges a build by time: a promise that is not met is a "no" in the table, never a failure.

mod archive;
mod host;
mod lab;
mod machine;
mod report;
mod rows;
mod stats;

use lab::Lab;
use std::process::ExitCode;

/// What stops a benchmark: a sentence for the user.
type Result<T> = std::result::Result<T, String>;

fn arguments() -> Result<(usize, Vec<String>)> {
    let (mut runs, mut wanted) = (3, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--runs" => {
                let number = words.next().unwrap_or_default();
                runs = number.parse().ok().filter(|n| *n > 0).ok_or(format!("--runs {number:?}: expected a number above 0"))?;
            }
            name if rows::ALL.iter().any(|(known, _)| *known == name) => wanted.push(word),
            _ => {
                let names: Vec<&str> = rows::ALL.iter().map(|(name, _)| *name).collect();
                return Err(format!("{word}? expected --runs N or rows: {}", names.join(" ")));
            }
        }
    }
    Ok((runs, wanted))
}

fn run() -> Result<()> {
    let (runs, wanted) = arguments()?;
    let lab = Lab::open(runs)?;
    let mut table = Vec::new();
    for (name, measure) in rows::ALL {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            host::settle();
            eprintln!("bench: {name}");
            let watch = host::Watch::start();
            // One row that cannot be measured does not take the others with it.
            let rows = measure(&lab).unwrap_or_else(|why| vec![report::Row::failed(name, &why)]);
            let busy = watch.other_work();
            table.extend(rows.into_iter().map(|row| report::Measured { name, busy, row }));
        }
    }
    report::print(&lab, &table);
    if wanted.is_empty() { report::write(&lab, &table) } else { Ok(()) }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}
