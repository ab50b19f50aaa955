//! The matrix: every preset for every target, built by `pith build` and booted: for QEMU on each of its machine types, for Firecracker as Firecracker starts a kernel.
//!
//! `$FIRECRACKER` names a Firecracker that boots the images for it; without, it is the monitor of this harness that starts a kernel as Firecracker does.

use machines::archive::{PROGRAM, archive, file};
use machines::{Place, Server, finish, fixture, fixtures, linux, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TYPES: [&str; 3] = ["microvm", "pc", "q35"];
const PRESETS: [&str; 5] = ["minimal", "batch", "http", "runtime", "native"];
const HELLO: &str = "hello from C\nargument 1: 7\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A project of a preset, built for both targets with kernels that other tests share.
struct Project {
    preset: &'static str,
    directory: PathBuf,
    _own: Place,
}

impl Project {
    fn new(preset: &'static str) -> Self {
        let own = Place::new();
        let directory = own.directory(preset);
        let mut kraftfile = format!("spec: v0.6\nname: {preset}\nunikraft: stable\npreset: {preset}\ntargets: [qemu/x86_64, fc/x86_64]\n");
        match preset {
            "native" => {
                for name in ["Makefile.uk", "http.c"] {
                    fs::copy(root().join("catalog/native/http-c").join(name), directory.join(name)).expect("a file of the catalogue");
                }
            }
            _ => {
                for name in ["hello-static", "epoll-http"] {
                    fs::create_dir_all(directory.join("root")).expect("a directory");
                    fs::copy(fixture(name), directory.join("root").join(name)).expect("a program");
                }
                kraftfile += "rootfs: ./root\ncmd: [/hello-static, '7']\n";
            }
        }
        fs::write(directory.join("Kraftfile"), kraftfile).expect("a file of ours");
        let project = Self { preset, directory, _own: own };
        project.build(&["--all"]);
        project
    }

    /// `pith build ARGS...`, which succeeds. A kernel takes longer than any machine may.
    fn build(&self, args: &[&str]) {
        let kernels = Place::kept(&fixtures().join("native-kernels"));
        let output = kernels.pith().arg("build").args(args).current_dir(&self.directory).stdin(Stdio::null()).output().expect("pith");
        assert!(output.status.success(), "{}: {}", self.preset, String::from_utf8_lossy(&output.stderr));
    }

    fn image(&self, platform: &str) -> PathBuf {
        self.directory.join(format!(".unikraft/build/{}_{platform}-x86_64", self.preset))
    }

    /// A request is answered on this machine type.
    fn serves(&self, machine_type: &str) {
        let (words, answer) = match self.preset {
            "native" => (vec![text(&self.directory), "-t", "qemu/x86_64"], "Hello from C"),
            _ => (vec![text(&self.directory), "-t", "qemu/x86_64", "--", "/epoll-http"], "It works"),
        };
        let server = Server::start_on(machine_type, Place::new(), 8080, words);
        assert!(server.get("/").contains(answer), "{} on {machine_type}", self.preset);
        assert_eq!(server.stop().code(), 0, "{} on {machine_type}", self.preset);
    }

    /// The program's words come out on this machine type.
    fn greets(&self, machine_type: &str) {
        let place = Place::new();
        let mut command = place.pith();
        command.env("PITH_QEMU_MACHINE", machine_type).args(["run", "-W", "--rm", "-t", "qemu/x86_64", text(&self.directory)]);
        let outcome = finish(command, Stdio::null());
        assert_eq!((outcome.out().as_str(), outcome.err().as_str(), outcome.code()), (HELLO, "", 7), "{} on {machine_type}", self.preset);
        place.assert_clean();
    }
}

#[test]
fn every_preset_on_every_machine_type_of_qemu() {
    for project in PRESETS.map(Project::new) {
        for machine_type in TYPES {
            match project.preset {
                "http" | "native" => project.serves(machine_type),
                "runtime" => {
                    project.greets(machine_type);
                    project.serves(machine_type);
                }
                _ => project.greets(machine_type),
            }
        }
    }
}

/// What a kernel says about itself, one `name=value` a line.
fn description(image: &Path) -> Vec<String> {
    let place = Place::new();
    let mut command = place.pith();
    command.args(["inspect", "-o", "list", text(image)]);
    let outcome = finish(command, Stdio::null());
    assert_eq!(outcome.code(), 0, "{}", outcome.err());
    outcome.out().lines().map(ToOwned::to_owned).collect()
}

/// What a machine loads of an image: of each segment, its header without where it is in the file, and its bytes.
fn loaded(image: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut bytes = fs::read(image).expect("an image");
    // Where the section headers are: the first segment has the ELF header in it.
    bytes[40..48].fill(0);
    let number = |at: usize, length: usize| bytes[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let segment = |at: usize| {
        let header = [&bytes[at..at + 8], &bytes[at + 16..at + size]].concat();
        (header, bytes[number(at + 8, 8)..][..number(at + 32, 8)].to_vec())
    };
    (0..count).map(|header| segment(table + header * size)).collect()
}

#[test]
fn kernels_for_qemu_and_firecracker_differ_in_what_they_say_about_their_target_alone() {
    for project in PRESETS.map(Project::new) {
        let [qemu, fc] = ["qemu", "fc"].map(|platform| project.image(platform));
        assert!(loaded(&qemu) == loaded(&fc), "{}: the machine code differs", project.preset);
        let differing: Vec<(String, String)> =
            description(&qemu).into_iter().zip(description(&fc)).filter(|(qemu, fc)| qemu != fc).collect();
        let names: Vec<&str> = differing.iter().filter_map(|(line, _)| line.split([':', '=', ' ']).next()).collect();
        assert_eq!(names, ["kernel", "target"], "{}: {differing:?}", project.preset);
    }
}

/// The monitor that boots images for Firecracker.
fn monitor() -> PathBuf {
    std::env::var_os("FIRECRACKER").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_firecracker-like")), PathBuf::from)
}

#[test]
fn every_preset_as_firecracker_starts_it() {
    let place = Place::new();
    let tree = place.directory("linux");
    linux::install(&tree, &monitor(), "/bin/firecracker");
    linux::with_kvm(&tree);
    let hello = fs::read(fixture("hello-static")).expect("a program");
    fs::write(tree.join("hello.cpio"), archive(&[file("hello-static", PROGRAM, &hello)])).expect("a file of ours");
    let mut commands = Vec::new();
    for project in PRESETS.map(Project::new) {
        let preset = project.preset;
        if preset == "native" {
            // A server does not end: the greeting does.
            fs::remove_file(project.directory.join("http.c")).expect("a file of ours");
            fs::write(
                project.directory.join("Makefile.uk"),
                "$(eval $(call addlib,apphello))\nAPPHELLO_SRCS-y += $(APPHELLO_BASE)/hello.c\n",
            )
            .expect("a file of ours");
            fs::copy(root().join("tests/fixtures/hello.c"), project.directory.join("hello.c")).expect("a fixture");
            project.build(&["-t", "fc/x86_64"]);
        }
        fs::copy(project.image("fc"), tree.join(preset)).expect("an image");
        let (program, initrd) = if preset == "native" { ("", "") } else { ("/hello-static ", r#","initrd_path":"/hello.cpio""#) };
        let boot = format!(r#"{{"kernel_image_path":"/{preset}","boot_args":"-- {program}7"{initrd}}}"#);
        let configuration = format!(r#"{{"boot-source":{boot},"drives":[],"machine-config":{{"vcpu_count":1,"mem_size_mib":64}}}}"#);
        fs::write(tree.join(format!("{preset}.json")), configuration).expect("a file of ours");
        commands.push(format!("firecracker --no-api --config-file /{preset}.json"));
    }
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    linux::prepare(&tree, &commands);
    let ran = linux::boot(&linux::pack(&tree, &place), 1024);
    assert_eq!(ran.len(), PRESETS.len(), "{ran:?}");
    for (ran, preset) in ran.iter().zip(PRESETS) {
        assert!(ran.output.contains(HELLO.trim_end()) && ran.status == 0, "{preset}: {ran:?}");
    }
}

/// A Firecracker-like monitor says what is wrong with what it is given, as the real one does.
#[test]
fn the_monitor_refuses_what_it_cannot_start() {
    let place = Place::new();
    let file = place.file("vm.json", b"{}");
    for (words, expected) in [(vec![], "expected --no-api"), (vec!["--no-api", "--config-file", text(&file)], "missing field")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firecracker-like"));
        command.args(words);
        let outcome = finish(command, Stdio::null());
        assert!(outcome.code() == 1 && outcome.err().contains(expected), "{}", outcome.err());
    }
}
