//! What the kernel costs, in instructions and device accesses: figures that are nearly the same in every run on every host, so that they can be held to.
//!
//! QEMU counts instructions and lets the guest's clock tell them (`-icount`). A change that makes one of these figures rise says so here, and why it is worth
//! it; one that lowers it lowers the bound.

use machines::guest::{Board, Guest};
use machines::{Place, fixture, root};

/// The most that each figure of `counts.c` may be, a few per cent above what it is. `entry` has 200,000 in it that the clock's calibration waits for and what
/// the program's C library does first; addresses drawn at random make a part in a thousand of difference there.
const BOUNDS: [(&str, u64); 6] =
    [("entry", 545_000), ("syscall", 140), ("futex", 1_330), ("pipe", 2_330), ("mmap", 3_900), ("touched", 5_850)];

fn figure(guest: &Guest, name: &str) -> u64 {
    let line = guest.console.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {}", guest.console));
    line.trim().parse().expect("a number")
}

/// The most bytes that each preset's image may have, a little above what it is. A library added to the kernel is paid for here, or somewhere else in it.
const IMAGES: [(&str, u64); 2] = [("runtime", 600_000), ("minimal", 120_000)];

#[test]
fn sizes_of_images() {
    for (preset, bound) in IMAGES {
        let image = root().join(format!("kernel/target/images/{preset}-x86_64"));
        let bytes = image.metadata().unwrap_or_else(|error| panic!("{}: {error}; `make images`", image.display())).len();
        assert!(bytes <= bound, "{preset}: {bytes} bytes, at most {bound} expected; `pith-kernel sizes` says what they are");
    }
}

/// What `counts.c` says on a machine of this size, in MiB.
fn counted(memory_mib: u32) -> Guest {
    let program = std::fs::read(fixture("counts")).expect("the program");
    let words = ["-icount", "shift=0,sleep=off"];
    let guest = Board::new(&program, memory_mib, "pith.log=warn -- counts").words(&words).boot();
    assert_eq!(guest.ending, "@exit 0", "{}", guest.console);
    guest
}

#[test]
fn instructions() {
    let guest = counted(64);
    for (name, bound) in BOUNDS {
        let found = figure(&guest, name);
        assert!(found <= bound, "{name}: {found} instructions, at most {bound} expected; all: {}", guest.console);
        // A bound that is far off holds nothing.
        assert!(found * 10 >= bound * 8, "{name}: {found} instructions: lower the bound of {bound}");
    }
}

/// The frame allocator makes its bookkeeping when memory is first used.
#[test]
fn start_up_does_not_grow_with_memory() {
    let [small, large] = [64, 8192].map(|memory_mib| figure(&counted(memory_mib), "entry"));
    assert!(small.abs_diff(large) * 100 <= small, "{small} instructions with 64 MiB, {large} with 8 GiB");
}

/// The most blocks of the kernel's code that TCG translates from boot to end, a few per cent above what it is: at the start, translating is most of the time.
const BLOCKS: usize = 4_880;

#[test]
fn blocks_of_kernel_code_are_few_and_translated_once() {
    let program = std::fs::read(fixture("hello-static")).expect("the program");
    let place = Place::new();
    let log = place.file("log", b"");
    let guest = Board::new(&program, 64, "pith.log=warn -- hello").words(&["-d", "in_asm", "-D", log.to_str().expect("UTF-8")]).boot();
    assert_eq!(guest.ending, "@exit 0", "{}", guest.console);
    let log = std::fs::read_to_string(&log).expect("the log");
    // A block is a heading and its instructions, each with its address before it.
    let starts = log.split("IN:").skip(1).filter_map(|block| block.lines().find_map(|line| line.split_once(':')?.0.strip_prefix("0x")));
    let kernel: Vec<&str> = starts.filter(|address| address.starts_with("ffffffff8")).collect();
    let distinct = kernel.iter().collect::<std::collections::HashSet<_>>().len();
    assert!((BLOCKS * 8 / 10..=BLOCKS).contains(&kernel.len()), "{} blocks, at most {BLOCKS} expected", kernel.len());
    // The same code with other flags of the processor's (the stack segment's kind, for one) is translated again.
    assert!((kernel.len() - distinct) * 100 <= distinct, "{} blocks, {distinct} of them distinct", kernel.len());
}

/// Under a hypervisor each is an exit, a microsecond or several.
#[test]
fn device_accesses_from_boot_to_end() {
    let program = std::fs::read(fixture("hello-static")).expect("the program");
    let place = Place::new();
    let trace = place.file("trace", b"");
    let words = ["-d", "trace:memory_region_ops_read,trace:memory_region_ops_write", "-D", trace.to_str().expect("UTF-8")];
    let guest = Board::new(&program, 64, "pith.log=warn -- hello").words(&words).boot();
    assert_eq!((guest.console.as_str(), guest.ending.as_str()), ("hello from C\n", "@exit 0"));
    let trace = std::fs::read_to_string(&trace).expect("the trace");
    // Not the firmware's own, nor what finding the clock's rate takes: that goes by time, and is not there under hypervisors that tell the rate.
    let ours = ["serial", "isa-debugcon", "ioapic", "io", "pic", "isa-debug-exit"];
    let name = |line: &str| line.rsplit_once("name '").map(|(_, rest)| rest.trim_end_matches('\'').to_owned());
    let accesses =
        trace.lines().filter(|l| l.contains("memory_region_ops_")).filter_map(name).filter(|n| ours.contains(&n.as_str())).count();
    assert!((40..=60).contains(&accesses), "{accesses} accesses");
}
