//! Commands on machines.

use super::{Arch, Output, Plat};
use crate::commands::completion::{any_machine, live_machine};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;

/// Machines by name, id or the beginning of an id.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// The machines
    #[arg(required_unless_present = "all", add = ArgValueCompleter::new(any_machine))]
    pub machines: Vec<String>,
    /// Every machine that this can be done to
    #[arg(long)]
    pub all: bool,
    /// Only machines on this monitor
    #[arg(short, long, default_value = "auto", hide = true)]
    pub plat: Plat,
}

/// `pith ps`.
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Machines that do not run, too
    #[arg(short, long)]
    pub all: bool,
    /// Ids only
    #[arg(short, long)]
    pub quiet: bool,
    /// More columns, nothing cut short
    #[arg(short, long)]
    pub long: bool,
    /// Only the machine made last, running or not
    #[arg(long)]
    pub latest: bool,
    /// Only the machines made last, running or not
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub last: Option<usize>,
    /// Only machines that fit: name=, id=, status=, label=, exited=, publish=, before=, since=
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Only machines of this architecture
    #[arg(short = 'm', long, hide_possible_values = true)]
    pub arch: Option<Arch>,
    /// Do not shorten what is long
    #[arg(long)]
    pub no_trunc: bool,
    /// Form of the output
    #[arg(short, long, default_value = "table", hide_possible_values = true, help = "Form of the output: table, list, json or yaml")]
    pub output: Output,
    /// Only machines on this monitor
    #[arg(short, long, default_value = "auto", hide = true)]
    pub plat: Plat,
}

/// `pith logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The machines; their lines get prefixes when there are several
    #[arg(required = true, add = ArgValueCompleter::new(any_machine))]
    pub machines: Vec<String>,
    /// Go on until the machines end
    #[arg(short, long)]
    pub follow: bool,
    /// Lines from the end to begin with, or all
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "all")]
    pub tail: String,
    /// Only what was written since: 10m, 2h, or a time like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only what was written until then
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Begin each line with the time at which it was written
    #[arg(short = 't', long)]
    pub timestamps: bool,
    /// No prefixes
    #[arg(long)]
    pub no_prefix: bool,
    /// Only machines on this monitor
    #[arg(short, long, default_value = "auto", hide = true)]
    pub plat: Plat,
}

/// `pith start`.
#[derive(Debug, Args)]
pub struct StartArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// Stay and show what the machines write
    #[arg(short, long)]
    pub attach: bool,
    /// Do not stay (the default, except as kraft)
    #[arg(short, long, conflicts_with = "attach")]
    pub detach: bool,
    /// Remove the machines when they have ended
    #[arg(long)]
    pub rm: bool,
    /// No prefixes before the lines of several machines
    #[arg(long)]
    pub no_prefix: bool,
}

/// `pith stop`.
#[derive(Debug, Args)]
pub struct StopArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// Seconds to wait before the machine is ended [default: as it was made with, 10]
    #[arg(short = 't', long, alias = "timeout", value_name = "SECONDS")]
    pub time: Option<u32>,
}

/// `pith restart`.
#[derive(Debug, Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// Seconds to wait before the machine is ended [default: as it was made with, 10]
    #[arg(short = 't', long, alias = "timeout", value_name = "SECONDS")]
    pub time: Option<u32>,
}

/// `pith kill`.
#[derive(Debug, Args)]
pub struct KillArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// The signal; SIGKILL ends the machine itself
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    pub signal: String,
}

/// `pith wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// The machines
    #[arg(required = true, add = ArgValueCompleter::new(any_machine))]
    pub machines: Vec<String>,
}

/// `pith rm`.
#[derive(Debug, Args)]
pub struct RmArgs {
    #[command(flatten)]
    pub select: SelectArgs,
    /// End running machines first
    #[arg(short, long)]
    pub force: bool,
}

/// `pith prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
    /// Only machines that fit, see `pith ps --help`
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

/// `pith rename`.
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// The machine
    #[arg(add = ArgValueCompleter::new(any_machine))]
    pub machine: String,
    /// Its new name
    pub name: String,
}

/// `pith inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The machines, or files of kernels that `pith build` made
    #[arg(required = true, add = ArgValueCompleter::new(any_machine))]
    pub machines: Vec<String>,
    /// Only this of each, as in '{{.status}} {{.config.memory_mib}}'; {{json .config}} is JSON
    #[arg(short, long, value_name = "TEMPLATE")]
    pub format: Option<String>,
    /// Form: json, yaml or table
    #[arg(short, long, value_name = "FORM", default_value = "json", hide_possible_values = true, conflicts_with = "format")]
    pub output: Output,
}

/// `pith port`.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The machine
    #[arg(add = ArgValueCompleter::new(any_machine))]
    pub machine: String,
    /// Only what leads to this port, as in 80 or 53/udp
    pub port: Option<String>,
}

/// `pith stats`.
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// The machines; every running one when none is named
    #[arg(add = ArgValueCompleter::new(live_machine))]
    pub machines: Vec<String>,
    /// Machines that do not run, too
    #[arg(short, long)]
    pub all: bool,
    /// Once, not again and again
    #[arg(long)]
    pub no_stream: bool,
    /// Form of the output
    #[arg(short, long, default_value = "table", hide_possible_values = true, help = "Form of the output: table, list, json or yaml")]
    pub output: Output,
}

/// `pith events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only of this machine
    #[arg(add = ArgValueCompleter::new(any_machine))]
    pub machine: Option<String>,
    /// How often to look, as in 500ms or 2s
    #[arg(short = 'g', long, value_name = "TIME", default_value = "100ms")]
    pub poll_granularity: String,
    /// End when the last machine has ended
    #[arg(short, long)]
    pub quit_together: bool,
    /// Begin with what happened since: 10m, 2h, or a time like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// End with what happened until then
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only what fits: event=, name=, id=
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Form of the output: table (a line each) or json
    #[arg(short, long, default_value = "table", hide_possible_values = true)]
    pub output: Output,
    /// Only machines on this monitor
    #[arg(short, long, default_value = "auto", hide = true)]
    pub plat: Plat,
}

/// `pith exec`.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// What a shell would be given
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// `pith __supervise`.
#[derive(Debug, Args)]
pub struct SuperviseArgs {
    /// Id of the machine
    pub id: String,
}
