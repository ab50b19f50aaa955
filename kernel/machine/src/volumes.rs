//! Directories of the host: which devices share one, and where the command line wants them.

use crate::devices::Found;
use crate::memory;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ninep::{NineFs, Options};
use pith_abi::cmdline::FstabEntry;
use spinlock::Mutex;
use vfs::{Context, Follow, MountFlags};
use virtio_9p::Virtio9p;

/// A directory that the host shares, by its device.
pub type Share = Arc<Virtio9p>;

/// What is mounted, for the machine's end.
static MOUNTED: Mutex<Vec<Arc<NineFs>>> = Mutex::new(Vec::new());

/// Takes the shares out of what was found.
pub fn shares(found: &mut Vec<Found>) -> Vec<Share> {
    let mut shares = Vec::new();
    for device in found.extract_if(.., |device| device.transport.device_id() == virtio_9p::DEVICE_ID) {
        match Virtio9p::new(device.transport, &memory::FRAMES) {
            Ok(share) => shares.push(Arc::new(share)),
            Err(error) => crate::log!(Error, "a shared directory cannot be used: {error:?}"),
        }
    }
    shares
}

/// Mounts what `entry` names: `TAG:/path:9pfs:FLAGS:OPTIONS:mkmp`. Flags are mount(2)'s in numbers; options say whose files are whose:
/// `uid=HOST/GUEST` and `gid=HOST/GUEST`.
pub fn mount(context: &Context, entry: &FstabEntry, shares: &[Share]) -> Result<(), String> {
    let flags = flags(&entry.flags)?;
    let options = options(&entry.opts)?;
    let share = shares.iter().find(|share| share.tag() == entry.device.as_bytes());
    let share = share.ok_or_else(|| format!("the host shares nothing by the name {:?}", entry.device.as_str()))?;
    let path = entry.mountpoint.as_bytes();
    if entry.ukopts.split(',').any(|option| option == "mkmp") {
        for end in (1..=path.len()).filter(|&end| path.get(end).is_none_or(|b| *b == b'/')) {
            // What is there already refuses to be made, which is as good.
            let _ = context.mkdir(None, &path[..end], 0o755);
        }
    }
    let place = context.resolve(None, path, Follow::Yes).map_err(|errno| format!("the mount point: {errno}"))?;
    let fs = NineFs::new(context.vfs(), share.clone(), options).map_err(|errno| format!("the host's directory: {errno}"))?;
    let mounted = context.namespace.mount(fs.clone(), &place, flags, entry.device.as_bytes());
    mounted.map_err(|errno| format!("cannot be mounted: {errno}"))?;
    MOUNTED.lock().push(fs);
    Ok(())
}

fn flags(text: &str) -> Result<MountFlags, String> {
    let bits = match text.strip_prefix("0x") {
        _ if text.is_empty() => Some(0),
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None => text.parse().ok(),
    };
    bits.and_then(MountFlags::from_bits)
        .ok_or_else(|| format!("flags {text}: expected a number made of MS_RDONLY, NOSUID, NODEV, NOEXEC, NOATIME"))
}

fn options(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    for option in text.split(',').filter(|option| !option.is_empty()) {
        let pair = option.split_once('=').and_then(|(name, ids)| {
            let (there, here) = ids.split_once('/')?;
            Some((name, there.parse::<u32>().ok()?, here.parse::<u32>().ok()?))
        });
        match pair {
            Some(("uid", there, here)) => options.uid = Some((there, here)),
            Some(("gid", there, here)) => options.gid = Some((there, here)),
            _ => return Err(format!("option {option}: expected uid=HOST/GUEST or gid=HOST/GUEST")),
        }
    }
    Ok(options)
}

/// Sends to the host what was stored through mappings: nothing does so later.
pub fn flush() {
    let mounted = core::mem::take(&mut *MOUNTED.lock());
    for fs in mounted {
        if let Err(errno) = fs.flush() {
            crate::log!(Error, "stores to a mapped file of the host are lost: {}", errno.to_string());
        }
    }
}
