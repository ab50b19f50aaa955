//! Starting a machine and staying with it to its end, in the foreground or behind the user's back.
//!
//! A machine's lock belongs to the process that looks after it. `pith run -d` and `pith start` hand the lock, as an open
//! descriptor, to a background copy of this program (`pith __supervise ID`): at no moment does nobody hold it.

use super::terminal::Raw;
use super::{boot, plan};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_abi::cmdline::LogLevel as GuestLevel;
use pith_abi::record::Record;
use pith_machine::cgroup::CpuShare;
use pith_machine::events::{self, Happening};
use pith_machine::state::{Process, now_ms};
use pith_machine::{Ending, Event, LogWriter, Machine, Phase, Store, Streams, Supervisor, control};
use pith_monitor::Monitor;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// File with the seconds that `pith stop -t` grants.
pub const STOP_SECONDS: &str = "stop-seconds";
/// Waiting before the first restart; doubled each time, as Docker does.
const FIRST_REST: Duration = Duration::from_millis(100);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// A machine that ran this long did not fail to start.
const LONG_LIFE: Duration = Duration::from_secs(10);
/// What the background copy says when the machine is up.
const UP: &str = "up";

/// Who watches.
pub enum Presence {
    /// The user, at the application's standard streams.
    Foreground {
        /// What each line of output begins with.
        prefix: Option<String>,
    },
    /// Nobody, once the machine is up.
    Background,
}

/// Starts a copy of this command in the background, which looks after the machine, and waits until it is up.
///
/// # Errors
/// When it cannot be started; the copy has said why on standard error.
pub fn in_background(settings: &Settings, machine: &Machine, report: &Report) -> Result<()> {
    let failed = |error: io::Error| Error::new(format!("starting in the background: {error}"));
    let lock = machine.lock_copy().map_err(failed)?;
    let lock = lock.ok_or_else(|| Error::new(format!("{}: its lock is not held", machine.record.name)))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("pith").args(["__supervise", &machine.record.id]);
    for (variable, value) in [
        ("PITH_LOG_LEVEL", settings.get("log.level")),
        ("PITH_LOG_TYPE", settings.get("log.type")),
        ("PITH_LOG_TIMESTAMPS", settings.get("log.timestamps")),
        ("PITH_NO_COLOR", settings.get("no_color")),
        ("PITH_RUNTIME_DIR", settings.get("runtime_dir")),
    ] {
        command.env(variable, value);
    }
    let mut child = command.stdin(Stdio::from(lock)).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut said).map_err(failed)?;
    }
    if said.trim_end() == UP {
        report.debug("the machine is up");
        return Ok(());
    }
    // It has said why on standard error.
    let status = child.wait().map_err(failed)?;
    Err(Error::told(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(pith_abi::exit::PITH_ERROR)))
}

/// Carries out `pith __supervise`: takes over the machine whose lock is standard input.
///
/// # Errors
/// Everything that keeps it from being started.
pub fn supervise(settings: &Settings, id: &str, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let lock = io::stdin().as_fd().try_clone_to_owned().map_err(|error| Error::new(format!("taking over {id}: {error}")))?;
    let mut machine = store.take_over(id, lock.into())?;
    let code = stay(&store, &mut machine, Presence::Background, report)?;
    if machine.record.remove {
        super::remove_ended(&store, machine, report);
    }
    Ok(code)
}

/// The background copy's farewell to the terminal: it is up, its streams go nowhere.
fn leave_terminal() -> io::Result<()> {
    println!("{UP}");
    io::stdout().flush()?;
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    Ok(())
}

/// One machine while this process looks after it.
struct Watch<'a> {
    store: &'a Store,
    presence: Presence,
    report: &'a Report,
    /// Whether the background copy has left the terminal.
    has_left: bool,
}

/// Starts the machine, stays to its last end, and returns the exit code.
///
/// # Errors
/// Everything that keeps it from being started. The record is then as before, with the reason.
pub fn stay(store: &Store, machine: &mut Machine, presence: Presence, report: &Report) -> Result<u8> {
    let stop_file = machine.path(STOP_SECONDS);
    // What an earlier `pith stop -t` wanted is over.
    let _ = std::fs::remove_file(&stop_file);
    let (signal, seconds) = (machine.record.config.stop_signal, machine.record.config.stop_seconds);
    let stop_deadline = move || {
        let asked = std::fs::read_to_string(&stop_file).ok().and_then(|text| text.trim().parse().ok());
        Duration::from_secs(asked.unwrap_or_else(|| seconds.into()))
    };
    let supervisor = Supervisor::new(signal, &stop_deadline);
    let mut supervisor = supervisor.map_err(|error| Error::new(format!("supervising the machine: {error}")))?;
    if matches!(presence, Presence::Background) {
        // A session of its own: the terminal's end is not the machine's.
        let _ = rustix::process::setsid();
    }
    let before = machine.record.phase;
    let mut watch = Watch { store, presence, report, has_left: false };
    let (mut in_a_row, mut rest) = (0, FIRST_REST);
    machine.update(|record| {
        record.supervisor = plan::this_process();
        record.restarts = 0;
    })?;
    loop {
        let began = Instant::now();
        let (ending, boot) = match watch.one_life(machine, &mut supervisor) {
            Ok(ended) => ended,
            Err(error) => {
                let is_restart = in_a_row > 0;
                machine.update(|record| {
                    record.phase = if is_restart { Phase::Exited } else { before };
                    record.reason = Some(error.message().to_owned());
                })?;
                return Err(error);
            }
        };
        let code = ending.exit_code();
        if began.elapsed() >= LONG_LIFE {
            (in_a_row, rest) = (0, FIRST_REST);
        }
        // Noted first: whoever sees the end in the record finds it among the events.
        events::note(store.data(), &Happening::now("die", &machine.record).with("exitCode", code));
        let again = !supervisor.was_stopped() && machine.record.config.restart.wants_restart(code, in_a_row);
        machine.update(|record| {
            record.phase = if again { Phase::Restarting } else { Phase::Exited };
            record.ended_ms = Some(now_ms());
            record.monitor = None;
            record.exit_code = Some(code);
            record.reason = ending.reason();
        })?;
        explain(&boot, &ending, machine, report);
        if again {
            supervisor.rest(rest).map_err(|error| Error::new(format!("supervising the machine: {error}")))?;
            if !supervisor.was_stopped() {
                (in_a_row, rest) = (in_a_row + 1, (rest * 2).min(LONGEST_REST));
                machine.update(|record| record.restarts += 1)?;
                continue;
            }
            machine.update(|record| record.phase = Phase::Exited)?;
        }
        return Ok(code);
    }
}

impl Watch<'_> {
    /// What each line of output begins with.
    fn prefix(&self) -> Vec<u8> {
        match &self.presence {
            Presence::Foreground { prefix: Some(prefix) } => prefix.clone().into_bytes(),
            _ => Vec::new(),
        }
    }

    /// From the monitor's start to its end.
    fn one_life(&mut self, machine: &mut Machine, supervisor: &mut Supervisor<'_>) -> Result<(Ending, boot::Boot)> {
        let report = self.report;
        let boot = boot::prepare(machine, &plan::cache(self.store)?, report)?;
        if report.shows(crate::cli::LogLevel::Debug) {
            report.debug(&format!("starting {}", boot::shown(&boot)?));
        }
        let diagnostics = machine.create_file("vmm.log")?;
        let (log, kernel_log, control) = (LogWriter::open(machine)?, machine.append_file("kernel.log")?, control::listen(machine)?);
        let share = share(machine)?;
        let running = boot.monitor.start(&boot.spec, diagnostics)?;
        let pid = running.child.id();
        if let Some(share) = &share {
            share.add(pid).map_err(|error| Error::new(format!("--cpus: {}: {error}", share.directory().display())))?;
        }
        machine.update(|record| {
            record.monitor = Process::of(pid);
            record.started_ms = Some(now_ms());
            (record.ended_ms, record.exit_code, record.reason) = (None, None, None);
            record.phase = Phase::Running;
        })?;
        events::note(self.store.data(), &Happening::now("start", &machine.record));

        let failed = |error: io::Error| Error::new(format!("supervising the machine: {error}"));
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let is_foreground = matches!(self.presence, Presence::Foreground { .. });
        // An end that nobody writes to, and nobody closes, is an input that stays open.
        let config = &machine.record.config;
        let silence = (!is_foreground && (config.keeps_input || config.has_terminal)).then(io::pipe).transpose().map_err(failed)?;
        let streams = Streams {
            input: if is_foreground { Some(stdin.as_fd()) } else { silence.as_ref().map(|(read, _)| read.as_fd()) },
            output: is_foreground.then(|| stdout.as_fd()),
            error: is_foreground.then(|| stderr.as_fd()),
            prefix: self.prefix(),
            log,
            kernel_log,
            control: Some(control),
            window: (is_foreground && machine.record.config.has_terminal).then(|| stdin.as_fd()),
        };
        let _raw = streams.window.map(Raw::new).transpose().map_err(|error| Error::new(format!("--tty: {error}")))?;
        let vmm_log = machine.path("vmm.log");
        let has_left = &mut self.has_left;
        let mut on_event = |event: Event<'_>| match event {
            Event::Started if !is_foreground && !*has_left => {
                *has_left = true;
                if let Err(error) = leave_terminal() {
                    report.warn(&format!("leaving the terminal: {error}"));
                }
            }
            Event::Paused => set_phase(machine, Phase::Paused, report),
            Event::Resumed => set_phase(machine, Phase::Running, report),
            other => tell(other, report),
        };
        let said = || std::fs::read_to_string(&vmm_log).unwrap_or_default();
        let ending = supervisor.run(running, streams, &mut on_event, &said).map_err(failed)?;
        if !is_foreground && !self.has_left {
            // It ended before the monitor had said that it is up.
            if let Ending::Silent { diagnostics } = &ending {
                return Err(Error::new(boot.monitor.explain(diagnostics)));
            }
            self.has_left = true;
            leave_terminal().map_err(failed)?;
        }
        Ok((ending, boot))
    }
}

/// The control group that limits the machine, when it is to be limited.
fn share(machine: &mut Machine) -> Result<Option<CpuShare>> {
    let Some(millis) = machine.record.config.cpu_millis else { return Ok(None) };
    let share = CpuShare::new(&machine.record.id, millis).map_err(|problem| {
        let message = format!("--cpus: a share of a processor needs a control group, which cannot be had here: {problem}");
        Error::new(message)
            .with_help("run as root, or in a session whose control group was delegated to you (`systemd-run --user --scope`)")
    })?;
    let directory = share.directory().to_owned();
    machine.update(|record| record.cgroup = Some(directory))?;
    Ok(Some(share))
}

/// Writes down that the virtual CPU stands still, or goes on.
fn set_phase(machine: &mut Machine, phase: Phase, report: &Report) {
    if let Err(error) = machine.update(|record| record.phase = phase) {
        report.warn(&error.to_string());
    }
}

/// Says what happens, to those who want to know it all.
fn tell(event: Event<'_>, report: &Report) {
    match event {
        Event::Started | Event::Paused | Event::Resumed => {}
        Event::Record(Record::Log { level, micros, text }) => {
            let text = format!("[{}.{:06}] {text}", micros / 1_000_000, micros % 1_000_000);
            match level {
                GuestLevel::Error => report.error(&text),
                GuestLevel::Warn => report.warn(&text),
                GuestLevel::Info | GuestLevel::Debug => report.debug(&text),
                GuestLevel::Trace => report.debug(&text),
            }
        }
        Event::Record(record) => report.debug(&record.to_string()),
        Event::Noise(line) => report.debug(line),
        Event::Stopping => report.debug("asked the application to stop"),
    }
}

/// Says how it ended, unless the exit code says it all.
fn explain(boot: &boot::Boot, ending: &Ending, machine: &Machine, report: &Report) {
    match ending {
        Ending::Exit(_) => {}
        Ending::Signal(2 | 15) => {}
        Ending::Signal(_) | Ending::Killed | Ending::MonitorKilled(_) => report.warn(&ending.reason().unwrap_or_default()),
        Ending::OutOfMemory(text) => {
            report.error(&format!("out of memory: {text}"));
            report.error(&format!("the machine had {} MiB; give it more with -M", machine.record.config.memory_mib));
        }
        Ending::NotStarted { text, .. } => report.error(text),
        Ending::Panic { text, frames } => {
            report.error(&format!("the guest kernel panicked: {text}"));
            for line in boot.kernel.symbolise(frames) {
                report.error(&format!("    {line}"));
            }
        }
        Ending::Stuck => {
            report.error("the virtual CPU stopped on an error that it cannot go on from; try -W to emulate the processor");
        }
        Ending::Silent { diagnostics } => report.error(&boot.monitor.explain(diagnostics)),
    }
    // What is not told on the terminal is in the files.
    let mut rest = String::new();
    let vmm_log = std::fs::File::open(machine.path("vmm.log"));
    if vmm_log.is_ok_and(|mut file| file.read_to_string(&mut rest).is_ok()) && !rest.trim().is_empty() {
        report.debug(&format!("the VMM said: {}", rest.trim()));
    }
}
