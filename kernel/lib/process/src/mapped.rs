//! What mappings of files are called.

use alloc::vec::Vec;
use vfs::Location;

/// The name of a mapping of the file at `location`, as seen from `root`.
pub struct MappedPlace {
    /// Where the file was opened; follows renames.
    pub location: Location,
    /// The root directory of whoever mapped it.
    pub root: Location,
}

impl mm::MappedName for MappedPlace {
    fn path(&self) -> Vec<u8> {
        self.location.display_path(&self.root)
    }
}
