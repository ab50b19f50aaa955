//! Waiting for what a machine writes.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a command that shows what a machine writes as it comes (`pith logs -f NAME`) until that is `expected`; fails when it is something else, or not there
/// within `limit`.
pub fn until_written(mut command: Command, expected: &str, limit: Duration) {
    let mut follow = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut output = follow.stdout.take().expect("piped");
    let (deadline, mut written) = (Instant::now() + limit, Vec::new());
    while written.len() < expected.len() {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).expect("a short time");
        match poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&left)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => continue,
        }
        let mut piece = [0; 4096];
        match output.read(&mut piece) {
            Ok(len @ 1..) => written.extend(&piece[..len]),
            _ => break,
        }
    }
    let _ = follow.kill();
    follow.wait().expect("our child");
    assert_eq!(String::from_utf8_lossy(&written), expected, "{command:?}");
}
