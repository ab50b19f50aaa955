//! The commands that look after machines, on real ones.

use machines::{Outcome, Place, finish, fixture, free_port};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

fn pith(place: &Place, words: &[&str]) -> Outcome {
    let mut command = place.pith();
    command.args(words);
    finish(command, Stdio::null())
}

#[track_caller]
fn done(place: &Place, words: &[&str]) -> String {
    let outcome = pith(place, words);
    assert_eq!((outcome.code(), outcome.err()), (0, String::new()), "{words:?}");
    outcome.out()
}

/// One request; the answer's first line.
fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(machines::DEADLINE))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

/// What the server says when it listens.
const LISTENING: &str = "listening on port 8080\n";

#[test]
fn arguments_and_environment_of_100_kilobytes_arrive_whole() {
    let place = Place::new();
    // Quotes and backslashes, which double on a command line.
    let argument = "a\"b\\ 'c' ".repeat(10_000);
    assert_eq!(done(&place, &["--log-level", "warn", "run", "-W", "--rm", "/bin/echo", &argument, "end"]), format!("{argument} end\n"));
    let file = place.file("env", format!("BIG={argument}\nSMALL=1\n").as_bytes());
    let environment = done(&place, &["--log-level", "warn", "run", "-W", "--rm", "--env-file", file.to_str().unwrap(), "/usr/bin/env"]);
    assert!(environment.lines().any(|line| line == format!("BIG={argument}")) && environment.contains("\nSMALL=1\n"));
    place.assert_clean();
}

#[test]
fn a_server_is_paused_stopped_and_started_again() {
    let place = Place::new();
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let published = format!("127.0.0.1:{port}:8080");
    let server = fixture("epoll-http");
    done(&place, &["run", "-W", "-d", "--name", "web", "-M", "32Mi", "-p", &published, server.to_str().unwrap()]);
    place.wait_for_output("web", LISTENING);
    assert!(ask(address).unwrap().starts_with("HTTP/1."));
    done(&place, &["pause", "web"]);
    assert!(done(&place, &["ps"]).contains("paused"));
    // A connection waits until the processor goes on.
    let asked = std::thread::spawn(move || ask(address));
    done(&place, &["resume", "web"]);
    assert!(asked.join().unwrap().is_ok());
    let stats = done(&place, &["stats", "--no-stream", "-o", "json", "web"]);
    assert!(stats.contains("\"host_memory_bytes\""), "{stats}");
    done(&place, &["restart", "web"]);
    place.wait_for_output("web", &LISTENING.repeat(2));
    assert!(ask(address).unwrap().starts_with("HTTP/1."));
    done(&place, &["stop", "web"]);
    assert!(ask(address).is_err());
    done(&place, &["start", "web"]);
    place.wait_for_output("web", &LISTENING.repeat(3));
    assert!(ask(address).unwrap().starts_with("HTTP/1."));
    done(&place, &["kill", "web"]);
    assert_eq!(done(&place, &["wait", "web"]), "137\n");
    done(&place, &["rm", "web"]);
    place.assert_clean();
}

#[test]
fn fifty_machines_at_once() {
    let place = Place::new();
    let server = fixture("epoll-http");
    let server = server.to_str().unwrap();
    std::thread::scope(|scope| {
        for number in 0..50 {
            let place = &place;
            scope.spawn(move || done(place, &["run", "-W", "-d", "--name", &format!("m{number}"), "-M", "32Mi", server]));
        }
    });
    assert_eq!(done(&place, &["ps", "-q"]).lines().count(), 50);
    assert_eq!(done(&place, &["stop", "--all"]).lines().count(), 50);
    assert_eq!(done(&place, &["ps", "-q"]), "");
    assert_eq!(done(&place, &["prune", "-f"]).lines().count(), 50);
    place.assert_clean();
}
