//! A registry, spoken to by the OCI distribution specification 1.1 (Docker's registry API, version 2).

mod auth;
mod blobs;
pub(crate) mod client;
pub mod credentials;
mod pull;
mod push;
pub(crate) mod tls;

pub(crate) use pull::pull;
pub(crate) use push::push;

/// Parses a header `WWW-Authenticate`; for fuzzing.
#[doc(hidden)]
pub fn parse_challenge(header: &str) -> bool {
    auth::Challenge::parse(header).is_some()
}
