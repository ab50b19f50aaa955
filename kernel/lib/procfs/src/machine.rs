//! Texts about the whole machine.

use crate::source::Ask;
use crate::text::{put, ticks};
use alloc::vec::Vec;
use uapi::Result;

pub(crate) fn command_line(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    // The machine's own command line may carry secrets meant for one process; none is shown.
    out.push(b'\n');
    Ok(())
}

pub(crate) fn cpu_info(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    ask.source.cpu_info(out);
    Ok(())
}

pub(crate) fn filesystems(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\n");
    Ok(())
}

pub(crate) fn load(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let m = ask.source.machine();
    for load in m.load {
        put!(out, "{}.{:02} ", load / 100, load % 100);
    }
    put!(out, "{}/{} {}\n", m.running, m.threads, m.last_pid);
    Ok(())
}

pub(crate) fn memory(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let m = ask.source.machine();
    let available = m.memory_free;
    let lines = [
        ("MemTotal", m.memory_total),
        ("MemFree", m.memory_free),
        ("MemAvailable", available),
        ("Buffers", 0),
        ("Cached", m.memory_cached),
        ("SwapCached", 0),
        ("Active", m.memory_anon + m.memory_cached),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", m.memory_anon),
        ("Mapped", m.memory_cached),
        ("Shmem", m.memory_shmem),
        ("Slab", m.memory_kernel),
        ("SReclaimable", 0),
        ("SUnreclaim", m.memory_kernel),
        ("PageTables", m.memory_tables),
        ("CommitLimit", m.memory_total),
        ("Committed_AS", m.memory_anon),
    ];
    for (name, bytes) in lines {
        // The column in which Linux lines the numbers up.
        put!(out, "{name}:{:>width$} kB\n", bytes / 1024, width = 23 - name.len());
    }
    for (name, value) in [("HugePages_Total", 0), ("HugePages_Free", 0), ("HugePages_Rsvd", 0), ("HugePages_Surp", 0)] {
        put!(out, "{name}:{value:>width$}\n", width = 23 - name.len());
    }
    out.extend_from_slice(b"Hugepagesize:       2048 kB\n");
    Ok(())
}

pub(crate) fn stat(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let m = ask.source.machine();
    let sum = m.cpus.iter().fold([0; 3], |sum, cpu| [sum[0] + cpu[0], sum[1] + cpu[1], sum[2] + cpu[2]]);
    let [user, system, idle] = sum.map(ticks);
    put!(out, "cpu  {user} 0 {system} {idle} 0 0 0 0 0 0\n");
    for (n, cpu) in m.cpus.iter().enumerate() {
        let [user, system, idle] = cpu.map(ticks);
        put!(out, "cpu{n} {user} 0 {system} {idle} 0 0 0 0 0 0\n");
    }
    put!(out, "intr 0\nctxt {}\nbtime {}\nprocesses {}\n", m.switches, m.boot_time_s, m.forks);
    put!(out, "procs_running {}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n", m.running);
    Ok(())
}

pub(crate) fn swaps(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    Ok(())
}

pub(crate) fn uptime(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let m = ask.source.machine();
    let idle_ns: u64 = m.cpus.iter().map(|cpu| cpu[2]).sum();
    for (ns, end) in [(m.uptime_ns, ' '), (idle_ns, '\n')] {
        put!(out, "{}.{:02}{end}", ns / 1_000_000_000, ns / 10_000_000 % 100);
    }
    Ok(())
}

pub(crate) fn version(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    put!(out, "Linux version {} (pith) {}\n", ask.source.release(), ask.source.version());
    Ok(())
}

pub(crate) fn vmstat(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let m = ask.source.machine();
    let pages = |bytes: u64| bytes / 4096;
    put!(out, "nr_free_pages {}\nnr_anon_pages {}\n", pages(m.memory_free), pages(m.memory_anon));
    put!(out, "nr_file_pages {}\nnr_shmem {}\n", pages(m.memory_cached), pages(m.memory_shmem));
    put!(out, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\noom_kill 0\n");
    Ok(())
}
