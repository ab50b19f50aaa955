//! Images that carry their application: attached root file systems, laid-out programs, native projects.

use machines::archive::{PROGRAM, archive, file};
use machines::{Place, finish, kernel_image};
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
