//! The settings in /proc/sys: one table. A [`ProcSource`](crate::ProcSource) may answer for any of them; what it does not know has the value here.

use crate::source::Ask;
use crate::text::{put, trimmed};
use alloc::vec::Vec;
use uapi::Result;

/// One setting.
pub(crate) struct Setting {
    /// Its path below /proc/sys.
    pub(crate) name: &'static str,
    value: Value,
}

enum Value {
    /// Always this.
    Fixed(&'static str),
    /// Made anew each time.
    Made(fn(&Ask<'_>, &mut Vec<u8>)),
}

const fn fixed(name: &'static str, value: &'static str) -> Setting {
    Setting { name, value: Value::Fixed(value) }
}

const fn made(name: &'static str, make: fn(&Ask<'_>, &mut Vec<u8>)) -> Setting {
    Setting { name, value: Value::Made(make) }
}

/// In the order of their names.
pub(crate) static SETTINGS: &[Setting] = &[
    fixed("fs/aio-max-nr", "65536"),
    fixed("fs/aio-nr", "0"),
    fixed("fs/file-max", "1048576"),
    fixed("fs/inotify/max_queued_events", "16384"),
    fixed("fs/inotify/max_user_instances", "128"),
    fixed("fs/inotify/max_user_watches", "65536"),
    fixed("fs/nr_open", "1048576"),
    fixed("fs/pipe-max-size", "1048576"),
    fixed("kernel/cap_last_cap", "40"),
    fixed("kernel/core_pattern", "core"),
    fixed("kernel/core_uses_pid", "0"),
    fixed("kernel/domainname", "(none)"),
    made("kernel/hostname", |ask, out| out.append(&mut ask.source.host_name())),
    fixed("kernel/ngroups_max", "65536"),
    made("kernel/osrelease", |ask, out| out.extend_from_slice(ask.source.release().as_bytes())),
    fixed("kernel/ostype", "Linux"),
    fixed("kernel/overflowgid", "65534"),
    fixed("kernel/overflowuid", "65534"),
    fixed("kernel/pid_max", "32768"),
    made("kernel/random/boot_id", |ask, out| uuid(ask.source.boot_id(), out)),
    fixed("kernel/random/entropy_avail", "256"),
    fixed("kernel/random/poolsize", "256"),
    made("kernel/random/uuid", |ask, out| {
        let mut bytes = [0; 16];
        ask.source.random(&mut bytes);
        uuid(bytes, out);
    }),
    fixed("kernel/randomize_va_space", "2"),
    fixed("kernel/tainted", "0"),
    fixed("kernel/threads-max", "32768"),
    made("kernel/version", |ask, out| out.extend_from_slice(ask.source.version().as_bytes())),
    fixed("net/core/rmem_default", "212992"),
    fixed("net/core/rmem_max", "212992"),
    fixed("net/core/somaxconn", "4096"),
    fixed("net/core/wmem_default", "212992"),
    fixed("net/core/wmem_max", "212992"),
    fixed("net/ipv4/ip_forward", "0"),
    fixed("net/ipv4/ip_local_port_range", "32768\t60999"),
    fixed("net/ipv4/ip_unprivileged_port_start", "0"),
    fixed("net/ipv4/tcp_fin_timeout", "60"),
    fixed("net/ipv4/tcp_keepalive_intvl", "75"),
    fixed("net/ipv4/tcp_keepalive_probes", "9"),
    fixed("net/ipv4/tcp_keepalive_time", "7200"),
    fixed("net/ipv4/tcp_max_syn_backlog", "4096"),
    fixed("net/ipv6/bindv6only", "0"),
    fixed("net/ipv6/conf/all/disable_ipv6", "0"),
    fixed("net/unix/max_dgram_qlen", "512"),
    fixed("vm/max_map_count", "65530"),
    fixed("vm/mmap_min_addr", "4096"),
    fixed("vm/nr_hugepages", "0"),
    // Reservations cost nothing and are never refused: "always overcommit" is what this is.
    fixed("vm/overcommit_memory", "1"),
    fixed("vm/overcommit_ratio", "50"),
    fixed("vm/swappiness", "0"),
];

fn uuid(mut bytes: [u8; 16], out: &mut Vec<u8>) {
    // RFC 9562: version 4, variant 10.
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        put!(out, "{byte:02x}");
    }
}

impl Setting {
    pub(crate) fn make(&self, ask: &Ask<'_>, out: &mut Vec<u8>) {
        match (ask.source.sysctl(self.name), &self.value) {
            (Some(mut text), _) => out.append(&mut text),
            (None, Value::Fixed(text)) => out.extend_from_slice(text.as_bytes()),
            (None, Value::Made(make)) => make(ask, out),
        }
        out.push(b'\n');
    }

    pub(crate) fn store(&self, ask: &Ask<'_>, text: &[u8]) -> Result<()> {
        ask.source.set_sysctl(self.name, trimmed(text))
    }
}

/// What is directly below the directory `prefix` (`net/core/`): each name once, with the setting or, for a directory, its own prefix.
pub(crate) fn children(prefix: &'static str) -> impl Iterator<Item = (&'static str, Result<&'static Setting, &'static str>)> {
    let mut last = "";
    SETTINGS.iter().filter_map(move |setting| {
        let rest = setting.name.strip_prefix(prefix)?;
        let Some((dir, _)) = rest.split_once('/') else { return Some((rest, Ok(setting))) };
        if core::mem::replace(&mut last, dir) == dir {
            return None;
        }
        Some((dir, Err(setting.name.split_at_checked(prefix.len() + dir.len() + 1)?.0)))
    })
}
