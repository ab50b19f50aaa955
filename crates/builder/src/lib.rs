//! Kernels to order: from a choice of libraries and constants to a bootable image, and never the same one twice.
//!
//! [`Core`] is the sources, in this program or in a checkout; [`Configuration`] is the choice; [`build`] carries it out. It looks into the [`cache`] under the digest
//! of everything that the image depends on; else it copies the sources to a [`stage`], has cargo [`compile`] them there, and [`finish`]es what the linker made. [`info()`] is what a kernel says about itself,
//! [`sizes()`] what it is made of.
//!
//! Neighbours: `pith build` makes a [`Configuration`] from a project; `make images` calls this crate's program `pith-kernel`.
#![forbid(unsafe_code)]

mod application;
mod cache;
mod compile;
mod configuration;
mod core;
mod error;
mod finish;
mod info;
mod library;
mod llvm;
mod lock;
mod sizes;
mod stage;
mod tidy;
mod toolchain;
mod tree;

pub use crate::application::{Application, FEATURES as APPLICATION_FEATURES, is_application};
pub use crate::core::{Core, is_embedded};
pub use cache::{Kernel, Record};
pub use compile::{Progress, Reporter};
pub use configuration::{Configuration, Constant, Value};
pub use error::{BuildError, Result};
pub use finish::{FEW_VECTORS, demangled};
pub use info::{Info, describe, info};
pub use library::{Library, Origin};
pub use lock::Waiting;
pub use sizes::{Part, Sizes, sizes};
pub use tidy::{Usage, prune, usage};
pub use toolchain::{Choice, TARGET, Toolchain};
pub use tree::hash as digest;

use cache::Kernels;
use compile::Compile;
use lock::Lock;
use sha2::{Digest, Sha256};
use stage::Stage;
use std::fs;
use std::path::Path;

/// What to build, with what, and where.
pub struct Order<'a> {
    /// The sources.
    pub core: &'a Core,
    /// What is to be in the kernel.
    pub configuration: &'a Configuration,
    /// The programs to build it with.
    pub toolchain: &'a Toolchain,
    /// Directory for finished kernels and for what the compiler makes on the way.
    pub cache: &'a Path,
    /// How many compilers at a time; as many as there are processors when `None`.
    pub jobs: Option<u32>,
    /// Gets all that the compiler says, when it has something to say.
    pub log: Option<&'a Path>,
    /// Whether a finished kernel will do.
    pub reuse: Reuse,
    /// Told how it goes on.
    pub reporter: Reporter<'a>,
}

/// Whether a finished kernel will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// It will.
    Finished,
    /// It is built anew.
    Nothing,
}

/// Where a kernel came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It was there already.
    Before,
    /// It was built now.
    Now,
}

/// Everything that an image depends on.
fn key(order: &Order<'_>, record: &Record) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    add(env!("CARGO_PKG_VERSION"));
    add(&record.core);
    record.features.iter().for_each(|feature| add(feature));
    add(&order.configuration.source());
    record.flags.iter().for_each(|flag| add(flag));
    add(&record.compiler);
    if let Some(application) = &order.configuration.application {
        add(&application.package);
        add(&application.digest);
    }
    add(&record.linker);
    tree::hex(&hash.finalize())
}

/// Builds a kernel, or finds it finished.
///
/// # Errors
/// [`BuildError`].
pub fn build(order: &Order<'_>) -> Result<(Kernel, Made)> {
    let features = order.configuration.sorted_features();
    let Toolchain { rustc_version, linker_version, .. } = order.toolchain;
    let llvm = llvm::known(order.toolchain, &order.core.root().join("kernel"), order.cache);
    let is_small = compile::is_small(order.core, order.configuration)?;
    let flags = compile::code_flags(&llvm, is_small);
    let mut record = Record::new(order.core.digest(), features, flags, rustc_version.clone(), linker_version.clone());
    let key = key(order, &record);
    let kernels = Kernels::open(order.cache);
    let finished = || Some(kernels.get(&key)?).filter(|_| order.reuse == Reuse::Finished);
    if let Some(kernel) = finished() {
        return Ok((kernel, Made::Before));
    }
    // Applications of one core share a place: what the core's crates come to is the same for all.
    let part = if order.configuration.application.is_some() { "-app" } else { "" };
    let place = order.cache.join("compile").join(format!("{}{part}", order.core.place()));
    fs::create_dir_all(&place).map_err(BuildError::at(&place))?;
    let lock_path = place.join("lock");
    let lock = Lock::take(&lock_path, &|| (order.reporter)(Progress::Waiting))?;
    // Whoever held it may have built just this.
    if let Some(kernel) = finished() {
        return Ok((kernel, Made::Before));
    }
    kernels.tidy();
    lock.share(&lock_path)?;
    let stage = Stage::new(order.core, order.configuration, &place)?;
    order.toolchain.check_target(stage.sources())?;
    let compile = Compile {
        core: order.core,
        configuration: order.configuration,
        toolchain: order.toolchain,
        stage: &stage,
        llvm: &llvm,
        is_small,
        jobs: order.jobs,
        log: order.log,
        reporter: order.reporter,
    };
    let compiled = compile.run()?;
    let linked = fs::read(&compiled.executable).map_err(BuildError::at(&compiled.executable))?;
    let finished = finish::finish(linked, &compiled.executable)?;
    record.vectors = finished.vectors;
    record.libraries = compiled.libraries;
    Ok((kernels.put(&key, &finished, record)?, Made::Now))
}
