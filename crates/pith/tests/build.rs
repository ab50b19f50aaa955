//! `pith build`, `clean`, `fetch` with stand-ins for cargo and rustc: which targets, which files, what is said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Done, Draw, Home, eventually};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

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

    /// `pith build` with these tools and what else is given.
    fn command(&self, arguments: &[&str]) -> Command {
        let tools = |name: &str| format!("{name}={}", self.home.path(&format!("tools/{}", name.to_lowercase())).display());
        let (cargo, rustc) = (tools("CARGO"), tools("RUSTC"));
        self.home.command(&[&["build", "app", "-T", &cargo, "-T", &rustc], arguments].concat())
    }

    fn build(&self, arguments: &[&str]) -> Done {
        self.home.finish(self.command(arguments).output().unwrap())
    }

    /// Every result with its content.
    fn results(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |name: &String| fs::read(self.home.path(&format!("app/.unikraft/build/{name}"))).unwrap();
        self.built().into_iter().map(|name| (name.clone(), read(&name))).collect()
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

#[test]
fn flags_that_say_what_is_built_anew_and_what_not_at_all() {
    let project = Project::new("unikraft: stable\npreset: minimal\nrootfs: ./root\ntargets: [qemu/x86_64, fc/x86_64]\n");
    let ok = |words: &[&str]| {
        let done = project.build(&[&["-p", "qemu"], words].concat());
        assert_eq!(done.code, 0, "{words:?}: {}", done.err);
        project.compiled()
    };
    assert_eq!((ok(&[]), ok(&[]), ok(&["--no-update"]), ok(&["-F"])), (1, 1, 1, 2));
    let files = |words: &[&str]| {
        fs::remove_dir_all(project.home.path("app/.unikraft")).unwrap();
        ok(words);
        project.built()
    };
    let kernel = ["app_qemu-x86_64", "app_qemu-x86_64.dbg", "app_qemu-x86_64.sym"];
    assert_eq!(files(&["--no-rootfs"]), kernel);
    // Another root file system than the project's, and its owners.
    let other = project.home.path("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("given"), "given").unwrap();
    // Only root can give a file away; anybody else is somebody already.
    let _ = std::os::unix::fs::chown(other.join("given"), Some(1234), Some(1234));
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(other.join("given")).unwrap());
    for (words, expected) in [(&[][..], 0), (&["--keep-file-owners"], owner)] {
        files(&[&["--rootfs", "other"], words].concat());
        let archive = fs::File::open(project.home.path("app/.unikraft/build/initramfs-x86_64.cpio")).unwrap();
        let listed = Command::new("cpio").args(["-itv", "--quiet", "-n"]).stdin(archive).output().unwrap();
        let text = String::from_utf8(listed.stdout).unwrap();
        let line = text.lines().find(|line| line.ends_with("given")).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(line.split_whitespace().nth(2), Some(expected.to_string().as_str()), "{line}");
    }
}

#[test]
fn a_project_comes_from_standard_input() {
    let project = Project::new("unikraft: stable\n");
    let given = |mut command: Command| {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let text = "spec: v0.6\nname: given\nunikraft: {kconfig: {CONFIG_LIBPROCFS: y}}\npreset: minimal\ntargets: [fc/x86_64]\n";
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let done = project.home.finish(child.wait_with_output().unwrap());
        assert_eq!(done.code, 0, "{}", done.err);
        done.out
    };
    let explained = given(project.command(&["-K", "-", "--explain"]));
    assert!(explained.starts_with("target: fc/x86_64\n") && explained.contains("LIBPROCFS"), "{explained}");
    given(project.command(&["-K", "-"]));
    assert_eq!(project.built(), ["given_fc-x86_64", "given_fc-x86_64.dbg", "given_fc-x86_64.sym"]);
    given(project.home.command(&["set", "-w", "app", "-K", "-", "CONFIG_LIBPOSIX_PIPE=y"]));
    assert!(project.home.path("app/.config.given_fc-x86_64").exists());
    given(project.home.command(&["unset", "-w", "app", "-K", "-", "CONFIG_LIBPOSIX_PIPE"]));
    given(project.home.command(&["menu", "app", "-K", "-", "-f", "savedefconfig"]));
    assert!(project.home.path("app/defconfig").exists());
    given(project.home.command(&["clean", "app", "-K", "-", "-P"]));
    assert!(!project.home.path("app/.unikraft").exists() && !project.home.path("app/.config.given_fc-x86_64").exists());
}

#[test]
fn what_is_cleaned_is_what_was_meant() {
    let project = Project::new(TWO);
    let place = project.home.path("app/.unikraft/build");
    let make = || {
        fs::create_dir_all(&place).unwrap();
        for kernel in ["app_xen-x86_64", "app_fc-x86_64", "small_qemu-x86_64"] {
            ["", ".dbg", ".sym"].iter().for_each(|suffix| fs::write(place.join(format!("{kernel}{suffix}")), "").unwrap());
            fs::write(project.home.path(&format!("app/.config.{kernel}")), "").unwrap();
        }
        [".pith-half", "initramfs-x86_64.cpio", "initramfs-x86_64.stamp", "the-users"]
            .iter()
            .for_each(|name| fs::write(place.join(name), "").unwrap());
    };
    let saved = || {
        let names = fs::read_dir(project.home.path("app")).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".config.")).count()
    };
    let left = |words: &[&str]| {
        make();
        let done = project.home.pith(&[&["clean", "app"], words].concat());
        assert_eq!(done.code, 0, "{words:?}: {}", done.err);
        let kernels = project.built().into_iter().filter(|name| name.ends_with("x86_64") || !name.contains("x86_64")).collect::<Vec<_>>();
        (kernels, saved())
    };
    let is = |kernels: &[&str], saved: usize| (kernels.iter().map(ToString::to_string).collect::<Vec<_>>(), saved);
    assert_eq!(left(&["-p", "kvm"]), is(&["app_fc-x86_64", "app_xen-x86_64", "the-users"], 3));
    assert_eq!(left(&["-t", "small"]), is(&["app_fc-x86_64", "app_xen-x86_64", "the-users"], 3));
    assert_eq!(left(&["-t", "fc/x86_64", "-P"]), is(&["app_xen-x86_64", "small_qemu-x86_64", "the-users"], 2));
    assert_eq!(left(&["-m", "x86_64"]), is(&["the-users"], 3));
    assert_eq!(left(&["--proper"]), is(&["the-users"], 0));
    let none = project.home.pith(&["clean", "app", "-m", "arm64"]);
    assert!(none.code == 125 && none.err.contains("no targets selected"), "{}", none.err);
}

/// A project as the public catalogue has them, its sources somewhere else: what is in Pith is not fetched, and little is said.
#[test]
fn a_project_of_the_catalogue_is_built_as_it_is_and_without_a_network() {
    let text = "rootfs: ./root\ncmd: [\"/bin/app\"]\ntemplate: {source: 'https://pith-test.invalid/app-elfloader.git', version: staging}\nunikraft:\n  \
        source: https://pith-test.invalid/unikraft.git\n  version: staging\n  kconfig:\n    CONFIG_APPELFLOADER_BRK: 'y'\n    \
        CONFIG_APPELFLOADER_STACK_NBPAGES: 128\n    CONFIG_LIBUKBOOT_HEAP_BASE: '0x400000000'\n    \
        CONFIG_LIBUKBLKDEV: 'y'\n    CONFIG_PAGING: 'y'\nlibraries:\n  lwip:\n    \
        source: https://pith-test.invalid/lib-lwip.git\n    version: staging\n    kconfig: {CONFIG_LWIP_TCP: 'y', CONFIG_LWIP_NUM_TCPCON: 64}\n  \
        libelf: {source: 'https://pith-test.invalid/lib-libelf.git', version: staging}\ntargets: [fc/x86_64, qemu/x86_64, qemu/arm64]\n";
    let project = Project::new(text);
    let done = project.build(&["-p", "qemu", "-m", "x86_64"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let said: Vec<&str> = done.err.lines().filter(|line| line.starts_with("pith: warning: ")).collect();
    assert_eq!(said, ["pith: warning: not supported: CONFIG_LIBUKBLKDEV: there are no block devices yet"], "{}", done.err);
    assert!(!done.err.contains("fetching"), "{}", done.err);
    let field = |template: &str| project.home.pith(&["inspect", "app/.unikraft/build/app_qemu-x86_64", "-f", template]).out;
    assert_eq!(field("{{.preset}} {{.configuration.CONFIG_LIBNET}} {{.configuration.CONFIG_LIBELF}}"), "runtime y y\n");
}

/// How often a build is killed.
const POINTS: usize = 10;

#[test]
fn a_build_is_killed_anywhere_and_the_next_one_has_everything() {
    let project = Project::new("unikraft: stable\npreset: minimal\nrootfs: ./root\ncmd: [/bin/app]\n");
    let undisturbed = |what: &str| {
        let done = project.build(&[]);
        assert_eq!(done.code, 0, "{what}: {}", done.err);
        let mut results = project.results();
        // When the files were packed.
        results.remove("initramfs-x86_64.stamp").unwrap();
        results
    };
    let wanted = undisturbed("at first");
    let forget = || {
        for place in ["app/.unikraft", "data"] {
            fs::remove_dir_all(project.home.path(place)).unwrap();
        }
    };
    let traced = |options: &[&str]| {
        let plain = project.command(&[]);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq"]).args(options).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(project.home.path(".")).env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        project.home.finish(command.stdin(Stdio::null()).output().expect("strace is installed (tools/setup.sh test)"))
    };
    forget();
    let list = project.home.path("calls");
    assert_eq!(traced(&["-o", list.to_str().unwrap()]).code, 0);
    let text = String::from_utf8_lossy(&fs::read(list).unwrap()).into_owned();
    // Calls of the command itself: name, and which one of that name.
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let own = text.split(' ').next().unwrap();
    let calls: Vec<(&str, usize)> = text
        .lines()
        .filter_map(|line| line.strip_prefix(own)?.trim_start().split_once('('))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with("exit"))
        .map(|(name, _)| {
            let number = seen.entry(name).or_default();
            *number += 1;
            (name, *number)
        })
        .collect();
    let (mut draw, mut kills) = (Draw(5), 0);
    for round in 0..POINTS {
        forget();
        // The end, where results are put in their place, is worth more than its share.
        let (name, number) = calls[if round % 2 == 0 { draw.below(calls.len()) } else { calls.len() - 1 - draw.below(calls.len() / 8) }];
        let what = format!("round {round}, killed at {name} {number}");
        let inject = format!("inject={name}:signal=SIGKILL:when={number}");
        let done = traced(&["-o", "/dev/null", "-e", &format!("trace={name}"), "-e", &inject]);
        kills += usize::from(done.code != 0);
        eventually(&what, || project.home.processes().is_empty());
        // What is there already is complete.
        for (name, content) in project.results().iter().filter(|(name, _)| wanted.contains_key(*name)) {
            assert!(wanted[name] == *content, "{what}: {name} is not what it should be");
        }
        let mut after = undisturbed(&what);
        after.retain(|name, _| !name.starts_with(".pith-"));
        assert!(after == wanted, "{what}: {:?}", after.keys());
        assert_eq!(project.home.pith(&["clean", "-P", "app"]).code, 0);
        assert!(!project.home.path("app/.unikraft").exists(), "{what}: {:?} are left", project.built());
        fs::create_dir(project.home.path("app/.unikraft")).unwrap();
    }
    assert!(kills > POINTS / 2, "only {kills} of {POINTS} were killed");
}

#[test]
fn builds_at_once_in_one_directory_agree() {
    let project = Project::new("unikraft: stable\npreset: minimal\nrootfs: ./root\ncmd: [/bin/app]\n");
    let start = || project.command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..5).map(|_| start()).collect();
    for child in children {
        let done = project.home.finish(child.wait_with_output().unwrap());
        assert_eq!(done.code, 0, "{}", done.err);
    }
    assert_eq!(project.compiled(), 1);
    let together = project.results();
    let kernel = ["app_qemu-x86_64", "app_qemu-x86_64.dbg", "app_qemu-x86_64.sym"];
    assert_eq!(together.keys().collect::<Vec<_>>(), [&kernel[..], &["initramfs-x86_64.cpio", "initramfs-x86_64.stamp"]].concat());
    fs::remove_dir_all(project.home.path("app/.unikraft")).unwrap();
    assert_eq!(project.build(&[]).code, 0);
    let alone = project.results();
    kernel.iter().chain(&["initramfs-x86_64.cpio"]).for_each(|name| assert!(together[*name] == alone[*name], "{name}"));
}

#[test]
fn what_is_wrong_around_a_project_is_told_with_a_way_out() {
    let project = Project::new("unikraft: {kconfig: {CONFIG_LIBDEVFS: n, CONFIG_LIBPROCFS: y}}\nlibraries: {lwpi: stable}\n");
    // A library that does not exist, options that contradict each other: told, and an error where that is asked for.
    let unknown = "Kraftfile:4: there is no library lwpi; did you mean lwip?";
    let contrary = [
        "Kraftfile:3: CONFIG_LIBDEVFS=n did not take effect, it is y: selected by LIBPROCFS",
        "Kraftfile:3: CONFIG_LIBDEVFS=n: selected by LIBPROCFS",
    ];
    let built = project.build(&["--explain"]);
    assert!(built.code == 0 && built.err.contains(unknown) && built.err.contains(contrary[0]), "{}", built.err);
    let refused = project.build(&["-C"]);
    assert!(refused.code == 125 && refused.err.contains(unknown) && refused.err.contains(contrary[1]), "{}", refused.err);
    assert_eq!(project.compiled(), 0);
    // No compiler, where it is looked for and where it is said to be.
    fs::write(project.home.path("app/Kraftfile"), "spec: v0.6\nname: app\nunikraft: stable\npreset: minimal\nrootfs: ./root\n").unwrap();
    let mut bare = project.home.command(&["build", "app"]);
    let none = project.home.finish(bare.env("PATH", project.home.path("empty")).output().unwrap());
    assert!(none.code == 125 && none.err.contains("cargo was not found") && none.err.contains("help: install Rust"), "{}", none.err);
    let none = project.home.pith(&["build", "app", "-T", "CARGO=/nowhere/cargo"]);
    assert!(none.code == 125 && none.err.contains("/nowhere/cargo was not found"), "{}", none.err);
    fs::remove_dir_all(project.home.path("app/.unikraft")).unwrap();
    // A directory that cannot be written to, by nobody: the results go elsewhere.
    let root = rustix::process::getuid().is_root();
    let read_only = |words: &[&str]| {
        let plain = project.command(words);
        let mut command = Command::new("unshare");
        let mount = "mount --bind app app && mount -o remount,bind,ro app && exec \"$@\"";
        command.args([if root { "-m" } else { "-rm" }, "sh", "-c", mount, "sh"]).arg(plain.get_program()).args(plain.get_args());
        command.current_dir(project.home.path(".")).env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        project.home.finish(command.output().unwrap())
    };
    let refused = read_only(&[]);
    assert!(refused.code == 125 && refused.err.contains("app/.unikraft/build: Read-only file system"), "{}", refused.err);
    assert!(refused.err.contains("help: choose another place for results with --output"), "{}", refused.err);
    let elsewhere = read_only(&["-o", "results"]);
    assert!(elsewhere.code == 0 && project.home.path("results/app_qemu-x86_64").exists(), "{}", elsewhere.err);
}
