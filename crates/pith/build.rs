//! Embeds the runtime images: those that environment variables name, else what the kernel's build leaves in its target directory. Without
//! one the command line still builds, and `run` says what is missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// FNV-1a, to give each embedded image a cache file of its own.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The images: preset, the variable that names another file for it, and which of the kernel's features it holds beyond what every runtime image does.
const IMAGES: [(&str, &str, &[&str]); 3] = [
    ("runtime", "PITH_RUNTIME_X86_64", &[]),
    ("runtime-volumes", "PITH_RUNTIME_VOLUMES_X86_64", &["ninep"]),
    ("runtime-smp", "PITH_RUNTIME_SMP_X86_64", &["ninep", "smp"]),
];

fn include(path: &Path) -> String {
    format!("include_bytes!({:?})", path.display().to_string())
}

/// An image as an expression of Rust; nothing when there is none.
fn image(preset: &str, variable: &str, features: &[&str]) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let named = env::var_os(variable).map(PathBuf::from);
    println!("cargo::rerun-if-env-changed={variable}");
    let image = named.clone().unwrap_or_else(|| manifest.join(format!("../../kernel/target/images/{preset}-x86_64")));
    let mut symbols = image.clone().into_os_string();
    symbols.push(".sym");
    let symbols = PathBuf::from(symbols);
    // A path that does not exist yet makes cargo look again every time, so watch the nearest directory that does.
    for path in [&image, &symbols] {
        let watched = path.ancestors().find(|path| path.exists()).unwrap_or(path);
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let bytes = match fs::read(&image) {
        Ok(bytes) => bytes,
        // A path that was asked for must be there.
        Err(error) if named.is_some() => return Err(format!("{}: {error}", image.display()).into()),
        Err(_) => return Ok(None),
    };
    let symbols = if symbols.exists() { include(&symbols.canonicalize()?) } else { "b\"\"".to_owned() };
    let (hash, image) = (fingerprint(&bytes), include(&image.canonicalize()?));
    Ok(Some(format!("Image {{ preset: {preset:?}, features: &{features:?}, bytes: {image}, symbols: {symbols}, fingerprint: {hash:#x} }}")))
}

/// What a program prints, without the line's end; nothing when it cannot be asked.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// What `pith version` says: the sources' commit and its date, so that the same sources give the same bytes.
fn version() {
    let unknown = || "unknown".to_owned();
    let commit = env::var("PITH_COMMIT").ok().or_else(|| ask("git", &["rev-parse", "--short=12", "HEAD"])).unwrap_or_else(unknown);
    let date = env::var("PITH_DATE").ok().or_else(|| ask("git", &["log", "-1", "--format=%cs"])).unwrap_or_else(unknown);
    let compiler = env::var("RUSTC").ok().and_then(|rustc| ask(&rustc, &["--version"])).unwrap_or_else(unknown);
    let compiler = compiler.split(' ').take(2).collect::<Vec<_>>().join("-");
    println!("cargo::rustc-env=PITH_COMMIT={commit}\ncargo::rustc-env=PITH_DATE={date}\ncargo::rustc-env=PITH_COMPILER={compiler}");
    println!("cargo::rerun-if-env-changed=PITH_COMMIT\ncargo::rerun-if-env-changed=PITH_DATE");
    // Every commit writes here.
    if let Some(path) = ask("git", &["rev-parse", "--git-path", "logs/HEAD"]).filter(|path| Path::new(path).exists()) {
        println!("cargo::rerun-if-changed={path}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    version();
    let mut found = Vec::new();
    for (preset, variable, features) in IMAGES {
        found.extend(image(preset, variable, features)?);
    }
    let code = format!("/// The runtime images for x86_64.\npub static IMAGES: &[Image] = &[{}];\n", found.join(", "));
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("runtime.rs"), code)?;
    Ok(())
}
