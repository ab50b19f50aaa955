//! Starting a machine and staying with it to its end, in the foreground or behind the user's back.

use super::memory;
use super::rootfs;
use super::source::Source;
use crate::cli::{LogLevel, RunArgs};
use crate::embedded::Kernel;
use crate::error::{Error, Result};
use crate::report::Report;
use pith_abi::cmdline::{CmdlineBuilder, LogLevel as GuestLevel, RandomSeed};
use pith_abi::record::Record;
use pith_machine::state::{Process, now_ms};
use pith_machine::{Ending, Event, LogWriter, Machine, Phase, Store, Streams, Supervisor, control};
use pith_monitor::{Accelerator, Arch, Channels, MachineSpec, MachineType, Monitor, Network, PortForward, Qemu};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Set for the background copy that supervises a detached machine.
const BACKGROUND: &str = "PITH_BACKGROUND";
/// Time for an application to stop before its machine is ended, unless `pith stop -t` says otherwise.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// File with the seconds that `pith stop -t` grants.
pub const STOP_SECONDS: &str = "stop-seconds";

/// Everything that has been found out.
pub struct Job<'a> {
    pub store: &'a Store,
    pub monitor: &'a Qemu,
    pub source: Source,
    pub kernel: Kernel,
    pub ports: Vec<PortForward>,
    pub accelerator: Accelerator,
    pub machine_type: MachineType,
    /// Memory that the user asked for, in bytes.
    pub asked: Option<u64>,
}

/// Whether this process is the background copy.
pub fn is_background() -> bool {
    std::env::var_os(BACKGROUND).is_some()
}

/// Starts a copy of this command in the background and waits until its machine is up.
pub fn detach(report: &Report) -> Result<u8> {
    let failed = |error: io::Error| Error::new(format!("starting in the background: {error}"));
    let mut child = Command::new("/proc/self/exe")
        .arg0("pith")
        .args(std::env::args_os().skip(1))
        .env(BACKGROUND, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut name = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut name).map_err(failed)?;
    }
    if name.is_empty() {
        // It has said why on standard error.
        let status = child.wait().map_err(failed)?;
        return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(pith_abi::exit::PITH_ERROR));
    }
    report.debug("the machine is up");
    print!("{name}");
    Ok(0)
}

/// The background copy's farewell to the terminal: its name is out, its streams go nowhere.
fn leave_terminal(name: &str) -> io::Result<()> {
    println!("{name}");
    io::stdout().flush()?;
    let nowhere = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nowhere)?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    rustix::stdio::dup2_stderr(&nowhere)?;
    Ok(())
}

/// Starts the machine, stays to its end, and returns the exit code.
///
/// # Errors
/// Everything that keeps it from being started.
pub fn launch(job: Job<'_>, mut machine: Machine, arguments: &RunArgs, report: &Report) -> Result<u8> {
    let result = start_and_stay(&job, &mut machine, arguments, report);
    machine.record.phase = Phase::Exited;
    machine.record.ended_ms = Some(now_ms());
    match result {
        Ok(ending) => {
            machine.record.exit_code = Some(ending.exit_code());
            machine.record.reason = ending.reason();
            explain(&job, &ending, &machine, report);
            finish(&job, machine, report);
            Ok(ending.exit_code())
        }
        Err(error) => {
            // It never ran: nothing to look at later.
            if let Err(error) = job.store.remove_own(machine) {
                report.warn(&error.to_string());
            }
            Err(error)
        }
    }
}

fn finish(job: &Job<'_>, machine: Machine, report: &Report) {
    let result = match machine.record.remove {
        true => job.store.remove_own(machine),
        false => machine.save(),
    };
    if let Err(error) = result {
        report.warn(&error.to_string());
    }
}

fn seed() -> Result<RandomSeed> {
    let mut words = [0; 8];
    for word in &mut words {
        *word = getrandom::u32().map_err(|error| Error::new(format!("no randomness for the guest: {error}")))?;
    }
    Ok(RandomSeed(words))
}

fn cmdline(job: &Job<'_>, arguments: &RunArgs, report: &Report) -> Result<CmdlineBuilder> {
    let mut line = CmdlineBuilder::new();
    line.log_level(if report.shows(LogLevel::Trace) {
        GuestLevel::Trace
    } else if report.shows(LogLevel::Debug) {
        GuestLevel::Debug
    } else {
        // Each byte of a log line costs an exit from the guest; silent machines start faster.
        GuestLevel::Warn
    });
    line.random_seed(&seed()?);
    for (name, value) in &job.source.environment {
        line.env(name, value.as_deref().unwrap_or_default());
    }
    for text in job.source.kernel_args.iter().chain(&arguments.kernel_arg) {
        let checked = line.raw_parameter(text).map(drop);
        checked.map_err(|error| Error::new(format!("--kernel-arg {error}")))?;
    }
    for word in &job.source.argv {
        line.arg(word);
    }
    Ok(line)
}

fn start_and_stay(job: &Job<'_>, machine: &mut Machine, arguments: &RunArgs, report: &Report) -> Result<Ending> {
    let fits = |bytes| memory::size_mib(job.asked, job.kernel.size, bytes).map(drop);
    let preparation = rootfs::Preparation { machine, arguments, fits: &fits, report };
    let archive = rootfs::prepare(&job.source.files, &preparation)?;
    let rootfs_bytes = archive.as_ref().map_or(0, |archive| archive.bytes);
    let memory_mib = memory::size_mib(job.asked, job.kernel.size, rootfs_bytes)?;
    machine.record.memory_mib = memory_mib;
    let spec = MachineSpec {
        name: machine.record.name.clone(),
        arch: Arch::X86_64,
        machine: job.machine_type,
        accelerator: job.accelerator,
        kernel: job.kernel.path.clone(),
        initrd: archive.map(|archive| archive.path),
        memory_mib,
        network: Network::User { ports: job.ports.clone() },
        cmdline: cmdline(job, arguments, report)?,
    };
    if report.shows(LogLevel::Debug) {
        let words = job.monitor.command(&spec, &Channels::new()?)?;
        let shown: Vec<String> = words.iter().map(|word| shell_quote(word)).collect();
        report.debug(&format!("starting {}", shown.join(" ")));
    }
    let stop_file = machine.path(STOP_SECONDS);
    let stop_deadline = move || {
        let seconds = std::fs::read_to_string(&stop_file).ok().and_then(|text| text.trim().parse().ok());
        seconds.map_or(STOP_DEADLINE, Duration::from_secs)
    };
    let failed = |error: io::Error| Error::new(format!("supervising the machine: {error}"));
    let mut supervisor = Supervisor::new(&stop_deadline).map_err(failed)?;
    if is_background() {
        // A session of its own: the terminal's end is not the machine's.
        let _ = rustix::process::setsid();
    }
    let diagnostics = machine.create_file("vmm.log")?;
    let (log, kernel_log) = (LogWriter::create(machine)?, machine.create_file("kernel.log")?);
    let control = Some(control::listen(machine)?);
    let running = job.monitor.start(&spec, diagnostics)?;
    machine.record.monitor = Process::of(running.child.id());
    machine.record.started_ms = Some(now_ms());
    machine.record.phase = Phase::Running;
    machine.save()?;

    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    let is_foreground = !is_background();
    let streams = Streams {
        input: is_foreground.then(|| stdin.as_fd()),
        output: is_foreground.then(|| stdout.as_fd()),
        error: is_foreground.then(|| stderr.as_fd()),
        log,
        kernel_log,
        control,
    };
    let name = machine.record.name.clone();
    let mut has_left = false;
    let mut on_event = |event: Event<'_>| match event {
        Event::Started if is_background() && !has_left => {
            has_left = true;
            if let Err(error) = leave_terminal(&name) {
                report.warn(&format!("leaving the terminal: {error}"));
            }
        }
        Event::Started => {}
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
    };
    let vmm_log = machine.path("vmm.log");
    let said = || std::fs::read_to_string(&vmm_log).unwrap_or_default();
    let ending = supervisor.run(running, streams, &mut on_event, &said).map_err(failed)?;
    if is_background() && !has_left {
        // It ended before the monitor had said that it is up.
        if let Ending::Silent { diagnostics } = &ending {
            return Err(Error::new(job.monitor.explain(diagnostics)));
        }
        leave_terminal(&machine.record.name).map_err(failed)?;
    }
    Ok(ending)
}

/// A word as a shell would need it.
fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '+' | '@' | '%' | '=');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Says how it ended, unless the exit code says it all.
fn explain(job: &Job<'_>, ending: &Ending, machine: &Machine, report: &Report) {
    match ending {
        Ending::Exit(_) => {}
        Ending::Signal(2 | 15) => {}
        Ending::Signal(_) | Ending::Killed => report.warn(&ending.reason().unwrap_or_default()),
        Ending::OutOfMemory(text) => {
            report.error(&format!("out of memory: {text}"));
            report.error(&format!("the machine had {} MiB; give it more with -M", machine.record.memory_mib));
        }
        Ending::NotStarted { text, .. } => report.error(text),
        Ending::Panic { text, frames } => {
            report.error(&format!("the guest kernel panicked: {text}"));
            for line in job.kernel.symbolise(frames) {
                report.error(&format!("    {line}"));
            }
        }
        Ending::Stuck => {
            report.error("the virtual CPU stopped on an error that it cannot go on from; try -W to emulate the processor");
        }
        Ending::Silent { diagnostics } => report.error(&job.monitor.explain(diagnostics)),
    }
    // What is not told on the terminal is in the files.
    let mut rest = String::new();
    let vmm_log = std::fs::File::open(machine.path("vmm.log"));
    if vmm_log.is_ok_and(|mut file| file.read_to_string(&mut rest).is_ok()) && !rest.trim().is_empty() {
        report.debug(&format!("the VMM said: {}", rest.trim()));
    }
}
