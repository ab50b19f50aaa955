//! Archives for both sides, packed as the product packs them.

use crate::Result;
use pith_rootfs::{Format, Plan, SourceKind, SourceOptions, Timestamp, source};
use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One file of an archive: where it is in the guest, and on the host.
pub type Entry = (String, PathBuf);

/// Packs `entries` into `archive`, by way of a directory beside it.
pub fn pack(archive: &Path, entries: &[Entry]) -> Result<()> {
    let failed = |e: std::io::Error| format!("{}: {e}", archive.display());
    let staging = archive.with_extension("d");
    let _ = fs::remove_dir_all(&staging);
    for (guest, host) in entries {
        let target = staging.join(guest.trim_start_matches('/'));
        fs::create_dir_all(target.parent().unwrap_or(&staging)).map_err(failed)?;
        fs::copy(host, &target).map_err(|e| format!("{}: {e}", host.display()))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    let out = BufWriter::new(File::create(archive).map_err(failed)?);
    let described = |e: pith_rootfs::RootfsError| e.to_string();
    let mut tree = source::read(&staging, SourceKind::Directory, &SourceOptions::default()).map_err(described)?;
    tree.give_to_root();
    tree.set_times(Timestamp::default());
    Plan::new(&tree, Format::Cpio).and_then(|plan| plan.write(out)).map_err(described)?;
    fs::remove_dir_all(&staging).map_err(failed)
}

/// A file of `bytes` bytes that do not compress and are not shared, made once.
pub fn ballast(path: &Path, bytes: usize) -> Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut data = Vec::with_capacity(bytes);
    while data.len() < bytes {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    fs::write(path, data).map_err(|e| format!("{}: {e}", path.display()))
}
