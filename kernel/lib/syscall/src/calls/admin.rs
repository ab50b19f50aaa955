//! What belongs to whoever runs the machine: refused, except ending it (reboot(2)).

use crate::Cx;
use process::End;
use uapi::{Errno, Result};

macro_rules! refused {
    ($($(#[$doc:meta])* $name:ident($($type:ty),*);)*) => {
        $($(#[$doc])* pub fn $name(_cx: &mut Cx<'_>, $(_: $type),*) -> Result<u64> {
            Err(Errno::EPERM)
        })*
    };
}

// EPERM, as Linux answers those without the right.
refused! {
    mount(u64, u64, u64, u64, u64);
    umount2(u64, u32);
    swapon(u64, u32);
    swapoff(u64);
    iopl(u32);
    ioperm(u64, u64, i32);
}

pub fn reboot(cx: &mut Cx<'_>, magic: i32, magic2: i32, command: u32, _arg: u64) -> Result<u64> {
    const MAGIC: u32 = 0xfee1_dead;
    const MAGIC2: [i32; 4] = [672_274_793, 85_072_278, 369_367_448, 537_993_216];
    const RESTART: u32 = 0x0123_4567;
    const HALT: u32 = 0xcdef_0123;
    const POWER_OFF: u32 = 0x4321_fedc;
    const CAD_ON: u32 = 0x89ab_cdef;
    const CAD_OFF: u32 = 0;
    cx.require_root()?;
    if magic.cast_unsigned() != MAGIC || !MAGIC2.contains(&magic2) {
        return Err(Errno::EINVAL);
    }
    match command {
        RESTART | HALT | POWER_OFF => cx.platform().end_machine(End::Exit(0)),
        // There is no keyboard whose Ctrl-Alt-Del could mean something.
        CAD_ON | CAD_OFF => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}
