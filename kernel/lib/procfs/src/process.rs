//! Texts about a process, figures excepted (see `status`).

use crate::source::{Ask, Mapping};
use crate::text::{escaped, major_minor, put, trimmed};
use alloc::vec::Vec;
use uapi::{Errno, Result};
use vfs::MountFlags;

pub(crate) fn auxv(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    for (key, value) in ask.process()?.auxv() {
        out.extend_from_slice(&key.to_ne_bytes());
        out.extend_from_slice(&value.to_ne_bytes());
    }
    Ok(())
}

pub(crate) fn cgroup(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"0::/\n");
    Ok(())
}

pub(crate) fn cpuset(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"/\n");
    Ok(())
}

pub(crate) fn command_line(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.append(&mut ask.process()?.arguments());
    Ok(())
}

pub(crate) fn environment(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.append(&mut ask.process()?.environment());
    Ok(())
}

pub(crate) fn comm(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.append(&mut ask.thread()?.name);
    out.push(b'\n');
    Ok(())
}

pub(crate) fn set_comm(ask: &Ask<'_>, text: &[u8]) -> Result<()> {
    let name = text.split(|b| matches!(b, b'\n' | 0)).next().unwrap_or(&[]);
    ask.process()?.set_name(ask.tid, &name[..name.len().min(15)])
}

pub(crate) fn coredump_filter(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"00000033\n");
    Ok(())
}

pub(crate) fn login_uid(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    // Nobody has logged in.
    put!(out, "{}", u32::MAX);
    Ok(())
}

pub(crate) fn oom_score(_: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    out.extend_from_slice(b"0\n");
    Ok(())
}

pub(crate) fn oom_score_adj(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    put!(out, "{}\n", ask.process()?.oom_score_adj());
    Ok(())
}

pub(crate) fn set_oom_score_adj(ask: &Ask<'_>, text: &[u8]) -> Result<()> {
    let text = core::str::from_utf8(trimmed(text)).map_err(|_| Errno::EINVAL)?;
    let value: i32 = text.parse().map_err(|_| Errno::EINVAL)?;
    if !(-1000..=1000).contains(&value) {
        return Err(Errno::EINVAL);
    }
    ask.process()?.set_oom_score_adj(value)
}

pub(crate) fn limits(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    const NAMES: [(&str, &str); 16] = [
        ("Max cpu time", "seconds"),
        ("Max file size", "bytes"),
        ("Max data size", "bytes"),
        ("Max stack size", "bytes"),
        ("Max core file size", "bytes"),
        ("Max resident set", "bytes"),
        ("Max processes", "processes"),
        ("Max open files", "files"),
        ("Max locked memory", "bytes"),
        ("Max address space", "bytes"),
        ("Max file locks", "locks"),
        ("Max pending signals", "signals"),
        ("Max msgqueue size", "bytes"),
        ("Max nice priority", ""),
        ("Max realtime priority", ""),
        ("Max realtime timeout", "us"),
    ];
    put!(out, "{:<25} {:<20} {:<20} {:<10}\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for ((name, unit), (soft, hard)) in NAMES.iter().zip(ask.process()?.limits()) {
        put!(out, "{name:<25} ");
        for limit in [soft, hard] {
            match limit {
                u64::MAX => {
                    put!(out, "{:<20} ", "unlimited");
                }
                limit => {
                    put!(out, "{limit:<20} ");
                }
            }
        }
        put!(out, "{unit:<10}\n");
    }
    Ok(())
}

fn map_line(out: &mut Vec<u8>, m: &Mapping) {
    let start = out.len();
    let flag = |set: bool, letter: char| if set { letter } else { '-' };
    let (major, minor) = major_minor(m.dev);
    put!(
        out,
        "{:08x}-{:08x} {}{}{}{} ",
        m.start,
        m.end,
        flag(m.read, 'r'),
        flag(m.write, 'w'),
        flag(m.exec, 'x'),
        if m.shared { 's' } else { 'p' }
    );
    put!(out, "{:08x} {major:02x}:{minor:02x} {} ", m.offset, m.ino);
    if !m.name.is_empty() {
        // The column in which Linux begins the name.
        while out.len() - start < 73 {
            out.push(b' ');
        }
        escaped(out, &m.name, b"\n");
    }
    out.push(b'\n');
}

pub(crate) fn maps(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    ask.process()?.mappings(&mut |mapping| map_line(out, &mapping));
    Ok(())
}

pub(crate) fn smaps(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    ask.process()?.mappings(&mut |m| {
        map_line(out, &m);
        let (rss, anon) = m.resident;
        let (clean, dirty) = (rss - anon.min(rss), anon);
        let lines = [
            ("Size", m.end - m.start),
            ("KernelPageSize", 4096),
            ("MMUPageSize", 4096),
            ("Rss", rss),
            ("Pss", rss),
            ("Shared_Clean", 0),
            ("Shared_Dirty", 0),
            ("Private_Clean", clean),
            ("Private_Dirty", dirty),
            ("Referenced", rss),
            ("Anonymous", anon),
            ("Swap", 0),
            ("Locked", 0),
        ];
        for (name, bytes) in lines {
            put!(out, "{name}:{:>width$} kB\n", bytes / 1024, width = 23 - name.len());
        }
    });
    Ok(())
}

fn options(out: &mut Vec<u8>, flags: MountFlags) {
    put!(out, "{}", if flags.contains(MountFlags::RDONLY) { "ro" } else { "rw" });
    let names =
        [(MountFlags::NOSUID, "nosuid"), (MountFlags::NODEV, "nodev"), (MountFlags::NOEXEC, "noexec"), (MountFlags::NOATIME, "noatime")];
    for (flag, name) in names {
        if flags.contains(flag) {
            put!(out, ",{name}");
        }
    }
    if !flags.contains(MountFlags::NOATIME) {
        out.extend_from_slice(b",relatime");
    }
}

/// What stands for something else in mount tables.
const BLANKS: &[u8] = b" \t\n\\#";

pub(crate) fn mountinfo(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let context = ask.process()?.context();
    for info in context.namespace.mounts(&context.root) {
        let (major, minor) = major_minor(info.mount.fs().dev());
        put!(out, "{} {} {major}:{minor} ", info.id, info.parent_id);
        escaped(out, &info.root, BLANKS);
        out.push(b' ');
        escaped(out, &info.mount_point, BLANKS);
        out.push(b' ');
        options(out, info.mount.flags());
        put!(out, " - {} ", info.mount.fs().type_name());
        escaped(out, &info.source, BLANKS);
        put!(out, " {}\n", if info.mount.flags().contains(MountFlags::RDONLY) { "ro" } else { "rw" });
    }
    Ok(())
}

pub(crate) fn mounts(ask: &Ask<'_>, out: &mut Vec<u8>) -> Result<()> {
    let context = ask.process()?.context();
    for info in context.namespace.mounts(&context.root) {
        escaped(out, &info.source, BLANKS);
        out.push(b' ');
        escaped(out, &info.mount_point, BLANKS);
        put!(out, " {} ", info.mount.fs().type_name());
        options(out, info.mount.flags());
        out.extend_from_slice(b" 0 0\n");
    }
    Ok(())
}
