//! The kernel's own interfaces for programs that become part of its image: threads, time, console, files and the network, with nothing in between.
//!
//! A program is a `no_std` crate with this one as a dependency:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//! #![forbid(unsafe_code)]
//!
//! use pith_app::println;
//!
//! pith_app::main!(hello);
//!
//! fn hello() {
//!     println!("Hello from {}", pith_app::env::args().next().unwrap_or_default());
//! }
//! ```
//!
//! Names are those of `std` where the thing is the same. What is not the same:
//!
//! * A thread runs until it waits, sleeps, yields or ends. Calls that may wait give others their turn; a long computation calls [`thread::yield_now`] now and then,
//!   and until it does, no timer fires and no packet is taken from the card.
//! * A panic ends the machine, so nothing is ever poisoned and [`thread::JoinHandle::join`] cannot fail.
//! * [`io::Error`] has a Linux errno inside.
//!
//! A reader's way through: `sys` is the only part that knows the machine; [`thread`], [`sync`] and [`time`] stand on it alone and are tested on the host. [`fs`] is `vfs`,
//! [`net`] the sockets of the network stack, [`poll`] epoll's lists.
#![cfg_attr(feature = "machine", no_std)]
#![forbid(unsafe_code)]

#[doc(hidden)]
pub extern crate alloc;

#[cfg(feature = "machine")]
pub mod env;
#[cfg(feature = "machine")]
pub mod fs;
pub mod io;
#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "net")]
pub mod poll;
pub mod process;
pub mod sync;
mod sys;
pub mod thread;
pub mod time;

#[cfg(feature = "machine")]
#[doc(hidden)]
pub use machine::application::run as __run;

/// Bytes of the first thread's stack, unless `main!` is told another number.
pub const MAIN_STACK_BYTES: u64 = 128 * 1024;

/// Makes a function the program's beginning: `main!(function)`, or `main!(function, stack: BYTES)`.
///
/// The function takes nothing and returns what a `main` may: nothing, a [`process::ExitCode`], or a `Result` of either, whose error is written to standard
/// error and makes the exit status 1.
#[macro_export]
macro_rules! main {
    ($main:path) => {
        $crate::main!($main, stack: $crate::MAIN_STACK_BYTES);
    };
    ($main:path, stack: $bytes:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn pith_start(start_info: u64) -> ! {
            fn main() -> u8 {
                $crate::env::set_name(env!("CARGO_PKG_NAME"));
                $crate::process::status($main())
            }
            // SAFETY: entry code comes here once, with what it was given.
            unsafe { $crate::__run(start_info, $bytes, main) }
        }
    };
}
