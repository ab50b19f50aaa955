//! Dockerfiles.
#![forbid(unsafe_code)]

pub mod lang;
