//! What a Dockerfile says, before any variable has its value. Everything knows its place in the file.

use super::heredoc::Heredoc;
use super::lines::Directives;
use super::mount::MountFlag;
use pith_diagnostic::{Place, Source, Warning};

/// A piece of text with its place; variables are not filled in yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// As written, quotes included.
    pub text: String,
    /// Where.
    pub place: Place,
}

/// A whole file.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// Its parser directives.
    pub directives: Directives,
    /// `ARG` before the first `FROM`.
    pub global_args: Vec<Argument>,
    /// Its stages, at least one.
    pub stages: Vec<Stage>,
    /// What is allowed but unwise: the name of the check, then why.
    pub warnings: Vec<Warning>,
    /// The text, to show lines of it.
    pub source: Source,
}

/// `FROM` and what follows it.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The base: an image, an earlier stage or `scratch`.
    pub base: Word,
    /// `--platform`.
    pub platform: Option<Word>,
    /// `AS` name, in lower case.
    pub name: Option<Word>,
    /// The instructions in order.
    pub instructions: Vec<Instruction>,
    /// The `FROM` line.
    pub place: Place,
}

/// One instruction.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// What it does.
    pub kind: Kind,
    /// Where, continuation lines and heredocs included.
    pub place: Place,
    /// Its lines joined, as shown while building and written to the history.
    pub text: String,
}

/// `ARG name` or `ARG name=default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Name.
    pub name: String,
    /// Default.
    pub default: Option<Word>,
    /// Where.
    pub place: Place,
}

/// `key=value` of `ENV` and `LABEL`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Key; the one of a label may hold variables.
    pub key: Word,
    /// Value.
    pub value: Word,
}

/// A command line in one of its two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A text for the shell.
    Shell(String),
    /// A JSON array: program and arguments.
    Exec(Vec<String>),
}

/// `RUN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The command; with heredocs, the line that names them.
    pub command: Command,
    /// Heredocs in order.
    pub heredocs: Vec<Heredoc>,
    /// `--mount`.
    pub mounts: Vec<MountFlag>,
    /// `--network`.
    pub network: Network,
}

/// What network a command sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// What the builder gives; the host's.
    #[default]
    Default,
    /// A loopback interface only.
    None,
    /// The host's.
    Host,
}

/// Where `COPY` and `ADD` get a file from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopySource {
    /// A path with wildcards, or for `ADD` an address.
    Path(Word),
    /// A heredoc: its name is the file's.
    Heredoc(Heredoc),
}

/// `COPY` or `ADD`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copy {
    /// Sources, at least one.
    pub sources: Vec<CopySource>,
    /// Destination.
    pub destination: Word,
    /// `--from`: a stage, its number, or an image. `COPY` only.
    pub from: Option<Word>,
    /// `--chown`.
    pub chown: Option<Word>,
    /// `--chmod`.
    pub chmod: Option<Word>,
    /// `--link`: the layer does not depend on what is below.
    pub link: bool,
    /// `--parents`: the sources' directories are kept.
    pub parents: bool,
    /// `--exclude`.
    pub exclude: Vec<Word>,
    /// `--checksum`. `ADD` only.
    pub checksum: Option<Word>,
    /// `--unpack`. `ADD` only: unpack remote archives, or do not unpack local ones.
    pub unpack: Option<bool>,
    /// `--keep-git-dir`. `ADD` only.
    pub keep_git_dir: bool,
}

/// `HEALTHCHECK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healthcheck {
    /// `NONE`: the base image's is turned off.
    None,
    /// A command.
    Command {
        /// The command.
        command: Command,
        /// `--interval`, in nanoseconds.
        interval_ns: Option<u64>,
        /// `--timeout`, in nanoseconds.
        timeout_ns: Option<u64>,
        /// `--start-period`, in nanoseconds.
        start_period_ns: Option<u64>,
        /// `--start-interval`, in nanoseconds.
        start_interval_ns: Option<u64>,
        /// `--retries`.
        retries: Option<u32>,
    },
}

/// What an instruction does.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `ADD`.
    Add(Box<Copy>),
    /// `ARG`.
    Arg(Vec<Argument>),
    /// `CMD`.
    Cmd(Command),
    /// `COPY`.
    Copy(Box<Copy>),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `ENV`.
    Env(Vec<Pair>),
    /// `EXPOSE`.
    Expose(Vec<Word>),
    /// `HEALTHCHECK`.
    Healthcheck(Healthcheck),
    /// `LABEL`.
    Label(Vec<Pair>),
    /// `MAINTAINER`.
    Maintainer(Word),
    /// `ONBUILD`: the instruction as text, checked already.
    Onbuild(String),
    /// `RUN`.
    Run(Box<Run>),
    /// `SHELL`.
    Shell(Vec<String>),
    /// `STOPSIGNAL`.
    Stopsignal(Word),
    /// `USER`.
    User(Word),
    /// `VOLUME`.
    Volume(Vec<Word>),
    /// `WORKDIR`.
    Workdir(Word),
}
