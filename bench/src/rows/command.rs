//! The command line beyond the VMM's own start.

use super::{PATIENCE, milliseconds};
use crate::Result;
use crate::lab::{Guest, Lab, Side};
use crate::machine::Machine;
use crate::report::{Met, Row};
use crate::stats::{Sample, number};
use std::process::Command;

pub fn measure(lab: &Lab) -> Result<Vec<Row>> {
    let state = lab.dir.join("pith-state");
    let (mut direct, mut through) = ((Sample::default(), Sample::default()), (Sample::default(), Sample::default()));
    // A `pith run` machine has a card; so has the one beside it.
    for run in 0..=lab.runs * 5 {
        let guest = Guest { port: Some(crate::lab::free_port()?), memory_kib: 258 << 10, ..Guest::new("hello") };
        let mut pith = Command::new(&lab.pith);
        pith.args(["run", "-W", "--rm"]).arg(lab.program("hello")).env("PITH_DATA_DIR", &state);
        for (command, (line, end)) in [(lab.command(Side::Pith, &guest)?, &mut direct), (pith, &mut through)] {
            let mut machine = Machine::start(command)?;
            let (at, _) = machine.wait_for("hello from C", PATIENCE)?;
            let (ended, _) = machine.end(PATIENCE)?;
            if run > 0 {
                line.add(milliseconds(at));
                end.add(milliseconds(ended));
            }
        }
    }
    let beyond = |a: &Sample, b: &Sample| a.median().zip(b.median()).map_or(0.0, |(a, b)| a - b);
    let (line, end) = (beyond(&through.0, &direct.0), beyond(&through.1, &direct.1));
    Ok(vec![Row {
        promise: "`pith run` beyond the VMM's own start",
        target: "<= 20 ms",
        elsewhere: "100s of ms (kraft)",
        ours: format!("{} ms to the first line, {} ms to the end", number(line), number(end)),
        control: format!("QEMU with the same words: {} to the first line, {} to the end", direct.0.show("ms"), direct.1.show("ms")),
        met: Met::at_most(line.max(end), 20.0),
        remark: "difference of medians".to_owned(),
    }])
}
