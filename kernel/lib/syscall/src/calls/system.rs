//! The system as a whole: uname(2), sysinfo(2), getrandom(2), membarrier(2), personality(2).

use crate::Cx;
use crate::system::HostName;
use alloc::vec::Vec;
use time::NS_PER_SEC;
use uapi::types::{NewUtsname, Sysinfo};
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// GRND_* (getrandom(2)).
    struct RandomFlags: u32 {
        const NONBLOCK = 1;
        const RANDOM = 2;
        const INSECURE = 4;
    }
}

/// What uname(2) calls the kernel's release: programs compare its numbers with features.
pub const RELEASE: &str = "6.1.0-pith";
/// What uname(2) calls the kernel's version.
pub const VERSION: &str = concat!("#1 Pith ", env!("CARGO_PKG_VERSION"));

fn field(text: &[u8]) -> [u8; 65] {
    let mut out = [0; 65];
    let len = text.len().min(64);
    out[..len].copy_from_slice(&text[..len]);
    out
}

pub fn uname(cx: &mut Cx<'_>, name: u64) -> Result<u64> {
    let (host, domain) = cx.system.names.get();
    let answer = NewUtsname {
        sysname: field(b"Linux"),
        nodename: field(&host),
        release: field(RELEASE.as_bytes()),
        version: field(VERSION.as_bytes()),
        machine: field(crate::arch::MACHINE.as_bytes()),
        domainname: field(&domain),
    };
    cx.user().write(name, &answer)?;
    Ok(0)
}

fn read_name(cx: &Cx<'_>, name: u64, len: i32) -> Result<Vec<u8>> {
    cx.require_root()?;
    let len = usize::try_from(len).ok().filter(|len| *len <= 64).ok_or(Errno::EINVAL)?;
    let mut bytes = alloc::vec![0; len];
    cx.user().read_bytes(name, &mut bytes)?;
    Ok(bytes)
}

pub fn sethostname(cx: &mut Cx<'_>, name: u64, len: i32) -> Result<u64> {
    let bytes = read_name(cx, name, len)?;
    cx.system.names.set(HostName::Host, &bytes);
    Ok(0)
}

pub fn setdomainname(cx: &mut Cx<'_>, name: u64, len: i32) -> Result<u64> {
    let bytes = read_name(cx, name, len)?;
    cx.system.names.set(HostName::Domain, &bytes);
    Ok(0)
}

pub fn sysinfo(cx: &mut Cx<'_>, info: u64) -> Result<u64> {
    let memory = cx.system.machine.memory();
    let answer = Sysinfo {
        uptime: (cx.now_ns() / NS_PER_SEC).cast_signed(),
        totalram: memory.total_bytes,
        freeram: memory.free_bytes,
        procs: u16::try_from(cx.process.thread_count()).unwrap_or(u16::MAX),
        mem_unit: 1,
        ..Sysinfo::default()
    };
    cx.user().write(info, &answer)?;
    Ok(0)
}

/// Never blocks: the generator is seeded before the first program starts.
pub fn getrandom(cx: &mut Cx<'_>, buf: u64, len: u64, flags: u32) -> Result<u64> {
    let flags = RandomFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    if flags.contains(RandomFlags::RANDOM | RandomFlags::INSECURE) {
        return Err(Errno::EINVAL);
    }
    let len = len.min(usermem::MAX_TRANSFER as u64);
    let mut done = 0;
    let mut chunk = [0u8; 256];
    while done < len {
        let step = (len - done).min(chunk.len() as u64) as usize;
        cx.platform().random(&mut chunk[..step]);
        let copied = cx.user().copy_out(buf.wrapping_add(done), &chunk[..step]);
        done += copied as u64;
        if copied < step {
            return if done == 0 { Err(Errno::EFAULT) } else { Ok(done) };
        }
        // As on Linux a long request can be interrupted once it has given something.
        if done >= 4096 && done < len && cx.interrupted() {
            break;
        }
    }
    Ok(done)
}

pub fn membarrier(cx: &mut Cx<'_>, command: i32, flags: u32, _cpu: i32) -> Result<u64> {
    const QUERY: i32 = 0;
    const GLOBAL: i32 = 1;
    const GLOBAL_EXPEDITED: i32 = 2;
    const REGISTER_GLOBAL_EXPEDITED: i32 = 4;
    const PRIVATE_EXPEDITED: i32 = 8;
    const REGISTER_PRIVATE_EXPEDITED: i32 = 16;
    const SUPPORTED: i32 = GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL_EXPEDITED | PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED;
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        QUERY => Ok(u64::from(SUPPORTED.unsigned_abs())),
        REGISTER_GLOBAL_EXPEDITED | REGISTER_PRIVATE_EXPEDITED => Ok(0),
        GLOBAL | GLOBAL_EXPEDITED | PRIVATE_EXPEDITED => {
            cx.system.machine.barrier_on_all_cpus();
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}

pub fn personality(_cx: &mut Cx<'_>, persona: u32) -> Result<u64> {
    const PER_LINUX: u32 = 0;
    const ASK: u32 = u32::MAX;
    if persona == PER_LINUX || persona == ASK { Ok(0) } else { Err(Errno::EINVAL) }
}
