//! Directories of the host that a machine sees: read from flags and project, checked, ordered.

use crate::error::{Error, Result};
use pith_abi::cmdline::User;
use pith_kraftfile::{Access, Project};
use pith_machine::MachineConfig;
use pith_monitor::{MachineType, Volume, VolumeOwners};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A volume as somebody wrote it.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Who says so, for messages: `--volume "./a:/b"`, `Kraftfile:4:11`.
    said: String,
    /// Directory of the host, or a name.
    source: String,
    /// Where a relative directory begins.
    directory: PathBuf,
    destination: String,
    driver: Option<String>,
    is_read_only: bool,
}

/// What a project wants.
pub fn of_project(file: &str, project: &Project, directory: &Path) -> Vec<Wanted> {
    let wanted = |volume: &pith_kraftfile::Volume| Wanted {
        said: format!("{file}:{}:{}: volume {}:{}", volume.line, volume.column, volume.source, volume.destination),
        source: volume.source.clone(),
        directory: directory.to_owned(),
        destination: volume.destination.clone(),
        driver: volume.driver.clone(),
        is_read_only: volume.access == Access::ReadOnly,
    };
    project.volumes.iter().map(wanted).collect()
}

/// Reads `HOSTDIR:DST[:ro|:rw]`.
fn parse(text: &str) -> Result<Wanted> {
    let said = format!("--volume {text:?}");
    let wrong = |problem: &str| Error::new(format!("{said}: {problem}")).with_help("write HOSTDIR:DST[:ro], as in ./data:/var/lib/data");
    let parts: Vec<&str> = text.split(':').collect();
    let (source, destination, options) = match parts.as_slice() {
        [source, destination] => (*source, *destination, ""),
        [source, destination, options] => (*source, *destination, *options),
        [_] => return Err(wrong("there is no destination")),
        _ => return Err(wrong("more than two colons, and a path cannot have one here")),
    };
    if source.is_empty() || destination.is_empty() {
        return Err(wrong(if source.is_empty() { "there is no directory" } else { "there is no destination" }));
    }
    let (mut reads, mut writes) = (false, false);
    for option in options.split(',').filter(|_| parts.len() == 3) {
        match option {
            "ro" => reads = true,
            "rw" => writes = true,
            other => return Err(Error::new(format!("{said}: {other:?} is no option of volumes")).with_help("there are ro and rw")),
        }
    }
    if reads && writes {
        return Err(wrong("ro and rw contradict each other"));
    }
    Ok(Wanted {
        said,
        source: source.to_owned(),
        directory: PathBuf::from("."),
        destination: destination.to_owned(),
        driver: None,
        is_read_only: reads,
    })
}

impl Wanted {
    fn refused(&self, problem: impl std::fmt::Display) -> Error {
        Error::new(format!("{}: {problem}", self.said))
    }

    /// The directory, which need not be there yet.
    fn host(&self) -> Result<PathBuf> {
        let source = Path::new(&self.source);
        if !self.source.contains('/') && self.source != "." && self.source != ".." {
            let problem = format!("{:?} is the name of a volume, and volumes with names do not exist yet", self.source);
            return Err(self.refused(problem).with_help(format!("to share a directory, write its path: ./{}", self.source)));
        }
        if source.is_relative() && !self.source.starts_with("./") && !self.source.starts_with("../") && !self.source.starts_with('.') {
            let problem = format!("{:?} is neither a path nor a name", self.source);
            return Err(self.refused(problem).with_help(format!("a path begins with / or a dot: ./{}", self.source)));
        }
        let path = if self.directory == Path::new(".") { source.to_owned() } else { self.directory.join(source) };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                fs::canonicalize(&path).map_err(|error| self.refused(format!("{}: {error}", path.display())))
            }
            Ok(_) => {
                let problem = format!("{} is not a directory, and what can be shared is directories", path.display());
                Err(self.refused(problem).with_help("share the directory that it lies in, or put it into the root file system"))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && fs::symlink_metadata(&path).is_err() => {
                std::path::absolute(&path).map_err(|error| self.refused(format!("{}: {error}", path.display())))
            }
            Err(error) => Err(self.refused(format!("{}: {error}", path.display()))),
        }
    }

    /// The destination in its shortest form.
    fn guest(&self) -> Result<String> {
        if !self.destination.starts_with('/') {
            let help = "the second path is in the machine, and begins with /";
            return Err(self.refused(format!("the destination {:?} is no absolute path", self.destination)).with_help(help));
        }
        if self.destination.contains(['\n', '\0']) {
            return Err(self.refused("a destination has no line breaks"));
        }
        let mut parts: Vec<&str> = Vec::new();
        for component in Path::new(&self.destination).components() {
            match component {
                Component::Normal(part) => parts.extend(part.to_str()),
                Component::ParentDir => drop(parts.pop()),
                _ => {}
            }
        }
        if parts.is_empty() {
            let problem = "the destination is /, and the root file system cannot be a volume";
            return Err(self.refused(problem).with_help("name a directory below it, as in /data"));
        }
        Ok(format!("/{}", parts.join("/")))
    }

    fn volume(&self) -> Result<Volume> {
        if let Some(driver) = self.driver.as_deref().filter(|driver| *driver != "9pfs") {
            return Err(self.refused(format!("there is no driver {driver:?}")).with_help("there is 9pfs, which needs not be named"));
        }
        Ok(Volume { destination: self.guest()?, source: self.host()?, is_read_only: self.is_read_only })
    }
}

/// The volumes of a machine, those below another's destination behind it: the user's, and the project's where the user's say nothing about the same destination.
///
/// # Errors
/// A volume that cannot be, a destination that is there twice, more of them than a machine can have.
pub fn collect(flags: &[String], project: &[Wanted]) -> Result<Vec<Volume>> {
    let flags = flags.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
    let mut volumes: Vec<Volume> = Vec::new();
    let mut asked = 0;
    for (index, wanted) in flags.iter().chain(project).enumerate() {
        let volume = wanted.volume()?;
        if let Some(at) = volumes.iter().position(|other| other.destination == volume.destination) {
            if index >= flags.len() && at < asked {
                continue;
            }
            return Err(wanted.refused(format!("{} is the destination of two volumes", volume.destination)));
        }
        volumes.push(volume);
        if index < flags.len() {
            asked = volumes.len();
        }
    }
    // Console and network are devices as well.
    let most = MachineType::Q35.devices() - 2;
    if volumes.len() > most {
        return Err(Error::new(format!("{} volumes: a machine has at most {most}", volumes.len())));
    }
    volumes.sort_by_key(|volume| volume.destination.split('/').count());
    Ok(volumes)
}

/// Makes the directories that are not there, as `docker run -v` does.
///
/// # Errors
/// One that cannot be made.
pub fn make_directories(volumes: &[Volume]) -> Result<()> {
    for volume in volumes {
        let made = fs::create_dir_all(&volume.source);
        made.map_err(|error| Error::new(format!("volume {}: {error}", volume.source.display())))?;
    }
    Ok(())
}

/// Whether the directories are still there.
///
/// # Errors
/// The first that is not.
pub fn check_there(volumes: &[Volume]) -> Result<()> {
    match volumes.iter().find(|volume| !volume.source.is_dir()) {
        None => Ok(()),
        Some(volume) => {
            let message = format!("the directory {} for {} is not there any more", volume.source.display(), volume.destination);
            Err(Error::new(message).with_help("make it again, or remove the machine"))
        }
    }
}

/// Whose files are whose: those of an ordinary user of the host belong to the application; root's numbers are the same on both sides.
///
/// # Errors
/// A damaged record.
pub fn owners(config: &MachineConfig) -> Result<Option<VolumeOwners>> {
    let uid = rustix::process::geteuid();
    if uid.is_root() || config.volumes.is_empty() {
        return Ok(None);
    }
    let damaged = |text: &String| Error::new(format!("damaged record: {text:?} is no UID:GID"));
    let user = config.user.as_ref().map(|text| User::parse(text).ok_or_else(|| damaged(text))).transpose()?;
    let (guest_uid, guest_gid) = user.map_or((0, 0), |user| (user.uid, user.gid));
    let gid = rustix::process::getegid();
    Ok(Some(VolumeOwners { uid: (uid.as_raw(), guest_uid), gid: (gid.as_raw(), guest_gid) }))
}
