//! What there is in /sys: one table.

use crate::{HugePages, SysSource};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// Makes a text; the number is that of the CPU the file is about.
pub(crate) type Make = fn(&dyn SysSource, u32, &mut Text<'_>) -> fmt::Result;

/// What an entry is.
#[derive(Clone, Copy)]
pub(crate) enum Node {
    /// A directory with these entries.
    Dir(&'static [Entry]),
    /// `devices/system/cpu`: the table, and a directory for each CPU.
    Cpus,
    /// A CPU's directory.
    Cpu(u32),
    /// A text.
    Text(Make),
}

/// A name and what it is.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) node: Node,
}

/// A byte vector that text can be formatted into.
pub(crate) struct Text<'a>(pub(crate) &'a mut Vec<u8>);

impl Write for Text<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.0.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

const fn dir(name: &'static str, entries: &'static [Entry]) -> Entry {
    Entry { name, node: Node::Dir(entries) }
}

const fn text(name: &'static str, make: Make) -> Entry {
    Entry { name, node: Node::Text(make) }
}

/// `0-3`, or `0` for one.
fn list(count: u32, out: &mut Text<'_>) -> fmt::Result {
    if count > 1 { writeln!(out, "0-{}", count - 1) } else { out.write_str("0\n") }
}

/// A mask of `count` CPUs, or of the CPU `only`, in groups of 32 bits.
fn mask(count: u32, only: Option<u32>, out: &mut Text<'_>) -> fmt::Result {
    for group in (0..count.div_ceil(32).max(1)).rev() {
        let bits = match only {
            Some(cpu) if cpu / 32 == group => 1 << (cpu % 32),
            Some(_) => 0,
            None => u32::MAX >> (32 - count.saturating_sub(group * 32).clamp(1, 32)),
        };
        write!(out, "{bits:08x}")?;
        out.write_char(if group > 0 { ',' } else { '\n' })?;
    }
    Ok(())
}

pub(crate) static TOP: &[Entry] = &[
    dir("block", &[]),
    dir("bus", &[]),
    dir("class", &[]),
    dir("devices", &[dir("system", &[CLOCKS, Entry { name: "cpu", node: Node::Cpus }, MEMORY_NODES])]),
    dir("fs", &[]),
    dir("kernel", &[dir("mm", &[HUGE_PAGES])]),
];

const CLOCKS: Entry = dir(
    "clocksource",
    &[dir(
        "clocksource0",
        &[
            text("available_clocksource", |s, _, out| writeln!(out, "{}", s.clock_source())),
            text("current_clocksource", |s, _, out| writeln!(out, "{}", s.clock_source())),
        ],
    )],
);

/// `devices/system/cpu` besides the CPUs.
pub(crate) static CPUS: &[Entry] = &[
    text("kernel_max", |_, _, out| out.write_str("63\n")),
    text("offline", |_, _, out| out.write_str("\n")),
    text("online", |s, _, out| list(s.cpus(), out)),
    text("possible", |s, _, out| list(s.cpus(), out)),
    text("present", |s, _, out| list(s.cpus(), out)),
];

/// `devices/system/cpu/cpuN`.
pub(crate) static CPU: &[Entry] = &[
    dir("cache", &[dir("index0", &[text("coherency_line_size", |s, _, out| writeln!(out, "{}", s.cache_line()))])]),
    dir(
        "topology",
        &[
            text("core_cpus_list", |_, cpu, out| writeln!(out, "{cpu}")),
            text("core_id", |_, cpu, out| writeln!(out, "{cpu}")),
            text("core_siblings", |s, _, out| mask(s.cpus(), None, out)),
            text("core_siblings_list", |s, _, out| list(s.cpus(), out)),
            text("package_cpus_list", |s, _, out| list(s.cpus(), out)),
            text("physical_package_id", |_, _, out| out.write_str("0\n")),
            text("thread_siblings", |s, cpu, out| mask(s.cpus(), Some(cpu), out)),
            text("thread_siblings_list", |_, cpu, out| writeln!(out, "{cpu}")),
        ],
    ),
];

const MEMORY_NODES: Entry = dir(
    "node",
    &[
        text("has_cpu", |_, _, out| out.write_str("0\n")),
        text("has_memory", |_, _, out| out.write_str("0\n")),
        dir(
            "node0",
            &[
                text("cpulist", |s, _, out| list(s.cpus(), out)),
                text("cpumap", |s, _, out| mask(s.cpus(), None, out)),
                text("distance", |_, _, out| out.write_str("10\n")),
                text("meminfo", |s, _, out| {
                    let (total, free) = s.memory();
                    for (name, bytes) in [("MemTotal:", total), ("MemFree:", free), ("MemUsed:", total.saturating_sub(free))] {
                        writeln!(out, "Node 0 {name:<15}{:>8} kB", bytes / 1024)?;
                    }
                    Ok(())
                }),
            ],
        ),
        text("online", |_, _, out| out.write_str("0\n")),
        text("possible", |_, _, out| out.write_str("0\n")),
    ],
);

const HUGE_PAGES: Entry = dir(
    "transparent_hugepage",
    &[
        text("defrag", |_, _, out| out.write_str("always defer defer+madvise madvise [never]\n")),
        text("enabled", |s, _, out| {
            out.write_str(match s.huge_pages() {
                HugePages::Never => "always madvise [never]\n",
                HugePages::Advised => "always [madvise] never\n",
                HugePages::Always => "[always] madvise never\n",
            })
        }),
        text("hpage_pmd_size", |_, _, out| out.write_str("2097152\n")),
        text("shmem_enabled", |_, _, out| out.write_str("always within_size advise [never] deny force\n")),
    ],
);
