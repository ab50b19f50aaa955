//! From a machine's configuration to a running monitor.

use super::{plan, terminal, volumes};
use crate::cli::LogLevel;
use crate::embedded::{self, Kernel, Needs};
use crate::error::{Error, Result};
use crate::report::Report;
use pith_abi::cmdline::{CmdlineBuilder, LogLevel as GuestLevel, RandomSeed, User, tail};
use pith_machine::{Machine, MachineConfig};
use pith_monitor::{Accelerator, Arch, Channels, MachineSpec, MachineType, Monitor, MonitorError, Network, Qemu};
use std::path::Path;

/// Linux takes at most 128 KiB in one word of a command line (`MAX_ARG_STRLEN`); this leaves room for the other parameters.
const LONGEST_LINE: usize = 96 * 1024;

/// What to start, and with what.
pub struct Boot {
    pub monitor: Qemu,
    pub kernel: Kernel,
    pub spec: MachineSpec,
}

/// Works out how to start a machine.
///
/// # Errors
/// A kernel, root file system or monitor that is not there any more; a string that no command line can carry.
pub fn prepare(machine: &Machine, cache: &Path, report: &Report) -> Result<Boot> {
    let record = &machine.record;
    let config = &record.config;
    let monitor = Qemu::find(config.qemu.clone())?;
    let kernel = embedded::kernel(config.kernel.as_deref(), Needs::of(config.cpus, &config.volumes), cache)?;
    let initrd = config.initrd.as_ref().map(|path| machine.directory().join(path));
    if let Some(path) = initrd.as_ref().filter(|path| !path.exists()) {
        return Err(Error::new(format!("the root file system {} is not there any more", path.display())));
    }
    volumes::check_there(&config.volumes)?;
    let network = match config.has_network {
        true => Network::User { ports: config.ports.clone() },
        false => Network::None,
    };
    let spec = MachineSpec {
        name: record.name.clone(),
        arch: Arch::X86_64,
        machine: config.machine_type.parse::<MachineType>().map_err(Error::new)?,
        accelerator: if record.accelerator == plan::accelerator_name(Accelerator::Kvm) { Accelerator::Kvm } else { Accelerator::Tcg },
        kernel: kernel.path.clone(),
        initrd,
        memory_mib: config.memory_mib,
        cpus: config.cpu_count(),
        network,
        volumes: config.volumes.clone(),
        volume_owners: volumes::owners(config)?,
        cmdline: cmdline(machine, report)?,
    };
    Ok(Boot { monitor, kernel, spec })
}

fn seed() -> Result<RandomSeed> {
    let mut words = [0; 8];
    for word in &mut words {
        *word = getrandom::u32().map_err(|error| Error::new(format!("no randomness for the guest: {error}")))?;
    }
    Ok(RandomSeed(words))
}

fn cmdline(machine: &Machine, report: &Report) -> Result<CmdlineBuilder> {
    let config = &machine.record.config;
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
    if let Some(workdir) = &config.workdir {
        line.workdir(workdir);
    }
    if let Some(text) = &config.user {
        let user = User::parse(text);
        line.user(&user.ok_or_else(|| Error::new(format!("{}: damaged record: {text:?} is no UID:GID", machine.record.name)))?);
    }
    if let Some(hostname) = &config.hostname {
        line.hostname(hostname);
    }
    if config.has_terminal {
        line.tty(terminal::size());
    }
    for text in &config.kernel_args {
        line.raw_parameter(text).map_err(|error| Error::new(format!("--kernel-arg {error}")))?;
    }
    if !config.words_in_initrd {
        add_words(&mut line, config);
    }
    Ok(line)
}

fn add_words(line: &mut CmdlineBuilder, config: &MachineConfig) {
    for (name, value) in &config.env {
        line.env(name, value);
    }
    for word in &config.argv {
        line.arg(word);
    }
}

/// Environment and arguments as the guest reads them, when they are too long for a monitor's command line.
///
/// # Errors
/// A string that cannot be carried.
pub fn long_words(config: &MachineConfig) -> Result<Option<Vec<u8>>> {
    let mut line = CmdlineBuilder::new();
    add_words(&mut line, config);
    let text = line.build().map_err(MonitorError::from)?;
    if text.len() <= LONGEST_LINE {
        return Ok(None);
    }
    let bytes = tail::bytes(&text).ok_or_else(|| Error::new("arguments and environment are longer than 4 GiB"))?;
    Ok(Some(bytes))
}

/// The monitor's command line, as a shell would take it. Descriptors in it are channels that only exist in a real start.
///
/// # Errors
/// Those of [`prepare`].
pub fn command_line(machine: &Machine, report: &Report) -> Result<String> {
    let cache = machine.directory().parent().and_then(Path::parent).map(|data| data.join("cache")).unwrap_or_default();
    let boot = prepare(machine, &cache, report)?;
    shown(&boot)
}

/// The monitor's command line, as a shell would take it.
///
/// # Errors
/// A string that no command line can carry.
pub fn shown(boot: &Boot) -> Result<String> {
    let words = boot.monitor.command(&boot.spec, &Channels::new()?)?;
    Ok(words.iter().map(|word| shell_quote(word)).collect::<Vec<_>>().join(" "))
}

/// A word as a shell would need it.
fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '+' | '@' | '%' | '=');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
