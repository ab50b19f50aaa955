//! The guest command line: `name=value`, `name=[ "a" "b" ]`, then `--` and the application's arguments.
//!
//! The language is Unikraft's (its `uklibparam`), with what that lacks: quoting that survives every string. A value or
//! argument may be bare, in `"double quotes"` (where `\"` and `\\` are escapes) or in `'single quotes'`; outside quotes
//! a backslash takes the next character literally. [`CmdlineBuilder`] writes it, [`GuestConfig::parse`] reads it.
//!
//! | parameter | value |
//! |---|---|
//! | `netdev.ip` | `ADDRESS/PREFIX[:gateway[:dns0[:dns1[:hostname[:domain]]]]]`, one per device; IPv6 in brackets |
//! | `vfs.fstab` | list of `device:mountpoint:driver:flags:opts:ukopts`; `\:` is a colon inside a field |
//! | `env.vars` | list of `NAME=VALUE` (also `environ.vars`, `posix-environ.vars`) |
//! | `random.seed` | list of eight 32-bit numbers |
//! | `virtio_mmio.device` | `SIZE@BASE:IRQ[:ID]`; also accepted at the very end of the line, where QEMU puts it |
//! | `pith.log` | least important level to write: `error`, `warn`, `info`, `debug`, `trace` |
//! | `pith.workdir` | the application's working directory |
//! | `pith.user` | whom the application runs as, `UID:GID[:GROUP,...]` in numbers |
//! | `pith.hostname` | the machine's host name (wins over the one in `netdev.ip`) |
//! | `pith.tty` | `COLUMNSxROWS`: the application gets a terminal of that size |
//! | `pith.stderr` | `separate` (COM2) or `merge` (with standard output on COM1, so that their order is kept) |
//!
//! Anything else is kept in [`GuestConfig::unknown`] and is no error: boot loaders and VMMs add words of their own.
//! Without `--`, the first word that is no parameter begins the arguments; a first word directly before a parameter is
//! the image's name, which some loaders put there.

#[cfg(feature = "net")]
mod address;
mod build;
mod lexer;
mod parse;
pub mod tail;
mod types;

pub use build::{BuildError, CmdlineBuilder};
pub use parse::ParseError;
pub use types::{FstabEntry, GuestConfig, IpCidr, LogLevel, MmioDevice, NetdevIp, RandomSeed, StderrChannel, User, WindowSize};
