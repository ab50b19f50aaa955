//! What the kernel costs, in instructions and device accesses: figures that are nearly the same in every run on every host, so that they can be held to.
//!
//! QEMU counts instructions and lets the guest's clock tell them (`-icount`). A change that makes one of these figures rise says so here, and why it is worth
//! it; one that lowers it lowers the bound.

use machines::guest::{Board, Guest};
use machines::{Place, fixture};

/// The most that each figure of `counts.c` may be, a few per cent above what it is. `entry` has 200,000 in it that the clock's calibration waits for and what
/// the program's C library does first; addresses drawn at random make a part in a thousand of difference there.
const BOUNDS: [(&str, u64); 4] = [("entry", 540_000), ("syscall", 165), ("futex", 1_850), ("pipe", 2_700)];

fn figure(guest: &Guest, name: &str) -> u64 {
    let line = guest.console.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {}", guest.console));
    line.trim().parse().expect("a number")
}

#[test]
fn instructions() {
    let program = std::fs::read(fixture("counts")).expect("the program");
    let words = ["-icount", "shift=0,sleep=off"];
    let guest = Board::new(&program, 64, "pith.log=warn -- counts").words(&words).boot();
    assert_eq!(guest.ending, "@exit 0", "{}", guest.console);
    for (name, bound) in BOUNDS {
        let found = figure(&guest, name);
        assert!(found <= bound, "{name}: {found} instructions, at most {bound} expected; all: {}", guest.console);
        // A bound that is far off holds nothing.
        assert!(found * 10 >= bound * 8, "{name}: {found} instructions: lower the bound of {bound}");
    }
