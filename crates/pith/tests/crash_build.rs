//! Builds that are killed at any system call of any of their processes: nothing of them stays but files that the next build sweeps away, and that build's
//! result is right.
//!
//! The engine, its worker, the runtime and the command are all followed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/kill.rs"]
mod kill;

use common::{Home, eventually};
use kill::Processes::All;
use std::fs;
use std::process::Command;

/// How often a build is killed.
const POINTS: usize = 24;

/// A base of one static program, a command that depends on the round, a cache mount, a second stage.
const DOCKERFILE: &str = "FROM scratch AS build\nCOPY busybox /bin/sh\nCOPY busybox /bin/\nENV PATH=/bin\nARG ROUND\n\
    RUN echo \"made in round $ROUND\" >/made\nRUN --mount=type=cache,target=/kept echo x >>/kept/x && busybox cat /made /made >/twice\n\
    FROM scratch\nCOPY --from=build /twice /etc/\nCMD [\"/bin/app\"]\n";

fn project(home: &Home) {
    fs::create_dir_all(home.path("project")).unwrap();
    fs::create_dir(home.path("tmp")).unwrap();
    fs::copy("/usr/bin/busybox", home.path("project/busybox")).expect("busybox-static is installed (tools/setup.sh test)");
    fs::write(home.path("project/Dockerfile"), DOCKERFILE).unwrap();
}

fn arguments(round: usize) -> Vec<String> {
    let words = format!("create -W --name m --build-arg ROUND={round} project");
    words.split(' ').map(str::to_owned).collect()
}

fn command(home: &Home, round: usize) -> Command {
    let mut command = home.command(&arguments(round).iter().map(String::as_str).collect::<Vec<_>>());
    command.env("TMPDIR", home.path("tmp"));
    command
}

/// Processes that have something of this home: a working directory, a root, a word of their command line.
fn processes(home: &Home) -> Vec<String> {
    let mark = home.path("").display().to_string();
    let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let ours = all.filter_map(|process| {
        let line = String::from_utf8_lossy(&fs::read(process.join("cmdline")).ok()?).replace('\0', " ");
        let links = ["cwd", "root"].map(|name| fs::read_link(process.join(name)).unwrap_or_default().display().to_string());
        (line.contains(&mark) || links.iter().any(|link| link.starts_with(&mark))).then_some(line)
    });
    ours.collect()
}

fn names(home: &Home, directory: &str) -> Vec<String> {
    let list = fs::read_dir(home.path(directory)).into_iter().flatten().flatten();
    list.map(|item| item.file_name().to_string_lossy().into_owned()).collect()
}

/// Builds undisturbed, looks at the result and at what is left, and removes it.
fn builds(home: &Home, round: usize, what: &str) {
    let done = home.finish(command(home, round).output().unwrap());
    assert_eq!((done.code, done.out.as_str()), (0, "m\n"), "{what}: {}", done.err);
    let archive = fs::read(home.path("data/names/m/initrd.cpio")).unwrap();
    let text = format!("made in round {round}\nmade in round {round}\n");
    assert!(archive.windows(text.len()).any(|part| part == text.as_bytes()), "{what}: the command's file is not in the result");
    assert_eq!(home.pith(&["rm", "m"]).code, 0);
    for directory in ["data/machines", "data/names", "data/build/tmp", "tmp"] {
        assert_eq!(names(home, directory), [""; 0], "{what}: left in {directory}");
    }
}

#[test]
fn a_build_is_killed_anywhere() {
    let home = Home::new();
    project(&home);
    let (undisturbed, calls) = kill::calls(&command(&home, 0), All, &home.path("calls"));
    assert!(undisturbed.status.success(), "{}", home.finish(undisturbed).err);
    home.pith(&["rm", "m"]);
    let (mut draw, mut kills) = (common::Draw(8), 0);
    for round in 1..=POINTS {
        let call = &calls[draw.below(calls.len())];
        let what = format!("round {round}, killed at {call:?}");
        kills += usize::from(!kill::killed_at(&command(&home, round), All, call).status.success());
        eventually(&what, || processes(&home).is_empty());
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&home.path("").display().to_string()), "{what}: a mount is left");
        home.pith(&["rm", "-f", "--all"]);
        builds(&home, round, &what);
    }
    assert!(kills > POINTS / 2, "only {kills} of {POINTS} were killed");
}
