//! The kernel of a project, for one target.

use super::Job;
use crate::cli::BuildProjectArgs;
use crate::error::{Error, Result};
use crate::project::Opened;
use crate::report::Report;
use indicatif::{ProgressBar, ProgressStyle};
use pith_builder::{Application, Choice, Configuration, Core, FEW_VECTORS, Kernel, Made, Order, Progress, Reuse, Toolchain};
use pith_kraftfile::ComponentSource;
use pith_machine::Store;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where finished kernels and what the compiler makes on the way are kept.
pub fn cache(store: &Store) -> PathBuf {
    store.data().join("kernels")
}

/// The sources that a project's kernel is built from.
///
/// # Errors
/// They are not there, or are not ours.
pub fn core(opened: &Opened, store: &Store, report: &Report) -> Result<Core> {
    let component = opened.project.unikraft.as_ref();
    match component.map(|component| &component.source) {
        Some(ComponentSource::Path(path)) => {
            let root = opened.directory.join(path);
            Core::checkout(&root).map_err(|error| {
                let error = Error::from(error);
                Error::new(format!("{}:{}: {}", opened.file, component.map_or(0, |component| component.line), error.message()))
                    .with_help("leave the path out to build from the sources in this program")
            })
        }
        source => {
            if let Some(ComponentSource::Url(address)) = source {
                report.debug(&format!("{address}: building from the sources in this program"));
            }
            let waiting = || report.info("waiting for another build that unpacks the kernel's sources");
            Ok(Core::embedded(&cache(store), &waiting)?)
        }
    }
}

/// What a user sees of the compiler: a bar on a terminal, lines elsewhere.
struct Screen<'a> {
    report: &'a Report,
    title: String,
    bar: RefCell<Option<ProgressBar>>,
}

impl Screen<'_> {
    fn show(&self, progress: Progress<'_>) {
        let mut bar = self.bar.borrow_mut();
        match progress {
            Progress::Waiting => self.report.info("waiting for another build that compiles from the same sources"),
            Progress::Started { crates } if self.report.is_interactive() => {
                let new = ProgressBar::new(crates as u64).with_prefix(self.title.clone());
                new.enable_steady_tick(Duration::from_millis(100));
                let style = ProgressStyle::with_template("{spinner} {prefix} [{bar:24}] {msg} {elapsed}");
                *bar = Some(style.map_or(new.clone(), |style| new.with_style(style.progress_chars("=> "))));
            }
            Progress::Started { .. } => self.report.info(&self.title),
            Progress::Compiled { name } => {
                self.report.debug(&format!("compiled {name}"));
                if let Some(bar) = &*bar {
                    bar.inc(1);
                    bar.set_message(name.to_owned());
                }
            }
            Progress::WithoutOption { name } => {
                self.report.info(&format!("the compiler does not know LLVM's option {name}; without it the kernel is a little larger"));
            }
            Progress::Warning { text } => self.report.compiler(text),
            Progress::Finished => {
                if let Some(bar) = bar.take() {
                    bar.finish_and_clear();
                }
            }
        }
    }
}

/// Builds a kernel, or finds it finished: with the application in the directory `application`, when there is one that becomes part of it.
///
/// # Errors
/// What the compiler complains of; what is not installed.
pub fn build(job: &Job<'_>, core: &Core, configuration: &Configuration, application: Option<&Path>, shown: &str) -> Result<Kernel> {
    let arguments = job.arguments;
    let mut choice = Choice::default();
    for text in arguments.toolchain.iter().filter(|text| !is_compiler(text)) {
        choice.set(text).map_err(|problem| Error::new(format!("--toolchain {problem}")))?;
    }
    let toolchain = Toolchain::find(&choice, &core.root().join("kernel"))?;
    let application = application.map(|directory| Application::read(directory, &toolchain)).transpose()?;
    let configuration = &Configuration { application, ..configuration.clone() };
    let screen = Screen { report: job.report, title: format!("building the kernel for {shown}"), bar: RefCell::new(None) };
    let order = Order {
        core,
        configuration,
        toolchain: &toolchain,
        cache: &cache(job.store),
        jobs: if arguments.no_fast { Some(1) } else { arguments.jobs },
        log: arguments.build_log.as_deref(),
        reuse: if arguments.build.no_cache { Reuse::Nothing } else { Reuse::Finished },
        reporter: &|progress| screen.show(progress),
    };
    let (kernel, made) = pith_builder::build(&order)?;
    if made == Made::Before {
        job.report.debug("the same kernel was built before");
    }
    // Who makes no system calls does not mind what they cost.
    if kernel.record.vectors > FEW_VECTORS && configuration.application.is_none() {
        let vectors = kernel.record.vectors;
        job.report
            .warn(&format!("compiled code uses {vectors} vector registers; with at most {FEW_VECTORS}, system calls would be cheaper"));
    }
    Ok(kernel)
}

/// Whether `--toolchain` names a compiler that only native projects need.
fn is_compiler(text: &str) -> bool {
    text.starts_with("CXX=")
}

/// The compilers that the user names for native projects.
pub fn compilers(arguments: &BuildProjectArgs) -> Vec<(String, String)> {
    let named = arguments.toolchain.iter().filter_map(|text| text.split_once('='));
    named.filter(|(name, _)| ["CC", "CXX"].contains(name)).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
