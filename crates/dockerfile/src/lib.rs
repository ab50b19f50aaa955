//! Dockerfiles.
#![forbid(unsafe_code)]

pub mod cache;
pub mod engine;
pub mod lang;
pub mod plan;
pub mod tree;
pub mod worker;
