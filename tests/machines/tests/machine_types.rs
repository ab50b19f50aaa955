//! One kernel file on every machine type, and the image that leaves out most of it.

use machines::{Outcome, Place, Server, finish, fixture, root};
use std::path::PathBuf;
use std::process::Stdio;

const TYPES: [&str; 3] = ["microvm", "pc", "q35"];

fn on(machine_type: &str, words: &[&str]) -> Outcome {
    let place = Place::new();
    let mut command = place.pith();
    command.env("PITH_QEMU_MACHINE", machine_type).args(["run", "-W", "--rm"]).args(words);
    let outcome = finish(command, Stdio::null());
    place.assert_clean();
    outcome
}

#[test]
fn hello_on_each() {
    let hello = fixture("hello-static");
    for machine_type in TYPES {
        let outcome = on(machine_type, &[hello.to_str().expect("UTF-8"), "--", "7"]);
        assert_eq!(
            (outcome.out().as_str(), outcome.err().as_str(), outcome.code()),
            ("hello from C\nargument 1: 7\n", "", 7),
            "{machine_type}"
        );
    }
}

#[test]
fn every_kind_of_end_on_each() {
    let probe = fixture("probe");
    for machine_type in TYPES {
        for (words, code) in [(["signal", "15"], 143), (["eat", "1000"], 123), (["kernel", "ffff800000001000"], 124)] {
            let outcome = on(machine_type, &[&["-M", "32Mi", probe.to_str().expect("UTF-8"), "--"], &words[..]].concat());
            assert_eq!(outcome.code(), code, "{machine_type} {words:?}: {}", outcome.err());
        }
    }
}

#[test]
fn a_server_on_each() {
    for machine_type in TYPES {
        let server = Server::start_on(machine_type, Place::new(), 8080, [fixture("epoll-http")]);
        assert!(server.get("/").contains("It works"), "{machine_type}");
        server.wrk("/");
        let outcome = server.stop();
        assert_eq!(outcome.code(), 0, "{machine_type}: {}", outcome.err());
    }
}

#[test]
fn an_unknown_machine_type_is_refused() {
    let outcome = on("isapc", &[fixture("hello-static").to_str().expect("UTF-8")]);
    assert_eq!(
        (outcome.code(), outcome.err().as_str()),
        (125, "pith: error: PITH_QEMU_MACHINE is \"isapc\"; expected microvm, pc or q35\n")
    );
}

/// `$PITH_MINIMAL`, else what `make images` leaves.
fn minimal_image() -> PathBuf {
    std::env::var_os("PITH_MINIMAL").map_or_else(|| root().join("kernel/target/images/minimal-x86_64"), PathBuf::from)
}

fn in_minimal(machine_type: &str, name: &str, args: &[&str]) -> Outcome {
    let place = Place::new();
    let mut command = place.pith();
    command.env("PITH_KERNEL", minimal_image()).env("PITH_QEMU_MACHINE", machine_type);
    command.args(["run", "-W", "--rm"]).arg(fixture(name)).arg("--").args(args);
    let outcome = finish(command, Stdio::null());
    place.assert_clean();
    outcome
}

#[test]
fn the_minimal_image_runs_a_static_program() {
    for machine_type in TYPES {
        let outcome = in_minimal(machine_type, "hello-static", &["4"]);
        assert_eq!((outcome.out().as_str(), outcome.code()), ("hello from C\nargument 1: 4\n", 4), "{machine_type}: {}", outcome.err());
    }
}

#[test]
fn what_the_minimal_image_leaves_out_is_not_there() {
    let outcome = in_minimal("microvm", "probe", &["missing"]);
    let out = outcome.out();
    for line in out.lines() {
        assert!(line.ends_with(": ENOSYS") || line == "socket: EAFNOSUPPORT" || line == "socketpair: EAFNOSUPPORT", "{line}");
    }
    assert_eq!((out.lines().count(), outcome.code()), (9, 0), "{out}{}", outcome.err());
}

#[test]
fn the_runtime_image_has_it_all() {
    let outcome = on("microvm", &[fixture("probe").to_str().expect("UTF-8"), "--", "missing"]);
    assert!(outcome.out().lines().all(|line| line.ends_with(": there")), "{}", outcome.out());
    assert_eq!(outcome.out().lines().count(), 9);
}
