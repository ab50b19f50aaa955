//! Commands on a project's file and its kernel's options.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Which project, and which of its targets.
#[derive(Clone, Debug, Default, Args)]
pub struct ProjectArgs {
    /// Project file to use instead of the one in the directory
    #[arg(short = 'K', long, value_name = "FILE")]
    pub kraftfile: Option<PathBuf>,
    /// Only targets of this architecture
    #[arg(short = 'm', long, value_name = "ARCH")]
    pub arch: Option<String>,
    /// Only targets for this platform
    #[arg(short, long, value_name = "PLATFORM")]
    pub plat: Option<String>,
    /// Only this target: its name, or PLATFORM/ARCH
    #[arg(short, long, value_name = "TARGET")]
    pub target: Option<String>,
}

/// `pith menu`.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: arrows move, enter opens, space switches, ? helps, / searches, s saves, q leaves, h shows all of them.\nThe \
result is kept in .config.NAME_PLATFORM-ARCH beside the Kraftfile, and lies over what that asks for."
)]
pub struct MenuArgs {
    /// The project's directory
    pub directory: Option<PathBuf>,
    #[command(flatten)]
    pub project: ProjectArgs,
    /// What to do: menuconfig, or without a screen defconfig (forget what was saved), olddefconfig (carry it over to this version of the
    /// core), savedefconfig (write the least that says the same to ./defconfig)
    #[arg(short, long, value_name = "NAME", default_value = "menuconfig", hide_possible_values = true)]
    pub frontend: Frontend,
    /// Begin with what was saved alone, whatever the Kraftfile asks for
    #[arg(long)]
    pub no_configure: bool,
    /// Accepted: the core comes with Pith, nothing is pulled
    #[arg(long, hide = true)]
    force_pull: bool,
    /// Accepted: the core comes with Pith, nothing is pulled
    #[arg(short = 'F', long, hide = true)]
    no_cache: bool,
}

/// What `pith menu` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Frontend {
    /// The menu
    #[value(alias = "nconfig")]
    Menuconfig,
    /// What the project asks for, and nothing else
    Defconfig,
    /// What is saved, written anew for this version of the core
    Olddefconfig,
    /// The least that says the same
    Savedefconfig,
    /// kraft's menus in windows
    #[value(hide = true, alias = "gconfig")]
    Xconfig,
}

/// `pith set`.
#[derive(Debug, Args)]
#[command(
    after_help = "The result is kept in .config.NAME_PLATFORM-ARCH beside the Kraftfile, for each target that is left, and lies over what \
the Kraftfile asks for; the Kraftfile stays as it is.\n\nExamples:\n  pith set CONFIG_LIBPROCFS=y\n  pith set CONFIG_PITH_PRESET=http -t qemu/x86_64"
)]
pub struct SetArgs {
    /// Options, as in CONFIG_LIBNET=y
    #[arg(required = true, value_name = "OPTION=VALUE")]
    pub options: Vec<String>,
    #[command(flatten)]
    pub project: ProjectArgs,
    /// The project's directory
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<PathBuf>,
    /// Save even what does not take effect or does not exist
    #[arg(short = 'F', long)]
    pub force: bool,
}

/// `pith unset`.
#[derive(Debug, Args)]
pub struct UnsetArgs {
    /// Options, as in CONFIG_LIBNET: switched off, or, where they are numbers and texts, as they were
    #[arg(required = true, value_name = "OPTION")]
    pub options: Vec<String>,
    #[command(flatten)]
    pub project: ProjectArgs,
    /// The project's directory
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<PathBuf>,
}

/// `pith lib`.
#[derive(Debug, Subcommand)]
pub enum LibCommand {
    /// Add libraries to the Kraftfile
    #[command(visible_alias = "a")]
    Add {
        /// NAME[:VERSION], the directory of a library, or the address of a repository or archive
        #[arg(required = true, value_name = "PACKAGE|DIR")]
        libraries: Vec<String>,
        #[command(flatten)]
        file: LibFile,
        /// Accepted: there is no list to update
        #[arg(long, hide = true)]
        no_update: bool,
    },
    /// Make a directory for a new library
    #[command(visible_alias = "init")]
    Create(Box<LibCreateArgs>),
    /// List the libraries of the Kraftfile and what they are in Pith
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        file: LibFile,
        /// Form of the output: table, list, json or yaml
        #[arg(short, long, default_value = "table", hide_possible_values = true)]
        output: super::Output,
    },
    /// Take libraries out of the Kraftfile
    #[command(visible_aliases = ["rm", "delete", "del"])]
    Remove {
        /// Names of libraries
        #[arg(required = true, value_name = "NAME")]
        libraries: Vec<String>,
        #[command(flatten)]
        file: LibFile,
    },
}

/// Which project file.
#[derive(Debug, Default, Args)]
pub struct LibFile {
    /// Project file to change instead of the one in the directory
    #[arg(short = 'K', long, value_name = "FILE")]
    pub kraftfile: Option<PathBuf>,
    /// The project's directory
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<PathBuf>,
}

/// `pith lib create`.
#[derive(Debug, Args)]
#[command(
    after_help = "Makes Config.uk, Makefile.uk, exportsyms.uk, README.md and main.c in a new directory. What is not given is asked for on a \
terminal, and has a sensible value elsewhere."
)]
pub struct LibCreateArgs {
    /// Name of the library, as in zlib
    pub name: Option<String>,
    /// Name of the directory [default: lib-NAME]
    #[arg(long, value_name = "NAME")]
    pub project_name: Option<String>,
    /// Name that its makefile goes by [default: libNAME]
    #[arg(long, value_name = "NAME")]
    pub library_name: Option<String>,
    /// Name of its option [default: LIBNAME]
    #[arg(long, value_name = "NAME")]
    pub library_kname: Option<String>,
    /// Version [default: 0.1.0]
    #[arg(short, long)]
    pub version: Option<String>,
    /// What it does, in one line
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Author [default: git's user.name]
    #[arg(long, value_name = "NAME")]
    pub author_name: Option<String>,
    /// The author's address [default: git's user.email]
    #[arg(long, value_name = "ADDRESS")]
    pub author_email: Option<String>,
    /// First branch of the repository
    #[arg(long, value_name = "BRANCH", default_value = "staging")]
    pub initial_branch: String,
    /// Who holds the rights [default: the author]
    #[arg(long, value_name = "NAME")]
    pub copyright_holder: Option<String>,
    /// Address that its sources come from
    #[arg(long, value_name = "ADDRESS")]
    pub origin: Option<String>,
    /// No main.c
    #[arg(long)]
    pub no_provide_c_main: bool,
    /// Make a git repository of it
    #[arg(long)]
    pub git_init: bool,
    /// A directory for patches
    #[arg(long)]
    pub patch_dir: bool,
    /// Refused: a new library refers to nothing
    #[arg(long, hide = true)]
    pub update_refs: bool,
    /// Directory to make it in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub project_path: PathBuf,
}
