//! `pith doctor`: what is installed, which accelerator is used and why, what to install.

use crate::cli::DoctorArgs;
use crate::embedded;
use crate::error::{Error, Result};
use crate::listing::Listing;
use crate::run::cache;
use crate::settings::Settings;
use pith_monitor::probe::{self, Verdict};
use pith_monitor::{MonitorError, Qemu};
use serde_json::json;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    /// As it should be.
    Good,
    /// Machines run, but slower, or without something.
    Lacking,
    /// No machine can run.
    Bad,
}

impl Grade {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Lacking => "lacking",
            Self::Bad => "missing",
        }
    }
}

struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
    advice: String,
}

fn finding(what: &'static str, grade: Grade, found: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { what, grade, found: found.into(), advice: advice.into() }
}

/// Looks at everything that running a machine needs.
///
/// # Errors
/// When no machine can run here; what is wrong has been shown.
pub fn doctor(settings: &Settings, arguments: &DoctorArgs) -> Result<u8> {
    let findings = [
        finding("pith", Grade::Good, format!("{} ({})", env!("CARGO_PKG_VERSION"), env!("PITH_COMMIT")), ""),
        runtime(),
        qemu(settings),
        firmware(),
        accelerator(settings),
        machines(settings),
        configuration(settings),
        low_ports(),
        cpu_shares(),
    ];
    let mut listing = Listing::new(&["WHAT", "STATE", "FOUND", "ADVICE"]);
    for one in &findings {
        let value = json!({ "what": one.what, "state": one.grade.name(), "found": one.found, "advice": one.advice });
        listing.push(vec![one.what.to_owned(), one.grade.name().to_owned(), one.found.clone(), one.advice.clone()], value);
    }
    print!("{}", listing.show(arguments.output)?);
    match findings.iter().any(|finding| finding.grade == Grade::Bad) {
        true => Err(Error::told(pith_abi::exit::PITH_ERROR)),
        false => Ok(0),
    }
}

fn runtime() -> Finding {
    match embedded::is_complete() {
        true => finding("runtime image", Grade::Good, embedded::description(), ""),
        false => finding("runtime image", Grade::Bad, "none built in", "run `make build` in Pith's sources"),
    }
}

fn qemu(settings: &Settings) -> Finding {
    let found = match Qemu::find(settings.qemu()) {
        Ok(found) => found,
        Err(error) => return finding("qemu", Grade::Bad, error.to_string(), MonitorError::help(&error).unwrap_or_default()),
    };
    let program = found.program();
    let output = match Command::new(program).arg("--version").output() {
        Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
        Err(error) => return finding("qemu", Grade::Bad, format!("{}: {error}", program.display()), "name another with --qemu"),
    };
    let first = output.lines().next().unwrap_or_default();
    let version = first.split("version ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    let shown = format!("{} {version}", program.display());
    match major {
        Some(6..) => finding("qemu", Grade::Good, shown, ""),
        Some(_) => finding("qemu", Grade::Bad, shown, "version 6.0 or later is needed"),
        None => finding("qemu", Grade::Lacking, format!("{}: its version is not known", program.display()), ""),
    }
}

fn firmware() -> Finding {
    let places = ["/usr/share/qemu", "/usr/share/seabios", "/usr/local/share/qemu", "/usr/share/qemu-kvm"];
    let found = places.iter().map(|place| Path::new(place).join("qboot.rom")).find(|path| path.exists());
    match found {
        Some(path) => finding("firmware", Grade::Good, path.display().to_string(), ""),
        // QEMU may have it elsewhere: its build says where.
        None => finding(
            "firmware",
            Grade::Lacking,
            "no qboot.rom in the usual places",
            "`sudo apt install qemu-system-data`, if machines do not start",
        ),
    }
}

fn accelerator(settings: &Settings) -> Finding {
    let probe = |cache: &Path| probe::kvm(&cache.join("kvm.json"), &["/proc/self/exe", "__kvm-probe"]);
    let verdict = settings.store().and_then(|store| cache(&store)).map(|cache| probe(&cache));
    let reason = match verdict {
        Ok(Verdict::Usable) => return finding("accelerator", Grade::Good, "kvm", ""),
        Ok(Verdict::Unusable(reason)) => reason,
        Err(error) => error.message().to_owned(),
    };
    let advice = if !Path::new("/dev/kvm").exists() {
        "load the kvm module, or switch virtualisation on in the firmware (or in the cloud machine's settings)"
    } else if fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        "join the group that owns /dev/kvm: `sudo usermod -aG kvm $USER`, then log in again"
    } else {
        "this host's KVM cannot run ordinary guests; machines are emulated, which works and is slow"
    };
    finding("accelerator", Grade::Lacking, format!("tcg, because KVM is not usable: {reason}"), advice)
}

fn machines(settings: &Settings) -> Finding {
    let store = match settings.store() {
        Ok(store) => store,
        Err(error) => return finding("machines", Grade::Bad, error.message(), "give a place with --runtime-dir"),
    };
    match tempfile::tempfile_in(store.data()) {
        Ok(_) => finding("machines", Grade::Good, store.data().display().to_string(), ""),
        Err(error) => finding("machines", Grade::Bad, format!("{}: {error}", store.data().display()), "give a place with --runtime-dir"),
    }
}

fn configuration(settings: &Settings) -> Finding {
    let path = settings.file.display().to_string();
    finding("configuration", Grade::Good, if settings.file.exists() { path } else { format!("{path} (not there, defaults hold)") }, "")
}

fn low_ports() -> Finding {
    // A port below 1024 that hardly anybody uses.
    match TcpListener::bind((Ipv4Addr::LOCALHOST, 799)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => finding(
            "ports below 1024",
            Grade::Lacking,
            "need privileges",
            "publish higher ones, or `sudo sysctl net.ipv4.ip_unprivileged_port_start=80`",
        ),
        _ => finding("ports below 1024", Grade::Good, "can be published", ""),
    }
}

fn cpu_shares() -> Finding {
    let id = format!("doctor-{}", std::process::id());
    match pith_machine::cgroup::CpuShare::new(&id, 500) {
        Ok(_) => finding("shares of a CPU", Grade::Good, "--cpus works", ""),
        Err(problem) => finding(
            "shares of a CPU",
            Grade::Lacking,
            format!("--cpus below 1 is refused: {problem}"),
            "run as root, or in `systemd-run --user --scope`",
        ),
    }
}
