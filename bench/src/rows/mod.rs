//! The measurements, one file per family.

mod build;
mod command;
mod http;
mod kernel;
mod memory;
mod micro;
mod size;
mod start;

use crate::Result;
use crate::lab::Lab;
use crate::report::Row;
use std::time::Duration;

/// A measurement: one or more rows.
pub type Measure = fn(&Lab) -> Result<Vec<Row>>;

/// All of them, in the order of the table, by the name that `bench/run.sh` takes.
pub const ALL: [(&str, Measure); 10] = [
    ("size", size::measure),
    ("start", start::first_line),
    ("entry", start::entry),
    ("memory", memory::least),
    ("http", http::measure),
    ("micro", micro::measure),
    ("rootfs", memory::root_file_system),
    ("command", command::measure),
    ("build", build::measure),
    ("kernel", kernel::measure),
];

/// How long a guest may take for its first words. The control needs seconds, and the host may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
