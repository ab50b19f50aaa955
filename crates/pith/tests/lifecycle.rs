//! Detached machines: ps, logs, stop, rm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Home, eventually};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn start(home: &Home, name: &str, mode: &str) {
    let done = home.pith(&["run", "-W", "-d", "--name", name, "-p", "127.0.0.1:0", "root", "/bin/app", mode]);
    // `-p` needs both ports; the right form follows.
    assert_eq!(done.code, 125);
    let done = home.pith(&["run", "-W", "-d", "--name", name, "root", "/bin/app", mode]);
    assert_eq!((done.code, done.out, done.err), (0, format!("{name}\n"), String::new()));
}

#[test]
fn a_machine_in_the_background() {
    let home = Home::new();
    start(&home, "web", "wait");
    let ps = home.pith(&["ps"]).out;
    assert!(ps.starts_with("NAME  KERNEL  ARGS           CREATED"), "{ps}");
    assert!(ps.contains("running") && ps.contains("/bin/app wait"), "{ps}");
    let json: serde_json::Value = serde_json::from_str(&home.pith(&["ps", "-o", "json"]).out).unwrap();
    assert_eq!(json[0]["status"], "running");
    eventually("the first line", || home.pith(&["logs", "web"]).out == "up\n");

    let taken = home.pith(&["run", "-W", "--name", "web", "root", "/bin/app", "hello"]);
    assert_eq!(taken.code, 125);
    assert_eq!(
        taken.err,
        "pith: error: there is already a machine named \"web\"\n  help: choose another with --name, or remove it with `pith rm web`\n"
    );
    assert_eq!(home.pith(&["rm", "web"]).err, "pith: error: \"web\" is running: stop it first, or use `pith rm -f`\n");

    let follower = home.command(&["logs", "-f", "web"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(home.pith(&["stop", "web"]).out, "web\n");
    assert_eq!(home.finish(follower.wait_with_output().unwrap()).out, "up\nbye\n");
    let ps = home.pith(&["ps", "-a"]).out;
    assert!(ps.contains("exited (143)"), "{ps}");
    assert_eq!(home.pith(&["ps", "-q"]).out, "");
    assert_eq!(home.pith(&["stop", "web"]).code, 0);
    assert_eq!(home.pith(&["rm", "web"]).out, "web\n");
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn deadlines_and_force() {
    let home = Home::new();
    start(&home, "a", "stubborn");
    start(&home, "b", "stubborn");
    let began = Instant::now();
    assert_eq!(home.pith(&["stop", "-t", "1", "a"]).code, 0);
    assert!((Duration::from_millis(900)..Duration::from_secs(5)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(home.pith(&["ps", "-a"]).out.contains("exited (137)"));
    assert_eq!(home.pith(&["rm", "-f", "--all"]).code, 0);
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn one_that_removes_itself() {
    let home = Home::new();
    let done = home.pith(&["run", "-W", "-d", "--rm", "--name", "x", "root", "/bin/app", "wait"]);
    assert_eq!((done.code, done.out.as_str()), (0, "x\n"));
    assert_eq!(home.pith(&["stop", "x"]).code, 0);
    eventually("removal", || home.machines().is_empty());
}

#[test]
fn one_that_ends_at_once_is_still_there() {
    let home = Home::new();
    start(&home, "short", "hello");
    eventually("its end", || home.pith(&["ps", "-a"]).out.contains("exited (3)"));
    let logs = home.pith(&["logs", "-f", "short"]);
    assert_eq!((logs.out.as_str(), logs.err.as_str()), ("out\n\0\u{1}\r\n", "err\n"));
}

#[test]
fn a_failed_start_says_so_and_leaves_nothing() {
    let home = Home::new();
    let done = home.pith(&["run", "-W", "-d", "root", "/bin/app", "early"]);
    assert_eq!((done.code, done.out.as_str()), (125, ""));
    assert_eq!(
        done.err,
        "pith: error: QEMU said: qemu: Could not set up host forwarding rule\na published port is taken by another program\n"
    );
    assert_eq!(home.machines(), [""; 0]);
}
