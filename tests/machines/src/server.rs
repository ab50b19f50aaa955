//! A machine that answers.

use crate::{DEADLINE, Outcome, Place, end, finish, free_port, interrupt, start_collecting, wait_for_child, wait_until};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// To servers that do not speak HTTP this is a bad request, which most of them answer too.
pub(crate) const HTTP: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// A machine that answers on a published port.
pub struct Server {
    child: Child,
    out: Option<std::thread::JoinHandle<Vec<u8>>>,
    err: Option<std::thread::JoinHandle<Vec<u8>>>,
    place: Place,
    /// Where it answers.
    pub address: SocketAddr,
}

impl Server {
    /// `pith run -W --rm -p 127.0.0.1:FREE:guest_port ARGS...`, and waits until a request is answered.
    pub fn start<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(guest_port: u16, args: I) -> Server {
        Self::start_in(Place::new(), guest_port, args)
    }

    /// [`start`](Self::start) at a given place.
    pub fn start_in<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(place: Place, guest_port: u16, args: I) -> Server {
        Self::start_on("microvm", place, guest_port, args)
    }

    /// [`start_in`](Self::start_in) on this machine type of QEMU's.
    pub fn start_on<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(machine_type: &str, place: Place, guest_port: u16, args: I) -> Server {
        let mut command = place.pith();
        command.env("PITH_QEMU_MACHINE", machine_type);
        Self::start_command(command, place, DEADLINE, (guest_port, HTTP), args)
    }

    /// [`start_in`](Self::start_in) this directory, with a deadline of its own for what has to be built first, and this to ask
    /// until it is answered.
    pub fn start_project<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        directory: &Path,
        place: Place,
        limit: Duration,
        (guest_port, greeting): (u16, &[u8]),
        args: I,
    ) -> Server {
        let mut command = place.pith();
        command.current_dir(directory);
        Self::start_command(command, place, limit, (guest_port, greeting), args)
    }

    fn start_command<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        mut command: Command,
        place: Place,
        limit: Duration,
        (guest_port, greeting): (u16, &[u8]),
        args: I,
    ) -> Server {
        let port = free_port();
        command.args(["run", "-W", "--rm", "-p", &format!("127.0.0.1:{port}:{guest_port}")]).args(args);
        let (child, out, err) = start_collecting(command);
        let (out, err) = (Some(out), Some(err));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut server = Server { child, out, err, place, address };
        if let Err(why) = wait_for_child(&mut server.child, limit, || answers(address, greeting)) {
            end(&mut server.child);
            let (out, err) = server.output();
            panic!("no answer on {address}: {why}\n--- stdout\n{out}\n--- stderr\n{err}");
        }
        server
    }

    fn output(&mut self) -> (String, String) {
        let text = |t: Option<std::thread::JoinHandle<Vec<u8>>>| {
            t.map_or(String::new(), |t| String::from_utf8_lossy(&t.join().unwrap_or_default()).into_owned())
        };
        (text(self.out.take()), text(self.err.take()))
    }

    /// Runs a client to its end; its standard output, after checking that it succeeded.
    pub fn client(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(program);
        command.args(args);
        let outcome = finish(command, Stdio::null());
        assert!(outcome.status.success(), "{program} {args:?}: {} {}{}", outcome.status, outcome.out(), outcome.err());
        outcome.out()
    }

    /// `curl` on a path of this server.
    pub fn get(&self, path: &str) -> String {
        self.client("curl", &["-sS", "--fail", "--max-time", "60", &format!("http://{}{path}", self.address)])
    }

    /// [`get`](Self::get) with more words for curl.
    pub fn get_with(&self, words: &[&str], path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        self.client("curl", &[&["-sS", "--fail", "--max-time", "60", &url], words].concat())
    }

    /// The status with which it answers a path.
    pub fn status_of(&self, path: &str) -> String {
        self.status_with(&[], path)
    }

    /// [`status_of`](Self::status_of) with more words for curl.
    pub fn status_with(&self, words: &[&str], path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        self.client("curl", &[&["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "60", &url], words].concat())
    }

    /// One second of wrk: every answer good, no connection lost.
    pub fn wrk(&self, path: &str) {
        let report = self.client("wrk", &["-t1", "-c8", "-d1s", &format!("http://{}{path}", self.address)]);
        let requests: u64 = report.lines().find_map(|l| l.trim().split_once(" requests in")?.0.parse().ok()).expect("a report");
        assert!(requests > 0, "{report}");
        assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
    }

    /// Stops the machine gracefully, as Ctrl-C does, and returns how it ended.
    pub fn stop(mut self) -> Outcome {
        interrupt(&self.child, "INT");
        let status = wait_until(&mut self.child, Instant::now() + DEADLINE);
        if status.is_none() {
            let _ = self.child.kill();
            let (out, err) = self.output();
            panic!("the machine did not stop\n--- stdout\n{out}\n--- stderr\n{err}");
        }
        let bytes = |t: Option<std::thread::JoinHandle<Vec<u8>>>| t.map_or(Vec::new(), |t| t.join().unwrap_or_default());
        let outcome = Outcome { status: status.expect("checked"), stdout: bytes(self.out.take()), stderr: bytes(self.err.take()) };
        if self.place.is_own() {
            self.place.assert_clean();
        }
        outcome
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// User-mode networking accepts on the host's side before the guest listens, so only an answer counts.
fn answers(address: SocketAddr, greeting: &[u8]) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(2)) else { return false };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut byte = [0];
    stream.write_all(greeting).is_ok() && stream.read(&mut byte).is_ok_and(|n| n == 1)
}
