//! Every structure in `uapi::types` against libc's idea of it (x86_64 Linux hosts only; the others share the layouts).
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use core::mem::offset_of;
use uapi::types::*;

macro_rules! same {
    ($ours:ty, $theirs:ty $(, $field:ident = $other:ident)*) => {
        assert_eq!(size_of::<$ours>(), size_of::<$theirs>(), concat!("size of ", stringify!($ours)));
        $(assert_eq!(
            offset_of!($ours, $field),
            offset_of!($theirs, $other),
            concat!(stringify!($ours), ".", stringify!($field))
        );)*
    };
}

#[test]
fn file_structures() {
    same!(
        StatX64,
        libc::stat64,
        dev = st_dev,
        ino = st_ino,
        nlink = st_nlink,
        mode = st_mode,
        uid = st_uid,
        gid = st_gid,
        rdev = st_rdev,
        size = st_size,
        blksize = st_blksize,
        blocks = st_blocks,
        atime = st_atime,
        mtime = st_mtime,
        ctime = st_ctime
    );
    same!(
        Statx,
        libc::statx,
        mask = stx_mask,
        blksize = stx_blksize,
        attributes = stx_attributes,
        nlink = stx_nlink,
        uid = stx_uid,
        gid = stx_gid,
        mode = stx_mode,
        ino = stx_ino,
        size = stx_size,
        blocks = stx_blocks,
        attributes_mask = stx_attributes_mask,
        atime = stx_atime,
        btime = stx_btime,
        ctime = stx_ctime,
        mtime = stx_mtime,
        rdev_major = stx_rdev_major,
        rdev_minor = stx_rdev_minor,
        dev_major = stx_dev_major,
        dev_minor = stx_dev_minor,
        mnt_id = stx_mnt_id
    );
    same!(
        Statfs,
        libc::statfs64,
        kind = f_type,
        bsize = f_bsize,
        blocks = f_blocks,
        bfree = f_bfree,
        bavail = f_bavail,
        files = f_files,
        ffree = f_ffree,
        fsid = f_fsid,
        namelen = f_namelen,
        frsize = f_frsize,
        flags = f_flags
    );
    same!(Flock, libc::flock64, kind = l_type, whence = l_whence, start = l_start, len = l_len, pid = l_pid);
    same!(OpenHow, libc::open_how, flags = flags, mode = mode, resolve = resolve);
    assert_eq!(size_of::<Dirent64Header>(), offset_of!(libc::dirent64, d_name));
    assert_eq!(offset_of!(Dirent64Header, kind), offset_of!(libc::dirent64, d_type));
    // asm-generic/stat.h.
    assert_eq!((size_of::<StatAarch64>(), offset_of!(StatAarch64, size), offset_of!(StatAarch64, atime)), (128, 48, 72));
}

#[test]
fn time_structures() {
    same!(Timespec, libc::timespec, sec = tv_sec, nsec = tv_nsec);
    same!(Timeval, libc::timeval, sec = tv_sec, usec = tv_usec);
    same!(Itimerspec, libc::itimerspec, interval = it_interval, value = it_value);
    same!(Itimerval, libc::itimerval, interval = it_interval, value = it_value);
    same!(Tms, libc::tms, utime = tms_utime, cstime = tms_cstime);
    same!(Utimbuf, libc::utimbuf, actime = actime, modtime = modtime);
    same!(
        Timex,
        libc::timex,
        modes = modes,
        offset = offset,
        status = status,
        constant = constant,
        time = time,
        tick = tick,
        shift = shift,
        stbcnt = stbcnt,
        tai = tai
    );
}

#[test]
fn socket_structures() {
    same!(SockaddrIn, libc::sockaddr_in, family = sin_family, port = sin_port, addr = sin_addr);
    same!(SockaddrIn6, libc::sockaddr_in6, port = sin6_port, flowinfo = sin6_flowinfo, addr = sin6_addr, scope_id = sin6_scope_id);
    same!(SockaddrNl, libc::sockaddr_nl, pid = nl_pid, groups = nl_groups);
    same!(
        MsgHeader,
        libc::msghdr,
        name = msg_name,
        namelen = msg_namelen,
        iov = msg_iov,
        iovlen = msg_iovlen,
        control = msg_control,
        controllen = msg_controllen,
        flags = msg_flags
    );
    same!(MmsgHeader, libc::mmsghdr, header = msg_hdr, len = msg_len);
    same!(CmsgHeader, libc::cmsghdr, len = cmsg_len, level = cmsg_level, kind = cmsg_type);
    same!(Linger, libc::linger, onoff = l_onoff, linger = l_linger);
    same!(Ucred, libc::ucred, pid = pid, uid = uid, gid = gid);
    same!(Iovec, libc::iovec, base = iov_base, len = iov_len);
}

#[test]
fn process_and_signal_structures() {
    same!(PollFd, libc::pollfd, fd = fd, events = events, revents = revents);
    same!(EpollEventPacked, libc::epoll_event, events = events, data = u64);
    same!(Sigevent, libc::sigevent, value = sigev_value, signo = sigev_signo, notify = sigev_notify, tid = sigev_notify_thread_id);
    same!(NewUtsname, libc::utsname, nodename = nodename, machine = machine, domainname = domainname);
    same!(Rusage, libc::rusage, stime = ru_stime, maxrss = ru_maxrss, minflt = ru_minflt, nvcsw = ru_nvcsw, nivcsw = ru_nivcsw);
    same!(
        Sysinfo,
        libc::sysinfo,
        uptime = uptime,
        loads = loads,
        totalram = totalram,
        freeswap = freeswap,
        procs = procs,
        totalhigh = totalhigh,
        mem_unit = mem_unit
    );
    assert_eq!((size_of::<RobustListHead>(), size_of::<SchedAttr>()), (24, 48));
    assert_eq!((size_of::<CapHeader>(), size_of::<CapData>(), size_of::<FOwnerEx>()), (8, 12, 8));
}
