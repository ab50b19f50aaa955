//! Translation between the application's structures and the library OS's own types. Pure: user memory in, values out, and back.

#[cfg(feature = "sockets")]
pub mod control;
pub mod dirent;
#[cfg(feature = "sockets")]
pub mod sockaddr;
pub mod stat;
pub mod time;
