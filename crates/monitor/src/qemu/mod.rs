//! QEMU.
//!
//! First choice is `-M microvm` with qboot: no PCI scan and no option ROM, half the start time of `pc` (measured 30 ms
//! against 75 ms to a kernel's first instruction under TCG, QEMU 7.2). Its virtio-mmio transports sit at fixed places
//! (`hw/i386/microvm.c`): without ACPI there are eight, at 0xfeb00000 + n * 512 with interrupt 5 + n. Each device is put
//! on a transport of our choice, and we write the `virtio_mmio.device=` words ourselves, before the arguments.
//! `PITH_QEMU_MACHINE=pc|q35|microvm` overrides the choice for debugging.

mod command;

pub(crate) use command::TRANSPORTS;

use crate::{Channels, MachineSpec, Monitor, MonitorError, Running};
use std::env;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A QEMU binary.
#[derive(Clone, Debug)]
pub struct Qemu {
    program: PathBuf,
}

impl Qemu {
    /// The QEMU to use: the one named, else `qemu-system-x86_64` from `PATH`.
    ///
    /// # Errors
    /// [`MonitorError::NotInstalled`].
    pub fn find(named: Option<PathBuf>) -> Result<Self, MonitorError> {
        const PROGRAM: &str = "qemu-system-x86_64";
        let is_program =
            |path: &PathBuf| path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0);
        if let Some(program) = named {
            if program.components().count() > 1 {
                return Ok(Self { program });
            }
            let found =
                env::split_paths(&env::var_os("PATH").unwrap_or_default()).map(|directory| directory.join(&program)).find(is_program);
            let missing = || MonitorError::NotInstalled { program: program.display().to_string() };
            return Ok(Self { program: found.ok_or_else(missing)? });
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path).map(|directory| directory.join(PROGRAM)).find(is_program);
        let program = found.ok_or_else(|| MonitorError::NotInstalled { program: PROGRAM.to_owned() })?;
        Ok(Self { program })
    }
}

impl Qemu {
    /// The binary.
    #[must_use]
    pub fn program(&self) -> &std::path::Path {
        &self.program
    }
}

impl Monitor for Qemu {
    fn platform(&self) -> &'static str {
        "qemu"
    }

    fn command(&self, spec: &MachineSpec, channels: &Channels) -> Result<Vec<String>, MonitorError> {
        let mut words = vec![self.program.display().to_string()];
        words.extend(command::arguments(spec, channels)?);
        Ok(words)
    }

    fn start(&self, spec: &MachineSpec, diagnostics: File) -> Result<Running, MonitorError> {
        let channels = Channels::new()?;
        let arguments = command::arguments(spec, &channels)?;
        channels.spawn(&self.program, &arguments, diagnostics, spec.cpus)
    }

    fn explain(&self, diagnostics: &str) -> String {
        let said = diagnostics.trim();
        if said.is_empty() {
            return "QEMU ended without a word from the guest: the machine reset itself, or the kernel is not bootable".to_owned();
        }
        let hint = if said.contains("Could not set up host forwarding rule") {
            "\na published port is taken by another program"
        } else if said.contains("Property") && said.contains("not found") {
            "\nthis QEMU is too old: version 6.0 or later is needed"
        } else if said.contains("qboot.rom") {
            "\nQEMU's firmware files are missing: `sudo apt install qemu-system-data`"
        } else if said.contains("cannot set up guest memory") {
            "\nthe host has not that much free memory: give less with -M"
        } else {
            ""
        };
        format!("QEMU said: {said}{hint}")
    }
}
