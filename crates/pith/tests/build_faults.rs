//! `pith build` that is killed, that meets another in the same place, and that cannot be: what is left, and what is said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/kill.rs"]
mod kill;
#[path = "common/project.rs"]
mod project;

use common::{Draw, eventually};
use kill::Processes::Own;
use project::Project;
use std::fs;
use std::process::{Command, Stdio};

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
    forget();
    let (first, calls) = kill::calls(&project.command(&[]), Own, &project.home.path("calls"));
    assert!(first.status.success(), "{}", project.home.finish(first).err);
    let (mut draw, mut kills) = (Draw(5), 0);
    for round in 0..POINTS {
        forget();
        // The end, where results are put in their place, is worth more than its share.
        let call = &calls[if round % 2 == 0 { draw.below(calls.len()) } else { calls.len() - 1 - draw.below(calls.len() / 8) }];
        let what = format!("round {round}, killed at {call:?}");
        kills += usize::from(!kill::killed_at(&project.command(&[]), Own, call).status.success());
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
    // A library that does not exist is an error, options that contradict each other are where that is asked for; told when it is asked why.
    let unknown = "Kraftfile:4: there is no library lwpi; did you mean lwip?";
    let contrary = [
        "Kraftfile:3: CONFIG_LIBDEVFS=n did not take effect, it is y: selected by LIBPROCFS",
        "Kraftfile:3: CONFIG_LIBDEVFS=n: selected by LIBPROCFS",
    ];
    let built = project.build(&["--explain"]);
    assert!(built.code == 0 && built.err.contains(unknown) && built.err.contains(contrary[0]), "{}", built.err);
    let missing = project.build(&[]);
    assert!(missing.code == 125 && missing.err.contains(&format!("pith: error: {unknown}\n")), "{}", missing.err);
    assert!(missing.err.contains("help: correct the name, give it a `source`"), "{}", missing.err);
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
