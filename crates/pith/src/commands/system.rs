//! `pith system`: settings, disk space, manual pages.

use super::build::kernel;
use super::lifecycle::{confirm, count, remove_one};
use crate::cli::{Output, SystemCommand, tree};
use crate::error::{Error, Result};
use crate::listing::{Listing, bytes};
use crate::report::Report;
use crate::settings::file::ConfigFile;
use crate::settings::keys::{self, Kind, Use};
use crate::settings::{self, Settings};
use pith_dockerfile::cache::Cache;
use pith_dockerfile::worker::Commands;
use pith_machine::{Status, Store, paths};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Carries out a `pith system` command.
///
/// # Errors
/// Those of the command.
pub fn system(settings: &Settings, command: &SystemCommand, report: &Report) -> Result<u8> {
    match command {
        SystemCommand::List { output } => list(settings, *output),
        SystemCommand::Set { settings: pairs } => set(settings, pairs),
        SystemCommand::Unset { keys } => unset(settings, keys),
        SystemCommand::Df { output } => df(&settings.store()?, *output),
        SystemCommand::Prune { force } => prune(settings, *force, report),
        SystemCommand::Man { directory } => man(directory),
    }
}

fn list(settings: &Settings, output: Output) -> Result<u8> {
    let mut listing = Listing::new(&["SETTING", "VALUE", "FROM"]);
    let kept = |used| used == Use::Kept;
    for setting in &settings.all {
        let from = if kept(setting.key.used) { format!("{} (no effect)", setting.origin) } else { setting.origin.clone() };
        let value =
            json!({ "setting": setting.key.name, "value": setting.value, "from": setting.origin, "has_effect": !kept(setting.key.used) });
        listing.push(vec![setting.key.name.to_owned(), setting.value.clone(), from], value);
    }
    // Groups whose members the user has named.
    let file = settings::read(&settings.file)?;
    for (name, value, _) in file.settings().filter(|(name, ..)| !keys::KEYS.iter().any(|key| key.name == *name)) {
        let shown = if name.ends_with(".token") { "(hidden)".to_owned() } else { value };
        let row = vec![name.to_owned(), shown.clone(), "file (no effect)".to_owned()];
        listing.push(row, json!({ "setting": name, "value": shown, "from": "file", "has_effect": false }));
    }
    print!("{}", listing.show(output)?);
    Ok(0)
}

fn unknown(name: &str) -> Error {
    Error::new(format!("there is no setting {name:?}")).with_help("`pith system list` shows all of them")
}

fn set(settings: &Settings, pairs: &[String]) -> Result<u8> {
    let mut file = settings::read(&settings.file)?;
    for pair in pairs {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| Error::new(format!("{pair:?}: expected KEY=VALUE, as in log.level=debug")))?;
        let kind = keys::kind_of(name).ok_or_else(|| unknown(name))?;
        let wrong = |problem: String| Error::new(format!("{name}={value:?}: {problem}"));
        keys::check(kind, value).map_err(wrong)?;
        let is_list = kind == Kind::List;
        let values: Vec<String> = if is_list { value.split(',').map(str::to_owned).collect() } else { vec![value.to_owned()] };
        file = file.set(name, &values, is_list).map_err(|problem| Error::new(format!("{}: {problem}", settings.file.display())))?;
    }
    write(&settings.file, &file)
}

fn unset(settings: &Settings, names: &[String]) -> Result<u8> {
    let mut file = settings::read(&settings.file)?;
    for name in names {
        keys::kind_of(name).ok_or_else(|| unknown(name))?;
        file = file.unset(name).map_err(|problem| Error::new(format!("{}: {problem}", settings.file.display())))?;
    }
    write(&settings.file, &file)
}

/// Replaces the configuration file; whoever reads it sees the old one or the new one. A link stays a link.
fn write(path: &Path, file: &ConfigFile) -> Result<u8> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", path.display()));
    let directory = path.parent().unwrap_or(Path::new("."));
    paths::create_dir(directory).map_err(failed)?;
    let mut new = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    new.write_all(file.text().as_bytes()).map_err(failed)?;
    // A file that the user made readable for others stays so; a new one is private, because it may hold tokens.
    if let Ok(metadata) = fs::metadata(&path) {
        fs::set_permissions(new.path(), metadata.permissions()).map_err(failed)?;
    }
    paths::give_to_user(new.path());
    new.persist(&path).map_err(|error| failed(error.error))?;
    Ok(0)
}

/// Bytes that a directory takes up on the disk. A machine's file that has other names is the cache's.
fn disk_bytes(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if metadata.is_file() && metadata.nlink() > 1 {
        return 0;
    }
    let inside: u64 = match metadata.is_dir() {
        true => fs::read_dir(path).into_iter().flatten().flatten().map(|item| disk_bytes(&item.path())).sum(),
        false => 0,
    };
    metadata.blocks() * 512 + inside
}

/// Files of the cache that this version does not use.
fn stale_cache(store: &Store) -> Vec<std::path::PathBuf> {
    let in_use: Vec<_> = store.list().into_iter().flatten().filter_map(|(_, machine)| machine.ok()?.record.config.kernel).collect();
    let items = fs::read_dir(store.data().join("cache")).into_iter().flatten().flatten();
    let is_current = |name: &str| name == "kvm.json" || name == crate::run::PACKED || crate::embedded::is_cached_name(name);
    items
        .filter(|item| !is_current(&item.file_name().to_string_lossy()) && !in_use.contains(&item.path()))
        .map(|item| item.path())
        .collect()
}

/// Packed root file systems.
fn packed(store: &Store) -> pith_rootfs::Cache {
    pith_rootfs::Cache::at(&store.data().join("cache").join(crate::run::PACKED))
}

/// Where builds of Dockerfiles keep what they made, if there were any.
fn builds(store: &Store) -> Option<std::path::PathBuf> {
    Some(store.data().join("build")).filter(|path| path.exists())
}

/// Steps of Dockerfiles that are kept, and bytes that all of it takes.
fn build_usage(store: &Store) -> (usize, u64) {
    builds(store).map_or((0, 0), |path| (fs::read_dir(path.join("steps")).into_iter().flatten().count(), disk_bytes(&path)))
}

/// Removes what builds of Dockerfiles keep; the bytes that were freed.
fn clear_builds(store: &Store, report: &Report) -> Result<u64> {
    let Some(path) = builds(store) else { return Ok(0) };
    let failed = |error: pith_dockerfile::cache::CacheError| Error::new(error.to_string());
    let before = disk_bytes(&path);
    let commands = Commands::new(Path::new("/proc/self/exe"));
    if !Cache::open(&path).map_err(failed)?.clear(&|path| commands.remove(path)).map_err(failed)? {
        report.warn("a Dockerfile is being built: the build cache stays");
    }
    Ok(before.saturating_sub(disk_bytes(&path)))
}

fn df(store: &Store, output: Output) -> Result<u8> {
    let (mut total, mut live, mut size, mut free) = (0_usize, 0_usize, 0, 0);
    for (_, machine) in store.list()? {
        total += 1;
        let Ok(machine) = machine else { continue };
        let taken = disk_bytes(machine.directory());
        size += taken;
        match machine.status() {
            Status::Exited | Status::Failed => free += taken,
            status => live += usize::from(status.is_live()),
        }
    }
    let packed = packed(store).usage();
    let (steps, built) = build_usage(store);
    let cache = store.data().join("cache");
    let files: Vec<_> =
        fs::read_dir(&cache).into_iter().flatten().flatten().filter(|item| item.file_name() != crate::run::PACKED).collect();
    let cached: u64 = files.iter().map(|item| disk_bytes(&item.path())).sum();
    let stale: u64 = stale_cache(store).iter().map(|path| disk_bytes(path)).sum();
    let kernels = pith_builder::usage(&kernel::cache(store));
    let mut listing = Listing::new(&["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
    for (name, total, active, size, free) in [
        ("Machines", total, live, size, free),
        ("Cache", files.len(), files.len(), cached, stale),
        ("Root file systems", packed.total, packed.shared, packed.bytes, packed.bytes.saturating_sub(packed.shared_bytes)),
        ("Kernels", kernels.kernels, 0, kernels.bytes, kernels.bytes),
        ("Build cache", steps, 0, built, built),
    ] {
        let row = vec![name.to_owned(), total.to_string(), active.to_string(), bytes(size), bytes(free)];
        listing.push(row, json!({ "type": name, "total": total, "active": active, "size_bytes": size, "reclaimable_bytes": free }));
    }
    print!("{}", listing.show(output)?);
    Ok(0)
}

fn prune(settings: &Settings, force: bool, report: &Report) -> Result<u8> {
    let store = settings.store()?;
    let ended: Vec<_> = store
        .list()?
        .into_iter()
        .filter_map(|(_, machine)| machine.ok())
        .filter(|machine| matches!(machine.status(), Status::Exited | Status::Failed))
        .collect();
    let stale = stale_cache(&store);
    let kept = packed(&store);
    let before = kept.usage();
    let kernels = pith_builder::usage(&kernel::cache(&store));
    let (steps, _) = build_usage(&store);
    if ended.is_empty() && stale.is_empty() && before.total == 0 && kernels.bytes == 0 && steps == 0 {
        return Ok(0);
    }
    if !force {
        let (machines, files) = (count(ended.len(), "machine"), count(stale.len(), "cached file"));
        let (packed, kernels) = (count(before.total, "packed root file system"), count(kernels.kernels, "built kernel"));
        let steps = count(steps, "step");
        confirm(settings, &format!("Remove {machines} that ended, {files}, {packed}, {kernels} and {steps} of Dockerfiles"))?;
    }
    let (mut freed, mut failed) = (0, false);
    for machine in ended {
        let size = disk_bytes(machine.directory());
        match remove_one(&store, &machine.record.id) {
            Ok(()) => {
                freed += size;
                println!("{}", machine.record.name);
            }
            Err(error) => {
                report.failure(&error.into());
                failed = true;
            }
        }
    }
    for path in stale {
        let size = disk_bytes(&path);
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match removed {
            Ok(()) => freed += size,
            Err(error) => {
                report.error(&format!("{}: {error}", path.display()));
                failed = true;
            }
        }
    }
    // After the machines: what they shared is free now.
    let before = kept.usage();
    if let Err(error) = kept.clear() {
        report.error(&format!("{}: {error}", kept.root().display()));
        failed = true;
    }
    freed += (before.bytes - before.shared_bytes).saturating_sub(kept.usage().bytes);
    let kept = kernel::cache(&store);
    let before = pith_builder::usage(&kept).bytes;
    if let Err(error) = pith_builder::prune(&kept) {
        report.failure(&error.into());
        failed = true;
    }
    freed += before.saturating_sub(pith_builder::usage(&kept).bytes);
    match clear_builds(&store, report) {
        Ok(bytes) => freed += bytes,
        Err(error) => {
            report.failure(&error);
            failed = true;
        }
    }
    println!("{} freed", bytes(freed));
    if failed { Err(Error::told(pith_abi::exit::PITH_ERROR)) } else { Ok(0) }
}

/// Writes `pith.1`, `pith-run.1`, ...
fn man(directory: &Path) -> Result<u8> {
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", directory.display()));
    fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(tree(), directory).map_err(failed)?;
    Ok(0)
}
