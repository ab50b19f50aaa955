//! `pith build`, `clean`, `fetch` with stand-ins for cargo and rustc: which targets, which files, what is said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/project.rs"]
mod project;

use project::Project;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

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
