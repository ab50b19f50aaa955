//! `docs/compatibility.md` is the system-call table, printed. With `BLESS=1` in the environment this test writes the file; without it
//! checks that the file says what the table says.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;
use std::path::Path;
use syscall::table::{ROWS, Row, Status};

const HEAD: &str = "# System calls

Made from the table in `kernel/lib/syscall/src/table` by `BLESS=1 cargo test -p syscall --test compatibility`; the tests check that it is
up to date. **full**: what the manual page says, as far as it has a meaning in a machine with one application. **partial**: see the note.
**absent**: `ENOSYS`, and one line in the log. Calls in families that an image was built without answer `ENOSYS` too and name the option.
";

fn section(out: &mut String, title: &str, status: Status) {
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.status == status).collect();
    writeln!(out, "\n## {title} ({})\n", rows.len()).unwrap();
    if status == Status::Full {
        let names: Vec<String> = rows.iter().map(|row| format!("`{}`", row.name)).collect();
        writeln!(out, "{}", names.join(" ")).unwrap();
        return;
    }
    writeln!(out, "| x86_64 | call | note |\n|---|---|---|").unwrap();
    for row in rows {
        writeln!(out, "| {} | `{}` | {} |", row.number, row.name, row.note).unwrap();
    }
}

fn render() -> String {
    let mut out = String::from(HEAD);
    section(&mut out, "Full", Status::Full);
    section(&mut out, "Partial", Status::Partial);
    section(&mut out, "Absent", Status::Absent);
    out
}

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/compatibility.md");
    let wanted = render();
    if std::env::var_os("BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/compatibility.md is out of date: run BLESS=1 cargo test -p syscall --test compatibility");
}

#[test]
fn names_and_numbers_are_linux_ones() {
    // A sample from each corner of arch/x86/entry/syscalls/syscall_64.tbl.
    for (number, name) in [
        (libc::SYS_read, "read"),
        (libc::SYS_rt_sigreturn, "rt_sigreturn"),
        (libc::SYS_sendfile, "sendfile"),
        (libc::SYS_getdents64, "getdents64"),
        (libc::SYS_exit_group, "exit_group"),
        (libc::SYS_newfstatat, "newfstatat"),
        (libc::SYS_epoll_pwait, "epoll_pwait"),
        (libc::SYS_accept4, "accept4"),
        (libc::SYS_prlimit64, "prlimit64"),
        (libc::SYS_getrandom, "getrandom"),
        (libc::SYS_statx, "statx"),
        (libc::SYS_rseq, "rseq"),
        (libc::SYS_clone3, "clone3"),
        (libc::SYS_epoll_pwait2, "epoll_pwait2"),
        (libc::SYS_fchmodat2, "fchmodat2"),
    ] {
        assert_eq!(syscall::table::name(number as u64), Some(name));
    }
}
