//! Detached machines: ps, logs, stop, rm.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Home, eventually};
use std::process::Stdio;

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
    home.until_written("web", "up\n");

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
    // Had `-t` no effect, this would take the machine's own hour.
    let done = home.pith(&["run", "-W", "-d", "--name", "a", "--stop-timeout", "3600", "root", "/bin/app", "stubborn"]);
    assert_eq!(done.code, 0, "{}", done.err);
    start(&home, "b", "stubborn");
    assert_eq!(home.pith(&["stop", "-t", "1", "a"]).code, 0);
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
    assert_eq!(home.pith(&["wait", "short"]).out, "3\n");
    assert!(home.pith(&["ps", "-a"]).out.contains("exited (3)"));
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

#[test]
fn pausing_and_going_on() {
    let home = Home::new();
    start(&home, "m", "wait");
    assert_eq!(home.pith(&["pause", "m"]).out, "m\n");
    assert!(home.pith(&["ps"]).out.contains("paused"));
    assert_eq!(home.pith(&["pause", "m"]).out, "m\n");
    assert_eq!(home.pith(&["unpause", "m"]).out, "m\n");
    assert!(home.pith(&["ps"]).out.contains("running"));
    assert_eq!(home.pith(&["pause", "--all"]).out, "m\n");
    // kraft's way to let it go on.
    assert_eq!(home.pith(&["start", "m"]).out, "m\n");
    assert_eq!(home.pith(&["pause", "m"]).code, 0);
    assert_eq!(home.pith(&["stop", "m"]).out, "m\n");
    assert_eq!(home.pith(&["pause", "m"]).err, "pith: error: m is not running, it is exited\n");
    assert_eq!(home.pith(&["resume", "m"]).code, 125);
}

#[test]
fn signals() {
    let home = Home::new();
    start(&home, "m", "wait");
    assert_eq!(home.pith(&["kill", "-s", "SIGUSR1", "m"]).out, "m\n");
    home.until_written("m", "up\nusr1\n");
    assert_eq!(home.pith(&["kill", "-s", "15", "m"]).code, 0);
    assert_eq!(home.pith(&["wait", "m"]).out, "143\n");
    assert_eq!(home.pith(&["kill", "m"]).err, "pith: error: m is not running, it is exited\n");
    start(&home, "n", "stubborn");
    assert_eq!(home.pith(&["kill", "n"]).out, "n\n");
    assert_eq!(home.pith(&["wait", "n"]).out, "137\n");
}

#[test]
fn starting_again() {
    let home = Home::new();
    start(&home, "m", "lines");
    assert_eq!(home.pith(&["wait", "m"]).out, "0\n");
    assert_eq!(home.pith(&["start", "m"]).out, "m\n");
    assert_eq!(home.pith(&["wait", "m"]).out, "0\n");
    assert_eq!(home.pith(&["start", "-a", "m"]).out, "m\none\ntwo\nthree\n");
    assert_eq!(home.pith(&["logs", "m"]).out.lines().count(), 9);
    assert_eq!(home.pith(&["logs", "--tail", "1", "m"]).out, "three\n");
    assert_eq!(home.pith(&["logs", "-n", "2", "--since", "1h", "m"]).out, "two\nthree\n");
    assert_eq!(home.pith(&["logs", "--until", "1h", "m"]).out, "");
    let stamped = home.pith(&["logs", "-t", "--tail", "1", "m"]).out;
    let (time, rest) = stamped.split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z') && rest == "three\n", "{stamped}");
    start(&home, "w", "wait");
    let before = home.record("w")["monitor"]["pid"].clone();
    assert_eq!(home.pith(&["restart", "w"]).out, "w\n");
    assert_ne!(home.record("w")["monitor"]["pid"], before);
    assert_eq!(home.pith(&["start", "w"]).out, "w\n");
    assert_eq!(home.pith(&["start", "--rm", "m"]).out, "m\n");
    eventually("removal", || home.machines().len() == 1);
    assert_eq!(home.pith(&["rm", "-f", "w"]).code, 0);
}

#[test]
fn several_machines_and_each_fails_alone() {
    let home = Home::new();
    start(&home, "a", "lines");
    start(&home, "b", "lines");
    home.pith(&["wait", "a", "b"]);
    let logs = home.pith(&["logs", "a", "b"]).out;
    assert_eq!(logs, "a | one\na | two\na | three\nb | one\nb | two\nb | three\n");
    assert_eq!(home.pith(&["logs", "--no-prefix", "a", "b"]).out, "one\ntwo\nthree\n".repeat(2));
    for flags in [&["rm", "a", "x", "b"][..], &["--no-parallel", "rm", "c", "x", "d"]] {
        let done = home.pith(flags);
        assert_eq!(done.code, 125);
        assert!(done.err.contains("no machine is named \"x\""), "{}", done.err);
        if flags.len() == 4 {
            assert_eq!(done.out, "a\nb\n");
            start(&home, "c", "hello");
            start(&home, "d", "hello");
            home.pith(&["wait", "c", "d"]);
        } else {
            assert_eq!(done.out, "c\nd\n");
        }
    }
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn names_ids_and_listings() {
    let home = Home::new();
    start(&home, "web", "wait");
    let id = home.record("web")["id"].as_str().unwrap().to_owned();
    assert_eq!(home.pith(&["ps", "-q"]).out, format!("{id}\n"));
    assert_eq!(home.pith(&["rename", &id[..4], "shop"]).code, 0);
    assert_eq!(home.pith(&["inspect", "-f", "{{.name}}/{{.status}}", &id[..5]]).out, "shop/running\n");
    assert_eq!(home.pith(&["inspect", "-f", "{{json .config.argv}}", "shop"]).out, "[\"/bin/app\",\"wait\"]\n");
    let json: serde_json::Value = serde_json::from_str(&home.pith(&["inspect", "shop"]).out).unwrap();
    assert_eq!((&json[0]["id"], &json[0]["config"]["argv"][1]), (&id.clone().into(), &"wait".into()));
    let long = home.pith(&["ps", "-l"]).out;
    assert!(long.starts_with("MACHINE ID    NAME  KERNEL  ARGS") && long.contains(&id), "{long}");
    assert!(home.pith(&["ps", "-o", "yaml"]).out.contains("\n  name: shop\n"));
    assert!(home.pith(&["ps", "-o", "list"]).out.starts_with("NAME:    shop\nKERNEL:  root\n"));
    assert_eq!(home.pith(&["ps", "-p", "fc", "-q"]).out, "");
    assert_eq!(home.pith(&["ps", "-m", "arm64", "-q"]).out, "");
    start(&home, "last", "hello");
    assert_eq!(home.pith(&["ps", "--latest", "-q"]).out.lines().count(), 1);
    assert_eq!(home.pith(&["ps", "-n", "5", "-q"]).out.lines().count(), 2);
    let stats: serde_json::Value = serde_json::from_str(&home.pith(&["stats", "--no-stream", "-o", "json", "shop"]).out).unwrap();
    assert!(stats[0]["host_memory_bytes"].as_u64() > Some(0), "{stats}");
    home.pith(&["wait", "last"]);
    assert_eq!(
        home.pith(&["prune"]).err,
        "pith: error: Remove 1 machine that ended? Nobody can be asked\n  help: give -f to do it without asking\n"
    );
    assert_eq!(home.pith(&["prune", "-f"]).out, "last\n");
    assert_eq!(home.pith(&["rm", "-f", "shop"]).out, "shop\n");
}

#[test]
fn events_as_they_happen() {
    let home = Home::new();
    start(&home, "m", "wait");
    let watcher = home.command(&["events", "-q", "-g", "10ms", "--since", "1h", "m"]).stdout(Stdio::piped()).spawn().unwrap();
    home.pith(&["pause", "m"]);
    home.pith(&["kill", "-s", "TERM", "m"]);
    home.pith(&["unpause", "m"]);
    let events = home.finish(watcher.wait_with_output().unwrap()).out;
    let what: Vec<&str> = events.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert_eq!(what[..3], ["create", "start", "pause"], "{events}");
    let id = home.record("m")["id"].as_str().unwrap().to_owned();
    assert!(events.contains(&format!("machine die {id} (name=m, exitCode=143)")), "{events}");
    let died = home.pith(&["events", "--since", "1h", "--until", "0s", "--filter", "event=die", "-o", "json"]).out;
    let died: serde_json::Value = serde_json::from_str(died.trim_end()).unwrap();
    assert_eq!(died["details"]["exitCode"], "143");
}

#[test]
fn the_monitor_killed_from_outside() {
    let home = Home::new();
    start(&home, "m", "wait");
    let monitor = home.record("m")["monitor"]["pid"].as_u64().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &monitor]).status().unwrap().success());
    assert_eq!(home.pith(&["wait", "m"]).out, "137\n");
    assert_eq!(home.pith(&["inspect", "-f", "{{.reason}}", "m"]).out, "the monitor was ended by signal 9 (SIGKILL)\n");
}
