//! Names of sockets in the file system: what [`SocketNames`](crate::SocketNames) is made of, given the caller's file system context.

use alloc::sync::{Arc, Weak};
use core::any::Any;
use file::FileType;
use uapi::{Errno, Result};
use vfs::{Access, Context, Follow};

/// S_IFSOCK with all permissions; the context's umask takes some off.
const MODE: u32 = 0o140777;

/// bind(2): makes a socket inode at `path` and binds `socket` to it. EADDRINUSE when something is there; else what mknod(2) fails with.
pub fn bind(context: &Context, path: &[u8], socket: Weak<dyn Any + Send + Sync>) -> Result<()> {
    let place = context.mknod(None, path, MODE, 0).map_err(|error| match error {
        Errno::EEXIST => Errno::EADDRINUSE,
        other => other,
    })?;
    context.vfs().attachments.bind(place.inode(), socket);
    Ok(())
}

/// The socket bound to `path`. ECONNREFUSED: not a socket, or nobody has it open any more. EACCES: not writable for the caller.
pub fn lookup(context: &Context, path: &[u8]) -> Result<Arc<dyn Any + Send + Sync>> {
    let place = context.resolve(None, path, Follow::Yes)?;
    context.access_of(&place, Access::WRITE)?;
    if place.inode().kind() != FileType::Socket {
        return Err(Errno::ECONNREFUSED);
    }
    context.vfs().attachments.bound(place.inode()).ok_or(Errno::ECONNREFUSED)
}
