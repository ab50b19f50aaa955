//! Virtual machine monitors behind one trait.
//!
//! A caller describes the machine ([`MachineSpec`]), a [`Monitor`] turns it into a running process ([`Running`]) with five
//! byte streams: the agent channel, the kernel's records, the monitor's own control socket, and for kernels without an agent the
//! application's console and its standard error with the control bytes. [`probe`] says whether KVM works here.
//!
//! Neighbours: `pith-abi` for the guest command line and ports; `pith-machine` drives what is started here.
#![deny(unsafe_code)]

mod backlog;
mod error;
pub mod probe;
pub mod qemu;
mod spec;
mod start;

pub use backlog::widen_backlogs;
pub use error::MonitorError;
pub use qemu::Qemu;
pub use spec::{Accelerator, Arch, MachineSpec, MachineType, Network, PortForward, PortParseError, Protocol, Volume, VolumeOwners};
pub use start::{Channels, Running};

/// One kind of virtual machine monitor.
pub trait Monitor {
    /// Short name, as in `--plat`.
    fn platform(&self) -> &'static str;

    /// The exact command for this machine; `channels` supplies the descriptors that it inherits.
    ///
    /// # Errors
    /// What this monitor cannot do, or a string that no command line can carry.
    fn command(&self, spec: &MachineSpec, channels: &Channels) -> Result<Vec<String>, MonitorError>;

    /// Starts the machine. `diagnostics` receives what the monitor itself has to say.
    ///
    /// # Errors
    /// Those of [`Monitor::command`], and when the monitor cannot be started.
    fn start(&self, spec: &MachineSpec, diagnostics: std::fs::File) -> Result<Running, MonitorError>;

    /// What to tell the user when the monitor ended by itself with this on its standard error.
    fn explain(&self, diagnostics: &str) -> String;
}
