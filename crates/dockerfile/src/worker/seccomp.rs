//! System calls that commands are kept from: what Docker's default profile names as blocked (its documentation, "Seccomp security profiles for
//! Docker"). Everything else is as it is without a filter, so that a build does not fail by a system call that is newer than this list.

use serde_json::{Value, json};

/// Refused with EPERM, as without the capability that most of them need.
const REFUSED: [&str; 47] = [
    "_sysctl",
    "acct",
    "add_key",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pivot_root",
    "query_module",
    "quotactl",
    "reboot",
    "request_key",
    "setns",
    "settimeofday",
    "stime",
    "swapoff",
    "swapon",
    "umount",
    "umount2",
    "unshare",
    "userfaultfd",
    "vhangup",
];

/// Flags of clone(2) that make namespaces: mount, cgroup, UTS, IPC, user, PID, network.
const NAMESPACES: [u64; 7] = [0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];

/// EPERM and ENOSYS.
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// The other instruction sets that a kernel of this one runs.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: [&str; 3] = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
#[cfg(not(target_arch = "x86_64"))]
const ARCHITECTURES: [&str; 2] = ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"];

/// `linux.seccomp` of a bundle (OCI runtime specification, config-linux.md).
pub(super) fn profile() -> Value {
    let rule =
        |names: &[&str], errno: u32, args: Value| json!({ "names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno, "args": args });
    let mut rules = vec![
        rule(&REFUSED, EPERM, json!([])),
        // Its flags are in memory, where no filter sees them; libraries fall back to clone.
        rule(&["clone3"], ENOSYS, json!([])),
    ];
    let made = NAMESPACES.map(|flag| json!([{ "index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ" }]));
    rules.extend(made.map(|args| rule(&["clone"], EPERM, args)));
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": ARCHITECTURES, "syscalls": rules })
}
