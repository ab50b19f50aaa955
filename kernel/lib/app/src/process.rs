//! The program's end.

use crate::sys;
#[cfg(feature = "machine")]
use core::fmt::Display;

/// An exit status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExitCode(u8);

impl ExitCode {
    /// 0.
    pub const SUCCESS: Self = Self(0);
    /// 1.
    pub const FAILURE: Self = Self(1);
}

impl From<u8> for ExitCode {
    fn from(status: u8) -> Self {
        Self(status)
    }
}

/// Ends the machine, whatever other threads do; the low eight bits of `code` are the status of `pith run`.
pub fn exit(code: i32) -> ! {
    sys::exit(code.to_le_bytes()[0])
}

/// What a program's main function may return.
pub trait Termination {
    /// The status that it comes to.
    fn report(self) -> ExitCode;
}

impl Termination for () {
    fn report(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

impl Termination for ExitCode {
    fn report(self) -> ExitCode {
        self
    }
}

/// An error is written to standard error.
#[cfg(feature = "machine")]
impl<T: Termination, E: Display> Termination for Result<T, E> {
    fn report(self) -> ExitCode {
        match self {
            Ok(value) => value.report(),
            Err(error) => {
                crate::eprintln!("Error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

#[doc(hidden)]
pub fn status(what: impl Termination) -> u8 {
    what.report().0
}
