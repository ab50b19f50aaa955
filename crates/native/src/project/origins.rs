//! Sources that a Makefile.uk does not have beside it: fetched, unpacked, patched and prepared before anything is compiled.

use super::error::NativeError;
use super::makefile::{Makefile, Reading};
use super::{Building, Kind, Places};
use pith_sources::Made;
use std::fs;
use std::path::Path;

/// Rules in Makefile.uk may wait for these files in the library's build directory, as in Unikraft's build system.
const STAMPS: [&str; 2] = [".origin", ".patched"];

/// Fetches, unpacks and patches what a project's sources are made from, and builds nothing. The names of the libraries that have something of the kind.
///
/// # Errors
/// [`NativeError`].
pub fn fetch(order: &Building<'_>, kind: Kind) -> Result<Vec<String>, NativeError> {
    if kind != Kind::Make {
        return Ok(Vec::new());
    }
    let places = Places::of(order)?;
    let makefile = have(&places.order(order), &places.directory)?.0;
    Ok(makefile.origins.into_iter().map(|(name, _)| name).collect())
}

/// What the project's Makefile.uk comes to when everything that it is made from is there.
///
/// # Errors
/// [`NativeError`].
pub fn complete(order: &Building<'_>, directory: &Path) -> Result<Makefile, NativeError> {
    let (makefile, made) = have(order, directory)?;
    let reading = reading(order, directory);
    if makefile.wants_preparing {
        (order.told)("preparing sources");
        for library in &makefile.libraries {
            let place = directory.join(&library.name);
            fs::create_dir_all(&place).map_err(NativeError::at(&place))?;
        }
        reading.prepare()?;
    }
    // Files that are listed by a pattern were not there before.
    if makefile.wants_preparing || made == Made::Now { reading.read() } else { Ok(makefile) }
}

fn reading<'a>(order: &Building<'a>, directory: &'a Path) -> Reading<'a> {
    Reading { project: order.project, libraries: order.libraries, config: order.config, build: directory }
}

/// The Makefile.uk before what is fetched was there, and whether something is new.
fn have(order: &Building<'_>, directory: &Path) -> Result<(Makefile, Made), NativeError> {
    let makefile = reading(order, directory).read()?;
    let mut made = Made::Before;
    for (name, origin) in &makefile.origins {
        let told = |address: &str| (order.fetching)(name, address);
        let outcome = origin.prepare(order.network, &told);
        let done = outcome.map_err(|error| NativeError::Origin { library: name.clone(), error })?;
        for stamp in STAMPS.map(|stamp| origin.directory.join(stamp)) {
            if done == Made::Now || !stamp.exists() {
                fs::write(&stamp, "").map_err(NativeError::at(&stamp))?;
            }
        }
        if done == Made::Now {
            made = done;
        }
    }
    Ok((makefile, made))
}
