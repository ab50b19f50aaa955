//! A single file from a server, as `ADD` in a Dockerfile asks for it.

use crate::registry::client::describe;
use crate::registry::tls::{Verify, agent};
use std::io::Read;

/// A file that is being received.
pub struct Download {
    /// Its bytes.
    pub body: Box<dyn Read + Send>,
    /// `Last-Modified`, as the server wrote it (RFC 9110, 5.6.7).
    pub modified: Option<String>,
}

/// Asks for a file.
///
/// # Errors
/// What to tell the user: nobody answers, or the answer is no file.
pub fn download(url: &str) -> Result<Download, String> {
    let response = agent(Verify::Yes).get(url).call().map_err(|error| describe(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the server answers {status}"));
    }
    let modified = response.headers().get("last-modified").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
    Ok(Download { body: Box::new(response.into_body().into_reader()), modified })
}
