//! Linux is the oracle: every program of `tests/programs`, run on the host's Linux and in Pith; standard output and exit status must be the same, byte for byte.
//!
//! A program gets one machine per flavour (static and dynamic glibc, static musl), booted by `pith run`. What is about threads, signals and memory runs on
//! several processors too; `ORACLE_CPUS=N` gives every machine that many.

use libtest_mimic::{Arguments, Failed, Trial};
use machines::{Outcome, finish, fixtures, pith, root};
use std::path::PathBuf;
use std::process::{Command, Stdio};

struct Program {
    name: String,
    family: String,
    flavours: Vec<String>,
    stdin: Option<PathBuf>,
    args: Vec<String>,
}

/// `tests/programs/list.tsv`: name, family, flavours, stdin file or `-`, arguments or `-`, kind of ending.
fn programs() -> Vec<Program> {
    let dir = root().join("tests/programs");
    let text = std::fs::read_to_string(dir.join("list.tsv")).expect("tests/programs/list.tsv");
    let rows = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !l.starts_with("name\t"));
    rows.map(|line| {
        let field: Vec<&str> = line.split('\t').collect();
        let list = |s: &str, by: char| if s == "-" { Vec::new() } else { s.split(by).map(str::to_owned).collect() };
        Program {
            name: field[0].to_owned(),
            family: field[1].to_owned(),
            flavours: list(field[2], ','),
            stdin: (field[3] != "-").then(|| dir.join(field[3])),
            args: field.get(4).map_or(Vec::new(), |s| list(s, ' ')),
        }
    })
    .collect()
}

fn stdin(program: &Program) -> Stdio {
    program.stdin.as_ref().map_or_else(Stdio::null, |path| std::fs::File::open(path).expect("stdin file").into())
}

/// A short excerpt around the first difference.
fn difference(linux: &Outcome, pith: &Outcome) -> String {
    let (a, b) = (linux.out(), pith.out());
    let line = a.lines().zip(b.lines()).take_while(|(a, b)| a == b).count();
    let show = |s: &str| s.lines().skip(line).take(6).collect::<Vec<_>>().join("\n  ");
    format!(
        "exit: linux {} pith {}\nfrom line {}:\nlinux\n  {}\npith\n  {}\npith's stderr\n  {}",
        linux.code(),
        pith.code(),
        line + 1,
        show(&a),
        show(&b),
        pith.err().lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n  ")
    )
}

/// Families whose programs run on several processors too.
const PARALLEL: [&str; 6] = ["futex", "memory", "signals", "smp", "threads", "timers"];

/// On how many processors a program runs, besides one.
fn processors(program: &Program) -> &'static [&'static str] {
    match program.family.as_str() {
        "smp" => &["2", "4"],
        family if PARALLEL.contains(&family) => &["2"],
        _ => &[],
    }
}

/// Programs about files whose answers are different on any directory that QEMU shares by 9P, each with what makes them so.
const NOT_ON_VOLUMES: [&str; 10] = [
    // QEMU refuses to make fifos.
    "fifo",
    "cred_files",
    "file_at",
    "file_readdir",
    "file_stat",
    // The protocol has no message for fallocate, for renames with flags, for holes, for files without a name.
    "file_fallocate",
    "file_rename2",
    "file_seek_hole",
    "file_tmpfile",
    // QEMU has no `security.*`.
    "file_xattr",
];

/// Whether a program says something about files that it makes in /tmp.
fn is_about_files(program: &Program) -> bool {
    let name = program.name.as_str();
    (program.family == "files" || name == "mmap_private_file" || name == "mmap_shared_file") && !NOT_ON_VOLUMES.contains(&name)
}

fn compare(program: &Program, flavour: &str, cpus: &str, on: Option<&std::path::Path>) -> Result<(), Failed> {
    let mut path = fixtures().join("programs").join(flavour).join(&program.name);
    // A volume on /tmp must not hide the program, wherever these sources are.
    let beside = tempfile::tempdir_in("/var/tmp")?;
    if on.is_some() {
        let copy = beside.path().join(&program.name);
        // By a process of its own: a file that this one writes is open in whatever a neighbour starts meanwhile, and cannot be executed (ETXTBSY).
        let copied = Command::new("cp").args([&path, &copy]).status()?;
        assert!(copied.success(), "cp: {copied}");
        path = copy;
    }
    let work = tempfile::tempdir()?;
    let mut native = Command::new(&path);
    // The machine starts with this environment too: what a container gets.
    native
        .args(&program.args)
        .current_dir(work.path())
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    let linux = finish(native, stdin(program));
    let state = tempfile::tempdir()?;
    let mut machine = pith(state.path());
    // Dynamic programs run from an EROFS image, static ones from an archive: the same files either way.
    let format = if flavour == "dynamic" { "erofs" } else { "cpio" };
    machine.args(["run", "-W", "--rm", "-M", "128M", "--cpus", cpus, "--rootfs-type", format]);
    if let Some(directory) = on {
        machine.arg("-v").arg(format!("{}:/tmp", directory.display()));
    }
    machine.arg(&path).arg("--").args(&program.args);
    let guest = finish(machine, stdin(program));
    if linux.stdout == guest.stdout && linux.code() == guest.code() { Ok(()) } else { Err(difference(&linux, &guest).into()) }
}

fn main() {
    let mut arguments = Arguments::from_args();
    // Two cores, and a machine is one busy thread.
    arguments.test_threads.get_or_insert(2);
    let all = std::env::var("ORACLE_CPUS").unwrap_or_else(|_| "1".to_owned());
    let mut trials = Vec::new();
    for program in programs() {
        let program = std::sync::Arc::new(program);
        for (at, flavour) in program.flavours.iter().cloned().enumerate() {
            let name = format!("{}::{flavour}", program.name);
            // One flavour is enough for what the kernel does.
            for cpus in if at == 0 { processors(&program) } else { &[] } {
                let (name, program, flavour) = (format!("{name}::cpus{cpus}"), program.clone(), flavour.clone());
                trials.push(Trial::test(name, move || compare(&program, &flavour, cpus, None)));
            }
            let (program, all) = (program.clone(), all.clone());
            trials.push(Trial::test(name, move || compare(&program, &flavour, &all, None)));
        }
        if is_about_files(&program) {
            let (name, flavour, all) = (format!("{}::volume", program.name), program.flavours[0].clone(), all.clone());
            trials.push(Trial::test(name, move || compare(&program, &flavour, &all, Some(tempfile::tempdir()?.path()))));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}
