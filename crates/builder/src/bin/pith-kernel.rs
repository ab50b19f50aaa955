//! Kernels of presets from a checkout, as `make images` and the tests want them.
//!
//! `pith-kernel [--core DIR] [--anew] PRESET OUT_DIR` leaves `OUT_DIR/PRESET-x86_64` (what boots), `PRESET-x86_64.dbg` (with symbols) and `PRESET-x86_64.sym` (lines of an address and
//! a name, for backtraces). `pith-kernel [--core DIR] sizes PRESET` says what the image is made of, in bytes by library and by function. The sources are those of this checkout, or of
//! that in DIR; `--anew` builds what is there already.
#![forbid(unsafe_code)]

use pith_builder::{BuildError, Choice, Configuration, Core, FEW_VECTORS, Kernel, Order, Progress, Reuse, Toolchain, build, sizes};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: pith-kernel [--core DIR] [--anew] PRESET OUT_DIR, or pith-kernel [--core DIR] sizes PRESET";

/// From where, and whether what is there will do.
struct How {
    checkout: PathBuf,
    reuse: Reuse,
}

/// The image of a preset, built now or before.
fn kernel(how: &How, preset: &str) -> Result<Kernel, BuildError> {
    let core = Core::checkout(&how.checkout)?;
    let toolchain = Toolchain::find(&Choice::default(), &core.root().join("kernel"))?;
    let reporter = |progress: Progress<'_>| match progress {
        Progress::Waiting => eprintln!("pith-kernel: waiting for another build in this checkout"),
        Progress::WithoutOption { name } => eprintln!("note: the compiler does not know LLVM's option {name}"),
        _ => {}
    };
    let order = Order {
        core: &core,
        configuration: &Configuration::preset(preset),
        toolchain: &toolchain,
        cache: &core.root().join("kernel/target/images/cache"),
        jobs: None,
        log: None,
        reuse: how.reuse,
        reporter: &reporter,
    };
    Ok(build(&order)?.0)
}

fn leave(how: &How, preset: &str, out: &Path) -> Result<(), BuildError> {
    let kernel = kernel(how, preset)?;
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

fn show_sizes(how: &How, preset: &str) -> Result<(), BuildError> {
    let kernel = kernel(how, preset)?;
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
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let mut how = How { checkout: Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), reuse: Reuse::Finished };
    if let Some(at) = words.iter().position(|word| word == "--core").filter(|at| at + 1 < words.len()) {
        words.remove(at);
        how.checkout = PathBuf::from(words.remove(at));
    }
    if let Some(at) = words.iter().position(|word| word == "--anew") {
        words.remove(at);
        how.reuse = Reuse::Nothing;
    }
    let [first, second] = words.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let done = match first.to_str() {
        Some("sizes") => show_sizes(&how, &second.to_string_lossy()),
        _ => leave(&how, &first.to_string_lossy(), Path::new(second)),
    };
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
