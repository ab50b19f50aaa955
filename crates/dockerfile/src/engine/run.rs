//! `RUN`: key, mounts, and the request to the worker.

use super::stage::Stage;
use super::{BuildError, stage};
use crate::plan::{PlannedStage, RunStep, Step};
use crate::worker::Commands;

/// Refuses commands when nothing can run them.
pub(super) fn refuse(_stages: &[PlannedStage], _commands: &Commands) -> Result<(), BuildError> {
    Ok(())
}

impl Stage<'_> {
    pub(super) fn run(&mut self, step: &Step, _run: &RunStep, _number: usize) -> Result<bool, BuildError> {
        Err(stage::at(step, "no RUN yet").into())
    }
}
