//! Machines with several processors: what programs see of them, that they work at the same time, and servers on them.

use machines::{Outcome, Place, Server, finish, fixture, fixtures, root_directory, run};
use std::path::Path;
use std::process::Stdio;

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs `tests/fixtures/cpus.c` with so many processors.
fn cpus(count: &str, words: &[&str]) -> Outcome {
    let program = fixture("cpus");
    let outcome = run([&["--cpus", count, path(&program), "--"], words].concat());
    assert_eq!((outcome.code(), outcome.err().as_str()), (0, ""), "{count} {words:?}");
    outcome
}

#[test]
fn every_source_says_how_many() {
    for (count, list) in [("1", "0"), ("2", "0-1"), ("4", "0-3")] {
        let expected = format!("online {count} configured {count} allowed {count} stat {count} cpuinfo {count} sys {count} {list}\n");
        assert_eq!(cpus(count, &["see"]).out(), expected);
    }
}

#[test]
fn on_each_machine_type() {
    for machine_type in ["microvm", "pc", "q35"] {
        let place = Place::new();
        let mut command = place.pith();
        let program = fixture("cpus");
        command.env("PITH_QEMU_MACHINE", machine_type).args(["run", "-W", "--rm", "--cpus", "3"]).args([path(&program), "--", "see"]);
        let outcome = finish(command, Stdio::null());
        assert!(outcome.out().starts_with("online 3 "), "{machine_type}: {}{}", outcome.out(), outcome.err());
        place.assert_clean();
    }
}

#[test]
fn they_run_at_the_same_time() {
    // Two threads that wait for each other without telling the kernel: on one processor each turn takes an interruption.
    let interruptions = |count| {
        let said = cpus(count, &["handover", "200"]).out();
        let number = said.trim().strip_prefix("turns 400 interruptions ").unwrap_or_else(|| panic!("{said}"));
        number.parse::<u32>().expect("a number")
    };
    let (one, two) = (interruptions("1"), interruptions("2"));
    assert!(one >= 200 && two < 100, "with one processor {one}, with two {two}");
}

#[test]
fn a_program_that_computes_is_given_all_of_them() {
    for count in ["2", "4"] {
        let said = cpus(count, &["compute"]).out();
        let busy: Vec<u32> = said.lines().map(|line| line.parse().expect("milliseconds")).collect();
        assert_eq!(busy.len().to_string(), count);
        // Each thread used 300 ms of a processor; none had to do all of it.
        assert!(busy.iter().all(|ms| *ms >= 100), "{busy:?}");
    }
}

#[test]
fn languages_count_them() {
    let root = root_directory("python3");
    let script = "import os; print(os.cpu_count(), len(os.sched_getaffinity(0)))";
    let outcome = run(["--cpus", "2", "--rootfs", path(&root), "/usr/bin/python3", "--", "-c", script]);
    assert_eq!(outcome.out(), "2 2\n", "{}", outcome.err());
    let rust = fixtures().join("programs/static/rs_threads");
    assert_eq!(run(["--cpus", "2", path(&rust)]).code(), 0);
}

#[test]
fn a_go_server_under_load() {
    let server = Server::start(8080, ["--cpus", "2", path(&fixture("go-http"))]);
    assert_eq!(server.get("/cpus"), "2 2\n");
    server.wrk("/");
    assert_eq!(server.get("/gc"), "64\n");
    server.wrk("/");
    let outcome = server.stop();
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
}

#[test]
fn an_asynchronous_rust_server_under_load() {
    let server = Server::start(8080, ["--cpus", "4", path(&fixture("tokio-http"))]);
    server.wrk("/");
    assert_eq!(server.get("/sleep"), "hello from tokio\n");
    let outcome = server.stop();
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
}

#[test]
fn nginx_under_load() {
    let root = root_directory("nginx");
    let server = Server::start(80, ["--cpus", "2", "--rootfs", path(&root), "/usr/sbin/nginx"]);
    server.wrk("/");
    assert_eq!(server.get("/large.txt"), "x".repeat(1 << 20));
    let outcome = server.stop();
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
}

#[test]
fn every_way_to_end() {
    let probe = fixture("probe");
    for (words, code) in [(["signal", "15"], 143), (["eat", "1000"], 123), (["kernel", "ffff800000001000"], 124)] {
        let outcome = run([&["--cpus", "2", "-M", "32Mi", path(&probe), "--"], &words[..]].concat());
        assert_eq!(outcome.code(), code, "{words:?}: {}", outcome.err());
    }
}

#[test]
fn what_cannot_be_had_is_refused() {
    let hello = fixture("hello-static");
    for (count, expected) in [
        ("65", "--cpus \"65\": a machine has at most 64 processors"),
        ("0", "--cpus \"0\": at least 0.01 is needed"),
        ("two", "--cpus \"two\": expected a number, as in 0.5"),
    ] {
        let outcome = run(["--cpus", count, path(&hello)]);
        assert!(outcome.code() != 0 && outcome.err().contains(expected), "{count}: {}", outcome.err());
    }
}
