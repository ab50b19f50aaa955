//! What a project file means.

mod components;
mod keys;
mod options;
mod reader;
mod storage;
mod template;

pub use components::{Component, ComponentSource, KconfigEntry, Target, architecture, of_address, platform};
pub use keys::{Form, Key, Rule, TOP};
pub use options::Variables;
pub use storage::{Access, Rom, Volume};

use crate::yaml;
use pith_diagnostic::{Place, Problem, Source, Warning};

/// Version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecVersion {
    /// v0.5.
    V05,
    /// v0.6.
    V06,
    /// v0.7.
    V07,
}

/// Which runtime image runs the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// `kernel://path`: a kernel on this machine.
    Kernel(String),
    /// A name, `oci://` or not: `base:latest`, `python:3.12`, `registry/name:tag`.
    Image(String),
}

/// The root file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootfsSource {
    /// Path, relative to the project's directory, or a reference.
    pub source: String,
    /// What it is (`source.type`), if the file says so: `oci`, `dir`, `file`, `tarball`, `cpio`, `erofs` or `dockerfile`.
    pub kind: Option<String>,
    /// `cpio` unless the file says otherwise.
    pub format: String,
    /// Where the file says it.
    pub place: Place,
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvEntry {
    /// Name.
    pub name: String,
    /// Value; `None` takes the host's.
    pub value: Option<String>,
}

/// A set of options that stands for a hundred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name, as in `http`.
    pub name: String,
    /// Line, counted from 1.
    pub line: usize,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Version of the format.
    pub spec: SpecVersion,
    /// Name, cleaned as upstream does it: lower case, `[a-z0-9_-]` only.
    pub name: Option<String>,
    /// Runtime image, for projects that build no kernel.
    pub runtime: Option<Runtime>,
    /// Preset of the kernel's options: ours, unknown to kraft.
    pub preset: Option<Preset>,
    /// Options of the kernel that belong to no component: ours, unknown to kraft.
    pub kconfig: Vec<KconfigEntry>,
    /// The core, for projects that build a kernel of their own.
    pub unikraft: Option<Component>,
    /// A project that this one builds on.
    pub template: Option<Component>,
    /// Libraries, in order.
    pub libraries: Vec<Component>,
    /// What to build for, in order.
    pub targets: Vec<Target>,
    /// Where results go, if not to the usual place.
    pub outdir: Option<String>,
    /// Root file system.
    pub rootfs: Option<RootfsSource>,
    /// Words before a `--` in `cmd`: parameters for the kernel.
    pub kernel_args: Vec<String>,
    /// The application and its arguments.
    pub cmd: Vec<String>,
    /// Environment, in order.
    pub env: Vec<EnvEntry>,
    /// Labels, in order.
    pub labels: Vec<(String, String)>,
    /// Volumes, in order.
    pub volumes: Vec<Volume>,
    /// ROMs, in order.
    pub roms: Vec<Rom>,
    /// What is ignored.
    pub warnings: Vec<Warning>,
}

impl Project {
    /// Whether it builds a kernel of its own (`unikraft:` or `template:`).
    #[must_use]
    pub fn builds_kernel(&self) -> bool {
        self.unikraft.is_some() || self.template.is_some()
    }

    /// Reads a project file. `name` is shown in complaints; `host` is the host's environment. Of the kernel's options, those are known
    /// that the file itself gives a value.
    ///
    /// # Errors
    /// The first [`Problem`] in the file.
    pub fn parse(name: &str, text: &str, host: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        Self::parse_with(name, text, &Variables { options: &|_| None, host })
    }

    /// Reads a project file, with what the kernel's options come to.
    ///
    /// # Errors
    /// The first [`Problem`] in the file.
    pub fn parse_with(name: &str, text: &str, variables: &Variables<'_>) -> Result<Self, Problem> {
        let source = Source::new(name, text, "yaml");
        let root = yaml::parse(&source, text)?;
        Self::read(&source, &root, variables)
    }

    /// Reads as much of a project file as decides about the kernel's options: components, targets, presets and options. The rest is as
    /// if it were not there, for it may refer to options.
    ///
    /// # Errors
    /// The first [`Problem`] in that part of the file.
    pub fn parse_configuration(name: &str, text: &str, variables: &Variables<'_>) -> Result<Self, Problem> {
        let source = Source::new(name, text, "yaml");
        let mut root = yaml::parse(&source, text)?;
        options::keep_configuration(&mut root);
        Self::read(&source, &root, variables)
    }

    fn read(source: &Source, root: &yaml::Node, variables: &Variables<'_>) -> Result<Self, Problem> {
        let given = options::Given::settle(source, root, variables)?;
        reader::Reader::new(source, &|name| given.variable(name, variables)).project(root)
    }
}
