//! The constants of an image: those in the file that `PITH_CONFIG` names (whoever builds writes it, `crates/builder`) take the place of the ones in `config.rs`.

use std::path::PathBuf;
use std::{env, fs};

/// Name and type of a constant, when a line is one: `pub const NAME: TYPE = VALUE;`.
fn constant(line: &str) -> Option<&str> {
    line.strip_prefix("pub const ")?.split_once(" = ").map(|(head, _)| head)
}

/// The image's constants, each with the value that the build gives it, or its own.
fn constants() -> String {
    println!("cargo:rerun-if-changed=config.rs");
    println!("cargo:rerun-if-env-changed=PITH_CONFIG");
    let own = fs::read_to_string("config.rs").expect("kernel/machine/config.rs");
    let given = env::var_os("PITH_CONFIG").map(PathBuf::from).map_or_else(String::new, |path| {
        println!("cargo:rerun-if-changed={}", path.display());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    let choose = |line| given.lines().find(|other| constant(line).is_some() && constant(other) == constant(line)).unwrap_or(line);
    own.lines().map(|line| format!("{}\n", choose(line))).collect()
}

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("config.rs"), constants()).expect("the directory for what is generated");
    println!("cargo:rerun-if-changed=build.rs");
}
