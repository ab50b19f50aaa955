//! Sockets named in a real file system tree.

use file::{Credentials, SockAddr, Socket};
use ramfs::Ramfs;
use std::any::Any;
use std::sync::{Arc, Weak};
use time::testing::ManualClock;
use uapi::{Errno, Result};
use unix::{Family, SocketNames};
use vfs::{Context, Follow, MountFlags, Namespace, Vfs};

struct Caller(Context);

impl SocketNames for Caller {
    fn credentials(&self) -> Credentials {
        Credentials { pid: 1, uid: self.0.uid, gid: self.0.gid }
    }
    fn bind(&self, path: &[u8], socket: Weak<dyn Any + Send + Sync>) -> Result<()> {
        unix::at::bind(&self.0, path, socket)
    }
    fn lookup(&self, path: &[u8]) -> Result<Arc<dyn Any + Send + Sync>> {
        unix::at::lookup(&self.0, path)
    }
}

#[test]
fn a_path_leads_to_the_socket_bound_to_it_as_long_as_it_lives() {
    let vfs = Vfs::new(Arc::new(ManualClock::default()), frame::testing::arena(4 << 20), None);
    let root = Context::new(Namespace::new(vfs.clone(), Ramfs::new(&vfs, 0o755), MountFlags::empty(), b"rootfs"));
    let family = Family::new(Arc::new(Caller(root.clone())));
    let addr = |path: &str| SockAddr::Unix(path.as_bytes().to_vec());
    let new = || family.socket(1, 0).unwrap();

    let listener = new();
    listener.bind(&addr("/run.sock")).unwrap();
    listener.listen(1).unwrap();
    let place = root.resolve(None, b"/run.sock", Follow::No).unwrap();
    assert_eq!((place.inode().kind(), place.inode().stat().mode & 0o777), (file::FileType::Socket, 0o755));
    root.symlink(b"run.sock", None, b"/link").unwrap();
    assert_eq!(new().connect(&addr("/link")), Ok(()));
    assert_eq!(new().bind(&addr("/run.sock")), Err(Errno::EADDRINUSE));
    assert_eq!(new().bind(&addr("/missing/sock")), Err(Errno::ENOENT));
    assert_eq!(new().connect(&addr("/")), Err(Errno::ECONNREFUSED));

    let user = Family::new(Arc::new(Caller(Context { uid: 1000, gid: 1000, ..root.clone() })));
    assert_eq!(user.socket(1, 0).unwrap().connect(&addr("/run.sock")), Err(Errno::EACCES));

    drop(listener);
    assert_eq!(new().connect(&addr("/run.sock")), Err(Errno::ECONNREFUSED));
    root.unlink(None, b"/run.sock").unwrap();
    assert_eq!(new().connect(&addr("/run.sock")), Err(Errno::ENOENT));
    assert_eq!(new().bind(&addr("/run.sock")), Ok(()));
}
