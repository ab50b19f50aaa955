//! Machine instances: where they are kept, how they live and end.
//!
//! One directory per machine, plain files, no daemon ([`store`]). Each running machine has one `pith` process above its
//! monitor ([`supervise`]): in the foreground the one that the user started, detached a background copy. It holds a file
//! lock for as long as it lives, so whether a machine runs is never a guess, and the monitor dies with it.
//!
//! Neighbours: `pith-monitor` starts the monitor; `pith` decides what to run and shows what is here.
#![forbid(unsafe_code)]

pub mod cgroup;
pub mod config;
pub mod control;
pub mod ending;
pub mod events;
pub mod logs;
pub mod names;
pub mod paths;
pub mod signal;
pub mod state;
pub mod store;
pub mod supervise;
pub mod wait;

pub use config::{MachineConfig, RestartPolicy};
pub use control::{Control, ControlError};
pub use ending::Ending;
pub use logs::{LogReader, LogWriter, Stream};
pub use state::{MachineRecord, Phase, Status};
pub use store::{Machine, Store, StoreError};
pub use supervise::{Event, Streams, Supervisor};
