//! `pith menu` in a pseudo-terminal: what a user types, and what is on the screen then.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const ROWS: u16 = 24;
const COLUMNS: u16 = 90;
/// Far more than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A terminal with `pith` in it.
struct Terminal {
    keyboard: File,
    output: Receiver<Vec<u8>>,
    parser: vt100::Parser,
    child: Child,
}

impl Terminal {
    fn new(home: &Home, words: &[&str]) -> Self {
        Self::with(home.command(words))
    }

    fn with(inner: Command) -> Self {
        // A program that inherited it would hold its own terminal, and outlive whoever sits there.
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || File::options().read(true).write(true).open(Path::new(&name)).unwrap();
        // setsid makes the terminal the controlling one: keys like Ctrl-C and the screen's size belong to that.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "setsid", "--ctty", "--wait", "setpriv", "--pdeathsig", "KILL"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
        command.current_dir(inner.get_current_dir().unwrap());
        command.stdin(slave()).stdout(slave()).stderr(slave()).process_group(0);
        let child = command.spawn().unwrap();
        let keyboard = File::from(master);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The last program to close the terminal makes reading fail.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { keyboard, output, parser: vt100::Parser::new(ROWS, COLUMNS, 0), child }
    }

    fn screen(&self) -> String {
        let rows: Vec<String> = self.parser.screen().rows(0, COLUMNS).map(|row| row.trim_end().to_owned()).collect();
        rows.join("\n")
    }

    /// Waits until the screen is as wanted.
    fn wait(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.parser.process(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("no {what}:\n{screen}"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended before {what}:\n{screen}"),
            }
        }
    }

    fn type_until(&mut self, keys: &str, text: &str) -> String {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.wait(text, |screen| screen.contains(text))
    }

    /// Presses keys that end it; everything on the screen then, and the exit code.
    fn end(mut self, keys: &str) -> (String, i32) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            self.parser.process(&bytes);
        }
        (self.screen(), code)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn project() -> Home {
    let home = Home::new();
    let text = "spec: v0.6\nname: app\nunikraft: stable\nlibraries: {lwip: stable}\ntargets: [qemu/x86_64, fc/x86_64]\n";
    fs::write(home.path("Kraftfile"), text).unwrap();
    let own = "config APPDEMO_PORT\n\tint \"port\"\n\tdefault 80\n\trange 1 65535\n";
    fs::write(home.path("Config.uk"), own).unwrap();
    home
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.path(".config.app_qemu-x86_64")).unwrap_or_default()
}

#[test]
fn options_are_chosen_on_the_screen_and_saved() {
    let home = project();
    let mut terminal = Terminal::new(&home, &["menu", "-t", "qemu/x86_64"]);
    // A screen is drawn from the top: what stands at its end is there last.
    let first = terminal.wait("the menu", |screen| screen.contains("Network and communication") && screen.contains("h keys"));
    insta::assert_snapshot!("first", first);
    // Down to the network's menu, in, and epoll on.
    let network = terminal.type_until("/LIBPOSIX_EPOLL\r", "CONFIG_LIBPOSIX_EPOLL=n  (set by preset minimal)");
    insta::assert_snapshot!("network", network);
    terminal.type_until(" ", "CONFIG_LIBPOSIX_EPOLL=y");
    // What selects it keeps it.
    terminal.type_until("/LIBVFSCORE\r ", "needed by PITH_IMAGE");
    // The project's own option, out of its range and then inside.
    terminal.type_until("/APPDEMO_PORT\r", "CONFIG_APPDEMO_PORT=80");
    let entry = terminal.type_until("\r\x7f\x7f99999\r", "expected a number from 1 to 65535");
    insta::assert_snapshot!("entry", entry);
    terminal.type_until("\x7f\x7f\x7f\x7f\x7f8080\r", "CONFIG_APPDEMO_PORT=8080");
    let help = terminal.type_until("?", "any other key closes");
    insta::assert_snapshot!("help", help);
    terminal.type_until("x", "CONFIG_APPDEMO_PORT=8080");
    terminal.type_until("q", "Save your changes?");
    let (screen, code) = terminal.end("y");
    assert_eq!(code, 0, "{screen}");
    let text = config(&home);
    assert!(text.contains("CONFIG_LIBPOSIX_EPOLL=y\n") && text.contains("CONFIG_APPDEMO_PORT=8080\n"), "{text}");
    // The next menu begins there, and the other target was left alone.
    let mut terminal = Terminal::new(&home, &["menu", "-t", "qemu/x86_64"]);
    terminal.wait("the menu", |screen| screen.contains("Network and communication"));
    terminal.type_until("/APPDEMO_PORT\r", "CONFIG_APPDEMO_PORT=8080");
    assert_eq!(terminal.end("q").1, 0);
    assert!(!home.path(".config.app_fc-x86_64").exists());
}

#[test]
fn the_tree_the_search_and_what_an_option_needs_are_on_the_screen() {
    let home = project();
    let own = "menu \"Demonstration\"\nconfig APPDEMO_TLS\n\tbool \"encrypted\"\n\tdepends on LIBPROCFS && APPDEMO_FAST\n\thelp\n\t  Only both together.\n\
        config APPDEMO_FAST\n\tbool \"fast\"\nendmenu\n";
    fs::write(home.path("Config.uk"), own).unwrap();
    let mut terminal = Terminal::new(&home, &["menu", "-t", "qemu/x86_64"]);
    terminal.wait("the menu", |screen| screen.contains("Network and communication") && screen.contains("h keys"));
    // What is found while one types, options that cannot be had now too.
    terminal.type_until("/appdemo", "APPDEMO_TLS");
    let found = terminal.wait("the search alone", |screen| {
        screen.contains("\u{2502}appdemo ") && screen.contains("APPDEMO_FAST") && !screen.contains("API") && !screen.contains("MEMORY")
    });
    insta::assert_snapshot!("found", found);
    // Down to the last, and there: all options are shown, for it is none that could be seen.
    let shown = terminal.type_until("_t\r", " CONFIG_APPDEMO_TLS=n  (needs LIBPROCFS");
    assert!(shown.starts_with(" app, qemu/x86_64 > Application > Demonstration (all options)"), "{shown}");
    terminal.type_until(" ", "\n needs LIBPROCFS, which is n");
    let needs = terminal.wait("the menu alone", |screen| !screen.contains("escape closes") && screen.ends_with("h keys"));
    insta::assert_snapshot!("needs", needs);
    let help = terminal.type_until("?", "any other key closes");
    assert!(help.contains("Only both together.") && help.contains("LIBPROCFS"), "{help}");
    // With both it can be had.
    terminal.type_until("x/LIBPROCFS\r ", "CONFIG_LIBPROCFS=y");
    terminal.type_until("/APPDEMO_F\r ", "CONFIG_APPDEMO_FAST=y");
    terminal.type_until("/APPDEMO_T\r ", "CONFIG_APPDEMO_TLS=y");
    // Up the tree again, to its root.
    let root = terminal.type_until("\x1b[D\x1b[D", "Network and communication");
    assert!(root.contains("Application  --->"), "{root}");
    terminal.type_until("s", "saved to");
    assert_eq!(terminal.end("q").1, 0);
    assert!(config(&home).contains("CONFIG_APPDEMO_TLS=y\n"));
}

#[test]
fn leaving_without_saving_writes_nothing() {
    let home = project();
    for keys in ["Q", "qn", "\x03n"] {
        let mut terminal = Terminal::new(&home, &["menu", "-p", "qemu"]);
        terminal.wait("the menu", |screen| screen.contains("Network and communication"));
        terminal.type_until("/LIBPROCFS\r ", "CONFIG_LIBPROCFS=y");
        let (screen, code) = terminal.end(keys);
        assert_eq!(code, 0);
        assert!(screen.contains("nothing more was saved"), "{screen}");
        assert_eq!(config(&home), "");
    }
}

#[test]
fn one_of_several_targets_is_asked_for() {
    let home = project();
    let mut terminal = Terminal::new(&home, &["menu"]);
    let screen = terminal.wait("the question", |screen| screen.contains("Number:"));
    assert!(screen.contains("1  qemu/x86_64") && screen.contains("2  fc/x86_64"), "{screen}");
    let shown = terminal.type_until("2\r", "Network and communication");
    assert!(shown.starts_with(" app, fc/x86_64"), "{shown}");
    assert_eq!(terminal.end("q").1, 0);
}

#[test]
fn saving_where_nothing_can_be_written_is_said_and_loses_nothing() {
    let home = project();
    let mut terminal = Terminal::new(&home, &["menu", "-t", "qemu/x86_64"]);
    terminal.wait("the menu", |screen| screen.contains("Network and communication"));
    terminal.type_until("/LIBPROCFS\r ", "CONFIG_LIBPROCFS=y");
    // A directory in the file's place: nobody can write over it, root neither.
    fs::create_dir_all(home.path(".config.app_qemu-x86_64/x")).unwrap();
    terminal.type_until("s", "Not saved");
    fs::remove_dir_all(home.path(".config.app_qemu-x86_64")).unwrap();
    terminal.type_until("xs", "saved to");
    assert_eq!(terminal.end("q").1, 0);
    assert!(config(&home).contains("CONFIG_LIBPROCFS=y\n"));
}

#[test]
fn plain_make_opens_the_menu_and_keeps_what_was_chosen_where_make_looks_for_it() {
    let home = Home::new();
    fs::write(home.path("Makefile.uk"), "").unwrap();
    let kernel = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernel");
    let make = |goal: &str| {
        let model = home.command(&[]);
        let mut command = Command::new("make");
        command.arg("-C").arg(&kernel).arg(format!("A={}", home.path("").display())).args(["N=app", goal]);
        command.env_clear().envs(model.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("PITH", model.get_program()).current_dir(home.path("."));
        command
    };
    let mut terminal = Terminal::with(make("menuconfig"));
    terminal.wait("the menu", |screen| screen.contains("Network and communication"));
    terminal.type_until("/LIBPROCFS\r ", "CONFIG_LIBPROCFS=y");
    terminal.type_until("q", "Save your changes?");
    let (screen, code) = terminal.end("y");
    assert_eq!(code, 0, "{screen}");
    assert!(fs::read_to_string(home.path(".config")).unwrap().contains("CONFIG_LIBPROCFS=y\n"));
    // What is there is where the next menu begins.
    let mut terminal = Terminal::with(make("menuconfig"));
    terminal.wait("the menu", |screen| screen.contains("Network and communication"));
    terminal.type_until("/LIBPROCFS\r", "CONFIG_LIBPROCFS=y");
    let (screen, code) = terminal.end("q");
    assert_eq!(code, 0, "{screen}");
}
