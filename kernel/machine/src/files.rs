//! The root file system: the initrd (a cpio archive, an EROFS image or a program) in memory with a writable layer, the standard mounts, what the command line adds.

use crate::end;
#[cfg(feature = "net")]
use alloc::string::String;
use alloc::sync::Arc;
#[cfg(any(feature = "program", feature = "net"))]
use alloc::vec::Vec;
#[cfg(feature = "net")]
use file::FileType;
#[cfg(feature = "initrd")]
use initrd::Summary;
#[cfg(feature = "change-files")]
use pith_abi::cmdline::FstabEntry;
use pith_abi::exit;
use ramfs::Ramfs;
#[cfg(feature = "net")]
use time::Clock;
#[cfg(feature = "net")]
use vfs::Inode;
use vfs::{Context, MountFlags, Namespace, Vfs};

/// The tree, as its first process sees it.
pub struct Root {
    /// The view from its top.
    pub context: Context,
    /// Which provided files the image did not have itself.
    #[cfg(feature = "net")]
    pub placed: Vec<&'static str>,
}

/// A file system in memory that begins as what the initrd holds. One that is itself an executable becomes the file `program`.
fn contents(vfs: &Arc<Vfs>, archive: &'static [u8], program: &[u8]) -> Arc<Ramfs> {
    #[cfg(feature = "erofs")]
    if erofs::is_image(archive) {
        match erofs::mount(vfs, archive) {
            Ok(fs) => return fs,
            Err(error) => end::failed(exit::PITH_ERROR, format_args!("the root file system is damaged: {error}")),
        }
    }
    let fs = Ramfs::new(vfs, 0o755);
    match archive {
        [] => {}
        #[cfg(feature = "program")]
        bytes if bytes.starts_with(b"\x7fELF") => {
            let name: &'static [u8] = Vec::leak(program.rsplit(|b| *b == b'/').next().unwrap_or(b"program").to_vec());
            let meta = ramfs::Meta { mode: 0o755, ..ramfs::Meta::default() };
            if let Err(errno) = fs.top().insert(name, &meta, ramfs::Contents::File(bytes)) {
                end::failed(exit::PITH_ERROR, format_args!("the initrd's program cannot be shown as a file: {errno}"));
            }
        }
        #[cfg(feature = "initrd")]
        bytes => match initrd::load(bytes, &fs) {
            Ok(Summary { entries, bytes }) => crate::log!(Debug, "initrd: {entries} entries, {bytes} bytes in files"),
            Err(error) => end::failed(exit::PITH_ERROR, format_args!("the root file system is damaged: {error}")),
        },
        #[cfg(not(feature = "initrd"))]
        _ => end::failed(
            exit::PITH_ERROR,
            format_args!(
                "the root file system is in a format that this image was built without (cpio: CONFIG_LIBUKCPIO, EROFS: CONFIG_LIBEROFS)"
            ),
        ),
    }
    #[cfg(not(feature = "program"))]
    let _ = program;
    fs
}

/// The tree: what the initrd holds, and the files that the machine provides.
pub fn root(vfs: &Arc<Vfs>, archive: &'static [u8], program: &[u8], #[cfg(feature = "net")] provided: Vec<Provided>) -> Root {
    let fs = contents(vfs, archive, program);
    #[cfg(feature = "net")]
    let mut placed = Vec::new();
    #[cfg(feature = "net")]
    let left = provide(&fs, provided, &mut placed);
    let context = Context::new(Namespace::new(vfs.clone(), fs, MountFlags::empty(), b"rootfs"));
    #[cfg(feature = "net")]
    for file in left {
        if !exists(&context, file.path.as_bytes()) {
            write(&context, file.path.as_bytes(), file.text.as_bytes());
            placed.push(file.path);
        }
    }
    Root {
        context,
        #[cfg(feature = "net")]
        placed,
    }
}

/// A small file in /etc that the machine brings along.
#[cfg(feature = "net")]
pub struct Provided {
    /// Its whole path.
    pub path: &'static str,
    /// What it holds.
    pub text: String,
}

/// Puts `files` into /etc before anybody sees the tree, which is far cheaper than writing them; what the image has itself stays. Adds those put there to
/// `placed`, and returns those that lie behind a symbolic link.
#[cfg(feature = "net")]
fn provide(fs: &Ramfs, files: Vec<Provided>, placed: &mut Vec<&'static str>) -> Vec<Provided> {
    let now_ns = i64::try_from(crate::pc::get().clock.realtime_ns()).unwrap_or(0);
    let meta = ramfs::Meta { mtime_ns: now_ns, ..ramfs::Meta::default() };
    let etc =
        fs.top().get(b"etc").map_or_else(|| fs.top().insert(b"etc", &ramfs::Meta { mode: 0o755, ..meta }, ramfs::Contents::Directory), Ok);
    let Ok(etc) = etc else { return files };
    let mut left = Vec::new();
    for file in files {
        let name = file.path.trim_start_matches("/etc/").as_bytes();
        match etc.get(name) {
            None if etc.kind() == FileType::Directory => {
                // It is a directory without that name.
                let _ = etc.insert(name, &meta, ramfs::Contents::File(file.text.leak().as_bytes()));
                placed.push(file.path);
            }
            Some(there) if there.kind() != FileType::Symlink => {}
            _ => left.push(file),
        }
    }
    left
}

/// Mounts that the command line asks for besides the root.
#[cfg(feature = "change-files")]
pub fn mount_table(context: &Context, table: &[FstabEntry], #[cfg(feature = "ninep")] shares: &[crate::volumes::Share]) {
    for entry in table {
        let failed = |why: &str| -> ! { end::failed(exit::PITH_ERROR, format_args!("vfs.fstab: {entry}: {why}")) };
        match entry.driver.as_str() {
            // The initrd is the root already, in whichever format it came.
            "extract" | "erofs" if entry.mountpoint == "/" => {}
            "ramfs" | "tmpfs" => {
                if !(entry.flags.is_empty() && entry.opts.is_empty()) {
                    failed("flags and options are not supported");
                }
                let path = entry.mountpoint.as_bytes();
                for end in (1..=path.len()).filter(|&end| path.get(end).is_none_or(|b| *b == b'/')) {
                    // What is there already refuses to be made, which is as good.
                    let _ = context.mkdir(None, &path[..end], 0o755);
                }
                let place = match context.resolve(None, path, vfs::Follow::Yes) {
                    Ok(place) => place,
                    Err(errno) => failed(errno.name().unwrap_or("cannot make the mount point")),
                };
                let fs = Ramfs::new(context.vfs(), 0o1777);
                if let Err(errno) = context.namespace.mount(fs, &place, MountFlags::empty(), b"tmpfs") {
                    failed(errno.name().unwrap_or("cannot be mounted"));
                }
            }
            #[cfg(feature = "ninep")]
            "9pfs" => {
                if let Err(why) = crate::volumes::mount(context, entry, shares) {
                    failed(&why);
                }
            }
            #[cfg(feature = "ninep")]
            _ => failed("this image has no such file system driver (it has: extract and erofs for /, ramfs, tmpfs, 9pfs)"),
            #[cfg(not(feature = "ninep"))]
            _ => failed("this image has no such file system driver (it has: extract and erofs for /, ramfs, tmpfs)"),
        }
    }
}

/// Whether there is something at `path`.
#[cfg(feature = "net")]
pub fn exists(context: &Context, path: &[u8]) -> bool {
    context.resolve(None, path, vfs::Follow::Yes).is_ok()
}

/// Makes `path` a file that holds `text`. Nobody is there to hear of failure; a full file system is a log line's worth.
#[cfg(feature = "net")]
pub fn write(context: &Context, path: &[u8], text: &[u8]) {
    use uapi::general::{O_CREAT, O_TRUNC, O_WRONLY};
    if let Some(slash) = path.iter().rposition(|b| *b == b'/').filter(|at| *at > 0) {
        let _ = context.mkdir(None, &path[..slash], 0o755);
    }
    let written = context.open(None, path, &vfs::OpenHow::new(O_CREAT | O_TRUNC | O_WRONLY, 0o644)).and_then(|file| {
        let mut source: &[u8] = text;
        let source: &mut dyn file::Source = &mut source;
        file.write(source, file::OpenFlags::empty())
    });
    if let Err(errno) = written {
        crate::log!(Error, "{} cannot be written: {errno}", alloc::string::String::from_utf8_lossy(path));
    }
}
