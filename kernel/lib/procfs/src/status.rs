//! Figures about a process: stat, statm, status.

use crate::source::{Ask, ProcessStatus, ThreadState};
use crate::text::{put, ticks};
use alloc::vec::Vec;
use uapi::Result;

fn letter(state: ThreadState) -> (char, &'static str) {
    match state {
        ThreadState::Running => ('R', "running"),
        ThreadState::Sleeping => ('S', "sleeping"),
        ThreadState::Uninterruptible => ('D', "disk sleep"),
        ThreadState::Stopped => ('T', "stopped"),
        ThreadState::Zombie => ('Z', "zombie"),
    }
}

fn rss(s: &ProcessStatus) -> u64 {
    s.rss.iter().sum()
}

pub(crate) fn statm(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let s = ask.process()?.status();
    let pages = |bytes: u64| bytes / 4096;
    let shared = s.rss[1] + s.rss[2];
    put!(out, "{} {} {} {} 0 {} 0\n", pages(s.vm_size.1), pages(rss(&s)), pages(shared), pages(s.vm_text), pages(s.vm_data + s.vm_stack));
    Ok(())
}

/// The 52 fields of proc(5), by its numbers.
pub(crate) fn stat(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let process = ask.process()?;
    let s = process.status();
    let t = ask.thread()?;
    let threads = process.threads();
    put!(out, "{} (", ask.tid);
    out.extend_from_slice(&t.name);
    // 3 state ... 9 flags
    put!(out, ") {} {} {} {} 0 -1 0 ", letter(t.state).0, s.ppid, s.pgid, s.sid);
    // 10-13 faults, 14-17 times
    put!(out, "{} 0 {} 0 {} {} 0 0 ", s.faults.0, s.faults.1, ticks(t.cpu_ns.0), ticks(t.cpu_ns.1));
    // 18 priority, 19 nice, 20 threads, 21 itrealvalue, 22 start time
    put!(out, "{} {} {} 0 {} ", 20 + t.nice, t.nice, threads.len(), ticks(t.started_ns));
    // 23 vsize, 24 rss in pages, 25 limit
    put!(out, "{} {} {} ", s.vm_size.1, rss(&s) / 4096, process.limits()[5].0);
    // 26 startcode, 27 endcode, 28 startstack, 29 kstkesp, 30 kstkeip
    put!(out, "{} {} {} 0 0 ", s.addresses[0], s.addresses[1], s.addresses[2]);
    // 31-34 signals as decimal: pending, blocked, ignored, caught (the first 31 of them)
    let low = |set: u64| set & 0x7fff_ffff;
    put!(out, "{} {} {} {} ", low(t.pending), low(t.blocked), low(s.signals[1]), low(s.signals[2]));
    // 35 wchan, 36 nswap, 37 cnswap, 38 exit signal, 39 processor, 40 rt priority, 41 policy, 42-44
    put!(out, "0 0 0 17 {} 0 0 0 0 0 ", t.cpu);
    // 45 start_data, 46 end_data, 47 start_brk, 48-51 strings, 52 exit code
    put!(out, "{} {} {} ", s.addresses[3], s.addresses[4], s.addresses[5]);
    put!(out, "{} {} {} {} 0\n", s.strings[0], s.strings[1], s.strings[2], s.strings[3]);
    Ok(())
}

pub(crate) fn status(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let process = ask.process()?;
    let s = process.status();
    let t = ask.thread()?;
    out.extend_from_slice(b"Name:\t");
    out.extend_from_slice(&t.name);
    let (letter, word) = letter(t.state);
    put!(out, "\nUmask:\t{:04o}\nState:\t{letter} ({word})\nTgid:\t{}\nNgid:\t0\nPid:\t{}\n", s.umask, s.pid, ask.tid);
    put!(out, "PPid:\t{}\nTracerPid:\t0\n", s.ppid);
    for (name, ids) in [("Uid", s.uid), ("Gid", s.gid)] {
        put!(out, "{name}:\t{}\t{}\t{}\t{}\n", ids[0], ids[1], ids[2], ids[3]);
    }
    put!(out, "FDSize:\t{}\nGroups:\t", s.descriptor_slots);
    for (index, group) in s.groups.iter().enumerate() {
        put!(out, "{}{group}", if index == 0 { "" } else { " " });
    }
    // The space at the end is Linux's, also behind no group at all.
    put!(out, " \nNStgid:\t{}\nNSpid:\t{}\nNSpgid:\t{}\nNSsid:\t{}\n", s.pid, ask.tid, s.pgid, s.sid);
    let memory = [
        ("VmPeak", s.vm_size.0),
        ("VmSize", s.vm_size.1),
        ("VmLck", s.vm_locked),
        ("VmPin", 0),
        ("VmHWM", s.rss_peak),
        ("VmRSS", rss(&s)),
        ("RssAnon", s.rss[0]),
        ("RssFile", s.rss[1]),
        ("RssShmem", s.rss[2]),
        ("VmData", s.vm_data),
        ("VmStk", s.vm_stack),
        ("VmExe", s.vm_text),
        ("VmLib", 0),
        ("VmPTE", s.vm_tables),
        ("VmSwap", 0),
    ];
    for (name, bytes) in memory {
        put!(out, "{name}:\t{:>8} kB\n", bytes / 1024);
    }
    let limits = process.limits();
    put!(out, "CoreDumping:\t0\nTHP_enabled:\t1\nThreads:\t{}\nSigQ:\t0/{}\n", process.threads().len(), limits[11].0);
    let sets = [("SigPnd", t.pending), ("ShdPnd", s.signals[0]), ("SigBlk", t.blocked), ("SigIgn", s.signals[1]), ("SigCgt", s.signals[2])];
    let capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].into_iter().zip(s.capabilities);
    for (name, set) in sets.into_iter().chain(capabilities) {
        put!(out, "{name}:\t{set:016x}\n");
    }
    put!(out, "NoNewPrivs:\t{}\nSeccomp:\t0\nSeccomp_filters:\t0\n", u8::from(s.no_new_privs));
    put!(out, "Cpus_allowed:\t{:x}\nCpus_allowed_list:\t", t.affinity);
    cpu_list(out, t.affinity);
    put!(out, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    put!(out, "voluntary_ctxt_switches:\t{}\nnonvoluntary_ctxt_switches:\t{}\n", t.switches.0, t.switches.1);
    Ok(())
}

/// `0-2,5`.
fn cpu_list(out: &mut Vec<u8>, set: u64) {
    let mut cpu = 0;
    let mut first = true;
    while cpu < 64 {
        let run = (set >> cpu).trailing_ones();
        if run > 0 {
            if !core::mem::take(&mut first) {
                out.push(b',');
            }
            put!(out, "{cpu}");
            if run > 1 {
                put!(out, "-{}", cpu + run - 1);
            }
        }
        cpu += run.max(1);
    }
}
