//! Images that carry their application: attached root file systems, laid-out programs, the catalogue's native projects, the way of plain make.

use machines::archive::{PROGRAM, archive, file};
use machines::{Outcome, Place, Server, finish, fixture, fixtures, kernel_image, pith_path, root};
use pith_native::{Attachment, attach};
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

/// One machine to its end: what it wrote, what was complained about, how it ended.
fn run(variables: &[(&str, &str)], args: &[&str]) -> (String, String, i32) {
    let place = Place::new();
    let mut command = place.pith();
    command.args(["run", "-W", "--rm"]).args(args).envs(variables.iter().copied());
    let outcome = finish(command, Stdio::null());
    place.assert_clean();
    (outcome.out(), outcome.err(), outcome.code())
}

/// What a machine leaves that wrote this and had nothing to complain about.
fn says(lines: &str, code: i32) -> (String, String, i32) {
    (lines.to_owned(), String::new(), code)
}

#[test]
fn an_image_carries_its_root_file_system() {
    let place = Place::new();
    let tell = compile(&place, TELL, "tell");
    let files = |note: &str| archive(&[file("tell", PROGRAM, &tell), file("note", 0o100_644, note.as_bytes())]);
    let carried = files("carried");
    let attachment = Attachment { initrd: Some(&carried), command_line: "env.vars=[ PLACE=inside ] -- /tell a b", program: None };
    let kernel = fs::read(kernel_image("runtime")).expect("a kernel");
    let image = place.file("image", &attach(&kernel, &attachment).expect("an image"));
    for machine in ["microvm", "q35", "pc"] {
        let outcome = run(&[("PITH_QEMU_MACHINE", machine)], &[text(&image)]);
        assert_eq!(outcome, says("/tell of 3, PLACE=inside, note: carried\n", 2), "{machine}");
    }
    // What is given at boot wins.
    assert_eq!(run(&[], &["-e", "PLACE=outside", text(&image), "/tell"]), says("/tell of 1, PLACE=outside, note: carried\n", 0));
    let given = place.file("given.cpio", &files("given"));
    let outcome = run(&[("PITH_KERNEL", text(&image))], &["--rootfs", text(&given), "/tell"]);
    assert_eq!(outcome, says("/tell of 1, PLACE=inside, note: given\n", 0));
}

/// What `diff` says when the file helloworld.c in `tree` is changed line by line.
fn patch_of(tree: &Path, change: impl Fn(&str) -> String) -> String {
    let file = tree.join("helloworld.c");
    let changed = tree.join("changed.c");
    let lines = fs::read_to_string(&file).expect("a file of ours");
    fs::write(&changed, lines.lines().map(|line| change(line) + "\n").collect::<String>()).expect("a file of ours");
    let mut diff = Command::new("diff");
    diff.args(["-u", "--label", "a/helloworld.c", "--label", "b/helloworld.c", text(&file), text(&changed)]);
    let said = finish(diff, Stdio::null());
    assert_eq!(said.code(), 1, "{}", said.err());
    said.out()
}

/// A native project, whose kernel is built once for all tests.
struct Native {
    /// Keeps kernels.
    kernels: Place,
    /// A copy of the project.
    directory: PathBuf,
    /// Removes it.
    _own: Place,
}

impl Native {
    /// A copy of an entry of the catalogue.
    fn entry(name: &str) -> Self {
        Self::of(&root().join("catalog/native").join(name), name)
    }

    /// A copy of the project in `from`, called `name`.
    fn of(from: &Path, name: &str) -> Self {
        let own = Place::new();
        let directory = own.directory(name);
        let mut copy = Command::new("cp");
        copy.args(["-r", "--", &format!("{}/.", from.display()), text(&directory)]);
        assert!(finish(copy, Stdio::null()).status.success());
        Self { kernels: Place::kept(&fixtures().join("native-kernels")), directory, _own: own }
    }

    fn change(&self, name: &str, text: &str) {
        fs::write(self.directory.join(name), text).expect("a file of ours");
    }

    /// `pith build ARGS...`. A kernel takes longer than any machine may.
    fn build_with(&self, args: &[&str]) -> Outcome {
        let mut command = self.kernels.pith();
        command.arg("build").args(args).current_dir(&self.directory).stdin(Stdio::null());
        let output = command.output().expect("pith");
        Outcome { status: output.status, stdout: output.stdout, stderr: output.stderr }
    }

    /// `pith build`, which succeeds; the image's size in bytes.
    fn build(&self) -> u64 {
        let outcome = self.build_with(&[]);
        assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
        fs::metadata(self.image()).expect("an image").len()
    }

    fn image(&self) -> PathBuf {
        let name = self.directory.file_name().expect("a name").to_str().expect("UTF-8");
        self.directory.join(format!(".unikraft/build/{name}_qemu-x86_64"))
    }

    /// The project as it is started by its README.
    fn run(&self, args: &[&str]) -> (String, String, i32) {
        run(&[], &[&[text(&self.directory)], args].concat())
    }
}

#[test]
fn greetings_in_three_languages() {
    for (entry, greeting) in
        [("helloworld-c", "Hello from helloworld-c!\n"), ("helloworld-cpp", "Hello from C++!\n"), ("helloworld-rust", "Hello from Rust!\n")]
    {
        let project = Native::entry(entry);
        project.build();
        assert_eq!(project.run(&[]), says(greeting, 0), "{entry}");
        // The image alone is enough.
        assert_eq!(run(&[], &[text(&project.image())]), says(greeting, 0), "{entry}");
    }
}

#[test]
fn options_arguments_and_changes_take_effect() {
    let project = Native::entry("helloworld-c");
    let size = project.build();
    assert!(size < 400_000, "{size} bytes");
    assert_eq!(project.run(&["one", "two words"]), says("Hello from helloworld-c!\nargument 1: one\nargument 2: two words\n", 0));
    let kraftfile = fs::read_to_string(project.directory.join("Kraftfile")).expect("a project");
    let option = "unikraft: {version: stable, kconfig: {CONFIG_APPHELLOWORLD_COUNTDOWN: 'y'}}\nenv: {PLACE: inside}\ncmd: [always]";
    project.change("Kraftfile", &kraftfile.replace("unikraft: stable", option));
    project.build();
    assert_eq!(project.run(&[]), says("3\n2\n1\nHello from helloworld-c!\nargument 1: always\n", 0));
    // What the compiler warns of is shown when it compiles.
    let listed = fs::read_to_string(project.directory.join("Makefile.uk")).expect("a project");
    project.change("Makefile.uk", &(listed + "APPHELLOWORLD_CFLAGS-y += -Wall\n"));
    project.change("helloworld.c", &TELL.replace("char line", "int odd; char line"));
    let warned = project.build_with(&[]);
    assert!(warned.code() == 0 && warned.err().contains("warning: unused variable"), "{}", warned.err());
    assert!(!project.build_with(&[]).err().contains("warning"));
    project.change("helloworld.c", TELL);
    project.build();
    assert_eq!(project.run(&[]), says("helloworld-c of 2, PLACE=inside, note: nothing\n", 1));
    // Files beside the program, handed over at boot and inside.
    fs::create_dir_all(project.directory.join("root")).expect("a directory");
    project.change("root/note", "here");
    for inside in ["", ", CONFIG_EINITRD: 'y'"] {
        let option = option.replace("'y'}", &format!("'y'{inside}}}"));
        project.change("Kraftfile", &kraftfile.replace("unikraft: stable", &format!("rootfs: ./root\n{option}")));
        project.build();
        assert_eq!(project.run(&[]), says("helloworld-c of 2, PLACE=inside, note: here\n", 1), "{inside}");
    }
}

#[test]
fn libraries_come_from_a_repository_and_from_an_archive() {
    let project = Native::entry("helloworld-c");
    let sources = Place::new();
    let library = |name: &str, word: &str| {
        let directory = sources.directory(&format!("lib-{name}"));
        let upper = name.to_uppercase();
        let write = |file: &str, text: String| fs::write(directory.join(file), text).expect("a file of ours");
        write("Config.uk", format!("config LIB{upper}\n\tbool \"{name}\"\n"));
        write(
            "Makefile.uk",
            format!(
                "$(eval $(call addlib_s,lib{name},$(CONFIG_LIB{upper})))\nCINCLUDES-$(CONFIG_LIB{upper}) += -I$(LIB{upper}_BASE)\nLIB{upper}_SRCS-y += $(LIB{upper}_BASE)/{name}.c\n"
            ),
        );
        write(&format!("{name}.h"), format!("const char *{name}(void);\n"));
        write(&format!("{name}.c"), format!("#include \"{name}.h\"\nconst char *{name}(void) {{ return \"{word}\"; }}\n"));
        directory
    };
    let (greet, part) = (library("greet", "hello"), library("part", "goodbye"));
    let run_in = |directory: &Path, program: &str, words: &[&str]| {
        let mut command = Command::new(program);
        command.args(words).current_dir(directory);
        assert!(finish(command, Stdio::null()).status.success(), "{program} {words:?}");
    };
    run_in(&greet, "git", &["init", "-q", "-b", "stable"]);
    run_in(&greet, "git", &["add", "."]);
    run_in(&greet, "git", &["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"]);
    let archive = part.with_file_name("lib-part.tar.gz");
    run_in(&part, "tar", &["-czf", text(&archive), "-C", "..", "lib-part"]);
    project.change(
        "Kraftfile",
        &format!(
            "spec: v0.6\nname: helloworld-c\nunikraft: stable\ntargets: [qemu/x86_64]\nlibraries:\n  greet: {{source: 'file://{}', version: stable}}\n  part: 'file://{}'\n",
            greet.display(),
            archive.display()
        ),
    );
    project.change(
        "helloworld.c",
        "#include <stdio.h>\n#include <greet.h>\n#include <part.h>\nint main(void) { printf(\"%s and %s\\n\", greet(), part()); return 0; }\n",
    );
    project.build();
    assert_eq!(project.run(&[]), says("hello and goodbye\n", 0));
    // What was fetched is enough.
    fs::remove_dir_all(&greet).expect("a directory of ours");
    fs::remove_file(&archive).expect("a file of ours");
    project.change("helloworld.c", "#include <greet.h>\n#include <stdio.h>\nint main(void) { puts(greet()); return 3; }\n");
    assert_eq!(project.build_with(&["--no-fetch"]).code(), 0);
    assert_eq!(project.run(&[]), says("hello\n", 3));
}

#[test]
fn a_templates_makefile_uk_has_its_program_fetched_and_patched() {
    let project = Native::entry("helloworld-c");
    let kraftfile = fs::read_to_string(project.directory.join("Kraftfile")).expect("a project");
    // The sources lie in an archive elsewhere, and all else in the template.
    let elsewhere = Place::new();
    let tree = elsewhere.directory("greeting-1.0");
    fs::copy(project.directory.join("helloworld.c"), tree.join("helloworld.c")).expect("a file of ours");
    let archive = tree.with_file_name("greeting-1.0.tar.gz");
    let mut tar = Command::new("tar");
    tar.args(["-czf", text(&archive), "-C", text(&tree.join("..")), "greeting-1.0"]);
    assert!(finish(tar, Stdio::null()).status.success());
    let address = format!("file://{}", archive.display());
    let template = project.directory.join("start");
    fs::create_dir_all(template.join("patches")).expect("a directory of ours");
    for name in ["Makefile", "Makefile.uk", "Config.uk", "helloworld.c", "countdown.c"] {
        fs::remove_file(project.directory.join(name)).expect("a file of the entry");
    }
    project.change("start/Kraftfile", &kraftfile);
    project.change(
        "start/Makefile.uk",
        &format!(
            "$(eval $(call addlib,apphelloworld))
$(eval $(call fetch,apphelloworld,{address}))
$(eval $(call patch,apphelloworld,$(APPHELLOWORLD_BASE)/patches,greeting-1.0))
APPHELLOWORLD_SRCS-y += $(APPHELLOWORLD_ORIGIN)/greeting-1.0/helloworld.c
"
        ),
    );
    let patch = patch_of(&tree, |line| line.replace("Hello from", "Patched, from"));
    project.change("start/patches/0001-greeting.patch", &patch);
    project.change("Kraftfile", "spec: v0.6\nname: helloworld-c\ntemplate: ./start\n");
    let mut fetch = project.kernels.pith();
    fetch.args(["fetch", "--no-pull"]).current_dir(&project.directory);
    let fetched = finish(fetch, Stdio::null());
    assert!(fetched.code() == 0 && fetched.err().contains(&format!("from {address}")), "{}", fetched.err());
    fs::remove_file(&archive).expect("a file of ours");
    project.build();
    assert_eq!(project.run(&["one"]), says("Patched, from helloworld-c!\nargument 1: one\n", 0));
}

#[test]
fn what_cannot_be_built_is_said() {
    let project = Native::entry("helloworld-c");
    let said = |project: &Native, args: &[&str]| {
        let outcome = project.build_with(args);
        assert_eq!(outcome.code(), 125, "{}", outcome.err());
        outcome.err()
    };
    project.change("helloworld.c", "int main(void) { return nothing; }\n");
    let broken = said(&project, &[]);
    assert!(broken.contains("compiling helloworld.c failed") && broken.contains("undeclared"), "{broken}");
    let missing = said(&project, &["-T", "CXX=none", "-T", "CC=/nowhere/cc"]);
    assert!(missing.contains("CC=/nowhere/cc: there is no such program"), "{missing}");
    project.change("Makefile.uk", "$(eval $(call addlib,appx))\n");
    let empty = said(&project, &[]);
    assert!(empty.contains("Makefile.uk: lists no sources"), "{empty}");
    fs::remove_file(project.directory.join("Makefile.uk")).expect("a file of ours");
    let kraftfile = "spec: v0.6\nname: helloworld-c\nunikraft: {version: stable, kconfig: {CONFIG_EMBEDDED_APP: 'y'}}\n";
    project.change("Kraftfile", kraftfile);
    let none = said(&project, &[]);
    assert!(none.contains("wants a program inside the image, and the project has no sources"), "{none}");
}

#[test]
fn a_server_in_c() {
    let project = Native::entry("http-c");
    project.build();
    let server = Server::start(8080, [text(&project.directory)]);
    assert_eq!(server.get("/any/path"), "Hello from C\n");
    assert_eq!(server.stop().code(), 0);
}

#[test]
fn a_server_in_rust_with_a_crate_from_outside() {
    let project = Native::entry("http-rust");
    project.build();
    let server = Server::start(8080, [text(&project.directory)]);
    assert_eq!(server.get("/any/path"), "Hello from Rust\n");
    assert_eq!(server.status_with(&["-X", "POST"], "/"), "405");
    server.wrk("/");
    // SIGTERM's, which it does not catch.
    assert_eq!(server.stop().code(), 143);
}

#[test]
fn nginx_from_source() {
    let project = Native::entry("nginx");
    // What its setup.sh fetched and configured.
    let mut copy = Command::new("cp");
    copy.args(["-r", "--", text(&fixture("native/nginx/nginx")), text(&project.directory)]);
    assert!(finish(copy, Stdio::null()).status.success());
    for format in ["cpio", "erofs"] {
        let outcome = project.build_with(&["--rootfs-type", format]);
        assert_eq!(outcome.code(), 0, "{}", outcome.err());
        let size = fs::metadata(project.image()).expect("an image").len();
        assert!(size < 2_000_000, "{size} bytes with {format}");
        let server = Server::start(80, [text(&project.directory)]);
        assert!(server.get("/").contains("Hello from nginx, linked into the kernel's image."));
        assert_eq!(server.status_of("/none"), "404");
        server.wrk("/");
        assert_eq!(server.stop().code(), 0);
    }
}

#[test]
fn plain_make_builds_it_too() {
    let project = Native::entry("helloworld-c");
    let make = |args: &[&str]| {
        let mut command = Command::new("make");
        command.arg(format!("UK_ROOT={}", root().join("kernel").display())).arg(format!("PITH={}", pith_path().display())).args(args);
        let keep = project.kernels.pith();
        command.envs(keep.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(&project.directory);
        let output = command.stdin(Stdio::null()).output().expect("make");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "make {args:?}: {said}");
        said
    };
    let file = |name: &str| fs::read_to_string(project.directory.join(name)).unwrap_or_default();
    make(&["defconfig", "UK_DEFCONFIG=defconfigs/qemu-x86_64"]);
    // What a Makefile.uk has fetched goes to the build directory; the options stay.
    let (listed, options) = (file("Makefile.uk"), file(".config"));
    project.change("Makefile.uk", &format!("{listed}$(eval $(call unarchive,apphelloworld,$(APPHELLOWORLD_BASE)/own.tar))\n"));
    let mut tar = Command::new("tar");
    tar.args(["-cf", "own.tar", "helloworld.c"]).current_dir(&project.directory);
    assert!(finish(tar, Stdio::null()).status.success());
    make(&["fetch"]);
    assert!(project.directory.join("build/native/apphelloworld/origin/helloworld.c").is_file() && file(".config") == options);
    project.change("Makefile.uk", &listed);
    make(&["-j"]);
    let image = project.directory.join("build/helloworld-c_qemu-x86_64");
    assert_eq!(run(&[], &[text(&image)]), says("3\n2\n1\nHello from helloworld-c!\n", 0));
    // All options come out of few, and the few again out of all.
    make(&["olddefconfig"]);
    assert!(file(".config").lines().count() > 20 && file(".config").contains("CONFIG_APPHELLOWORLD_COUNTDOWN=y\n"), "{}", file(".config"));
    make(&["savedefconfig"]);
    assert!(file("defconfig").contains("CONFIG_APPHELLOWORLD_COUNTDOWN=y\n"), "{}", file("defconfig"));
    let (few, all) = (file("defconfig"), file(".config"));
    assert!(few.len() < all.len() && !few.contains("CONFIG_LIBMM="), "{few}");
    make(&["defconfig", "UK_DEFCONFIG=defconfig"]);
    make(&["olddefconfig"]);
    assert_eq!(file(".config"), all, "from {few}");
    make(&["-j"]);
    assert_eq!(run(&[], &[text(&image)]), says("3\n2\n1\nHello from helloworld-c!\n", 0));
    make(&["clean"]);
    assert!(!image.exists() && project.directory.join(".config").is_file());
    make(&["defconfig"]);
    make(&["-j2"]);
    assert_eq!(run(&[], &[text(&image)]), says("Hello from helloworld-c!\n", 0));
    // Libraries in directories: one that the core has, one of the project's own.
    for (name, code) in [("lwip", "#error not this one\n"), ("lib-extra", "const char *extra(void) { return \"extra\"; }\n")] {
        let directory = project.directory.join("libs").join(name);
        let upper = name.trim_start_matches("lib-").to_uppercase();
        fs::create_dir_all(&directory).expect("a directory of ours");
        let listed = format!("$(eval $(call addlib,lib{0}))\nLIB{1}_SRCS-y += $(LIB{1}_BASE)/x.c\n", upper.to_lowercase(), upper);
        fs::write(directory.join("Makefile.uk"), listed).expect("a file of ours");
        fs::write(directory.join("x.c"), code).expect("a file of ours");
    }
    project.change("helloworld.c", "#include <stdio.h>\nconst char *extra(void);\nint main(void) { puts(extra()); return 0; }\n");
    let listed = ["lwip", "lib-extra/", "none"].map(|name| format!("{}/libs/{name}", text(&project.directory))).join(":");
    make(&[&format!("L={listed}")]);
    assert_eq!(run(&[], &[text(&image)]), says("extra\n", 0));
    make(&["properclean"]);
    assert!(!image.exists() && project.directory.join(".config").is_file());
    make(&["distclean"]);
    assert!(!project.directory.join(".config").exists());
}

#[test]
fn a_greeting_from_the_kernel_itself() {
    let project = Native::entry("helloworld-app");
    let size = project.build();
    assert!(size < 90_000, "{size} bytes");
    let first = fs::read(project.image()).expect("an image");
    let greeting = "Hello from the kernel!\nargument 1: one\nargument 2: two words\n";
    assert_eq!(project.run(&["one", "two words"]), says(greeting, 0));
    for machine in ["microvm", "q35"] {
        let outcome = run(&[("PITH_QEMU_MACHINE", machine)], &[text(&project.image()), "one", "two words"]);
        assert_eq!(outcome, says(greeting, 0), "{machine}");
    }
    // The same bytes from another place, compiled anew.
    let other = Native::entry("helloworld-app");
    assert_eq!(other.build_with(&["--no-cache"]).code(), 0);
    assert!(first == fs::read(other.image()).expect("an image"), "{} and {}", project.image().display(), other.image().display());
    let mut inspect = other.kernels.pith();
    inspect.args(["inspect", "-f", "{{json .libraries}}"]).arg(other.image());
    let libraries = finish(inspect, Stdio::null()).out();
    let origin = |name: &str| libraries.split('}').find(|one| one.contains(&format!("\"name\":\"{name}\""))).unwrap_or_default();
    assert!(origin("helloworld-app").contains("\"origin\":\"application\""), "{libraries}");
    assert!(origin("pith-app").contains("\"origin\":\"pith\"") && origin("bitflags").contains("\"origin\":\"registry\""), "{libraries}");
    let explained = project.build_with(&["--explain"]);
    assert!(explained.out().contains("preset: minimal\n") && !explained.out().contains("LIBPROCESS"), "{}", explained.out());
    // What the compiler complains of has the project's own names for its files; warnings are shown when they are made.
    project.change("src/main.rs", "#![no_std]\n#![no_main]\npith_app::main!(run);\nfn run() {\n    let odd = 1;\n}\n");
    let warned = project.build_with(&["--no-cache"]);
    assert_eq!(warned.code(), 0, "{}", warned.err());
    assert!(warned.err().contains("warning: unused variable: `odd`\n --> src/main.rs:5:9\n"), "{}", warned.err());
    assert!(!project.build_with(&[]).err().contains("warning"));
    project.change("src/main.rs", "#![no_std]\n#![no_main]\npith_app::main!(run);\nfn run() { nothing() }\n");
    let broken = project.build_with(&[]);
    assert_eq!(broken.code(), 125, "{}", broken.err());
    assert!(broken.err().contains("error[E0425]") && broken.err().contains("--> src/main.rs:4:12"), "{}", broken.err());
}

#[test]
fn cargo_check_finds_pith_app_where_the_project_was_built() {
    let project = Native::entry("helloworld-app");
    project.build();
    let check = || {
        let mut command = Command::new("cargo");
        command.args(["check", "--quiet"]).current_dir(&project.directory).stdin(Stdio::null());
        let target = fixtures().join("native-kernels/check");
        let output = command.env("CARGO_TARGET_DIR", target).output().expect("cargo");
        Outcome { status: output.status, stdout: output.stdout, stderr: output.stderr }
    };
    let checked = check();
    assert!(checked.status.success() && checked.err().is_empty(), "{}", checked.err());
    project.change("src/main.rs", "#![no_std]\n#![no_main]\npith_app::main!(run);\nfn run() { pith_app::nothing() }\n");
    let broken = check().err();
    assert!(broken.contains("error[E0425]: cannot find function `nothing` in crate `pith_app`"), "{broken}");
}

#[test]
fn a_server_in_the_kernel_itself() {
    let project = Native::entry("http-app");
    let size = project.build();
    assert!(size <= 300_000, "{size} bytes");
    let server = Server::start(8080, [text(&project.directory)]);
    assert_eq!(server.get("/any/path"), "Hello from the kernel\n");
    assert_eq!(server.status_with(&["-X", "POST"], "/"), "405");
    server.wrk("/");
    // SIGTERM's, as of a program that does not catch it.
    assert_eq!(server.stop().code(), 143);
}

#[test]
fn a_program_in_the_kernel_has_threads_time_files_and_sockets() {
    let project = Native::of(&root().join("tests/programs/app"), "checks");
    let checks = ["one", "two words"];
    let all = "ok env\nok threads\nok timers\nok files\nok udp\nok tcp\n";
    let kraftfile = fs::read_to_string(project.directory.join("Kraftfile")).expect("a project");
    for inside in ["", ", kconfig: {CONFIG_EINITRD: 'y'}"] {
        project.change("Kraftfile", &kraftfile.replace("stable}", &format!("stable{inside}}}")));
        project.build();
        assert_eq!(project.run(&checks), says(all, 7), "{inside}");
    }
    assert_eq!(project.run(&["exit"]), says("", 5));
    assert_eq!(project.run(&["error"]), (String::new(), "Error: no such file or directory (ENOENT)\n".to_owned(), 1));
    let (_, err, code) = project.run(&["panic"]);
    assert!(code == 124 && err.contains("as asked at src/main.rs:"), "{code}: {err}");
    // The stack that ended is not the one that tells of it.
    let (_, err, code) = project.run(&["recurse"]);
    assert!(code == 124 && err.contains("the guest kernel panicked: page fault (vector 14") && err.contains("rax "), "{code}: {err}");
}
