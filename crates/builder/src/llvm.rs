//! Options of LLVM's that make kernels smaller. They are LLVM's own matter and come and go with its versions: a compiler is asked once which of them it knows.

use crate::toolchain::Toolchain;
use crate::tree;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// What the optimiser does for size beyond opt-level "z", each worth some kilobytes: blocks are placed for few jumps, loops are not aligned, live ranges are split for few
/// instructions, a switch is comparisons (a jump table has eight bytes an entry), copying or clearing more than two registers' worth is a call, functions that differ in
/// constants alone become one that is told them, equal ends of blocks become one, and nothing is computed ahead of where it is needed. Not the machine outliner: it would
/// save 17 KB more of the runtime image, and costs an emulated machine two thirds of its requests, because each return is looked up.
const OPTIONS: [&str; 14] = [
    "apply-ext-tsp-for-size",
    "align-loops=1",
    "split-spill-mode=size",
    "min-jump-table-entries=1000",
    "max-store-memcpy=2",
    "max-store-memset=2",
    "max-store-memmove=2",
    "enable-global-merge-func",
    "tail-merge-size=1",
    "enable-pre=false",
    "disable-lsr",
    "bonus-inst-threshold=0",
    "disable-licm-promotion",
    "disable-machine-licm",
];

/// The compiler's flag for an option.
pub(crate) fn flag(option: &str) -> String {
    format!("-Cllvm-args=-{option}")
}

/// Options that are not among `known`.
pub(crate) fn missing<'k>(known: &'k [&str]) -> impl Iterator<Item = &'static str> + use<'k> {
    OPTIONS.into_iter().filter(|option| !known.contains(option))
}

/// The options that a compiler knows, in order; noted in `cache` for the next time.
pub(crate) fn known(toolchain: &Toolchain, directory: &Path, cache: &Path) -> Vec<&'static str> {
    let note = cache.join("llvm").join(tree::hash(format!("{}\n{OPTIONS:?}", toolchain.rustc_version).as_bytes()));
    if let Ok(text) = fs::read_to_string(&note) {
        return OPTIONS.into_iter().filter(|option| text.lines().any(|line| line == *option)).collect();
    }
    let takes = |options: &[&str]| toolchain.takes(&options.iter().map(|option| flag(option)).collect::<Vec<_>>(), directory);
    // A compiler that takes nothing at all has another ailment, which compiling tells better.
    let known: Vec<&str> = match takes(&OPTIONS) {
        true => OPTIONS.to_vec(),
        false if !takes(&[]) => return OPTIONS.to_vec(),
        false => OPTIONS.into_iter().filter(|option| takes(&[option])).collect(),
    };
    // Without a note it is asked again.
    let _ = put(&note, &known.join("\n"));
    known
}

/// Writes all of a note or nothing.
fn put(note: &Path, text: &str) -> io::Result<()> {
    let directory = note.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(note).map(drop).map_err(|error| error.error)
}
