//! Images that carry their application: attached root file systems, laid-out programs, native projects.

use machines::archive::{PROGRAM, archive, file};
use machines::{Place, Server, finish, fixture, kernel_image};
use pith_native::project::{self, Building};
use pith_native::{Attachment, attach, lay_out};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A static program that says what it is given and which files it finds.
const TELL: &str = r#"
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    char line[64] = "nothing";
    FILE *note = fopen("/note", "r");
    if (note && fgets(line, sizeof line, note)) line[sizeof line - 1] = 0;
    printf("%s of %d, PLACE=%s, note: %s\n", argv[0], argc, getenv("PLACE"), line);
    return argc - 1;
}
"#;

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Compiles C, statically and at fixed addresses.
fn compile(place: &Place, source: &str, name: &str) -> Vec<u8> {
    let source = place.file(&format!("{name}.c"), source.as_bytes());
    let program = source.with_extension("");
    let done = Command::new("musl-gcc").args(["-static", "-no-pie", "-Os", "-o", text(&program), text(&source)]).status();
    assert!(done.expect("musl-gcc (package musl-tools)").success());
    fs::read(program).expect("what was compiled")
}

fn image(place: &Place, name: &str, preset: &str, attachment: &Attachment<'_>) -> PathBuf {
    let kernel = fs::read(kernel_image(preset)).expect("a kernel");
    place.file(name, &attach(&kernel, attachment).expect("an image"))
}

/// One machine to its end: what it wrote, what was complained about, how it ended.
fn run(variables: &[(&str, &str)], args: &[&str]) -> (String, String, i32) {
    let place = Place::new();
    let mut command = place.pith();
    command.args(["run", "-W", "--rm"]).args(args).envs(variables.iter().copied());
    let outcome = finish(command, Stdio::null());
    place.assert_clean();
    (outcome.out(), outcome.err(), outcome.code())
}

/// What a machine with [`TELL`] leaves.
fn says(line: &str, code: i32) -> (String, String, i32) {
    (format!("{line}\n"), String::new(), code)
}

#[test]
fn an_image_carries_its_root_file_system() {
    let place = Place::new();
    let tell = compile(&place, TELL, "tell");
    let files = |note: &str| archive(&[file("tell", PROGRAM, &tell), file("note", 0o100_644, note.as_bytes())]);
    let carried = files("carried");
    let attachment = Attachment { initrd: Some(&carried), command_line: "env.vars=[ PLACE=inside ] -- /tell a b", program: None };
    let image = image(&place, "image", "runtime", &attachment);

    for machine in ["microvm", "q35", "pc"] {
        let outcome = run(&[("PITH_QEMU_MACHINE", machine)], &[text(&image)]);
        assert_eq!(outcome, says("/tell of 3, PLACE=inside, note: carried", 2), "{machine}");
    }
    // What is given at boot wins.
    assert_eq!(run(&[], &["-e", "PLACE=outside", text(&image), "/tell"]), says("/tell of 1, PLACE=outside, note: carried", 0));
    let given = place.file("given.cpio", &files("given"));
    assert_eq!(
        run(&[("PITH_KERNEL", text(&image))], &["--rootfs", text(&given), "/tell"]),
        says("/tell of 1, PLACE=inside, note: given", 0)
    );
}

#[test]
fn a_laid_out_program_needs_no_loader_and_no_root_file_system() {
    let place = Place::new();
    let program = lay_out(&compile(&place, TELL, "tell"), "tell").expect("a program");
    let attachment = Attachment { initrd: None, command_line: "env.vars=[ PLACE=inside ] -- a", program: Some(&program) };
    let image = image(&place, "image", "native", &attachment);
    assert_eq!(run(&[], &[text(&image)]), says("tell of 2, PLACE=inside, note: nothing", 1));
    assert_eq!(run(&[], &["-e", "PLACE=outside", text(&image), "a", "b c"]), says("tell of 3, PLACE=outside, note: nothing", 2));
    // Files beside it.
    let files = archive(&[file("note", 0o100_644, b"carried")]);
    let attachment = Attachment { initrd: Some(&files), ..attachment };
    let image = self::image(&place, "with-files", "native", &attachment);
    assert_eq!(run(&[], &[text(&image)]), says("tell of 2, PLACE=inside, note: carried", 1));
}

/// Builds an entry of the catalogue and puts its program into an image.
fn native(place: &Place, entry: &str, preset: &str, config: &str) -> PathBuf {
    native_in(place, &machines::root().join("catalog/native").join(entry), entry, preset, config, None)
}

/// Builds a project and puts its program into an image of this preset, as `pith build` does with a kernel of its own.
fn native_in(place: &Place, directory: &Path, entry: &str, preset: &str, config: &str, initrd: Option<&[u8]>) -> PathBuf {
    let kind = project::kind(directory).expect("a native project");
    let config = place.file(".config", config.as_bytes());
    let output = place.directory("build");
    let order =
        Building { project: directory, name: entry, output: &output, config: Some(&config), toolchain: &[], jobs: 2, told: &|_| () };
    let built = project::build(&order, kind).unwrap_or_else(|error| panic!("{entry}: {error}"));
    assert!(built.steps > 0 && built.notes.is_empty(), "{entry}: {:?}", built.notes);
    let again = project::build(&order, kind).expect("the same again");
    assert_eq!((again.steps, again.laid_out == built.laid_out), (0, true), "{entry}: nothing has changed");
    image(place, entry, preset, &Attachment { initrd, command_line: "", program: Some(&built.laid_out) })
}

#[test]
fn the_catalogues_greetings() {
    let greets = |entry: &str, config: &str, args: &[&str], expected: &str| {
        let place = Place::new();
        let image = native(&place, entry, "embedded-app", config);
        let (out, err, code) = run(&[], &[&[text(&image)], args].concat());
        assert_eq!((out.as_str(), err.as_str(), code), (expected, "", 0), "{entry}");
    };
    greets("helloworld-c", "", &["a"], "Hello from helloworld-c!\nargument 1: a\n");
    greets("helloworld-c", "CONFIG_APPHELLOWORLD_COUNTDOWN=y\n", &[], "3\n2\n1\nHello from helloworld-c!\n");
    greets("helloworld-cpp", "", &[], "Hello from C++!\n");
    greets("helloworld-rust", "", &["b c"], "Hello from Rust!\nargument 1: b c\n");
}

#[test]
fn the_catalogues_server() {
    let place = Place::new();
    let image = native(&place, "http-c", "native", "");
    let server = Server::start(8080, [text(&image)]);
    assert_eq!(server.get("/any/path"), "Hello from C\n");
    assert_eq!(server.stop().code(), 0);
}

#[test]
fn nginx_from_source() {
    let place = Place::new();
    let project = fixture("native/nginx");
    let files = place.directory("root").with_extension("cpio");
    let mut pack = Command::new("sh");
    pack.args(["-ec", "find etc nginx tmp | cpio --quiet -o -H newc >\"$0\"", text(&files)]).current_dir(project.join("rootfs"));
    assert!(finish(pack, Stdio::null()).status.success());
    let files = fs::read(files).expect("an archive");
    let image = native_in(&place, &project, "nginx", "native", "", Some(&files));
    let size = fs::metadata(&image).expect("an image").len();
    assert!(size < 2_000_000, "{size} bytes");
    let server = Server::start(80, [text(&image)]);
    assert!(server.get("/").contains("Hello from nginx, linked into the kernel's image."));
    assert_eq!(server.status_of("/none"), "404");
    server.wrk("/");
    assert_eq!(server.stop().code(), 0);
}
