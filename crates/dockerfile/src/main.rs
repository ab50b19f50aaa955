//! The engine alone.
#![forbid(unsafe_code)]

fn main() {}
