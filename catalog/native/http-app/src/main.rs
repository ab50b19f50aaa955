//! Answers every GET with one page: HTTP/1.1, keep-alive and pipelining, any number of connections in one thread.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use pith_app::io::{ErrorKind, Read, Result, Write};
use pith_app::net::{Ipv4Addr, TcpListener, TcpStream};
use pith_app::poll::{Interest, Poll};
use pith_app::{env, println};

pith_app::main!(serve);

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n\r\nHello from the kernel\n";
const REFUSAL: &[u8] = b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// A request whose head is longer is none.
const HEAD_BYTES: usize = 8192;
/// Whose connections are told apart by numbers above it.
const LISTENER: usize = 0;

/// One client.
struct Connection {
    stream: TcpStream,
    /// The request, as far as it has come.
    request: Vec<u8>,
    /// The answers that are not sent yet.
    answers: Vec<u8>,
    /// Nothing more is to be read.
    is_ending: bool,
}

/// What is to become of a connection.
#[derive(PartialEq, Eq)]
enum Next {
    Read,
    Write,
    End,
}

impl Connection {
    /// Answers each whole request that there is.
    fn answer(&mut self) {
        let mut done = 0;
        while let Some(end) = self.request[done..].windows(4).position(|window| window == b"\r\n\r\n") {
            let head = &self.request[done..done + end];
            done += end + 4;
            if !head.starts_with(b"GET ") {
                self.answers.extend_from_slice(REFUSAL);
                self.is_ending = true;
                break;
            }
            self.answers.extend_from_slice(ANSWER);
            self.is_ending = closes(head);
            if self.is_ending {
                break;
            }
        }
        self.request.drain(..done);
        self.is_ending |= self.request.len() > HEAD_BYTES;
    }

    /// Reads and writes what can be now.
    fn go_on(&mut self) -> Result<Next> {
        let mut buf = [0; 2048];
        while !self.is_ending {
            match self.stream.read(&mut buf) {
                Ok(0) => self.is_ending = true,
                Ok(count) => {
                    self.request.extend_from_slice(&buf[..count]);
                    self.answer();
                    if count < buf.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        while !self.answers.is_empty() {
            match self.stream.write(&self.answers) {
                Ok(count) => drop(self.answers.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Next::Write),
                Err(error) => return Err(error),
            }
        }
        Ok(if self.is_ending { Next::End } else { Next::Read })
    }
}

/// Whether a request's head wants the connection closed behind the answer.
fn closes(head: &[u8]) -> bool {
    let is_wanted = |line: &[u8]| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        name.eq_ignore_ascii_case(b"connection") && value.trim_ascii().eq_ignore_ascii_case(b"close")
    };
    head.split(|byte| *byte == b'\n').any(is_wanted)
}

fn serve() -> Result<()> {
    let port = env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(8080_u16);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    listener.set_nonblocking(true);
    println!("listening on port {port}");
    let poll = Poll::new();
    poll.register(&listener, LISTENER, Interest::READABLE)?;
    let mut connections: BTreeMap<usize, Connection> = BTreeMap::new();
    let (mut events, mut last) = (Vec::new(), LISTENER);
    loop {
        poll.poll(&mut events, 64, None);
        for event in &events {
            let token = event.token();
            if token == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true);
                    stream.set_nodelay(true)?;
                    last += 1;
                    poll.register(&stream, last, Interest::READABLE)?;
                    connections.insert(last, Connection { stream, request: Vec::new(), answers: Vec::new(), is_ending: false });
                }
                continue;
            }
            let Some(connection) = connections.get_mut(&token) else { continue };
            let was_full = !connection.answers.is_empty();
            match connection.go_on() {
                Ok(Next::Read) if was_full => poll.reregister(&connection.stream, token, Interest::READABLE)?,
                Ok(Next::Read) => {}
                Ok(Next::Write) => poll.reregister(&connection.stream, token, Interest::WRITABLE)?,
                Ok(Next::End) | Err(_) => drop(connections.remove(&token)),
            }
        }
    }
}
