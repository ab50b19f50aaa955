//! Files and descriptors through whole system calls.
#![allow(clippy::unwrap_used, reason = "tests")]

mod harness;

use harness::World;
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, F_DUPFD_CLOEXEC, F_GETFD, F_GETFL, F_SETFL, O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_NONBLOCK, O_PATH,
    O_RDONLY, O_RDWR, O_WRONLY,
};
use uapi::Errno;
use uapi::types::{Flock, Iovec, StatX64, Statx};

const CWD: u64 = AT_FDCWD as u64;

#[test]
fn what_is_written_is_read_and_positions_move() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    let text = w.bytes(b"hello world");
    assert_eq!(w.call(libc::SYS_write, &[fd, text, 11]), Ok(11));
    assert_eq!(w.call(libc::SYS_lseek, &[fd, 6, 0]), Ok(6));
    let buf = w.room(32);
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 32]), Ok(5));
    assert_eq!(w.read_bytes(buf, 5), b"world");
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 32]), Ok(0));
    assert_eq!(w.call(libc::SYS_pread64, &[fd, buf, 5, 0]), Ok(5));
    assert_eq!(w.read_bytes(buf, 5), b"hello");
    assert_eq!(w.call(libc::SYS_pwrite64, &[fd, text, 5, u64::MAX]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_lseek, &[fd, 0, 9]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, u64::MAX]), Err(Errno::EFAULT));
    assert_eq!(w.call(libc::SYS_lseek, &[fd, i64::MAX as u64, 1]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_write, &[fd, 0x10, 5]), Err(Errno::EFAULT));
}

#[test]
fn vectors_gather_and_scatter() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    let parts = [Iovec { base: w.bytes(b"abc"), len: 3 }, Iovec { base: 0, len: 0 }, Iovec { base: w.bytes(b"defg"), len: 4 }];
    let iov = w.room(48);
    for (i, part) in parts.iter().enumerate() {
        w.user().write(iov + 16 * i as u64, part).unwrap();
    }
    assert_eq!(w.call(libc::SYS_writev, &[fd, iov, 3]), Ok(7));
    assert_eq!(w.call(libc::SYS_preadv, &[fd, iov, 1, 2]), Ok(3));
    assert_eq!(w.read_bytes(parts[0].base, 3), b"cde");
    assert_eq!(w.call(libc::SYS_writev, &[fd, iov, 1025]), Err(Errno::EINVAL));
    // -1 is the descriptor's own position; RWF_APPEND writes at the end whatever the position.
    assert_eq!(w.call(libc::SYS_pwritev2, &[fd, iov, 1, 0, 0, 0x10]), Ok(3));
    assert_eq!(w.call(libc::SYS_lseek, &[fd, 0, 2]), Ok(10));
    assert_eq!(w.call(libc::SYS_preadv2, &[fd, iov, 1, u64::MAX, 0, 0x8000]), Err(Errno::EOPNOTSUPP));
}

#[test]
fn access_modes_are_kept() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_WRONLY);
    let buf = w.room(8);
    assert_eq!(w.call(libc::SYS_read, &[fd, buf, 8]), Err(Errno::EBADF));
    let read_only = w.open("/f", O_RDONLY);
    assert_eq!(w.call(libc::SYS_write, &[read_only, buf, 8]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_ftruncate, &[read_only, 8]), Err(Errno::EINVAL));
    let place = w.open("/f", O_PATH);
    for call in [libc::SYS_read, libc::SYS_write, libc::SYS_fchmod, libc::SYS_ioctl, libc::SYS_fsync] {
        assert_eq!(w.call(call, &[place, buf, 8]), Err(Errno::EBADF), "{call}");
    }
    assert_eq!(w.call(libc::SYS_fcntl, &[place, F_GETFL as u64]), Ok(O_PATH as u64));
    assert_eq!(w.call(libc::SYS_read, &[99, buf, 8]), Err(Errno::EBADF));
}

#[test]
fn descriptors_are_the_lowest_free_and_carry_close_on_exec() {
    let w = World::new();
    let [a, b, c] = [0, O_CLOEXEC, 0].map(|flag| w.open("/f", O_CREAT | O_RDWR | flag));
    assert_eq!([a, b, c], [0, 1, 2]);
    assert_eq!(w.call(libc::SYS_fcntl, &[b, F_GETFD as u64]), Ok(1));
    assert_eq!(w.call(libc::SYS_close, &[b]), Ok(0));
    assert_eq!(w.call(libc::SYS_close, &[b]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_dup, &[a]), Ok(1));
    assert_eq!(w.call(libc::SYS_dup2, &[a, a]), Ok(a));
    assert_eq!(w.call(libc::SYS_dup2, &[77, 77]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_dup3, &[a, a, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_dup3, &[a, 9, O_CLOEXEC as u64]), Ok(9));
    assert_eq!(w.call(libc::SYS_fcntl, &[9, F_GETFD as u64]), Ok(1));
    assert_eq!(w.call(libc::SYS_fcntl, &[a, F_DUPFD_CLOEXEC as u64, 20]), Ok(20));
    assert_eq!(w.call(libc::SYS_close_range, &[5, 4, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_close_range, &[3, u32::MAX.into(), 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_fcntl, &[20, F_GETFD as u64]), Err(Errno::EBADF));
    assert_eq!(w.call(libc::SYS_fcntl, &[a, F_GETFD as u64]), Ok(0));
}

#[test]
fn status_flags_belong_to_the_description() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_WRONLY | O_APPEND);
    let other = w.call(libc::SYS_dup, &[fd]).unwrap();
    assert_eq!(w.call(libc::SYS_fcntl, &[other, F_SETFL as u64, O_NONBLOCK as u64]), Ok(0));
    let flags = w.call(libc::SYS_fcntl, &[fd, F_GETFL as u64]).unwrap();
    // A 64-bit Linux shows O_LARGEFILE, which its C library calls 0.
    assert_eq!(flags, (O_WRONLY | O_NONBLOCK | 0o100000) as u64);
    let on = w.value(&0i32);
    assert_eq!(w.call(libc::SYS_ioctl, &[fd, libc::FIONBIO, on]), Ok(0));
    assert_eq!(w.call(libc::SYS_fcntl, &[fd, F_GETFL as u64]).unwrap() & O_NONBLOCK as u64, 0);
    assert_eq!(w.call(libc::SYS_ioctl, &[fd, libc::TCGETS, on]), Err(Errno::ENOTTY));
}

#[test]
fn stat_in_all_its_forms() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    w.call(libc::SYS_ftruncate, &[fd, 1234]).unwrap();
    w.call(libc::SYS_symlink, &[w.text("/f"), w.text("/l")]).unwrap();
    let stat = w.room(256);
    let size = || w.read::<StatX64>(stat).size;
    let mode = || w.read::<StatX64>(stat).mode;
    w.call(libc::SYS_stat, &[w.text("/l"), stat]).unwrap();
    assert_eq!((size(), mode()), (1234, 0o100644));
    w.call(libc::SYS_lstat, &[w.text("/l"), stat]).unwrap();
    assert_eq!((size(), mode()), (2, 0o120777));
    w.call(libc::SYS_newfstatat, &[fd, w.text(""), stat, AT_EMPTY_PATH as u64]).unwrap();
    assert_eq!(size(), 1234);
    assert_eq!(w.call(libc::SYS_newfstatat, &[fd, w.text(""), stat, 0]), Err(Errno::ENOENT));
    assert_eq!(w.call(libc::SYS_newfstatat, &[CWD, w.text("f"), stat, 0x8000_0000]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_newfstatat, &[fd, w.text("x"), stat, 0]), Err(Errno::ENOTDIR));
    w.call(libc::SYS_statx, &[CWD, w.text("/f"), 0, 0xfff, stat]).unwrap();
    assert_eq!(w.read::<Statx>(stat).size, 1234);
    assert_eq!(w.call(libc::SYS_stat, &[w.text("/none"), stat]), Err(Errno::ENOENT));
    assert_eq!(w.call(libc::SYS_stat, &[w.text("/f"), 0x10]), Err(Errno::EFAULT));
}

#[test]
fn directories_are_listed_made_entered_and_removed() {
    let w = World::new();
    w.call(libc::SYS_mkdir, &[w.text("/d"), 0o777]).unwrap();
    w.call(libc::SYS_chdir, &[w.text("/d")]).unwrap();
    w.open("inside", O_CREAT | O_RDWR);
    let buf = w.room(256);
    assert_eq!(w.call(libc::SYS_getcwd, &[buf, 256]), Ok(3));
    assert_eq!(w.read_bytes(buf, 3), b"/d\0");
    assert_eq!(w.call(libc::SYS_getcwd, &[buf, 2]), Err(Errno::ERANGE));
    let dir = w.open(".", O_RDONLY | O_DIRECTORY);
    let len = w.call(libc::SYS_getdents64, &[dir, buf, 256]).unwrap();
    let listed = w.read_bytes(buf, len as usize);
    assert!(listed.windows(6).any(|name| name == b"inside"));
    assert_eq!(w.call(libc::SYS_getdents64, &[dir, buf, 256]), Ok(0));
    assert_eq!(w.call(libc::SYS_rmdir, &[w.text("/d")]), Err(Errno::ENOTEMPTY));
    assert_eq!(w.call(libc::SYS_unlinkat, &[dir, w.text("inside"), 0]), Ok(0));
    assert_eq!(w.call(libc::SYS_unlinkat, &[CWD, w.text("/d"), libc::AT_REMOVEDIR as u64]), Ok(0));
    assert_eq!(w.call(libc::SYS_getcwd, &[buf, 256]), Err(Errno::ENOENT));
    assert_eq!(w.call(libc::SYS_getdents64, &[dir, buf, 256]), Err(Errno::ENOENT));
    assert_eq!(w.call(libc::SYS_umask, &[0o77]), Ok(0o22));
}

#[test]
fn sendfile_and_copy_file_range_move_bytes() {
    let w = World::new();
    let from = w.open("/a", O_CREAT | O_RDWR);
    let to = w.open("/b", O_CREAT | O_RDWR);
    let text = w.bytes(&[b'x'; 5000]);
    w.call(libc::SYS_write, &[from, text, 5000]).unwrap();
    let offset = w.value(&1000u64);
    assert_eq!(w.call(libc::SYS_sendfile, &[to, from, offset, 1 << 30]), Ok(4000));
    assert_eq!(w.read::<u64>(offset), 5000);
    w.call(libc::SYS_lseek, &[from, 4990, 0]).unwrap();
    let target = w.value(&10_000u64);
    assert_eq!(w.call(libc::SYS_copy_file_range, &[from, 0, to, target, 100, 0]), Ok(10));
    assert_eq!(w.call(libc::SYS_lseek, &[to, 0, 2]), Ok(10_010));
    assert_eq!(w.call(libc::SYS_copy_file_range, &[from, 0, to, target, 100, 1]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_sendfile, &[99, from, 0, 1]), Err(Errno::EBADF));
}

#[test]
fn record_locks_conflict_between_descriptions_only() {
    let w = World::new();
    let (a, b) = (w.open("/f", O_CREAT | O_RDWR), w.open("/f", O_RDWR));
    let lock = |kind: i16| w.value(&Flock { kind, start: 10, len: 5, ..Flock::default() });
    assert_eq!(w.call(libc::SYS_fcntl, &[a, libc::F_OFD_SETLK as u64, lock(1)]), Ok(0));
    assert_eq!(w.call(libc::SYS_fcntl, &[b, libc::F_OFD_SETLK as u64, lock(0)]), Err(Errno::EAGAIN));
    let asked = lock(1);
    assert_eq!(w.call(libc::SYS_fcntl, &[b, libc::F_OFD_GETLK as u64, asked]), Ok(0));
    let found: Flock = w.read(asked);
    assert_eq!((found.kind, found.start, found.len, found.pid), (1, 10, 5, -1));
    assert_eq!(w.call(libc::SYS_flock, &[a, (libc::LOCK_EX | libc::LOCK_NB) as u64]), Ok(0));
    assert_eq!(w.call(libc::SYS_flock, &[b, (libc::LOCK_SH | libc::LOCK_NB) as u64]), Err(Errno::EAGAIN));
    assert_eq!(w.call(libc::SYS_flock, &[b, 99]), Err(Errno::EINVAL));
}

#[test]
fn memory_files_are_sealed_and_mapped() {
    let w = World::new();
    let fd = w.call(libc::SYS_memfd_create, &[w.text("mem"), 2]).unwrap();
    w.call(libc::SYS_ftruncate, &[fd, 8192]).unwrap();
    let map = w.call(libc::SYS_mmap, &[0, 8192, 3, 1, fd, 4096]).unwrap();
    w.user().write(map, &0x1122_3344u32).unwrap();
    let buf = w.room(8);
    assert_eq!(w.call(libc::SYS_pread64, &[fd, buf, 4, 4096]), Ok(4));
    assert_eq!(w.read::<u32>(buf), 0x1122_3344);
    assert_eq!(w.call(libc::SYS_mmap, &[0, 8192, 3, 1, fd, 100]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_munmap, &[map, 8192]), Ok(0));
    assert_eq!(w.call(libc::SYS_fcntl, &[fd, libc::F_ADD_SEALS as u64, libc::F_SEAL_SHRINK as u64]), Ok(0));
    assert_eq!(w.call(libc::SYS_ftruncate, &[fd, 10]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_fcntl, &[fd, libc::F_GET_SEALS as u64]), Ok(libc::F_SEAL_SHRINK as u64));
    assert_eq!(w.call(libc::SYS_fcntl, &[fd, libc::F_ADD_SEALS as u64, libc::F_SEAL_WRITE as u64]), Ok(0));
    assert_eq!(w.call(libc::SYS_mmap, &[0, 4096, 3, 1, fd, 0]), Err(Errno::EPERM));
    let shown = w.call(libc::SYS_mmap, &[0, 4096, 1, 1, fd, 0]).unwrap();
    assert_eq!(w.call(libc::SYS_mprotect, &[shown, 4096, 3]), Err(Errno::EACCES));
    assert!(w.call(libc::SYS_mmap, &[0, 4096, 3, 2, fd, 0]).is_ok(), "a private copy may be changed");
    assert_eq!(w.call(libc::SYS_memfd_create, &[w.text("mem"), 4]), Err(Errno::EINVAL));
    let plain = w.open("/f", O_CREAT | O_RDONLY);
    assert_eq!(w.call(libc::SYS_mmap, &[0, 4096, 3, 1, plain, 0]), Err(Errno::EACCES));
}

#[test]
fn a_file_size_limit_cuts_and_then_signals() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    let limit = w.value(&[10u64, u64::MAX]);
    w.call(libc::SYS_setrlimit, &[u64::from(libc::RLIMIT_FSIZE), limit]).unwrap();
    let text = w.bytes(&[1; 16]);
    assert_eq!(w.call(libc::SYS_write, &[fd, text, 16]), Ok(10));
    assert_eq!(w.call(libc::SYS_write, &[fd, text, 16]), Err(Errno::EFBIG));
    assert!(w.thread.signals().needs_attention());
    assert_eq!(w.call(libc::SYS_ftruncate, &[fd, 11]), Err(Errno::EFBIG));
    assert_eq!(w.call(libc::SYS_truncate, &[w.text("/f"), 11]), Err(Errno::EFBIG));
    assert_eq!(w.call(libc::SYS_fallocate, &[fd, 0, 0, 11]), Err(Errno::EFBIG));
    assert_eq!(w.call(libc::SYS_ftruncate, &[fd, 5]), Ok(0));
}

#[test]
fn extended_attributes_are_kept() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    let (path, name, value, buf) = (w.text("/f"), w.text("user.note"), w.bytes(b"hello"), w.room(64));
    assert_eq!(w.call(libc::SYS_getxattr, &[path, name, buf, 64]), Err(Errno::ENODATA));
    assert_eq!(w.call(libc::SYS_setxattr, &[path, name, value, 5, 2]), Err(Errno::ENODATA));
    assert_eq!(w.call(libc::SYS_setxattr, &[path, name, value, 5, 1]), Ok(0));
    assert_eq!(w.call(libc::SYS_fsetxattr, &[fd, name, value, 5, 1]), Err(Errno::EEXIST));
    assert_eq!(w.call(libc::SYS_fgetxattr, &[fd, name, buf, 0]), Ok(5));
    assert_eq!(w.call(libc::SYS_fgetxattr, &[fd, name, buf, 4]), Err(Errno::ERANGE));
    assert_eq!(w.call(libc::SYS_fgetxattr, &[fd, name, buf, 64]), Ok(5));
    assert_eq!(w.read_bytes(buf, 5), b"hello");
    assert_eq!(w.call(libc::SYS_listxattr, &[path, buf, 64]), Ok(10));
    assert_eq!(w.read_bytes(buf, 10), b"user.note\0");
    assert_eq!(w.call(libc::SYS_setxattr, &[path, w.text("system.posix_acl_access"), value, 5, 0]), Err(Errno::EOPNOTSUPP));
    assert_eq!(w.call(libc::SYS_setxattr, &[path, w.text(""), value, 5, 0]), Err(Errno::ERANGE));
    assert_eq!(w.call(libc::SYS_setxattr, &[path, w.text("user."), value, 5, 0]), Err(Errno::EINVAL));
    assert_eq!(w.call(libc::SYS_setxattr, &[path, name, value, 65537, 0]), Err(Errno::E2BIG));
    assert_eq!(w.call(libc::SYS_symlink, &[path, w.text("/l")]), Ok(0));
    assert_eq!(w.call(libc::SYS_lsetxattr, &[w.text("/l"), name, value, 5, 0]), Err(Errno::EPERM));
    assert_eq!(w.call(libc::SYS_removexattr, &[w.text("/l"), name]), Ok(0));
    assert_eq!(w.call(libc::SYS_listxattr, &[path, buf, 64]), Ok(0));
}

#[test]
fn fallocate_takes_the_memory() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    let stat = w.room(256);
    let blocks = || {
        w.call(libc::SYS_fstat, &[fd, stat]).unwrap();
        (w.read::<StatX64>(stat).size, w.read::<StatX64>(stat).blocks)
    };
    assert_eq!(w.call(libc::SYS_fallocate, &[fd, 1, 0, 10_000]), Ok(0));
    assert_eq!(blocks(), (0, 24));
    assert_eq!(w.call(libc::SYS_fallocate, &[fd, 0, 0, 10_000]), Ok(0));
    assert_eq!(blocks(), (10_000, 24));
    assert_eq!(w.call(libc::SYS_fallocate, &[fd, 0, 0, 1 << 40]), Err(Errno::ENOSPC));
    assert_eq!(w.call(libc::SYS_fallocate, &[fd, 3, 0, 8192]), Ok(0));
    assert_eq!(blocks(), (10_000, 8));
}

#[test]
fn walks_in_a_root_of_their_own_take_absolute_paths_there() {
    let w = World::new();
    w.call(libc::SYS_mkdir, &[w.text("/d"), 0o755]).unwrap();
    w.open("/d/f", O_CREAT | O_RDWR);
    let dir = w.open("/d", O_RDONLY | O_DIRECTORY);
    let how = w.value(&[0u64, 0, 0x10]);
    assert!(w.call(libc::SYS_openat2, &[dir, w.text("/f"), how, 24]).is_ok());
    assert_eq!(w.call(libc::SYS_openat2, &[dir, w.text("/d/f"), how, 24]), Err(Errno::ENOENT));
}

#[test]
fn a_file_made_for_nobody_else_gets_no_name() {
    let w = World::new();
    let (open, shut) = (w.open("/", libc::O_TMPFILE | O_RDWR), w.open("/", libc::O_TMPFILE | libc::O_EXCL | O_RDWR));
    let link = |fd, name| w.call(libc::SYS_linkat, &[fd, w.text(""), CWD, w.text(name), AT_EMPTY_PATH as u64]);
    assert_eq!((link(open, "/a"), link(shut, "/b")), (Ok(0), Err(Errno::ENOENT)));
}

#[test]
fn a_mapping_shows_its_file_s_present_name() {
    let w = World::new();
    let fd = w.open("/f", O_CREAT | O_RDWR);
    w.call(libc::SYS_ftruncate, &[fd, 4096]).unwrap();
    let map = w.call(libc::SYS_mmap, &[0, 4096, 1, 1, fd, 0]).unwrap();
    let name = || w.thread.process().mm().vma_from(map).unwrap().name.as_bytes().to_vec();
    assert_eq!(name(), b"/f");
    w.call(libc::SYS_rename, &[w.text("/f"), w.text("/g")]).unwrap();
    assert_eq!(name(), b"/g");
    w.call(libc::SYS_unlink, &[w.text("/g")]).unwrap();
    assert_eq!(name(), b"/g (deleted)");
}
