//! `-t`: a user at a terminal, and an application that believes to be on one.

use machines::{DEADLINE, Place, fixture};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

/// A terminal as a window manager has it: what is typed goes in, what is shown comes out.
struct Terminal {
    keys: File,
    shown: Receiver<Vec<u8>>,
    text: String,
    /// The other end, held open so that its settings can be asked for.
    line: File,
}

impl Terminal {
    fn new(columns: u16, rows: u16) -> Self {
        // A program that inherited it would hold its own terminal, and outlive whoever sits there.
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        grantpt(&keys).and_then(|()| unlockpt(&keys)).expect("its other end");
        let name = ptsname(&keys, Vec::new()).expect("its name").into_string().expect("a name");
        let line = OpenOptions::new().read(true).write(true).open(name).expect("its other end");
        let keys = File::from(keys);
        let mut screen = keys.try_clone().expect("a descriptor");
        let (send, shown) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // It ends with an error when nobody has the other end any more.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let terminal = Self { keys, shown, text: String::new(), line };
        terminal.resize(columns, rows);
        terminal
    }

    fn resize(&self, columns: u16, rows: u16) {
        tcsetwinsize(&self.keys, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
    }

    /// A command with this as its controlling terminal.
    fn run(&self, command: &Command) -> std::process::Child {
        let end = || Stdio::from(self.line.try_clone().expect("a descriptor"));
        let mut session = Command::new("setpriv");
        session.args(["--pdeathsig", "KILL", "setsid", "--ctty", "--wait", "setpriv", "--pdeathsig", "KILL"]);
        session.arg(command.get_program()).args(command.get_args());
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.stdin(end()).stdout(end()).stderr(end()).spawn().expect("setsid")
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a key");
    }

    /// Waits until this was shown, and returns what was shown up to there.
    #[track_caller]
    fn shows(&mut self, words: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.text.find(words) {
                let rest = self.text.split_off(at + words.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(bytes) = self.shown.recv_timeout(left) else { panic!("{words:?} was not shown: {:?}", self.text) };
            self.text.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.line).expect("its settings").local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }
}

#[test]
fn an_application_has_the_users_terminal() {
    let place = Place::new();
    let mut terminal = Terminal::new(100, 30);
    let mut command = place.pith();
    command.args(["run", "-W", "--rm", "-it"]).arg(fixture("terminal"));
    let mut child = terminal.run(&command);
    terminal.shows("terminals 111, xterm, on /dev/console\r\n100 columns, 30 rows\r\n");
    assert!(terminal.is_raw());
    terminal.resize(90, 20);
    terminal.shows("90 columns, 20 rows\r\nline? ");
    // The guest edits and shows the line; a rubbed-out key is gone.
    terminal.types("hellp\x7fo\r");
    assert_eq!(terminal.shows("got hello\r\n"), "hellp\x08 \x08o\r\ngot hello\r\n");
    terminal.shows("busy\r\n");
    // Ctrl-C is a key, and the application's.
    terminal.types("\x03");
    terminal.shows("interrupted\r\nkeys?\n");
    terminal.types("\x03\r\x1aq");
    assert_eq!(terminal.shows("end\r\n"), "<3><13><26>end\r\n");
    assert_eq!(child.wait().expect("our child").code(), Some(7));
    assert!(!terminal.is_raw(), "the user has the terminal back");
    place.assert_clean();
}

#[test]
fn a_user_gets_the_terminal_back_however_it_ends() {
    let place = Place::new();
    let mut terminal = Terminal::new(80, 24);
    let mut command = place.pith();
    command.args(["run", "-W", "--name", "m", "-t", "-u", "1000"]).arg(fixture("terminal"));
    let mut child = terminal.run(&command);
    terminal.shows("80 columns, 24 rows\r\n");
    assert!(terminal.is_raw());
    let mut stop = place.pith();
    assert!(stop.args(["stop", "-t", "100", "m"]).stdout(Stdio::null()).status().expect("pith").success());
    assert_eq!(child.wait().expect("our child").code(), Some(143));
    assert!(!terminal.is_raw());
    // Without a user at it, it is one all the same: of the usual size, and with nothing to read yet.
    let mut detached = place.pith();
    detached
        .args(["run", "-W", "-d", "--rm", "--name", "d", "-t"])
        .arg(fixture("terminal"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(detached.status().expect("pith").success());
    let mut logs = place.pith();
    let mut logs = logs.args(["logs", "-f", "d"]).stdout(Stdio::piped()).spawn().expect("pith");
    let (mut out, mut text) = (logs.stdout.take().expect("piped"), Vec::new());
    while !text.ends_with(b"rows\r\n") {
        let mut byte = [0];
        out.read_exact(&mut byte).expect("more output");
        text.push(byte[0]);
    }
    assert_eq!(String::from_utf8_lossy(&text), "terminals 111, xterm, on /dev/console\r\n80 columns, 24 rows\r\n");
    assert!(place.pith().args(["rm", "-f", "m", "d"]).stdout(Stdio::null()).status().expect("pith").success());
    logs.wait().expect("our child");
    place.assert_clean();
}
