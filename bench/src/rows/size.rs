//! Sizes of images.

use crate::Result;
use crate::lab::Lab;
use crate::report::{Met, Row};
use crate::stats::number;
use std::path::Path;

fn bytes(path: &Path) -> Option<f64> {
    path.metadata().ok().map(|m| m.len() as f64)
}

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let kilobytes = |n: f64| format!("{} KB", number(n / 1000.0));
    let runtime = bytes(&lab.runtime()).ok_or("no runtime image")?;
    let control = bytes(&lab.dir.join("linux/vmlinuz")).map_or_else(|| "-".to_owned(), |n| format!("{} (bzImage)", kilobytes(n)));
    let mut rows = vec![Row {
        promise: "runtime image size",
        target: "<= 600 KB",
        elsewhere: "628 KB (elfloader, LTO)",
        ours: kilobytes(runtime),
        control,
        met: Met::at_most(runtime, 600_000.0),
        remark: String::new(),
    }];
    let minimal = bytes(&lab.images.join("minimal-x86_64"));
    rows.push(Row {
        promise: "`minimal` image, for any static program",
        target: "<= 120 KB",
        elsewhere: "",
        ours: minimal.map_or_else(|| "not built".to_owned(), kilobytes),
        control: "-".to_owned(),
        met: minimal.map_or(Met::Unmeasured, |n| Met::at_most(n, 120_000.0)),
        remark: "the program comes in its archive".to_owned(),
    });
    Ok(rows)
}
