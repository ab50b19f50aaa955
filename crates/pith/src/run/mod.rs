//! `pith run`.
//!
//! [`source`] finds out what to run, [`rootfs`] turns it into an archive, [`elf`] completes a lone program with its
//! libraries, [`memory`] sizes the machine, [`launch`] starts it and stays with it.

mod elf;
mod launch;
pub use launch::STOP_SECONDS;
mod memory;
mod rootfs;
mod source;

use crate::cli::{Arch, Global, Plat, RunArgs};
use crate::embedded;
use crate::error::{Error, Result};
use crate::report::Report;
use pith_machine::state::{Process, now_ms};
use pith_machine::{MachineRecord, Phase, Store};
use pith_monitor::probe::{self, Verdict};
use pith_monitor::{Accelerator, MachineType, Monitor, PortForward, Protocol, Qemu};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

/// Carries out `pith run`: the exit code is the application's.
///
/// # Errors
/// Everything that keeps a machine from being started.
pub fn run(global: &Global, arguments: &RunArgs, report: &Report) -> Result<u8> {
    if arguments.detach && !launch::is_background() {
        return launch::detach(report);
    }
    check_target(arguments)?;
    if arguments.compress {
        let message = "--compress: a machine's files are mapped straight from its root file system, which a compressed one does not allow";
        return Err(Error::new(message).with_help("leave it out; compressed archives are accepted as --rootfs and unpacked here"));
    }
    let ports = ports(&arguments.port)?;
    let mut source = source::find(arguments, report)?;
    source.environment = environment(&source.environment, &arguments.env, report)?;
    let monitor = Qemu::find(global.qemu())?;
    let store = Store::open(None)?;
    let cache = store.data().join("cache");
    pith_machine::paths::create_dir(&cache).map_err(|error| Error::new(format!("{}: {error}", cache.display())))?;
    let named = source.kernel.clone().or_else(|| arguments.kernel());
    let kernel = embedded::kernel(named.as_deref(), &cache)?;
    let asked = arguments.memory.as_deref().map(memory::parse).transpose()?;
    check_ports(&ports)?;
    let accelerator = accelerator(arguments, &cache, report);
    let machine_type = match std::env::var("PITH_QEMU_MACHINE") {
        Ok(text) if !text.is_empty() => text.parse::<MachineType>().map_err(Error::new)?,
        _ => MachineType::Microvm,
    };

    let record = MachineRecord {
        version: 1,
        name: String::new(),
        source: source.shown.clone(),
        args: source.argv.clone(),
        target: format!("{}/x86_64", monitor.platform()),
        accelerator: match accelerator {
            Accelerator::Kvm => "kvm".to_owned(),
            Accelerator::Tcg => "tcg".to_owned(),
        },
        memory_mib: 0,
        ports: ports.iter().map(ToString::to_string).collect(),
        created_ms: now_ms(),
        started_ms: None,
        ended_ms: None,
        supervisor: Process::of(std::process::id()),
        monitor: None,
        phase: Phase::Created,
        exit_code: None,
        reason: None,
        remove: arguments.rm,
    };
    let machine = store.create(arguments.name.as_deref(), record)?;
    let job = launch::Job { store: &store, monitor: &monitor, source, kernel, ports, accelerator, machine_type, asked };
    launch::launch(job, machine, arguments, report)
}

/// Refuses by name what is not there yet.
fn check_target(arguments: &RunArgs) -> Result<()> {
    let refused = |what: &str| Error::new(format!("{what} is not supported yet")).with_help("supported: qemu/x86_64");
    match arguments.plat {
        Plat::Auto | Plat::Qemu => {}
        Plat::Fc => return Err(refused("platform fc (Firecracker)")),
        Plat::Xen => return Err(refused("platform xen")),
    }
    match arguments.arch {
        None | Some(Arch::X86_64) => Ok(()),
        Some(Arch::Arm64) => Err(refused("architecture arm64")),
    }
}

fn ports(texts: &[String]) -> Result<Vec<PortForward>> {
    let mut ports: Vec<PortForward> = Vec::new();
    for text in texts {
        for port in PortForward::parse(text).map_err(|error| Error::new(format!("--port {error}")))? {
            let same = |other: &&PortForward| {
                let overlaps = other.host == port.host || other.host.is_unspecified() || port.host.is_unspecified();
                overlaps && (other.host_port, other.protocol) == (port.host_port, port.protocol)
            };
            if let Some(other) = ports.iter().find(same) {
                return Err(Error::new(format!("--port {text:?}: port {} is published twice ({other})", port.host_port)));
            }
            ports.push(port);
        }
    }
    Ok(ports)
}

/// Tries every published port before a machine is started for nothing.
fn check_ports(ports: &[PortForward]) -> Result<()> {
    for port in ports {
        let address = SocketAddr::new(port.host, port.host_port);
        let tried = match port.protocol {
            Protocol::Tcp => TcpListener::bind(address).map(drop),
            Protocol::Udp => UdpSocket::bind(address).map(drop),
        };
        let Err(error) = tried else { continue };
        let what = format!("cannot publish {port}: {error}");
        let help = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there; publish a different host port".to_owned(),
            std::io::ErrorKind::PermissionDenied => {
                format!("ports below 1024 need privileges; publish for example {}:{}", u32::from(port.host_port) + 8000, port.guest_port)
            }
            _ => "is this an address of this host?".to_owned(),
        };
        return Err(Error::new(what).with_help(help));
    }
    Ok(())
}

/// KVM if it works, else emulation, with one line that says why.
fn accelerator(arguments: &RunArgs, cache: &Path, report: &Report) -> Accelerator {
    if arguments.disable_acceleration {
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

/// The application's environment: what every container has, the project's, the user's; a later one wins.
fn environment(project: &[(String, Option<String>)], flags: &[String], report: &Report) -> Result<Vec<(String, Option<String>)>> {
    let mut all = vec![
        ("PATH".to_owned(), Some("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned())),
        ("HOME".to_owned(), Some("/root".to_owned())),
    ];
    all.extend(project.iter().cloned());
    for text in flags {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), None),
        };
        if name.is_empty() {
            return Err(Error::new(format!("--env {text:?}: expected NAME=VALUE or NAME")));
        }
        all.push((name.to_owned(), value));
    }
    let mut out: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in all {
        let value = value.or_else(|| std::env::var(&name).ok());
        if value.is_none() {
            report.warn(&format!("environment variable {name} has no value here and is not passed on"));
            continue;
        }
        match out.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => out.push((name, value)),
        }
    }
    Ok(out)
}
