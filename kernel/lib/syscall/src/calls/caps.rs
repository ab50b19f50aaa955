//! capget(2), capset(2).

use crate::Cx;
use alloc::vec::Vec;
use uapi::types::{CapData, CapHeader};
use uapi::{Errno, Result};

/// _LINUX_CAPABILITY_VERSION_1: 32 capabilities in one structure.
const VERSION_1: u32 = 0x1998_0330;
/// _LINUX_CAPABILITY_VERSION_2 and 3: two structures.
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;
/// How many structures the header's version has. EINVAL, with the version we speak written back, for an unknown one.
fn structures(cx: &Cx<'_>, header: u64) -> Result<(CapHeader, usize)> {
    let raw: CapHeader = cx.user().read(header)?;
    match raw.version {
        VERSION_1 => Ok((raw, 1)),
        VERSION_2 | VERSION_3 => Ok((raw, 2)),
        _ => {
            cx.user().write(header, &CapHeader { version: VERSION_3, ..raw })?;
            Err(Errno::EINVAL)
        }
    }
}

fn known(cx: &Cx<'_>, pid: i32) -> Result<()> {
    match pid {
        0 => Ok(()),
        pid if pid < 0 => Err(Errno::EINVAL),
        pid if pid == cx.pid() => Ok(()),
        pid => cx.thread_by_id(pid).map(|_| ()),
    }
}

pub fn capget(cx: &mut Cx<'_>, header: u64, data: u64) -> Result<u64> {
    let (raw, count) = match structures(cx, header) {
        // A null data address asks for the version only.
        Err(Errno::EINVAL) if data == 0 => return Ok(0),
        other => other?,
    };
    known(cx, raw.pid)?;
    if data == 0 {
        return Ok(0);
    }
    let caps = cx.credentials().caps;
    for index in 0..count {
        let half = |set: u64| (set >> (32 * index)) as u32;
        let answer = CapData { effective: half(caps.effective), permitted: half(caps.permitted), inheritable: half(caps.inheritable) };
        cx.user().write(data + (index * size_of::<CapData>()) as u64, &answer)?;
    }
    Ok(0)
}

pub fn capset(cx: &mut Cx<'_>, header: u64, data: u64) -> Result<u64> {
    let (raw, count) = structures(cx, header)?;
    if raw.pid != 0 && raw.pid != cx.pid() && raw.pid != cx.tid() {
        return Err(Errno::EPERM);
    }
    let halves: Vec<CapData> = cx.user().read_vec(data, count)?;
    let join =
        |pick: fn(&CapData) -> u32| halves.iter().enumerate().fold(0u64, |all, (index, half)| all | u64::from(pick(half)) << (32 * index));
    let (effective, permitted, inheritable) = (join(|d| d.effective), join(|d| d.permitted), join(|d| d.inheritable));
    cx.change_credentials(&mut |who| who.capset(effective, permitted, inheritable))
}
