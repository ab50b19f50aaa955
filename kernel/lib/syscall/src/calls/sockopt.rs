//! setsockopt(2), getsockopt(2).

use super::socket;
use crate::Cx;
use uapi::{Errno, Result};

/// No option is longer (a multicast filter or a list of route entries would be).
const MAX_OPTION: usize = 4096;
const SOL_SOCKET: i32 = 1;

pub fn setsockopt(cx: &mut Cx<'_>, fd: i32, level: i32, name: i32, value: u64, len: i32) -> Result<u64> {
    let len = usize::try_from(len).map_err(|_| Errno::EINVAL)?;
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let mut bytes = [0u8; 64];
    if let Some(short) = bytes.get_mut(..len) {
        cx.user().read_bytes(value, short)?;
        socket.set_option(level, name, short)?;
    } else {
        let mut long = alloc::vec![0u8; len.min(MAX_OPTION)];
        cx.user().read_bytes(value, &mut long)?;
        socket.set_option(level, name, &long)?;
    }
    Ok(0)
}

pub fn getsockopt(cx: &mut Cx<'_>, fd: i32, level: i32, name: i32, value: u64, len_at: u64) -> Result<u64> {
    let open = cx.file(fd)?;
    let socket = socket::of(&open)?;
    let room: i32 = cx.user().read(len_at)?;
    let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
    let answer = match general(socket, level, name) {
        Some(number) => number.to_ne_bytes().to_vec(),
        None => socket.get_option(level, name)?,
    };
    let len = answer.len().min(room);
    cx.user().write_bytes(value, &answer[..len])?;
    cx.user().write(len_at, &(len as i32))?;
    Ok(0)
}

/// What every socket answers alike.
fn general(socket: &dyn file::Socket, level: i32, name: i32) -> Option<i32> {
    const SO_TYPE: i32 = 3;
    const SO_ERROR: i32 = 4;
    const SO_PROTOCOL: i32 = 38;
    const SO_DOMAIN: i32 = 39;
    if level != SOL_SOCKET {
        return None;
    }
    let (domain, kind, protocol) = socket.identity();
    match name {
        SO_TYPE => i32::try_from(kind).ok(),
        SO_ERROR => Some(socket.take_error().map_or(0, |error| error.code().into())),
        SO_PROTOCOL => i32::try_from(protocol).ok(),
        SO_DOMAIN => Some(domain.into()),
        _ => None,
    }
}
