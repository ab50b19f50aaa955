//! The declared table of system calls: number, name, typed arguments, handler, how much of the call there is, and a note.
//!
//! One `table!` per architecture ([`x86_64`]) makes four things of it: [`call`] for dispatch (by a dense array of function pointers, or by comparisons),
//! [`name`] for messages, [`ROWS`] for tracing and for `docs/compatibility.md` (written by this crate's tests). What an image does not use of these
//! the linker leaves out.

pub mod args;
mod x86_64;

use crate::Cx;
use args::ArgKind;
use uapi::Result;

pub use x86_64::ROWS;

/// A system call with its raw arguments; the table's rows decode them and call the typed function. Each argument is a parameter, so that most reach the
/// typed function in the register that they came in.
pub type Handler = fn(&mut Cx<'_>, u64, u64, u64, u64, u64, u64) -> Result<u64>;

/// One past the highest number the tables go to.
pub const COUNT: usize = 470;

/// How much of a call there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All that its manual page says and that makes sense with one machine per application.
    Full,
    /// Part of it; the row's note says what is missing.
    Partial,
    /// ENOSYS.
    Absent,
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The number in `rax` (x86_64).
    pub number: usize,
    /// The name in the manual.
    pub name: &'static str,
    /// Argument names and kinds, in order.
    pub args: &'static [(&'static str, ArgKind)],
    /// How much of it there is.
    pub status: Status,
    /// What is missing, or why it is absent; empty for a full call.
    pub note: &'static str,
}

/// Calls the function behind `number`; `None` for absent calls and unknown numbers.
#[inline]
pub fn call(cx: &mut Cx<'_>, number: u64, args: &[u64; 6]) -> Option<Result<u64>> {
    #[cfg(feature = "dense-table")]
    {
        let handler = usize::try_from(number).ok().and_then(|n| x86_64::HANDLERS.get(n)).copied().flatten()?;
        let [a, b, c, d, e, f] = *args;
        Some(handler(cx, a, b, c, d, e, f))
    }
    #[cfg(not(feature = "dense-table"))]
    x86_64::call(cx, number, args)
}

/// Whether there is a function behind `number`.
pub fn is_there(number: u64) -> bool {
    x86_64::is_there(number)
}

/// The name of `number`; `None` for numbers that name no call.
pub fn name(number: u64) -> Option<&'static str> {
    uapi::names::find(x86_64::NAMES, number)
}

/// A system call as messages show it: name and number, or the number alone when it names no call.
pub struct Shown(pub u64);

impl core::fmt::Display for Shown {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match name(self.0) {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What `number` needs, when that was left out of this image; the option's name in the configuration.
pub fn left_out(number: u64) -> Option<&'static str> {
    let option = match x86_64::feature(number)? {
        "exec" => "CONFIG_LIBSYSCALL_EXECVE",
        "sockets" => "CONFIG_LIBNET or CONFIG_LIBPOSIX_UNIXSOCKET",
        "pipe" => "CONFIG_LIBPOSIX_PIPE",
        "epoll" => "CONFIG_LIBPOSIX_EPOLL",
        "eventfd" => "CONFIG_LIBPOSIX_EVENTFD",
        "timerfd" => "CONFIG_LIBPOSIX_TIMERFD",
        "inotify" => "CONFIG_LIBINOTIFY",
        "posix-timers" => "CONFIG_LIBSYSCALL_POSIX_TIMERS",
        "threads" => "CONFIG_LIBSYSCALL_THREADS",
        "signals" => "CONFIG_LIBSYSCALL_SIGNALS",
        "interval-timers" => "CONFIG_LIBSYSCALL_INTERVAL_TIMERS",
        "poll" => "CONFIG_LIBSYSCALL_POLL",
        "xattr" => "CONFIG_LIBSYSCALL_XATTR",
        "change-files" => "CONFIG_LIBSYSCALL_CHANGE_FILES",
        "directories" => "CONFIG_LIBSYSCALL_DIRECTORIES",
        "locks" => "CONFIG_LIBSYSCALL_LOCKS",
        "scheduling" => "CONFIG_LIBSYSCALL_SCHEDULING",
        "credentials" => "CONFIG_LIBSYSCALL_CREDENTIALS",
        "transfer" => "CONFIG_LIBSYSCALL_TRANSFER",
        "memory-control" => "CONFIG_LIBSYSCALL_MEMORY_CONTROL",
        "admin" => "CONFIG_LIBSYSCALL_ADMIN",
        "writable-files" => "CONFIG_LIBVFSCORE_WRITE",
        "limits" => "CONFIG_LIBSYSCALL_LIMITS",
        "vectors" => "CONFIG_LIBSYSCALL_VECTORS",
        "information" => "CONFIG_LIBSYSCALL_INFORMATION",
        "control" => "CONFIG_LIBSYSCALL_CONTROL",
        _ => "CONFIG_LIBSYSCALL_MEMFD",
    };
    (!x86_64::is_there(number)).then_some(option)
}

/// Makes `Some(handler)` of a row's `=> module::function`, or `None` without one.
macro_rules! entry {
    ([] ($($kind:ident),*)) => { None };
    ([$module:ident :: $function:ident] ($($kind:ident),*)) => {
        entry!(@pair [$module :: $function] [] [a b c d e f] $($kind)*)
    };
    // The same as an arm of a `match`; an absent call leaves the function.
    (@arm $cx:ident [] $raws:tt $($kind:ident)*) => { return None };
    (@arm $cx:ident $call:tt $raws:tt $($kind:ident)*) => {
        entry!(@call $cx $call [] $raws $($kind)*)
    };
    (@call $cx:ident [$module:ident :: $function:ident] [$(($raw:ident $kind:ident))*] [$($raws:ident)*]) => {
        crate::calls::$module::$function($cx, $(<crate::table::args::$kind as crate::table::args::Arg>::decode($raw)),*)
    };
    (@call $cx:ident $call:tt [$($done:tt)*] [$raw:ident $($raws:ident)*] $kind:ident $($kinds:ident)*) => {
        entry!(@call $cx $call [$($done)* ($raw $kind)] [$($raws)*] $($kinds)*)
    };
    // Gives each kind its raw argument; the raw arguments left over are ignored.
    (@pair $call:tt [$($done:tt)*] [$raw:ident $($raws:ident)*] $kind:ident $($kinds:ident)*) => {
        entry!(@pair $call [$($done)* ($raw $kind)] [$($raws)*] $($kinds)*)
    };
    (@pair [$module:ident :: $function:ident] [$(($raw:ident $kind:ident))*] [$($unused:ident)*]) => {
        Some({
            fn call(cx: &mut crate::Cx<'_>, $($raw: u64,)* $(#[allow(unused_variables)] $unused: u64),*) -> uapi::Result<u64> {
                crate::calls::$module::$function(cx, $(<crate::table::args::$kind as crate::table::args::Arg>::decode($raw)),*)
            }
            call as crate::table::Handler
        })
    };
}

macro_rules! status {
    (full) => {
        crate::table::Status::Full
    };
    (partial) => {
        crate::table::Status::Partial
    };
    (absent) => {
        crate::table::Status::Absent
    };
}

macro_rules! note {
    () => {
        ""
    };
    ($note:literal) => {
        $note
    };
}

/// Declares an architecture's table. A row is `number name(argument: Kind, ...) => module::function if "feature", status "note";`, the
/// function being in `crate::calls` and, with a feature, only in images that have it; absent calls have none.
macro_rules! table {
    ($($number:literal $name:ident($($arg:ident: $kind:ident),*) $(=> $module:ident :: $function:ident $(if $feature:tt)?)?, $status:ident $($note:literal)?;)*) => {
        #[cfg(feature = "dense-table")]
        pub(super) static HANDLERS: [Option<crate::table::Handler>; crate::table::COUNT] = {
            let mut table: [Option<crate::table::Handler>; crate::table::COUNT] = [None; crate::table::COUNT];
            $($($(#[cfg(feature = $feature)])?)? {
                table[$number] = entry!([$($module :: $function)?] ($($kind),*));
            })*
            table
        };
        /// The same without a table.
        #[cfg(not(feature = "dense-table"))]
        pub(super) fn call(cx: &mut crate::Cx<'_>, number: u64, args: &[u64; 6]) -> Option<uapi::Result<u64>> {
            #[allow(unused_variables)]
            let [a, b, c, d, e, f] = *args;
            Some(match number {
                $($($(#[cfg(feature = $feature)])?)? $number => entry!(@arm cx [$($module :: $function)?] [a b c d e f] $($kind)*),)*
                _ => return None,
            })
        }
        pub(super) fn is_there(number: u64) -> bool {
            match number {
                $($($(#[cfg(feature = $feature)])?)? $number => !stringify!($($module)?).is_empty(),)*
                _ => false,
            }
        }
        pub(super) const NAMES: &str = concat!($($number, " ", stringify!($name), "\n",)*);
        pub(super) fn feature(number: u64) -> Option<&'static str> {
            match number {
                $($($($number => Some($feature),)?)?)*
                _ => None,
            }
        }
        /// Every row, in the order of its number.
        pub static ROWS: &[crate::table::Row] = &[
            $(crate::table::Row {
                number: $number,
                name: stringify!($name),
                args: &[$((stringify!($arg), <crate::table::args::$kind as crate::table::args::Arg>::KIND)),*],
                status: status!($status),
                note: note!($($note)?),
            },)*
        ];
    };
}
use {entry, note, status, table};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order_and_say_what_they_are() {
        for pair in ROWS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} comes after {}", pair[1].name, pair[0].name);
        }
        for row in ROWS {
            let has_handler = is_there(row.number as u64);
            let left_out = left_out(row.number as u64).is_some();
            assert_eq!(has_handler || left_out, row.status != Status::Absent, "{}", row.name);
            assert_eq!(row.note.is_empty(), row.status == Status::Full, "{} needs a note", row.name);
            assert_eq!(name(row.number as u64), Some(row.name));
            assert!(row.args.len() <= 6);
        }
        assert!(!is_there(u64::MAX) && name(COUNT as u64).is_none() && name(400).is_none());
    }
}
