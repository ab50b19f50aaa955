//! Dockerfiles built by somebody else: a BuildKit daemon, or the one inside a Docker engine. The result is the same
//! [`pith_image::Image`] that the built-in engine makes.
//!
//! * [`Address`]: where the builder is.
//! * [`Request`]: what to build; [`build`] does it.
//! * [`Progress`]: what a caller may show meanwhile.
//!
//! A build is one call of BuildKit's Control API (`Solve`, frontend `dockerfile.v0`). During it the builder asks back through a session, in which this
//! side is the server: for files of the context ([`session`]), secrets and credentials, and to hand over the result. BuildKit speaks gRPC only, for
//! which there is no library without tokio; it stays behind [`build`], which blocks.
//!
//! Neighbours: `pith-image` stores the result; `pith-dockerfile` knows the patterns of `.dockerignore`, and builds without anybody.
#![forbid(unsafe_code)]

mod address;
mod connect;
mod error;
mod progress;
mod request;
mod session;
mod solve;

pub use address::Address;
pub use error::{Error, Result};
pub use progress::{Event, Progress, Silent};
pub use request::{Request, Secret, SecretSource};
pub use solve::build;
