//! execve(2), execveat(2).

use super::meta::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, follow, is_empty_path};
use crate::Cx;
use crate::cx::AT_FDCWD;
use alloc::vec::Vec;
use process::Arguments;
use uapi::{Errno, Result};

/// MAX_ARG_STRLEN: one string with its NUL.
const MAX_STRING: usize = 131_072;
/// All strings and pointers together: a quarter of a stack of 8 MiB.
const MAX_TOTAL: usize = 2 << 20;

/// Reads a null-terminated array of strings; a null array is an empty one. E2BIG.
fn strings(cx: &Cx<'_>, mut at: u64, left: &mut usize) -> Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    if at == 0 {
        return Ok(all);
    }
    loop {
        let addr: u64 = cx.user().read(at)?;
        if addr == 0 {
            return Ok(all);
        }
        let string = cx.user().read_cstr(addr, MAX_STRING - 1, Errno::E2BIG)?;
        *left = left.checked_sub(string.len() + 9).ok_or(Errno::E2BIG)?;
        all.push(string);
        at += 8;
    }
}

pub fn execve(cx: &mut Cx<'_>, path: u64, argv: u64, envp: u64) -> Result<u64> {
    execveat(cx, AT_FDCWD, path, argv, envp, 0)
}

pub fn execveat(cx: &mut Cx<'_>, dir: i32, path: u64, argv: u64, envp: u64, flags: u32) -> Result<u64> {
    check_flags(flags, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)?;
    let mut left = MAX_TOTAL;
    let arguments = Arguments { argv: strings(cx, argv, &mut left)?, envp: strings(cx, envp, &mut left)? };
    let (location, name) = if is_empty_path(cx, path, flags)? {
        let location = cx.location(dir)?;
        // The name that a script's interpreter is told; it has no other.
        let name = location.display_path(&cx.process.fs().root);
        (location, name)
    } else {
        let at = cx.at(dir, path)?;
        (at.fs.resolve(at.dir(), &at.path, follow(flags))?, at.path)
    };
    process::exec(cx.thread, cx.regs, location, &name, arguments).map_err(|error| error.errno)?;
    // The new program begins with its registers as they are.
    Ok(crate::arch::result(cx.regs))
}
