//! Kernels that `pith build` makes from the sources inside it: every preset boots, nothing is compiled twice, every place gives the same bytes.

use machines::{Outcome, Place, finish, fixture};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const HELLO: &str = "hello from C\n";

/// A project with one static program.
fn project(place: &Place, directory: &str, name: &str, kraftfile: &str) -> PathBuf {
    let directory = place.directory(directory);
    fs::create_dir_all(directory.join("root/bin")).expect("a directory");
    fs::copy(fixture("hello-static"), directory.join("root/bin/hello")).expect("a program");
    let whole = format!("spec: v0.6\nname: {name}\nrootfs: ./root\ncmd: [\"/bin/hello\"]\n{kraftfile}");
    fs::write(directory.join("Kraftfile"), whole).expect("a file");
    directory
}

fn pith(place: &Place, directory: &Path, words: &[&str]) -> Outcome {
    let mut command = place.pith();
    command.args(words).current_dir(directory);
    finish(command, Stdio::null())
}

fn build(place: &Place, directory: &Path, words: &[&str]) -> Outcome {
    let outcome = pith(place, directory, &[&["build"], words].concat());
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
    outcome
}

fn says_hello(place: &Place, directory: &Path, words: &[&str]) {
    let outcome = pith(place, directory, &[&["run", "-W", "--rm"], words].concat());
    assert_eq!((outcome.out().as_str(), outcome.code()), (HELLO, 0), "{}", outcome.err());
}

fn kernel(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!(".unikraft/build/{name}_qemu-x86_64"))
}

#[test]
fn every_preset_is_built_once_and_boots() {
    let place = Place::new();
    for preset in ["minimal", "batch", "http", "runtime"] {
        let kraftfile = format!("unikraft: stable\npreset: {preset}\ntargets: [qemu/x86_64]\n");
        let directory = project(&place, preset, preset, &kraftfile);
        assert!(build(&place, &directory, &[]).err().contains("building the kernel for qemu/x86_64"));
        says_hello(&place, &directory, &[]);
        let image = fs::read(kernel(&directory, preset)).expect("an image");
        // Another project that asks for the same gets the same, without a compiler.
        let other = project(&place, &format!("{preset}-again"), preset, &kraftfile);
        let nothing = build(&place, &other, &["--no-rootfs"]);
        assert!(!nothing.err().contains("building the kernel"), "{}", nothing.err());
        assert_eq!(fs::read(kernel(&other, preset)).expect("an image"), image);
    }
    // An option with a value reaches the kernel as a constant.
    let other = project(&place, "constant", "minimal", "unikraft: {kconfig: {CONFIG_CONSOLE_INPUT_KIB: 64}}\npreset: minimal\n");
    build(&place, &other, &[]);
    says_hello(&place, &other, &[]);
    let read = |path: PathBuf| fs::read(path.with_added_extension("dbg")).expect("an image");
    assert_ne!(read(kernel(&other, "minimal")), read(kernel(&place.directory("minimal"), "minimal")));
    let sizes = |preset: &str| fs::metadata(kernel(&place.directory(preset), preset)).expect("an image").len();
    assert!(sizes("minimal") < sizes("http") && sizes("http") < sizes("runtime"));
    place.assert_clean();
}

#[test]
fn an_image_that_carries_its_files_is_the_same_bytes_in_every_place() {
    let kraftfile = "unikraft: {version: stable, kconfig: {CONFIG_EINITRD: 'y'}}\npreset: minimal\ntargets: [qemu/x86_64]\n";
    let images: Vec<Vec<u8>> = ["one", "a/second/one"]
        .iter()
        .map(|home| {
            let mut place = Place::new();
            let home = place.directory(home);
            place.variable("HOME", home.to_str().expect("UTF-8"));
            place.variable("RUSTUP_HOME", &variable("RUSTUP_HOME", ".rustup"));
            place.variable("CARGO_HOME", home.join("cargo").to_str().expect("UTF-8"));
            place.variable("SOURCE_DATE_EPOCH", "1000000000");
            let directory = project(&place, "carried", "carried", kraftfile);
            build(&place, &directory, &["--env", "GREETING=hello"]);
            let image = kernel(&directory, "carried");
            // Files, command and environment are in it: it needs nothing beside it.
            says_hello(&place, &directory, &[image.to_str().expect("UTF-8")]);
            // What is given at boot goes first.
            let other = place.directory("other/bin");
            fs::copy(fixture("hello-static"), other.join("given")).expect("a program");
            let given = ["--runtime", &format!("kernel://{}", image.display()), "--rootfs", "../other", "/bin/given"];
            says_hello(&place, &directory, &given);
            place.assert_clean();
            fs::read(image).expect("an image")
        })
        .collect();
    assert_eq!(images[0], images[1]);
}

/// A variable, or what it stands for below the home directory.
fn variable(name: &str, below: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| format!("{}/{below}", std::env::var("HOME").expect("a home directory")))
}
