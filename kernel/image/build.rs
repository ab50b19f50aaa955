//! Links the image as `machine` says. The code model comes from whoever builds it (`crates/builder`).

use std::{env, fs, io};

fn main() -> io::Result<()> {
    let machine = format!("{}/../machine", env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    println!("cargo:rerun-if-changed={machine}/linker.ld");
    println!("cargo:rerun-if-changed={machine}/link.args");
    println!("cargo:rerun-if-changed=build.rs");
    for argument in fs::read_to_string(format!("{machine}/link.args"))?.lines().filter(|line| line.starts_with('-')) {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
    println!("cargo:rustc-link-arg-bins=-T{machine}/linker.ld");
    Ok(())
}
