//! Kinds of arguments: what the raw word means, for the handler (its Rust type) and for tracing (how to print it).

/// What an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A file descriptor.
    Fd,
    /// A directory descriptor or AT_FDCWD.
    Dirfd,
    /// Address of a NUL-terminated path.
    Path,
    /// Address of something the call reads.
    In,
    /// Address of something the call writes.
    Out,
    /// Address of something the call reads and writes.
    InOut,
    /// An address that is itself the subject (mmap, brk).
    Addr,
    /// A number of bytes or elements.
    Size,
    /// A signed 32-bit number.
    Int,
    /// An unsigned 32-bit number.
    Uint,
    /// 32 bits of flags.
    Flags,
    /// File permission bits.
    Mode,
    /// A position or length in a file.
    Offset,
    /// A process, thread or group id.
    Pid,
    /// A user id.
    Uid,
    /// A group id.
    Gid,
    /// A signal number.
    Signal,
    /// A clock id.
    Clock,
    /// A 64-bit word whose meaning depends on another argument.
    Word,
}

/// How a kind's raw word becomes the handler's argument. As on Linux the upper half of 32-bit arguments is ignored.
pub trait Arg {
    /// The handler's type.
    type Value;
    /// The kind, for tracing.
    const KIND: ArgKind;
    /// From the register.
    fn decode(raw: u64) -> Self::Value;
}

macro_rules! kinds {
    ($($name:ident: $type:ty = |$raw:ident| $decode:expr;)*) => {
        $(
            #[doc = concat!("Marker for [`ArgKind::", stringify!($name), "`].")]
            pub struct $name;
            impl Arg for $name {
                type Value = $type;
                const KIND: ArgKind = ArgKind::$name;
                #[inline(always)]
                fn decode($raw: u64) -> $type {
                    $decode
                }
            }
        )*
    };
}

kinds! {
    Fd: i32 = |raw| raw as u32 as i32;
    Dirfd: i32 = |raw| raw as u32 as i32;
    Path: u64 = |raw| raw;
    In: u64 = |raw| raw;
    Out: u64 = |raw| raw;
    InOut: u64 = |raw| raw;
    Addr: u64 = |raw| raw;
    Size: u64 = |raw| raw;
    Int: i32 = |raw| raw as u32 as i32;
    Uint: u32 = |raw| raw as u32;
    Flags: u32 = |raw| raw as u32;
    Mode: u32 = |raw| raw as u32;
    Offset: i64 = |raw| raw.cast_signed();
    Pid: i32 = |raw| raw as u32 as i32;
    Uid: u32 = |raw| raw as u32;
    Gid: u32 = |raw| raw as u32;
    Signal: i32 = |raw| raw as u32 as i32;
    Clock: i32 = |raw| raw as u32 as i32;
    Word: u64 = |raw| raw;
}
