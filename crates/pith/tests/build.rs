//! `pith build`, `clean`, `fetch` with stand-ins for cargo and rustc: which targets, which files, what is said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Done, Home};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A home with a project and something that compiles.
struct Project {
    home: Home,
}

impl Project {
    fn new(kraftfile: &str) -> Self {
        let home = Home::new();
        fs::create_dir_all(home.path("tools")).unwrap();
        let fakes =
            [("cargo", include_str!("../../builder/tests/fake/cargo.sh")), ("rustc", include_str!("../../builder/tests/fake/rustc.sh"))];
        for (name, text) in fakes {
            let path = home.path(&format!("tools/{name}"));
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for (name, text) in [("release", "1.95.0"), ("libdir", "/"), ("kernel.s", include_str!("../../builder/tests/fake/kernel.s"))] {
            fs::write(home.path(&format!("tools/{name}")), text).unwrap();
        }
        let mut linker = Command::new("cc");
        linker.args(["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o"]);
        assert!(linker.arg(home.path("tools/linked")).arg(home.path("tools/kernel.s")).status().unwrap().success());
        fs::create_dir_all(home.path("app")).unwrap();
        fs::rename(home.path("root"), home.path("app/root")).unwrap();
        fs::write(home.path("app/Kraftfile"), format!("spec: v0.6\nname: app\n{kraftfile}")).unwrap();
        Self { home }
    }

    fn build(&self, arguments: &[&str]) -> Done {
        let tools = |name: &str| format!("{name}={}", self.home.path(&format!("tools/{}", name.to_lowercase())).display());
        let (cargo, rustc) = (tools("CARGO"), tools("RUSTC"));
        self.home.pith(&[&["build", "app", "-T", &cargo, "-T", &rustc], arguments].concat())
    }

    /// Names of what was built.
    fn built(&self) -> Vec<String> {
        let files = fs::read_dir(self.home.path("app/.unikraft/build")).into_iter().flatten().flatten();
        let mut names: Vec<String> = files.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn compiled(&self) -> usize {
        fs::read_to_string(self.home.path("tools/calls")).map_or(0, |text| text.lines().count())
    }
}

const TWO: &str = "unikraft: stable\npreset: http\ntargets:\n  - xen/x86_64\n  - fc/x86_64\n  - {name: small, plat: qemu, arch: x86_64, kconfig: {CONFIG_LIBNET: n}}\n";

#[test]
fn of_several_targets_the_ones_that_are_meant() {
    let project = Project::new(TWO);
    // Nobody can be asked: the first that there is a kernel for.
    let done = project.build(&[]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("fc/x86_64 it is; choose another target with -t"), "{}", done.err);
    let names = |target: &str| ["", ".dbg", ".sym"].map(|suffix| format!("{target}{suffix}"));
    assert_eq!(project.built(), names("app_fc-x86_64"));
    for (words, target) in [
        (vec!["-p", "kvm"], "small_qemu-x86_64"),
        (vec!["-t", "small"], "small_qemu-x86_64"),
        (vec!["-t", "small", "-m", "x86_64"], "small_qemu-x86_64"),
        (vec!["-t", "firecracker/amd64"], "app_fc-x86_64"),
    ] {
        assert_eq!(project.home.pith(&["clean", "app"]).code, 0);
        assert_eq!(project.build(&words).code, 0, "{words:?}");
        assert_eq!(project.built(), names(target), "{words:?}");
    }
    // Two kernels in all, whatever asked for them.
    assert_eq!(project.compiled(), 2);
    // --all is all, also that which cannot be.
    let done = project.build(&["--all"]);
    assert!(done.code == 125 && done.err.contains("cannot build for xen/x86_64"), "{}", done.err);
    assert_eq!(project.build(&["--all", "-p", "qemu"]).code, 0);
    let none = project.build(&["-m", "arm64"]);
    assert!(none.err.contains("no targets selected") && none.err.contains("has xen/x86_64, fc/x86_64, qemu/x86_64"), "{}", none.err);
    let several = project.build(&["--all", "-k", "kernel"]);
    assert!(several.err.contains("--kernel names one file"), "{}", several.err);
}

#[test]
fn results_go_where_they_are_wanted_and_are_listed() {
    let project = Project::new("unikraft: stable\npreset: minimal\nrootfs: ./root\ntargets: [qemu/x86_64]\n");
    let done = project.build(&[]);
    assert_eq!(done.code, 0, "{}", done.err);
    let tree = done.out.lines().map(|line| line.split(" (").next().unwrap()).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("tree", tree);
    let done = project.build(&["--format", "json", "-k", "here/kernel", "-o", "there", "--log-level", "error"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let listed: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let paths: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["here/kernel", "here/kernel.dbg", "here/kernel.sym", "there/initramfs-x86_64.cpio"]);
    for one in listed.as_array().unwrap() {
        assert_eq!(fs::metadata(project.home.path(one["path"].as_str().unwrap())).unwrap().len(), one["size"].as_u64().unwrap());
    }
    let stats = project.build(&["--print-stats", "--format", "json"]);
    let (sizes, _) = stats.out.split_once("]\n").unwrap();
    let sizes: Vec<serde_json::Value> = serde_json::from_str(&format!("{sizes}]")).unwrap();
    let (all, parts) = sizes.split_last().unwrap();
    assert_eq!(all["bytes"].as_u64(), Some(parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum()));
    assert_eq!(project.compiled(), 1);
    // The image with symbols in it is the .dbg file.
    assert_eq!(project.build(&["--dbg"]).code, 0);
    let read = |name: &str| fs::read(project.home.path(&format!("app/.unikraft/build/app_qemu-x86_64{name}"))).unwrap();
    let (image, debug) = (read(""), read(".dbg"));
    // Behind the ELF header, which says where the sections are, it is the same, and its description follows.
    assert!(image.len() > debug.len() && image[64..debug.len()] == debug[64..]);
    let said = project.home.pith(&["inspect", "app/.unikraft/build/app_qemu-x86_64", "-o", "list"]);
    assert!(said.code == 0 && said.out.contains("qemu/x86_64"), "{}", said.err);
}

#[test]
fn a_kernel_says_what_it_is_made_of() {
    let project = Project::new("pith: {kconfig: {CONFIG_LIBNET: y}}\npreset: minimal\n");
    assert_eq!(project.build(&[]).code, 0);
    let kernel = "app/.unikraft/build/app_qemu-x86_64";
    let field = |template: &str| project.home.pith(&["inspect", kernel, "-f", template]).out;
    assert_eq!(field("{{.name}} {{.target}} {{.preset}}"), "app qemu/x86_64 minimal\n");
    assert_eq!(field("{{.configuration.CONFIG_LIBNET}} {{.libraries.0.name}} {{.libraries.0.license}}"), "y vfs MIT\n");
    for (form, expected) in
        [("table", "configuration.CONFIG_LIBNET"), ("yaml", "CONFIG_LIBNET: \"y\""), ("json", "\"CONFIG_LIBNET\": \"y\"")]
    {
        assert!(project.home.pith(&["inspect", kernel, "-o", form]).out.contains(expected), "{form}");
    }
    assert!(project.home.pith(&["inspect", "app/Kraftfile"]).err.contains("neither a machine nor a kernel that `pith build` made"));
}

#[test]
fn options_come_from_everybody_who_has_a_say() {
    let project = Project::new("unikraft: stable\npreset: minimal\n");
    let has = |option: &str, words: &[&str]| {
        let done = project.build(words);
        assert_eq!(done.code, 0, "{}", done.err);
        let kernel = "app/.unikraft/build/app_qemu-x86_64";
        project.home.pith(&["inspect", kernel]).out.contains(&format!("\"CONFIG_{option}\": \"y\""))
    };
    assert!(!has("LIBPOSIX_PIPE", &[]));
    assert_eq!(project.home.pith(&["set", "-w", "app", "CONFIG_LIBPOSIX_PIPE=y"]).code, 0);
    assert!(has("LIBPOSIX_PIPE", &[]));
    fs::write(project.home.path("other.config"), "# CONFIG_LIBPOSIX_PIPE is not set\nCONFIG_LIBDEVFS=y\n").unwrap();
    let other = project.home.path("other.config").display().to_string();
    assert!(has("LIBDEVFS", &["-c", &other]) && !has("LIBPOSIX_PIPE", &["-c", &other]));
    // What is saved goes over the project, and is all that counts when that is asked for.
    fs::write(project.home.path("app/Kraftfile"), "spec: v0.6\nname: app\nunikraft: {kconfig: {CONFIG_LIBPROCFS: y}}\npreset: minimal\n")
        .unwrap();
    assert!(has("LIBPROCFS", &[]) && has("LIBPOSIX_PIPE", &[]));
    assert!(has("LIBPOSIX_PIPE", &["--no-configure"]) && !has("LIBPROCFS", &["--no-configure"]));
    let said = |words: &[&str]| project.build(words).err;
    assert!(said(&["-c", "nowhere"]).contains("nowhere: there is no such configuration"));
    let explained = project.build(&["--explain"]);
    assert!(explained.out.contains("preset: minimal") && explained.out.contains("LIBPOSIX_PIPE"), "{}", explained.out);
    fs::write(project.home.path("app/Kraftfile"), "spec: v0.6\nname: app\nunikraft: {kconfig: {CONFIG_LIBNTE: y}}\n").unwrap();
    let refused = project.build(&["--validate"]);
    assert!(refused.code == 125 && refused.err.contains("did you mean CONFIG_LIBNET?"), "{}", refused.err);
    assert!(said(&["-e", "PITH_NO_SUCH"]).contains("--env PITH_NO_SUCH: this host has no such variable"));
}

#[test]
fn a_root_file_system_is_packed_when_it_has_changed() {
    let project = Project::new("runtime: base\nrootfs: ./root\ncmd: [/bin/app]\n");
    let packs = |words: &[&str]| {
        let done = project.build(words);
        assert_eq!(done.code, 0, "{}", done.err);
        done.err.contains("packing the root file system")
    };
    assert!(packs(&[]));
    assert_eq!(project.built(), ["initramfs-x86_64.cpio", "initramfs-x86_64.stamp"]);
    assert!(!packs(&[]));
    assert!(packs(&["--no-cache"]));
    fs::write(project.home.path("app/root/bin/more"), "more").unwrap();
    assert!(packs(&[]));
    fs::set_permissions(project.home.path("app/root/bin/more"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(packs(&[]));
    fs::remove_file(project.home.path("app/.unikraft/build/initramfs-x86_64.cpio")).unwrap();
    assert!(packs(&[]));
    assert!(packs(&["--rootfs-type", "erofs"]));
    assert_eq!(project.built(), ["initramfs-x86_64.erofs", "initramfs-x86_64.stamp"]);
    // Nothing is compiled for a runtime.
    assert_eq!(project.compiled(), 0);
    assert!(project.build(&["--no-rootfs"]).err.contains("nothing to build"));
    assert_eq!(project.home.pith(&["clean", "-P", "app"]).code, 0);
    assert!(!project.home.path("app/.unikraft").exists());
}

#[test]
fn a_root_file_system_may_be_one_file() {
    let project = Project::new("runtime: base\nrootfs: ./root/bin/app\ncmd: [/app]\n");
    let packs = || {
        let done = project.build(&[]);
        assert_eq!(done.code, 0, "{}", done.err);
        done.err.contains("packing the root file system")
    };
    assert!(packs() && !packs());
    let packed = fs::read(project.home.path("app/.unikraft/build/initramfs-x86_64.cpio")).unwrap();
    // The same archive as a machine gets; `read` of a file is its own test.
    let done = project.home.pith(&["create", "-W", "--name", "m", "app"]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(fs::read(project.home.path("data/names/m/initrd.cpio")).unwrap(), packed);
    let content = fs::read(project.home.path("app/root/bin/app")).unwrap();
    assert!(packed.windows(content.len()).any(|part| part == content));
    fs::write(project.home.path("app/root/bin/app"), "another").unwrap();
    assert!(packs());
}

#[test]
fn what_cannot_work_is_said_before_anything_is_compiled() {
    let project = Project::new("unikraft: {kconfig: {CONFIG_LIBELF: n}}\npreset: minimal\nrootfs: ./root\n");
    let kraftfile = |text: &str| fs::write(project.home.path("app/Kraftfile"), format!("spec: v0.6\nname: app\n{text}")).unwrap();
    let mut said = vec![project.build(&[]).err];
    kraftfile("unikraft: stable\npreset: minimal\nrootfs: ./root\n");
    said.push(project.build(&["--rootfs-type", "erofs"]).err);
    kraftfile("unikraft: {kconfig: {CONFIG_EINITRD: y}}\n");
    said.push(project.build(&[]).err);
    kraftfile("unikraft: {source: ./root}\n");
    said.push(project.build(&[]).err);
    kraftfile("unikraft: stable\npith: stable\n");
    said.push(project.build(&[]).err);
    kraftfile("unikraft: stable\npreset: minimal\n");
    said.push(project.build(&["--toolchain", "MAKE=gmake"]).err);
    said.push(project.build(&["--git"]).err);
    said.push(project.build(&["--rootfs", "app/root", "-o", "/proc/results"]).err);
    said.push(project.home.pith(&["build", "nowhere"]).err);
    said.push(project.home.pith(&["run", "-W", "app", "/bin/app"]).err);
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(project.compiled(), 0);
}
