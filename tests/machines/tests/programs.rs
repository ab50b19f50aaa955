//! Programs that run and end: what they print, what they read, how they end.

use machines::archive::{PROGRAM, archive, file};
use machines::guest::Board;
use machines::{Outcome, Place, finish, fixture, interrupt, linux, root, root_directory, run, run_with};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// `pith run -W --rm FLAGS... FIXTURE -- ARGS...`
fn program(name: &str, flags: &[&str], args: &[&str], input: &[u8]) -> Outcome {
    let path = fixture(name);
    let path = path.to_str().expect("UTF-8");
    run_with(flags.iter().chain(&[path, "--"]).chain(args), input)
}

fn probe(args: &[&str]) -> Outcome {
    program("probe", &[], args, &[])
}

fn hello_in_c(name: &str) {
    let outcome = program(name, &[], &["3"], &[]);
    assert_eq!((outcome.out().as_str(), outcome.code()), ("hello from C\nargument 1: 3\n", 3), "{}", outcome.err());
}

#[test]
fn hello_static() {
    hello_in_c("hello-static");
}

#[test]
fn hello_static_pie() {
    hello_in_c("hello-static-pie");
}

#[test]
fn hello_dynamic() {
    hello_in_c("hello-dynamic");
}

#[test]
fn hello_musl() {
    hello_in_c("hello-musl");
}

#[test]
fn hello_rust() {
    let outcome = program("hello-rs", &[], &["5"], &[]);
    assert_eq!(
        (outcome.out().as_str(), outcome.code()),
        ("hello from Rust\na thread says 5050\nwritten and read\n", 5),
        "{}",
        outcome.err()
    );
}

#[test]
fn threads() {
    for name in ["pthreads", "pthreads-static"] {
        let outcome = program(name, &[], &[], &[]);
        assert_eq!((outcome.out().as_str(), outcome.code()), ("2262 primes, sum 21171191\n", 0), "{name}: {}", outcome.err());
    }
}

/// Linux is the oracle: a script is started by the interpreter that it names, with what that line says before its own path.
#[test]
fn a_script_starts_its_interpreter() {
    let place = Place::new();
    let root = place.directory("root");
    linux::install(&root, &fixture("hello-dynamic"), "/usr/local/hello");
    let script = format!("#!{} one word \nignored\n", "/usr/local/hello");
    std::fs::write(root.join("script"), &script).expect("a script");
    std::fs::set_permissions(root.join("script"), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let outcome = run(["--rootfs", root.to_str().expect("UTF-8"), "/script", "--", "two", "three"]);
    let expected = "hello from C\nargument 1: one word\nargument 2: /script\nargument 3: two\nargument 4: three\n";
    assert_eq!((outcome.out().as_str(), outcome.err().as_str()), (expected, ""));
}

/// A root directory with these programs of the host.
fn host_programs(place: &Place, programs: &[&str]) -> String {
    let root = place.directory("root");
    programs.iter().for_each(|program| linux::install(&root, Path::new(program), program));
    root.to_str().expect("UTF-8").to_owned()
}

/// The start of each mapping, by name; the first of each.
fn mappings(maps: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for line in maps.lines() {
        if let (Some((start, _)), Some(name)) = (line.split_once('-'), line.split_whitespace().nth(5)) {
            found.entry(name.to_owned()).or_insert_with(|| start.to_owned());
        }
    }
    found
}

#[test]
fn addresses_are_random_and_nothing_is_writable_and_executable() {
    let place = Place::new();
    let root = host_programs(&place, &["/usr/bin/cat"]);
    let [one, other] = [0, 1].map(|_| run(["--rootfs", &root, "/usr/bin/cat", "--", "/proc/self/maps"]).out());
    assert!(!one.contains("wx"), "{one}");
    let (one, other) = (mappings(&one), mappings(&other));
    for name in ["/usr/bin/cat", "[heap]", "[stack]", "[vdso]"] {
        assert!(one.contains_key(name) && one.get(name) != other.get(name), "{name}: {one:?} {other:?}");
    }
    let libc = |of: &BTreeMap<String, String>| of.iter().find(|(name, _)| name.ends_with("/libc.so.6")).map(|(_, start)| start.clone());
    assert!(libc(&one).is_some() && libc(&one) != libc(&other), "{one:?} {other:?}");
}

#[test]
fn the_clock_shows_the_hosts_time() {
    let place = Place::new();
    let root = host_programs(&place, &["/usr/bin/date"]);
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    for machine_type in ["microvm", "q35"] {
        let before = now();
        let mut command = place.pith();
        command.env("PITH_QEMU_MACHINE", machine_type).args(["run", "-W", "--rm", "--rootfs", &root, "/usr/bin/date", "--", "+%s"]);
        let outcome = finish(command, Stdio::null());
        let guest: u64 = outcome.out().trim().parse().unwrap_or_else(|e| panic!("{e}: {}{}", outcome.out(), outcome.err()));
        // The machine reads a clock of whole seconds.
        assert!((before - 1..=now() + 1).contains(&guest), "{machine_type}: {before} {guest} {}", now());
    }
}

#[test]
fn file_systems_are_mounted_as_the_command_line_says() {
    let place = Place::new();
    let root = host_programs(&place, &["/usr/bin/cat"]);
    let table = r#"vfs.fstab=[ "initrd0:/:extract:::" "none:/scratch/deep:tmpfs:::mkmp" "x:/other:ramfs:::mkmp" ]"#;
    let outcome = run(["-a", table, "--rootfs", &root, "/usr/bin/cat", "--", "/proc/self/mounts"]);
    for wanted in [" / ", " /scratch/deep tmpfs ", " /other tmpfs ", " /proc proc ", " /dev ", " /sys sysfs "] {
        assert!(outcome.out().contains(wanted), "{wanted}: {}{}", outcome.out(), outcome.err());
    }
    for (entry, words) in [("x:/a:9pfs:::", "no such file system driver"), ("x:/a:tmpfs::mode=700:", "flags and options are not supported")]
    {
        let outcome = run(["-a", &format!("vfs.fstab=[ \"{entry}\" ]"), "--rootfs", &root, "/usr/bin/cat"]);
        assert_eq!((outcome.out().as_str(), outcome.code()), ("", 125), "{entry}");
        assert!(outcome.err().contains(words), "{entry}: {}", outcome.err());
    }
}

/// The archive is the page cache: 40 MiB of files in 56 MiB of memory, all read.
#[test]
fn a_root_file_system_is_in_memory_once() {
    let place = Place::new();
    let root = host_programs(&place, &["/usr/bin/sha256sum"]);
    let bytes: Vec<u8> = (0..40 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let large = Path::new(&root).join("large");
    std::fs::write(&large, bytes).expect("a large file");
    let mut native = Command::new("sha256sum");
    native.arg(&large);
    let sum = finish(native, Stdio::null()).out().replace(large.to_str().expect("UTF-8"), "/large");
    let outcome = run(["-M", "56Mi", "--rootfs", &root, "/usr/bin/sha256sum", "--", "/large"]);
    assert_eq!((outcome.out(), outcome.code()), (sum, 0), "{}", outcome.err());
}

/// From the processor's instruction, from a device, and from what the host hands over; and with none of them from the clock, never twice the same.
#[test]
fn random_bytes_from_every_source() {
    let archive = archive(&[file("probe", PROGRAM, &std::fs::read(fixture("probe")).expect("probe"))]);
    let seed = "random.seed=[ 0x1 0x2 0x3 0x4 0x5 0x6 0x7 0x8 ] -- /probe random";
    let mut seen = BTreeSet::new();
    let mut machines = 0;
    for machine_type in ["microvm", "q35"] {
        for (cpu, has_device, cmdline) in [
            ("max", false, "-- /probe random"),
            ("max,-rdrand,-rdseed", true, "-- /probe random"),
            ("max,-rdrand,-rdseed", false, seed),
            ("max,-rdrand,-rdseed", false, "-- /probe random"),
        ] {
            let board = Board::new(&archive, 64, cmdline).on(machine_type).cpu(cpu);
            let guest = if has_device { board.rng() } else { board }.boot();
            assert_eq!((guest.ending.as_str(), guest.console.lines().count()), ("@exit 0", 2), "{}", guest.console);
            seen.extend(guest.console.lines().map(str::to_owned));
            machines += 1;
        }
    }
    assert_eq!(seen.len(), 2 * machines, "{seen:?}");
}

#[test]
fn an_unknown_system_call_is_enosys_and_one_line_in_the_log() {
    let outcome = program("probe", &["-a", "pith.log=info"], &["unknown"], &[]);
    assert_eq!((outcome.out().as_str(), outcome.code()), ("io_uring_setup: ENOSYS\n".repeat(3).as_str(), 0));
    let place = Place::new();
    let mut command = place.pith();
    command.args(["--log-level", "debug", "run", "-W", "--rm"]).arg(fixture("probe")).args(["--", "unknown"]);
    let err = finish(command, Stdio::null()).err();
    assert_eq!(err.matches("system call io_uring_setup (425) is not supported: ENOSYS").count(), 1, "{err}");
}

/// Linux is the oracle: the same interpreter, the same script.
#[test]
fn python_script() {
    let root = root_directory("python3");
    let script = root.join("srv/script.py");
    let mut native = std::process::Command::new("/usr/bin/python3");
    native.arg(&script).args(["a", "b c"]);
    let native = finish(native, Stdio::null());
    let outcome = run(["--rootfs", root.to_str().expect("UTF-8"), "/usr/bin/python3", "--", "/srv/script.py", "a", "b c"]);
    assert_eq!((outcome.out(), outcome.code()), (native.out(), 7), "{}", outcome.err());
}

#[test]
fn sqlite_reads_sql_from_standard_input() {
    let script = std::fs::read(root().join("tests/fixtures/sqlite/script.sql")).expect("the script");
    let place = Place::new();
    let mut native = std::process::Command::new("/usr/bin/sqlite3");
    native.arg(place.directory("db").join("test.db"));
    let native = machines::finish_with(native, &script);
    let outcome = run_with(["--rootfs", root_directory("sqlite3").to_str().expect("UTF-8"), "/usr/bin/sqlite3", "/tmp/test.db"], &script);
    assert_eq!((outcome.out(), outcome.code()), (native.out(), 0), "{}", outcome.err());
}

#[test]
fn every_exit_code_is_the_programs_own() {
    for code in [0, 1, 2, 42, 122, 123, 124, 125, 126, 127, 128, 130, 137, 254, 255] {
        let outcome = probe(&["exit", &code.to_string()]);
        assert_eq!((outcome.code(), outcome.err().as_str()), (code, ""));
    }
}

#[test]
fn death_by_signal_is_128_and_its_number() {
    for signal in [1, 6, 9, 11, 13, 15] {
        let outcome = probe(&["signal", &signal.to_string()]);
        assert_eq!((outcome.code(), outcome.out().as_str()), (128 + signal, ""), "{}", outcome.err());
    }
}

#[test]
fn a_megabyte_goes_through_byte_for_byte() {
    let input: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let outcome = program("probe", &[], &["cat"], &input);
    assert_eq!((outcome.code(), outcome.err().as_str()), (0, "1048576 bytes\n"));
    assert!(outcome.stdout == input, "{} bytes came back, or others", outcome.stdout.len());
}

#[test]
fn empty_input_ends_at_once() {
    let outcome = probe(&["cat"]);
    assert_eq!((outcome.code(), outcome.err().as_str()), (0, "0 bytes\n"));
}

#[test]
fn arguments_and_environment_arrive_as_given() {
    let args = ["print", "two words", "quote\"and'tick", "$HOME \\ *", "", "ä€", "--flag", "--"];
    let outcome = program("probe", &["-e", "PLAIN=1", "-e", "SPACES= a  b ", "-e", "QUOTES=\"x\" 'y' \\z", "-e", "PLAIN=2"], &args, &[]);
    let out = outcome.out();
    let given: Vec<&str> = out.lines().filter_map(|l| l.strip_prefix("argument [")?.strip_suffix(']')).collect();
    assert_eq!((given.as_slice(), outcome.code()), (&args[1..], 0), "{}", outcome.err());
    for expected in ["PLAIN=2", "SPACES= a  b ", "QUOTES=\"x\" 'y' \\z", "HOME=/root"] {
        assert!(out.contains(&format!("environment [{expected}]\n")), "{expected}: {out}");
    }
}

#[test]
fn an_environment_variable_without_a_value_is_the_hosts() {
    let place = Place::new();
    let mut command = place.pith();
    command.env("FROM_HOST", "yes").args(["run", "-W", "--rm", "-e", "FROM_HOST"]).arg(fixture("probe")).args(["--", "print"]);
    let outcome = finish(command, Stdio::null());
    assert!(outcome.out().contains("environment [FROM_HOST=yes]\n"), "{}{}", outcome.out(), outcome.err());
}

#[test]
fn kernel_arguments_reach_the_kernel() {
    let outcome = program("probe", &["-a", "env.vars=[ \"VIA_KERNEL=a b\" ]"], &["print"], &[]);
    assert!(outcome.out().contains("environment [VIA_KERNEL=a b]\n"), "{}{}", outcome.out(), outcome.err());
}

#[test]
fn memory_is_what_was_asked_for() {
    for (size, code) in [("64Mi", 0), ("24Mi", 123)] {
        let outcome = program("probe", &["-M", size], &["eat", "40"], &[]);
        assert_eq!(outcome.code(), code, "-M {size}: {}{}", outcome.out(), outcome.err());
    }
}

#[test]
fn without_acceleration_nothing_is_said_about_it() {
    let outcome = probe(&["exit", "0"]);
    assert_eq!(outcome.err(), "");
}

/// `pith run` in the foreground, interrupted once it says that it waits.
fn interrupted(what: &[&str], signals: &[&str]) -> Outcome {
    let place = Place::new();
    let mut command = place.pith();
    // Only one that is deaf is to meet its deadline, however busy the machine is.
    let deadline = if what == ["deaf"] { "1" } else { "100" };
    command.args(["run", "-W", "--rm", "--stop-timeout", deadline]).arg(fixture("probe")).arg("--").args(what);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pith");
    let mut out = child.stdout.take().expect("piped");
    let mut first = [0; 8];
    out.read_exact(&mut first).expect("the program's first line");
    assert_eq!(&first, b"waiting\n");
    // They come in one moment: the program is stopped until all are there.
    let together = [&["STOP"], signals, &["CONT"]].concat();
    together.iter().for_each(|signal| interrupt(&child, signal));
    let mut stdout = Vec::new();
    out.read_to_end(&mut stdout).expect("its output");
    let rest = child.wait_with_output().expect("its end");
    place.assert_clean();
    Outcome { status: rest.status, stdout, stderr: rest.stderr }
}

#[test]
fn ctrl_c_asks_the_application_to_end() {
    for signal in ["INT", "TERM"] {
        let outcome = interrupted(&["wait"], &[signal]);
        assert_eq!((outcome.out().as_str(), outcome.code()), ("signal 15\n", 9), "{}", outcome.err());
    }
}

#[test]
fn a_signal_that_is_sent_twice_at_once_is_one_request() {
    // As timeout(1) and a terminal's process group do it.
    let outcome = interrupted(&["wait", "1000"], &["INT", "TERM"]);
    assert_eq!((outcome.out().as_str(), outcome.code()), ("signal 15\n", 9), "{}", outcome.err());
}

#[test]
fn a_deaf_application_is_ended_after_the_deadline() {
    let outcome = interrupted(&["deaf"], &["INT"]);
    assert_eq!(outcome.code(), 137, "{}", outcome.err());
    assert_eq!(outcome.err(), "pith: warning: did not stop in time and was ended\n");
}
