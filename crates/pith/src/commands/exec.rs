//! `pith exec`: what to do instead.

use crate::error::{Error, Result};

/// Refuses, and says what there is.
///
/// # Errors
/// Always.
pub fn exec() -> Result<u8> {
    let help = "`pith logs` shows what the application wrote, `pith stats` what it uses, `pith inspect` how it was made, and \
                `pith kill -s SIGNAL` sends it a signal";
    Err(Error::new("nothing can be executed in a running machine: it holds one application and no shell").with_help(help))
}
