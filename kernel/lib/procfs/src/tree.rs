//! What there is in /proc: two tables.

use crate::source::{Ask, NetTable};
use crate::{machine, process, status};
use alloc::vec::Vec;
use uapi::{Errno, Result};
use vfs::LinkTarget;

/// Makes the text of a file.
pub(crate) type Make = fn(&Ask<'_>, &mut Vec<u8>) -> Result<()>;
/// Takes what is written to a file.
pub(crate) type Store = fn(&Ask<'_>, &[u8]) -> Result<()>;

/// What an entry is.
#[derive(Clone, Copy)]
pub(crate) enum Node {
    /// A directory with these entries.
    Dir(&'static [Entry]),
    /// The top: `TOP` and the processes.
    Top,
    /// A process: `PROCESS` (and its `task`).
    Process,
    /// The threads of a process.
    Task,
    /// A process's descriptors, as links.
    Descriptors,
    /// A process's descriptors, as texts.
    DescriptorInfo,
    /// One descriptor, as a link.
    Descriptor(i32),
    /// One descriptor, as a text.
    DescriptorText(i32),
    /// A text for all to read.
    Text(Make),
    /// A text for its owner.
    Private(Make),
    /// A text that can be written.
    Setting(Make, Store),
    /// A setting in /proc/sys, by index into the table there.
    Sysctl(&'static crate::sysctl::Setting),
    /// A directory in /proc/sys: the part of the settings' names that it stands for, with a slash at the end.
    SysctlDir(&'static str),
    /// A link: its text, and where it leads when that is not the text.
    Link(fn(&Ask<'_>) -> Result<LinkTarget>),
}

/// A name and what it is.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) node: Node,
}

const fn entry(name: &'static str, node: Node) -> Entry {
    Entry { name, node }
}

fn digits(mut n: u32) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        text.insert(0, b'0' + (n % 10) as u8);
        n /= 10;
        if n == 0 {
            return text;
        }
    }
}

pub(crate) fn number(n: i32) -> Vec<u8> {
    digits(n.unsigned_abs())
}

fn link_self(ask: &Ask<'_>) -> Result<LinkTarget> {
    Ok(LinkTarget::Path(number(ask.source.current().0)))
}

fn link_thread_self(ask: &Ask<'_>) -> Result<LinkTarget> {
    let (pid, tid) = ask.source.current();
    Ok(LinkTarget::Path([number(pid), b"/task/".to_vec(), number(tid)].concat()))
}

fn link_mounts(_: &Ask<'_>) -> Result<LinkTarget> {
    Ok(LinkTarget::Path(b"self/mounts".to_vec()))
}

fn link_net(_: &Ask<'_>) -> Result<LinkTarget> {
    Ok(LinkTarget::Path(b"self/net".to_vec()))
}

fn link_exe(ask: &Ask<'_>) -> Result<LinkTarget> {
    ask.process()?.exe().map(LinkTarget::Location).ok_or(Errno::ENOENT)
}

fn link_cwd(ask: &Ask<'_>) -> Result<LinkTarget> {
    Ok(LinkTarget::Location(ask.process()?.context().cwd.clone()))
}

fn link_root(ask: &Ask<'_>) -> Result<LinkTarget> {
    Ok(LinkTarget::Location(ask.process()?.context().root.clone()))
}

macro_rules! net {
    ($table:ident) => {
        Node::Text(|ask, out| {
            ask.source.network(NetTable::$table, out);
            Ok(())
        })
    };
}

/// `/proc` besides the processes.
pub(crate) static TOP: &[Entry] = &[
    entry("self", Node::Link(link_self)),
    entry("thread-self", Node::Link(link_thread_self)),
    entry("cmdline", Node::Text(machine::command_line)),
    entry("cpuinfo", Node::Text(machine::cpu_info)),
    entry("filesystems", Node::Text(machine::filesystems)),
    entry("loadavg", Node::Text(machine::load)),
    entry("meminfo", Node::Text(machine::memory)),
    entry("mounts", Node::Link(link_mounts)),
    entry("net", Node::Link(link_net)),
    entry("stat", Node::Text(machine::stat)),
    entry("swaps", Node::Text(machine::swaps)),
    entry("sys", Node::SysctlDir("")),
    entry("uptime", Node::Text(machine::uptime)),
    entry("version", Node::Text(machine::version)),
    entry("vmstat", Node::Text(machine::vmstat)),
];

/// `/proc/PID/net`.
static NET: &[Entry] = &[
    entry("arp", net!(Arp)),
    entry("dev", net!(Dev)),
    entry("if_inet6", net!(IfInet6)),
    entry("route", net!(Route)),
    entry("sockstat", net!(SockStat)),
    entry("tcp", net!(Tcp)),
    entry("tcp6", net!(Tcp6)),
    entry("udp", net!(Udp)),
    entry("udp6", net!(Udp6)),
    entry("unix", net!(Unix)),
];

/// `/proc/PID` and `/proc/PID/task/TID`.
pub(crate) static PROCESS: &[Entry] = &[
    entry("auxv", Node::Private(process::auxv)),
    entry("cgroup", Node::Text(process::cgroup)),
    entry("cmdline", Node::Text(process::command_line)),
    entry("comm", Node::Setting(process::comm, process::set_comm)),
    entry("coredump_filter", Node::Text(process::coredump_filter)),
    entry("cpuset", Node::Text(process::cpuset)),
    entry("cwd", Node::Link(link_cwd)),
    entry("environ", Node::Private(process::environment)),
    entry("exe", Node::Link(link_exe)),
    entry("fd", Node::Descriptors),
    entry("fdinfo", Node::DescriptorInfo),
    entry("limits", Node::Text(process::limits)),
    entry("loginuid", Node::Text(process::login_uid)),
    entry("maps", Node::Text(process::maps)),
    entry("mountinfo", Node::Text(process::mountinfo)),
    entry("mounts", Node::Text(process::mounts)),
    entry("net", Node::Dir(NET)),
    entry("oom_score", Node::Text(process::oom_score)),
    entry("oom_score_adj", Node::Setting(process::oom_score_adj, process::set_oom_score_adj)),
    entry("root", Node::Link(link_root)),
    entry("smaps", Node::Text(process::smaps)),
    entry("stat", Node::Text(status::stat)),
    entry("statm", Node::Text(status::statm)),
    entry("status", Node::Text(status::status)),
];
