//! `pith-kernel sizes PRESET` says what the image is made of, in bytes by library and by function. `pith-kernel PRESET OUT_DIR`: builds one image from this checkout, as `make images` and the tests want it. Leaves `OUT_DIR/PRESET-x86_64` (what boots),
//! `PRESET-x86_64.dbg` (with symbols) and `PRESET-x86_64.sym` (lines of an address and a name, for backtraces).
#![forbid(unsafe_code)]

use pith_builder::{BuildError, Choice, Configuration, Core, FEW_VECTORS, Kernel, Order, Progress, Reuse, Toolchain, build, sizes};
use std::env;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// The image of a preset, built now or before.
fn kernel(preset: &str) -> Result<Kernel, BuildError> {
    let core = Core::checkout(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))?;
    let toolchain = Toolchain::find(&Choice::default(), &core.root().join("kernel"))?;
    let reporter = |progress: Progress<'_>| {
        if progress == Progress::Waiting {
            eprintln!("pith-kernel: waiting for another build in this checkout");
        }
    };
    let order = Order {
        core: &core,
        configuration: &Configuration::preset(preset),
        toolchain: &toolchain,
        cache: &core.root().join("kernel/target/images/cache"),
        jobs: None,
        log: None,
        reuse: Reuse::Finished,
        reporter: &reporter,
    };
    Ok(build(&order)?.0)
}

fn leave(preset: &str, out: &Path) -> Result<(), BuildError> {
    let kernel = kernel(preset)?;
    if kernel.record.vectors > FEW_VECTORS {
        eprintln!(
            "note: compiled code uses {} vector registers; with at most {FEW_VECTORS}, system calls would be cheaper",
            kernel.record.vectors
        );
    }
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| BuildError::Io { path, source }
    };
    fs::create_dir_all(out).map_err(io(out))?;
    for (from, suffix) in [(kernel.image(), ""), (kernel.debug(), ".dbg"), (kernel.symbols(), ".sym")] {
        let to = out.join(format!("{preset}-x86_64{suffix}"));
        // What includes it is not compiled again for the same bytes.
        let is_there = fs::read(&to).is_ok_and(|there| fs::read(&from).is_ok_and(|content| content == there));
        if !is_there {
            fs::copy(&from, &to).map_err(io(&to))?;
        }
    }
    Ok(())
}

fn show_sizes(preset: &str) -> Result<(), BuildError> {
    let kernel = kernel(preset)?;
    let sizes = sizes(&kernel.image(), &kernel.debug(), &kernel.record.libraries)?;
    println!("{:>9} bytes in {}", sizes.total, kernel.image().display());
    for part in &sizes.parts {
        let functions = if part.functions == 0 { String::new() } else { format!(", {} functions", part.functions) };
        println!("{:>9} {}{functions}", part.bytes, part.name);
    }
    println!("\nThe largest functions:");
    sizes.functions.iter().for_each(|(name, bytes)| println!("{bytes:>9} {name}"));
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<_> = env::args_os().skip(1).collect();
    let [first, second] = words.as_slice() else {
        eprintln!("usage: pith-kernel PRESET OUT_DIR, or pith-kernel sizes PRESET");
        return ExitCode::from(2);
    };
    let done = if first == "sizes" { show_sizes(&second.to_string_lossy()) } else { leave(&first.to_string_lossy(), Path::new(second)) };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("pith-kernel: {error}");
            if let Some(help) = error.help() {
                eprintln!("  help: {help}");
            }
            ExitCode::FAILURE
        }
    }
}
