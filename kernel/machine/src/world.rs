//! Files, then devices, then the console: in this order each finds what it needs, whatever runs on the machine.

use crate::console::Console;
use crate::{end, files, initrd, step};
use alloc::string::String;
use alloc::sync::Arc;
use pith_abi::cmdline::GuestConfig;
use pith_abi::exit;
use plat_pc::pvh::BootInfo;
#[cfg(feature = "net")]
use time::TimerQueue;
use vfs::{Context, Vfs};

/// What the machine has, once it is all there.
pub struct World {
    /// The tree of files, in its working directory.
    pub files: Context,
    /// The machine's name.
    pub hostname: String,
    /// The network.
    #[cfg(feature = "net")]
    pub network: Arc<net::Stack>,
}

impl World {
    /// Brings it all up as the command line says. A root file system that is itself an executable becomes the file `program`.
    #[inline(always)]
    pub fn new(
        info: &BootInfo,
        config: &GuestConfig,
        vfs: &Arc<Vfs>,
        program: &[u8],
        console: &Arc<Console>,
        #[cfg(feature = "net")] timers: &TimerQueue,
    ) -> Self {
        let hostname = config.hostname.clone();
        #[cfg(feature = "net")]
        let hostname = hostname.or_else(|| config.netdev_ip.iter().find_map(|ip| ip.hostname.clone()));
        let hostname = hostname.unwrap_or_else(|| "pith".into());
        let root = files::root(
            vfs,
            initrd(info).0,
            program,
            #[cfg(feature = "net")]
            crate::network::provided_files(&config.netdev_ip, &hostname),
        );
        let mut files = root.context;
        #[cfg(feature = "ninep")]
        let mut found = crate::devices::find(&config.virtio_mmio);
        #[cfg(feature = "change-files")]
        files::mount_table(
            &files,
            &config.fstab,
            #[cfg(feature = "ninep")]
            &crate::volumes::shares(&mut found),
        );
        if let Some(workdir) = &config.workdir {
            match files.resolve_dir(None, workdir.as_bytes()) {
                Ok(place) => files.cwd = place,
                Err(errno) => end::failed(exit::NOT_EXECUTABLE, format_args!("working directory {workdir}: {errno}")),
            }
        }
        step("root");
        #[cfg(feature = "net")]
        let network = crate::network::start(timers);
        #[cfg(feature = "virtio")]
        crate::devices::attach(
            config,
            #[cfg(feature = "ninep")]
            found,
            #[cfg(feature = "agent")]
            console,
            #[cfg(feature = "net")]
            (&network, &hostname),
        );
        console.open(config.stderr);
        #[cfg(feature = "net")]
        if root.placed.contains(&crate::network::RESOLV_CONF) {
            crate::network::keep_resolv_conf(&network, &files, &config.netdev_ip);
        }
        step("devices");
        Self {
            files,
            hostname,
            #[cfg(feature = "net")]
            network,
        }
    }
}
