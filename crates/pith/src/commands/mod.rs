//! Commands on machines that exist already.

pub mod logs;
pub mod ps;
pub mod rm;
pub mod stop;
