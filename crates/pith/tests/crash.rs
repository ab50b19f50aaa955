//! Commands that are killed at any system call, and many at once: what is left is shown truthfully and can be removed.
//!
//! Which call that is, is drawn from a fixed seed, so that a failure can be repeated.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/kill.rs"]
mod kill;

use common::{Draw, Home, eventually};
use kill::Processes::Own;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

/// Kill points for each command.
const POINTS: usize = 50;

/// The command, with a place of its own for temporary files.
fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = home.command(arguments);
    command.env("TMPDIR", home.path("tmp"));
    command
}

fn list(home: &Home) -> Vec<serde_json::Value> {
    let done = home.pith(&["ps", "-a", "-o", "json"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    serde_json::from_str(&done.out).unwrap()
}

/// What must hold whenever nothing is going on: a machine is shown as running exactly if its processes are there.
fn check(home: &Home, what: &str) {
    eventually(what, || {
        let running: Vec<_> = list(home).into_iter().filter(|machine| machine["status"] == "running").collect();
        let processes = home.processes();
        let is_true = running.iter().all(|machine| processes.contains(&machine["pid"].as_u64().unwrap_or(0)));
        is_true && processes.is_empty() == running.is_empty()
    });
    for machine in list(home) {
        let status = machine["status"].as_str().unwrap();
        assert!(["created", "running", "exited", "failed"].contains(&status), "{what}: {machine}");
    }
}

/// Removes everything, and looks whether that was everything.
fn clean(home: &Home, what: &str) {
    let done = home.pith(&["rm", "-f", "--all"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{what}");
    for directory in ["data/machines", "data/names", "tmp"] {
        let left: Vec<_> = fs::read_dir(home.path(directory)).into_iter().flatten().flatten().map(|item| item.path()).collect();
        assert!(left.is_empty(), "{what}: left behind {left:?}");
    }
    home.until_alone(what);
}

/// Kills `arguments` at many points, each time after `prepare`.
fn kill_everywhere(seed: u64, arguments: &[&str], prepare: impl Fn(&Home)) {
    let home = Home::new();
    fs::create_dir(home.path("tmp")).unwrap();
    prepare(&home);
    let (_, calls) = kill::calls(&command(&home, arguments), Own, &home.path("calls"));
    clean(&home, "an undisturbed run");
    let (mut draw, mut kills) = (Draw(seed), 0);
    for _ in 0..POINTS {
        let at = draw.below(calls.len());
        let call = &calls[at];
        let what = format!("{arguments:?} killed at call {at} of {}, {call:?}", calls.len());
        prepare(&home);
        kills += usize::from(kill::killed_at(&command(&home, arguments), Own, call).status.signal() == Some(9));
        check(&home, &what);
        // Whatever is there can be stopped and started like anything else.
        let names: Vec<_> = list(&home).iter().map(|machine| machine["name"].as_str().unwrap().to_owned()).collect();
        for name in &names {
            assert_eq!(home.pith(&["stop", name]).code, 0, "{what}");
        }
        clean(&home, &what);
    }
    assert!(kills > POINTS / 2, "only {kills} of {POINTS} were killed");
}

fn machine(home: &Home, start: &str) {
    let done = home.pith(&["run", "-W", start, "--name", "m", "root", "/bin/app", "wait"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
}

#[test]
fn run_in_the_foreground() {
    kill_everywhere(1, &["run", "-W", "--name", "m", "root", "/bin/app", "hello"], |_| {});
}

#[test]
fn run_in_the_background() {
    kill_everywhere(2, &["run", "-W", "-d", "--name", "m", "root", "/bin/app", "wait"], |_| {});
}

#[test]
fn start() {
    kill_everywhere(3, &["start", "m"], |home| machine(home, "--no-start"));
}

#[test]
fn stop() {
    kill_everywhere(4, &["stop", "m"], |home| machine(home, "-d"));
}

#[test]
fn rm() {
    kill_everywhere(5, &["rm", "m"], |home| machine(home, "--no-start"));
}

#[test]
fn rename() {
    kill_everywhere(6, &["rename", "m", "n"], |home| machine(home, "--no-start"));
}

#[test]
fn the_monitor_and_the_supervisor_at_any_time() {
    let home = Home::new();
    fs::create_dir(home.path("tmp")).unwrap();
    let mut draw = Draw(7);
    for round in 0..40 {
        machine(&home, "-d");
        let record = home.record("m");
        let victim = if draw.below(2) == 0 { "monitor" } else { "supervisor" };
        let pid = record[victim]["pid"].as_u64().unwrap().to_string();
        let stopper = (draw.below(2) == 0).then(|| home.command(&["stop", "m"]).spawn().unwrap());
        // It may be gone by now.
        let _ = Command::new("kill").args(["-KILL", &pid]).stderr(std::process::Stdio::null()).status().unwrap();
        if let Some(mut stopper) = stopper {
            assert_eq!(stopper.wait().unwrap().code(), Some(0), "round {round}, {victim}");
        }
        let what = format!("round {round}: the {victim} was killed");
        eventually(&what, || !list(&home).iter().any(|machine| machine["status"] == "running"));
        check(&home, &what);
        clean(&home, &what);
    }
}

#[test]
fn fifty_at_once() {
    let home = Home::new();
    fs::create_dir(home.path("tmp")).unwrap();
    let every = |arguments: &(dyn Fn(usize) -> Vec<String> + Sync)| -> Vec<common::Done> {
        std::thread::scope(|scope| {
            let run = |number: usize| {
                let words = arguments(number);
                home.pith(&words.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let threads: Vec<_> = (0..50).map(|number| scope.spawn(move || run(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let words = |text: &str, number: usize| text.replace('#', &number.to_string()).split(' ').map(str::to_owned).collect::<Vec<_>>();
    // Ten want the same name: one gets it.
    let made = every(&|number| words("create -W --name same# root /bin/app wait", number / 10));
    assert_eq!(made.iter().filter(|done| done.code == 0).count(), 5);
    assert!(made.iter().filter(|done| done.code != 0).all(|done| done.err.contains("there is already a machine named")));
    assert_eq!(home.pith(&["rm", "--all"]).out.lines().count(), 5);
    let started = every(&|number| words("run -W -d --name m# root /bin/app wait", number));
    assert!(started.iter().all(|done| done.code == 0), "{started:?}");
    assert_eq!(home.pith(&["ps", "-q"]).out.lines().count(), 50);
    // Everybody does something else to the same machines.
    let verbs = ["stop m#", "rename m# n#", "kill -s USR1 m#", "ps -a", "start m#"];
    every(&|number| words(verbs[number % 5], number));
    let listed = list(&home);
    assert_eq!(listed.len(), 50);
    let renamed = listed.iter().filter(|machine| machine["name"].as_str().unwrap().starts_with('n')).count();
    assert_eq!(renamed, 10);
    check(&home, "after fifty commands at once");
    assert_eq!(home.pith(&["stop", "--all"]).out.lines().count(), 40);
    every(&|number| words("rm -f --all", number));
    clean(&home, "everything removed fifty times");
}
