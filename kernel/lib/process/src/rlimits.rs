//! Resource limits (getrlimit(2)).

use uapi::{Errno, Result};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// No limit (RLIM_INFINITY).
pub const INFINITY: u64 = u64::MAX;
/// The most descriptors a process may ask for (/proc/sys/fs/nr_open).
pub const NR_OPEN: u64 = 1 << 20;

/// `struct rlimit64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Rlimit {
    /// Soft limit: what is enforced.
    pub current: u64,
    /// Hard limit: how far the soft one may be raised.
    pub maximum: u64,
}

/// The resources, in the kernel's numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Resource {
    Cpu,
    FileSize,
    Data,
    Stack,
    Core,
    Rss,
    Processes,
    Files,
    LockedMemory,
    AddressSpace,
    Locks,
    PendingSignals,
    MessageQueues,
    Nice,
    RealtimePriority,
    RealtimeTime,
}

impl Resource {
    /// All of them in order.
    pub const ALL: [Resource; 16] = [
        Resource::Cpu,
        Resource::FileSize,
        Resource::Data,
        Resource::Stack,
        Resource::Core,
        Resource::Rss,
        Resource::Processes,
        Resource::Files,
        Resource::LockedMemory,
        Resource::AddressSpace,
        Resource::Locks,
        Resource::PendingSignals,
        Resource::MessageQueues,
        Resource::Nice,
        Resource::RealtimePriority,
        Resource::RealtimeTime,
    ];

    /// RLIMIT_* of the application; EINVAL for one that does not exist.
    pub fn from_number(number: u32) -> Result<Resource> {
        Self::ALL.get(number as usize).copied().ok_or(Errno::EINVAL)
    }
}

impl Rlimit {
    /// What a Linux process starts with, with more descriptors: there is nobody else to leave any to.
    pub const fn at_start(resource: Resource) -> Self {
        let (current, maximum) = match resource {
            Resource::Stack => (8 << 20, INFINITY),
            Resource::Core => (0, INFINITY),
            Resource::Files => (65536, NR_OPEN),
            Resource::LockedMemory => (8 << 20, 8 << 20),
            Resource::PendingSignals => (4096, 4096),
            Resource::MessageQueues => (819_200, 819_200),
            Resource::Nice | Resource::RealtimePriority => (0, 0),
            _ => (INFINITY, INFINITY),
        };
        Self { current, maximum }
    }
}

/// The limits of a process; none but those at the start in a kernel where they cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "limits"), derive(Default))]
pub struct Rlimits(#[cfg(feature = "limits")] [Rlimit; 16]);

#[cfg(feature = "limits")]
impl Default for Rlimits {
    fn default() -> Self {
        Self(Resource::ALL.map(Rlimit::at_start))
    }
}

/// Whether the caller may raise hard limits (CAP_SYS_RESOURCE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// It may.
    Allowed,
    /// EPERM.
    Denied,
}

impl Rlimits {
    /// The limits on `resource`.
    pub fn get(&self, resource: Resource) -> Rlimit {
        #[cfg(feature = "limits")]
        return self.0[resource as usize];
        #[cfg(not(feature = "limits"))]
        Rlimit::at_start(resource)
    }

    /// setrlimit(2): EINVAL when the soft limit is above the hard one, EPERM for a raised hard limit or more descriptors than [`NR_OPEN`].
    #[cfg(feature = "limits")]
    pub fn set(&mut self, resource: Resource, new: Rlimit, raise: Raise) -> Result<()> {
        if new.current > new.maximum {
            return Err(Errno::EINVAL);
        }
        let slot = &mut self.0[resource as usize];
        let raised = new.maximum > slot.maximum && raise == Raise::Denied;
        if raised || (resource == Resource::Files && new.maximum > NR_OPEN) {
            return Err(Errno::EPERM);
        }
        *slot = new;
        Ok(())
    }
}
