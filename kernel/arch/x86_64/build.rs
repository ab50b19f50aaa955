//! Builds the vDSO: one Rust file to one object, linked as a shared object of its own.

use std::path::PathBuf;
use std::process::Command;

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(status.success(), "{command:?} failed: {status}");
}

fn main() {
    println!("cargo:rerun-if-changed=vdso");
    println!("cargo:rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let (object, image) = (out.join("vdso.o"), out.join("vdso.so"));
    run(Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-name=vdso",
            "--emit=obj",
            "-Cpanic=abort",
            "-Copt-level=2",
            "-Cdebuginfo=0",
            "-Crelocation-model=pic",
        ])
        .args(["-Ccodegen-units=1", "-Ctarget-cpu=x86-64", "--target=x86_64-unknown-linux-gnu"])
        .arg("-o")
        .arg(&object)
        .arg("vdso/vdso.rs"));
    run(Command::new("cc")
        .args([
            "-shared",
            "-nostdlib",
            "-Wl,-soname,linux-vdso.so.1",
            "-Wl,--hash-style=both",
            "-Wl,-z,max-page-size=4096",
            "-Wl,--build-id=none",
        ])
        .args(["-Wl,-Bsymbolic", "-Wl,--strip-all", "-Wl,-T,vdso/vdso.ld", "-o"])
        .arg(&image)
        .arg(&object));
}
