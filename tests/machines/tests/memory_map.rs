//! What the page tables of a running machine say: the rights that ARCHITECTURE.md tells, seen from outside by the emulator's monitor.

use machines::guest::Board;
use machines::{Place, fixture};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const PAGE: u64 = 4096;
/// Kernel stacks and device windows.
const KERNEL_AREA: std::ops::Range<u64> = 0xffff_c000_0000_0000..0xffff_d000_0000_0000;
/// Where the kernel's half begins.
const KERNEL_HALF: u64 = 0xffff_8000_0000_0000;
/// Pages of a kernel stack.
const STACK_PAGES: u64 = 4;
/// Threads of the program, each with a kernel stack.
const THREADS: usize = 4;

/// One page, of whatever size, that the processor finds in the page tables.
struct Mapping {
    virt: u64,
    is_writable: bool,
    is_executable: bool,
    is_device: bool,
}

/// What the monitor says when it waits for a command.
const PROMPT: &str = "(qemu) ";

/// What the monitor answers. It forgets what it has still to say when somebody hangs up, so the line stays open until it asks for more.
fn ask(monitor: &Path, command: &str) -> String {
    let Ok(mut stream) = UnixStream::connect(monitor) else { return String::new() };
    stream.write_all(format!("{command}\n").as_bytes()).expect("the monitor listens");
    let (mut said, mut piece) = (String::new(), [0; 4096]);
    while !(said.ends_with(PROMPT) && said.matches(PROMPT).count() > 1) {
        let count = stream.read(&mut piece).expect("the monitor speaks");
        assert!(count > 0, "the monitor hangs up: {said}");
        said.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    said
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x").unwrap_or(word), 16).ok()
}

/// Which of the 512 parts of the address space are executable at all: a no-execute bit in the top table holds for everything below it.
fn executable_parts(monitor: &Path) -> Vec<bool> {
    let registers = ask(monitor, "info registers");
    let Some(top) = registers.split_whitespace().find_map(|word| word.strip_prefix("CR3=")) else { return Vec::new() };
    let table = ask(monitor, &format!("xp /512gx 0x{top}"));
    let entries = table.lines().filter_map(|line| line.trim().split_once(": ")).flat_map(|(_, words)| words.split_whitespace());
    entries.filter_map(hexadecimal).map(|entry| entry >> 63 == 0).collect()
}

/// The monitor's `info tlb`: "address: frame XGPDACTUW", a dash for each flag that is not set; X stands for no execution.
fn mappings(monitor: &Path) -> Vec<Mapping> {
    let parts = executable_parts(monitor);
    let mapping = |line: &str| {
        let (virt, rest) = line.trim().split_once(": ")?;
        let (_, flags) = rest.split_once(' ')?;
        let has = |flag| flags.contains(flag);
        let virt = hexadecimal(virt)?;
        let part = usize::try_from(virt >> 39 & 511).ok()?;
        Some(Mapping { virt, is_writable: has('W'), is_executable: !has('X') && *parts.get(part)?, is_device: has('C') })
    };
    ask(monitor, "info tlb").lines().filter_map(mapping).collect()
}

/// Runs of pages without a gap in the kernel's own area, device windows left out: first address and number of pages.
fn runs(mappings: &[Mapping]) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for page in mappings.iter().filter(|page| KERNEL_AREA.contains(&page.virt) && !page.is_device) {
        match runs.last_mut() {
            Some((start, pages)) if *start + *pages * PAGE == page.virt => *pages += 1,
            _ => runs.push((page.virt, 1)),
        }
    }
    runs
}

#[test]
fn rights_and_guard_pages() {
    let place = Place::new();
    let monitor = place.data().with_extension("monitor");
    let listen = format!("unix:{},server=on,wait=off", monitor.display());
    let program = std::fs::read(fixture("agent-probe")).expect("the program");
    let words = ["-monitor", &listen];
    let mut machine = Board::new(&program, 64, "pith.log=warn -- agent-probe work 1 1000").words(&words).start();
    let mut found = Vec::new();
    machine.wait_for("a stack for each thread", || {
        found = mappings(&monitor);
        runs(&found).len() >= THREADS
    });
    for (start, pages) in runs(&found) {
        assert_eq!(pages, STACK_PAGES, "{start:#x}: stacks that touch have no guard page between them");
    }
    assert!(found.iter().all(|page| page.virt != 0), "page 0 is mapped");
    let wrong = found.iter().find(|page| page.is_writable && page.is_executable);
    assert!(wrong.is_none(), "{:#x} is writable and executable", wrong.map_or(0, |page| page.virt));
    assert!(found.iter().any(|page| page.virt >= KERNEL_HALF && page.is_executable), "no kernel in {} mappings", found.len());
    assert!(found.iter().any(|page| page.virt < KERNEL_HALF && page.is_executable), "no program in {} mappings", found.len());
}
