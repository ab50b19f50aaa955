//! With the feature `embedded`: puts the core's sources, and every crate from outside that they need, into one compressed archive.
//!
//! The same sources give the same archive: names are sorted, times and owners fixed. Crates come out of the archives that cargo fetched, whose digests stand in the
//! core's lock file.

#[allow(dead_code, reason = "the library uses the rest")]
#[path = "src/tree.rs"]
mod tree;

use lzma_rust2::{XzOptions, XzWriter};
use sha2::{Digest, Sha256};
use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How hard xz tries. Higher levels gain two percent and take twice as long.
const LEVEL: u32 = 6;

/// One crate of the lock file.
struct Locked {
    name: String,
    version: String,
    checksum: String,
}

impl Locked {
    fn directory(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

/// Crates that come from a registry. The lock file is cargo's own writing: one `key = "value"` a line.
fn locked(lock: &str) -> Vec<Locked> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let one =
        |block: &str| Some(Locked { name: value(block, "name")?, version: value(block, "version")?, checksum: value(block, "checksum")? });
    lock.split("[[package]]").filter_map(one).collect()
}

/// The archive of a crate as cargo fetched it.
fn fetched(locked: &Locked, home: &Path) -> Option<Vec<u8>> {
    let name = format!("{}.crate", locked.directory());
    let registries = fs::read_dir(home.join("registry/cache")).ok()?;
    let found = registries.flatten().find_map(|registry| fs::read(registry.path().join(&name)).ok())?;
    (tree::hex(&Sha256::digest(&found)) == locked.checksum).then_some(found)
}

/// Whether a crate's file can matter to an image for x86_64.
fn is_needed(name: &str, path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    if matches!(first, "tests" | "benches" | "examples" | "testdata" | "ci" | "ci-test" | "fuzz") || first.starts_with('.') {
        return false;
    }
    match name {
        // Only tests use it: its manifest is enough to resolve the lock file.
        "libc" => matches!(path, "Cargo.toml" | "LICENSE-MIT" | "LICENSE-APACHE"),
        "linux-raw-sys" => !path.starts_with("src/") || path.starts_with("src/x86_64/") || !path["src/".len()..].contains('/'),
        "zerocopy-derive" => !path.starts_with("src/output_tests/"),
        _ => path != "CHANGELOG.md" && path != "Cargo.lock" && path != "Cargo.toml.orig",
    }
}

struct Archive(tar::Builder<XzWriter<Vec<u8>>>);

impl Archive {
    fn add(&mut self, path: &str, content: &[u8]) -> Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        self.0.append_data(&mut header, path, content)?;
        Ok(())
    }

    /// Adds a crate as a directory source wants it (cargo's documentation, "Source Replacement").
    fn add_crate(&mut self, locked: &Locked, packed: &[u8]) -> Result<()> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(packed)).entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().into_owned();
            let Some((_, inside)) = path.split_once('/') else { continue };
            if entry.header().entry_type().is_file() && is_needed(&locked.name, inside) {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                files.push((inside.to_owned(), content));
            }
        }
        if locked.name == "libc" {
            files.push(("src/lib.rs".to_owned(), Vec::new()));
        }
        let sums = format!("{{\"files\":{{}},\"package\":\"{}\"}}", locked.checksum);
        files.push((".cargo-checksum.json".to_owned(), sums.into_bytes()));
        files.sort();
        for (path, content) in files {
            self.add(&format!("vendor/{}/{path}", locked.directory()), &content)?;
        }
        Ok(())
    }
}

/// Everything in one archive; `None` when a crate is not here and cannot be fetched.
fn pack(root: &Path, files: &[PathBuf]) -> Result<Option<Vec<u8>>> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let home = home.ok_or("neither CARGO_HOME nor HOME is set")?;
    let crates = locked(&fs::read_to_string(root.join("kernel/Cargo.lock"))?);
    if crates.iter().any(|locked| fetched(locked, &home).is_none()) {
        let mut fetch = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        fetch.args(["fetch", "--quiet", "--locked", "--manifest-path"]).arg(root.join("kernel/Cargo.toml"));
        if !fetch.status().is_ok_and(|status| status.success()) {
            return Ok(None);
        }
    }
    let mut archive = Archive(tar::Builder::new(XzWriter::new(Vec::new(), XzOptions::with_preset(LEVEL))?));
    // `pith-abi` inherits from the host's workspace.
    archive.add("Cargo.toml", &fs::read(root.join("Cargo.toml"))?)?;
    for file in files {
        archive.add(&file.to_string_lossy(), &fs::read(root.join(file))?)?;
    }
    for locked in &crates {
        let packed = fetched(locked, &home).ok_or_else(|| format!("{} is not in cargo's cache after `cargo fetch`", locked.directory()))?;
        archive.add_crate(locked, &packed)?;
    }
    let mut writer = archive.0.into_inner()?;
    writer.flush()?;
    Ok(Some(writer.finish()?))
}

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/tree.rs");
    if env::var_os("CARGO_FEATURE_EMBEDDED").is_none() {
        return Ok(());
    }
    let root = fs::canonicalize(PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../.."))?;
    let files = tree::files(&root)?;
    // Cargo looks at each directory's files; the build results below `kernel/target` must not count.
    let watched = ["kernel/arch", "kernel/plat", "kernel/drivers", "kernel/lib", "kernel/machine", "kernel/image", "crates/pith-abi"];
    println!("cargo::rerun-if-changed={}", root.join("Cargo.toml").display());
    watched.iter().for_each(|directory| println!("cargo::rerun-if-changed={}", root.join(directory).display()));
    for file in files.iter().filter(|file| file.parent() == Some(Path::new("kernel"))) {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let code = match pack(&root, &files)? {
        Some(bytes) => {
            fs::write(out.join("core.tar.xz"), &bytes)?;
            format!(
                "pub static EMBEDDED: Option<(&str, &[u8])> = Some(({:?}, include_bytes!({:?})));\n",
                tree::digest(&root, &files)?,
                out.join("core.tar.xz")
            )
        }
        None => "pub static EMBEDDED: Option<(&str, &[u8])> = None;\n".to_owned(),
    };
    fs::write(out.join("embedded.rs"), code)?;
    Ok(())
}
