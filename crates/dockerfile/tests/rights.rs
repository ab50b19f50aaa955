//! Builds by users who are not root, and builds that are killed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Project, debian};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pith-dockerfile");
/// "nobody" on every Linux.
const USER: u32 = 65534;

/// Runs the engine as a user without rights. With `ids`, that user has a range of further ids: only this command sees such an `/etc/subuid`.
fn as_user(directory: &Path, ids: bool, base: &Path) -> Command {
    let lists = directory.join("subids");
    fs::write(&lists, if ids { format!("{USER}:300000:65536\n") } else { String::new() }).unwrap();
    let script = "mount --bind \"$1\" /etc/subuid && mount --bind \"$1\" /etc/subgid && shift && exec setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", script, "sh"]).arg(&lists).arg(PROGRAM).arg(directory.join("cache")).arg(directory.join("context"));
    command.arg(format!("debian:12={}", base.display())).env("USER_ID", USER.to_string()).env("HOME", directory).current_dir("/");
    command
}

/// A project in a directory that the user owns and can reach; the base is copied there.
fn project(dockerfile: &str) -> (Project, std::path::PathBuf) {
    let project = Project::new(dockerfile, &[("a.txt", "a")]);
    let directory = project.directory.path();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
    let base = directory.join("base.tar");
    fs::hard_link(debian(), &base).or_else(|_| fs::copy(debian(), &base).map(drop)).unwrap();
    fs::create_dir(project.cache()).unwrap();
    for path in [directory.to_owned(), project.cache(), directory.join("context")] {
        chown(path, Some(USER), Some(USER)).unwrap();
    }
    (project, base)
}

/// Builds and lists what the last layer holds.
fn built(dockerfile: &str, ids: bool) -> Vec<String> {
    let (project, base) = project(dockerfile);
    // Cargo's own directories may be root's alone, so the program is copied too.
    let output = as_user(project.directory.path(), ids, &base).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap().split_once(' ').unwrap().1.to_owned();
    let listed = Command::new("tar").args(["--numeric-owner", "-tvf", &last]).output().unwrap();
    let found = String::from_utf8(listed.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {} {}", words[0], words[1], words[5..].join(" "))
        })
        .collect();
    // What the user may not remove, the worker may.
    let _ = Command::new("rm").arg("-rf").arg(project.cache()).status();
    found
}

#[test]
fn a_user_with_a_range_of_ids_has_all_owners() {
    let found = built(
        "FROM debian:12\nRUN id -u && touch /f && chown 7:8 /f && chmod 4755 /f && touch /etc/motd && chgrp shadow /etc/motd && rm /etc/debian_version\n",
        true,
    );
    assert_eq!(found, ["drwxr-xr-x 0/0 etc/", "---------- 0/0 etc/.wh.debian_version", "-rw-r--r-- 0/42 etc/motd", "-rwsr-xr-x 7/8 f"]);
}

#[test]
fn a_user_without_has_one_owner_and_keeps_those_of_the_base() {
    let found = built(
        "FROM debian:12\nRUN id -u && touch /f && chmod 755 /f && echo >> /etc/shadow\nUSER root\nWORKDIR /w\nRUN echo x > y\n",
        false,
    );
    assert_eq!(found, ["drwxr-xr-x 0/0 w/", "-rw-r--r-- 0/0 w/y"]);
    let found = built("FROM debian:12\nRUN echo >> /etc/shadow\n", false);
    assert_eq!(found, ["drwxr-xr-x 0/0 etc/", "-rw-r----- 0/42 etc/shadow"]);
}

/// Mounts and processes that name this, or are this `sleep`.
fn left(directory: &Path, seconds: u32) -> Vec<String> {
    let (name, sleep) = (directory.display().to_string(), format!("sleep {seconds}"));
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut found: Vec<String> = mounts.lines().filter(|line| line.contains(&name)).map(ToOwned::to_owned).collect();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&command).replace('\0', " ");
        if text.contains(&name) || text.contains(&sleep) {
            found.push(text);
        }
    }
    found
}

#[test]
fn a_killed_build_leaves_nothing_running_and_the_next_one_cleans_up() {
    let seconds = 90_000_000 + std::process::id();
    let project = Project::on_debian(&format!("FROM debian:12\nCOPY a.txt /\nRUN echo started; sleep {seconds}\n"), &[("a.txt", "a")]);
    let command = || {
        let mut command = Command::new(PROGRAM);
        command.arg(project.cache()).arg(&project.request.context).arg(format!("debian:12={}", debian().display())).stdout(Stdio::null());
        command
    };
    let mut child = command().stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(" started")), "the command did not start");
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel takes the namespace down after its first process; a leak would make this wait for ever.
    while !left(project.directory.path(), seconds).is_empty() {
        std::thread::yield_now();
    }
    assert!(fs::read_dir(project.cache().join("tmp")).unwrap().count() > 0);
    project.write("Dockerfile", "FROM debian:12\nCOPY a.txt /\nRUN echo over\n");
    assert!(command().status().unwrap().success());
    assert_eq!(fs::read_dir(project.cache().join("tmp")).unwrap().count(), 0);
}

#[test]
fn two_builds_at_once_share_a_cache() {
    let project = Project::on_debian(
        "FROM debian:12\nCOPY a.txt /\nRUN for i in 1 2 3 4 5 6 7 8 9; do cp /a.txt /$i; done\nRUN echo two > /two\n",
        &[("a.txt", "a")],
    );
    let build = || {
        Command::new(PROGRAM)
            .arg(project.cache())
            .arg(&project.request.context)
            .arg(format!("debian:12={}", debian().display()))
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let running: Vec<_> = (0..4).map(|_| build()).collect();
    let outputs: Vec<_> = running.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    assert!(
        outputs.iter().all(|output| output.status.success()),
        "{}",
        outputs.iter().map(|output| String::from_utf8_lossy(&output.stderr).into_owned()).collect::<String>()
    );
    let again = build().wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&again.stderr);
    assert!(!text.contains("DONE"), "{text}");
}
