//! Whether a kernel can use the root file system that is built for it: said now, not by a machine that does nothing.

use super::choice::Chosen;
use super::rootfs::Built;
use crate::error::{Error, Result};
use pith_rootfs::Format;

/// Looks whether a kernel has what its root file system needs.
///
/// # Errors
/// It has not; it is to carry one, and there is none.
pub fn check(chosen: &Chosen, rootfs: Option<&Built>, file: &str) -> Result<()> {
    let has = |feature: &str| chosen.configuration.features.iter().any(|known| known == feature);
    let Some(rootfs) = rootfs else {
        if !has("exec") && !chosen.carries_program() {
            let message = format!(
                "{file}: the kernel is to be built without CONFIG_LIBELF, which starts programs, and the project has no sources of a program to carry"
            );
            return Err(Error::new(message).with_help("set CONFIG_LIBELF=y, or list sources in Makefile.uk"));
        }
        if !chosen.embeds_rootfs {
            return Ok(());
        }
        let message = format!("{file}: CONFIG_EINITRD=y wants the root file system inside the image, and there is none");
        return Err(Error::new(message).with_help("add for example `rootfs: ./Dockerfile`"));
    };
    if !has("exec") && !chosen.carries_program() {
        let message = format!(
            "{file}: there is a root file system with programs in it, and the kernel is to be built without CONFIG_LIBELF, which starts them"
        );
        return Err(Error::new(message).with_help("set CONFIG_LIBELF=y, or leave `rootfs` out"));
    }
    if rootfs.format == Some(Format::Cpio) && !has("initrd") {
        let message = format!("{file}: the root file system is a cpio archive, and the kernel is to be built without CONFIG_LIBUKCPIO");
        return Err(Error::new(message).with_help("set CONFIG_LIBUKCPIO=y, or make it an EROFS image: --rootfs-type erofs"));
    }
    if rootfs.format == Some(Format::Erofs) && !has("erofs") {
        let message = format!("{file}: the root file system is an EROFS image, and the kernel is to be built without CONFIG_LIBEROFS");
        return Err(Error::new(message).with_help("set CONFIG_LIBEROFS=y, or make it a cpio archive: --rootfs-type cpio"));
    }
    Ok(())
}
