//! Answers every GET, in a thread for each connection.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

const BODY: &str = "Hello from Rust\n";

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", 8080))?;
    loop {
        let (stream, _) = listener.accept()?;
        std::thread::spawn(move || {
            // A client that is gone wants no answer.
            let _ = serve(stream);
        });
    }
}

/// Answers one request after the other, until the client has no more.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut from = BufReader::new(stream.try_clone()?);
    let mut to = stream;
    loop {
        let mut request = String::new();
        if from.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let is_last = !request.trim_end().ends_with("HTTP/1.1");
        let mut line = String::new();
        while from.read_line(&mut line)? > 2 {
            line.clear();
        }
        to.write_all(answer(&request).as_bytes())?;
        if is_last {
            return Ok(());
        }
    }
}

fn answer(request: &str) -> String {
    let (status, body) = if request.starts_with("GET ") { ("200 OK", BODY) } else { ("405 Method Not Allowed", "") };
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
