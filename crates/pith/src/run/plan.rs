//! From flags and source to a machine's configuration.

use super::source::{self, Files, Source};
use super::user::{self, Wanted};
use super::{boot, environment, image, memory, ports, rootfs, volumes};
use crate::build::Build;
use crate::cli::{Arch, CreateArgs, Plat, Runner};
use crate::embedded::{self, Needs};
use crate::error::{Error, Result};
use crate::report::Report;
use crate::settings::Settings;
use pith_abi::cmdline::CmdlineBuilder;
use pith_machine::state::Process;
use pith_machine::{Machine, MachineConfig, MachineRecord, Phase, RestartPolicy, Store};
use pith_monitor::probe::{self, Verdict};
use pith_monitor::{Accelerator, MachineType, Monitor, Qemu};
use pith_rootfs::Cache;
use pith_rootfs::source::Owners;
use std::path::{Path, PathBuf};

/// Everything that has been found out before a machine is made.
pub struct Plan {
    source: Source<Files>,
    record: MachineRecord,
    form: rootfs::Form,
    cache: Cache,
    reuse: rootfs::Reuse,
    user: Option<Wanted>,
    asked_bytes: Option<u64>,
    kernel_bytes: u64,
}

/// Finds out everything that can be found out without making anything.
///
/// # Errors
/// Everything that keeps a machine from being made.
pub fn plan(settings: &Settings, store: &Store, arguments: &CreateArgs, report: &Report) -> Result<Plan> {
    check_target(settings, arguments)?;
    let has_network = network(arguments)?;
    let ports = ports::parse(&arguments.port)?;
    if !has_network && !ports.is_empty() {
        return Err(Error::new("--port needs a network, and --network none gives none"));
    }
    let restart = restart(arguments)?;
    let build = Build { settings, store, arguments: &arguments.build, report };
    let mut source = image::complete(source::find(arguments, report)?, &build, arguments)?;
    let env = environment::collect(&source.environment, &arguments.env_file, &arguments.env, report)?;
    let monitor = Qemu::find(settings.qemu())?;
    let kernel = kernel_path(&source, arguments)?;
    let cache = cache(store)?;
    let processors = processors(arguments)?;
    let volumes = volumes::collect(&arguments.volume, &source.volumes)?;
    let kernel_bytes = embedded::kernel(kernel.as_deref(), Needs::of(processors.count, &volumes), &cache)?.size;
    let asked_bytes = arguments.memory.as_deref().map(memory::parse).transpose()?;
    ports::check(&ports)?;
    let accelerator = accelerator(arguments.disable_acceleration, &cache, report);
    let kernel_args: Vec<String> = source.kernel_args.drain(..).chain(arguments.kernel_arg.iter().cloned()).collect();
    for text in &kernel_args {
        CmdlineBuilder::new().raw_parameter(text).map_err(|error| Error::new(format!("--kernel-arg {error}")))?;
    }
    let workdir = arguments.workdir.clone().or_else(|| source.workdir.take());
    if let Some(workdir) = workdir.as_deref().filter(|workdir| !workdir.starts_with('/')) {
        return Err(Error::new(format!("--workdir {workdir:?}: expected an absolute path, as in /srv")));
    }
    let mut record = MachineRecord::new(&source.shown, &format!("{}/x86_64", monitor.platform()));
    record.accelerator = accelerator_name(accelerator).to_owned();
    record.remove = arguments.rm;
    record.config = MachineConfig {
        kernel: kernel.map(|path| std::path::absolute(&path).unwrap_or(path)),
        initrd: None,
        words_in_initrd: false,
        qemu: settings.qemu(),
        machine_type: machine_type(usize::from(has_network) + 1 + volumes.len())?.name().to_owned(),
        memory_mib: 0,
        cpus: processors.count,
        cpu_millis: processors.share_millis,
        has_network,
        ports,
        volumes,
        kernel_args,
        argv: std::mem::take(&mut source.argv),
        env,
        workdir,
        // The root file system knows the number.
        user: None,
        hostname: arguments.hostname.clone(),
        labels: labels(&arguments.label)?,
        restart,
        stop_signal: stop_signal(arguments, &source)?,
        stop_seconds: arguments.stop_timeout,
        keeps_input: arguments.interactive,
        has_terminal: arguments.tty,
    };
    let user = Wanted::new(arguments.user.as_deref(), source.user.as_deref());
    let owners = if arguments.keep_file_owners { Owners::Keep } else { Owners::Root };
    let form = rootfs::Form { kind: arguments.rootfs_type, owners };
    let reuse = if arguments.build.no_cache { rootfs::Reuse::No } else { rootfs::Reuse::Yes };
    let cache = Cache::at(&cache.join(rootfs::PACKED));
    Ok(Plan { source, record, form, cache, reuse, user, asked_bytes, kernel_bytes })
}

impl Plan {
    /// The record of a machine that is to be made so.
    pub fn record(&self) -> MachineRecord {
        self.record.clone()
    }

    /// Makes what the machine needs: its root file system, and its final size.
    ///
    /// # Errors
    /// Files that cannot be packed, too little memory.
    pub fn prepare(self, machine: &mut Machine, report: &Report) -> Result<()> {
        volumes::make_directories(&self.record.config.volumes)?;
        let fits = |bytes| memory::size_mib(self.asked_bytes, self.kernel_bytes, bytes).map(drop);
        let (cache, reuse) = (&self.cache, self.reuse);
        let preparation = rootfs::Preparation { machine, form: self.form, fits: &fits, cache, reuse, report };
        let mut archive = rootfs::prepare(&self.source.files, &preparation)?;
        let user = user::complete(self.user.as_ref(), archive.as_ref().map(|archive| archive.path.as_path()))?;
        user.check(self.user.as_ref(), machine.record.config.kernel.as_deref())?;
        machine.update(|record| {
            record.config.user = user.numbers;
            environment::set_default(&mut record.config.env, "HOME", &user.home);
            if record.config.has_terminal {
                environment::set_default(&mut record.config.env, "TERM", "xterm");
            }
        })?;
        let long = boot::long_words(&machine.record.config)?;
        let words_in_initrd = long.is_some();
        if let Some(words) = long {
            archive = Some(rootfs::with_tail(archive, &words, machine)?);
        }
        let rootfs_bytes = archive.as_ref().map_or(0, |archive| archive.bytes);
        let memory_mib = memory::size_mib(self.asked_bytes, self.kernel_bytes, rootfs_bytes)?;
        // Its own archive goes where the machine goes; the user's is found from anywhere.
        let initrd = archive.map(|archive| match archive.path.strip_prefix(machine.directory()) {
            Ok(own) => own.to_owned(),
            Err(_) => std::path::absolute(&archive.path).unwrap_or(archive.path),
        });
        machine.update(|record| {
            record.config.memory_mib = memory_mib;
            record.config.initrd = initrd;
            record.config.words_in_initrd = words_in_initrd;
            record.phase = Phase::Created;
        })?;
        Ok(())
    }
}

/// The directory for kernels and verdicts.
///
/// # Errors
/// When it cannot be made.
pub fn cache(store: &Store) -> Result<PathBuf> {
    let cache = store.data().join("cache");
    pith_machine::paths::create_dir(&cache).map_err(|error| Error::new(format!("{}: {error}", cache.display())))?;
    Ok(cache)
}

/// The name that records have for an accelerator.
pub fn accelerator_name(accelerator: Accelerator) -> &'static str {
    match accelerator {
        Accelerator::Kvm => "kvm",
        Accelerator::Tcg => "tcg",
    }
}

/// KVM if it works, else emulation, with one line that says why.
pub fn accelerator(is_disabled: bool, cache: &Path, report: &Report) -> Accelerator {
    if is_disabled {
        return Accelerator::Tcg;
    }
    match probe::kvm(&cache.join("kvm.json"), &["/proc/self/exe", "__kvm-probe"]) {
        Verdict::Usable => Accelerator::Kvm,
        Verdict::Unusable(reason) => {
            report.info(&format!("emulating the processor, which is slow: KVM is not usable: {reason} (-W hides this line)"));
            Accelerator::Tcg
        }
    }
}

/// The usual one, if it has room for so many devices.
fn machine_type(devices: usize) -> Result<MachineType> {
    match std::env::var("PITH_QEMU_MACHINE") {
        Ok(text) if !text.is_empty() => text.parse::<MachineType>().map_err(Error::new),
        _ if devices <= MachineType::Microvm.devices() => Ok(MachineType::Microvm),
        _ => Ok(MachineType::Q35),
    }
}

/// Refuses by name what is not there yet.
fn check_target(settings: &Settings, arguments: &CreateArgs) -> Result<()> {
    let refused = |what: &str| Error::new(format!("{what} is not supported yet")).with_help("supported: qemu/x86_64");
    let plat = if arguments.plat == Plat::Auto { settings.plat() } else { arguments.plat };
    match plat {
        Plat::Auto | Plat::Qemu => {}
        Plat::Fc => return Err(refused("platform fc (Firecracker)")),
        Plat::Xen => return Err(refused("platform xen")),
    }
    match arguments.arch.or_else(|| settings.arch()) {
        None | Some(Arch::X86_64) => {}
        Some(Arch::Arm64) => return Err(refused("architecture arm64")),
    }
    match arguments.target.as_deref() {
        None | Some("qemu/x86_64" | "kvm/x86_64") => {}
        Some(target) if target.contains('/') => return Err(refused(&format!("target {target}"))),
        // A name is a project's own: `source` knows it or refuses it.
        Some(_) => {}
    }
    if arguments.compress {
        let message = "--compress: a machine's files are mapped straight from its root file system, which a compressed one does not allow";
        return Err(Error::new(message).with_help("leave it out; compressed archives are accepted as --rootfs and unpacked here"));
    }
    if arguments.qemu_sgabios_preamble {
        return Err(Error::new("--qemu-sgabios-preamble is not supported: no firmware writes to the console of Pith's machines"));
    }
    match arguments.runner {
        Some(Runner::Oci) => Err(refused_runner("oci", "packages")),
        Some(Runner::Manifest) => Err(refused_runner("manifest", "components")),
        Some(Runner::Kernel | Runner::Linuxu | Runner::KraftfileRuntime | Runner::KraftfileUnikraft) | None => Ok(()),
    }
}

fn refused_runner(name: &str, what: &str) -> Error {
    Error::new(format!("--as {name}: {what} are not supported yet"))
        .with_help("supported: kernel, linuxu, kraftfile-unikraft, kraftfile-runtime")
}

/// Whether the machine gets a network.
fn network(arguments: &CreateArgs) -> Result<bool> {
    for (flag, value) in [("ip", &arguments.ip), ("mac", &arguments.mac)] {
        if let Some(value) = value {
            let message =
                format!("--{flag} {value:?}: addresses cannot be chosen yet, because machines are not on networks of their own yet");
            return Err(Error::new(message));
        }
    }
    match arguments.network.as_slice() {
        [] => Ok(true),
        [only] if only == "none" => Ok(false),
        [only] if only == "user" => Ok(true),
        [first, ..] => {
            let message = format!("--network {first:?}: networks that machines share are not supported yet");
            Err(Error::new(message).with_help("publish ports with -p, or give --network none"))
        }
    }
}

fn restart(arguments: &CreateArgs) -> Result<RestartPolicy> {
    let policy = arguments.restart.parse::<RestartPolicy>();
    let policy = policy.map_err(|problem| Error::new(format!("--restart {:?}: {problem}", arguments.restart)))?;
    if arguments.rm && policy != RestartPolicy::No {
        return Err(Error::new("--rm and --restart contradict each other: a machine that starts again cannot be removed when it ends"));
    }
    Ok(policy)
}

/// What `--cpus` asks for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Processors {
    /// Virtual processors; `None` for one.
    count: Option<u32>,
    /// Share of the host's, in thousandths of one; `None` for as much as there is.
    share_millis: Option<u32>,
}

/// The most virtual processors: what the kernel's scheduler knows.
const PROCESSORS_MAX: u32 = 64;

/// A whole number is that many processors; a fraction is a share of the host's, on as many as that takes.
fn processors(arguments: &CreateArgs) -> Result<Processors> {
    let Some(text) = &arguments.cpus else { return Ok(Processors::default()) };
    let wrong = |problem: &str| Error::new(format!("--cpus {text:?}: {problem}"));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(part) || whole.len() + part.len() == 0 || whole.len() > 4 {
        return Err(wrong("expected a number, as in 0.5"));
    }
    let thousandths: u32 = format!("{part:0<3}").get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
    let millis = whole.parse::<u32>().unwrap_or(0) * 1000 + thousandths;
    if millis < 10 {
        return Err(wrong("at least 0.01 is needed"));
    }
    let count = millis.div_ceil(1000);
    if count > PROCESSORS_MAX {
        return Err(wrong(&format!("a machine has at most {PROCESSORS_MAX} processors")));
    }
    Ok(Processors { count: (count > 1).then_some(count), share_millis: (!millis.is_multiple_of(1000)).then_some(millis) })
}

/// The user's signal, the image's, or SIGTERM.
fn stop_signal(arguments: &CreateArgs, source: &Source<Files>) -> Result<u8> {
    match (&arguments.stop_signal, &source.stop_signal) {
        (Some(text), _) => signal_number(text).map_err(|problem| Error::new(format!("--stop-signal {problem}"))),
        (None, Some(text)) => signal_number(text).map_err(|problem| Error::new(format!("{}: STOPSIGNAL {problem}", source.shown))),
        (None, None) => Ok(SIGTERM),
    }
}

fn labels(texts: &[String]) -> Result<Vec<(String, String)>> {
    let label = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if name.is_empty() {
            Err(Error::new(format!("--label {text:?}: expected NAME=VALUE")))
        } else {
            Ok((name.to_owned(), value.to_owned()))
        }
    };
    texts.iter().map(label).collect()
}

/// The kernel other than the built-in one, if any.
fn kernel_path(source: &Source<Files>, arguments: &CreateArgs) -> Result<Option<PathBuf>> {
    let named = source.kernel.clone().or_else(|| arguments.kernel());
    if !arguments.symbolic {
        return Ok(named);
    }
    let Some(kernel) = named else {
        let message = "--symbolic: the built-in kernel comes without symbols";
        return Err(Error::new(message).with_help("name one with --runtime kernel://PATH; beside it lies PATH.dbg"));
    };
    let mut symbolic = kernel.into_os_string();
    symbolic.push(".dbg");
    let symbolic = PathBuf::from(symbolic);
    if symbolic.is_file() { Ok(Some(symbolic)) } else { Err(Error::new(format!("--symbolic: there is no {}", symbolic.display()))) }
}

/// Names of signals 1 to 31, in the order of their numbers (signal(7), x86).
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",
    "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

const SIGTERM: u8 = 15;

/// A signal by name, with or without `SIG`, or by number.
///
/// # Errors
/// A sentence that names it.
pub fn signal_number(text: &str) -> std::result::Result<u8, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let by_name = SIGNALS.iter().position(|known| *known == name).and_then(|at| u8::try_from(at + 1).ok());
    let found = by_name.or_else(|| text.parse().ok().filter(|number| (1..=64).contains(number)));
    found.ok_or_else(|| format!("{text:?}: expected a signal by name, as in SIGHUP or HUP, or by number, 1 to 64"))
}

/// This process, as the supervisor of a machine.
pub fn this_process() -> Option<Process> {
    Process::of(std::process::id())
}
