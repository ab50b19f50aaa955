//! What a user or an attacker gets wrong. Each has one clear error and its exit code, from the command line where it can know, from the kernel where
//! only that can; a machine never hangs, and nothing is left behind ([`run`] looks).

use machines::archive::{self, DIRECTORY, LINK, PROGRAM, archive, entry, file};
use machines::elf::{CODE_OFFSET, Segment, X86_64, program};
use machines::guest::{boot, kernel};
use machines::{Outcome, Place, finish, fixture, run};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const ENTRY: u64 = Segment::CODE.address + CODE_OFFSET;

/// One error line with these words, at most one line of help, no output, this exit code.
#[track_caller]
fn refused(outcome: &Outcome, code: i32, words: &str) {
    let err = outcome.err();
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!((outcome.code(), outcome.out().as_str()), (code, ""), "{err}");
    assert!(lines.first().is_some_and(|l| l.starts_with("pith: error: ") && l.contains(words)), "expected {words:?}: {err}");
    assert!(lines.len() == 1 || (lines.len() == 2 && (lines[1].starts_with("  help: ") || lines[1].starts_with("pith: error: "))), "{err}");
}

/// `pith run FILE` with these bytes as the file.
fn run_file(bytes: &[u8], words: &[&str]) -> Outcome {
    let place = Place::new();
    let path = place.file("input", bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of ours");
    run([path.to_str().expect("UTF-8")].iter().chain(words))
}

/// The program alone, straight to the kernel.
fn boot_program(bytes: &[u8]) -> String {
    boot(&archive(&[file("app", PROGRAM, bytes)]), 64, "-- /app").ending
}

#[test]
fn the_samples_are_sound() {
    let good = program(X86_64, ENTRY, &[Segment::CODE]);
    assert_eq!(boot_program(&good), "@exit 0");
    let outcome = run_file(&good, &[]);
    assert_eq!((outcome.code(), outcome.err().as_str()), (0, ""));
}

#[test]
fn programs_for_another_processor() {
    for (machine, name) in [(183, "arm64"), (243, "RISC-V"), (21, "machine type 21")] {
        refused(&run_file(&program(machine, ENTRY, &[Segment::CODE]), &[]), 126, name);
        assert!(boot_program(&program(machine, ENTRY, &[Segment::CODE])).starts_with("@fail 126 "));
    }
    let mut small = program(X86_64, ENTRY, &[Segment::CODE]);
    small[4] = 1;
    refused(&run_file(&small, &[]), 126, "32-bit");
    assert!(boot_program(&small).starts_with("@fail 126 "));
}

#[test]
fn truncated_programs() {
    let whole = fs::read(fixture("hello-static")).expect("hello-static");
    for len in [5, 63, 64, 100, 300] {
        refused(&run_file(&whole[..len], &[]), 126, "");
        let ending = boot_program(&whole[..len]);
        assert!(ending.starts_with("@fail 126 "), "{len} bytes: {ending}");
    }
    // Linux maps what is there and lets the program run into the end: SIGBUS. Refusing is clearer.
    for len in [4096, whole.len() / 2] {
        let ending = boot_program(&whole[..len]);
        assert!(ending.starts_with("@fail 126 ") || ending == "@signal 7", "{len} bytes: {ending}");
    }
}

#[test]
fn hostile_programs() {
    let code = Segment::CODE;
    let stack_top = 0x7fff_ffff_f000;
    let cases: Vec<(&str, u64, Vec<Segment>)> = vec![
        ("no segment", ENTRY, vec![]),
        ("into the kernel", ENTRY, vec![code, Segment { address: 0xffff_ffff_8010_0000, ..code }]),
        ("into the direct map", ENTRY, vec![code, Segment { address: 0xffff_8000_0000_0000, ..code }]),
        ("not canonical", ENTRY, vec![code, Segment { address: 0x0000_8000_0000_0000, ..code }]),
        ("across the end of the lower half", ENTRY, vec![code, Segment { address: stack_top, memory_size: 0x10_0000, ..code }]),
        ("around the address space", ENTRY, vec![code, Segment { address: 0x50_0000, memory_size: u64::MAX, ..code }]),
        ("more in the file than in memory", ENTRY, vec![code, Segment { address: 0x50_0000, memory_size: 0x10, ..code }]),
        ("outside the file", ENTRY, vec![code, Segment { address: 0x50_0000, offset: 0x10_0000, ..code }]),
        ("file offset around", ENTRY, vec![code, Segment { address: 0x50_0000, offset: u64::MAX - 0xfff, ..code }]),
        ("misaligned", ENTRY, vec![code, Segment { address: 0x50_0123, ..code }]),
        ("an interpreter outside the file", ENTRY, vec![code, Segment { kind: 3, offset: 0x10_0000, file_size: 20, ..code }]),
        ("an interpreter of 4 GiB", ENTRY, vec![code, Segment { kind: 3, file_size: 1 << 32, ..code }]),
        ("an interpreter without an end", ENTRY, vec![code, Segment { kind: 3, offset: 0, file_size: 7, ..code }]),
    ];
    for (what, entry, segments) in &cases {
        let ending = boot_program(&program(X86_64, *entry, segments));
        assert!(ending.starts_with("@fail 126 /app "), "{what}: {ending:?}");
    }
    let mut many = program(X86_64, ENTRY, &[code]);
    many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(boot_program(&many).starts_with("@fail 126 /app "), "65535 segments");
    let mut far = program(X86_64, ENTRY, &[code]);
    far[32..40].copy_from_slice(&(u64::MAX - 10).to_le_bytes());
    assert!(boot_program(&far).starts_with("@fail 126 /app "), "program headers outside the file");
}

/// What may start, and then gets what it deserves: never more than its own end.
#[test]
fn programs_that_start_where_nothing_is() {
    for entry in [0, 1, 0x10_0000, 0x7fff_ffff_e000, 0x8000_0000_0000, 0xffff_8000_0000_0000, 0xffff_ffff_8010_0000, u64::MAX] {
        let ending = boot_program(&program(X86_64, entry, &[Segment::CODE]));
        assert!(ending == "@signal 11" || ending.starts_with("@fail 126 /app "), "entry {entry:#x}: {ending:?}");
    }
    // Data is not executable.
    let data = Segment { flags: 6, ..Segment::CODE };
    assert_eq!(boot_program(&program(X86_64, ENTRY, &[data])), "@signal 11");
}

#[test]
fn a_program_that_is_its_own_interpreter_and_a_loop_of_scripts() {
    let mut own =
        program(X86_64, ENTRY, &[Segment::CODE, Segment { kind: 3, offset: 0x900, file_size: 5, memory_size: 5, ..Segment::CODE }]);
    own[0x900..0x905].copy_from_slice(b"/app\0");
    let ending = boot_program(&own);
    assert!(ending.starts_with("@fail 126 ") || ending.starts_with("@exit ") || ending.starts_with("@signal "), "{ending:?}");
    let ending = boot_program(b"#!/app\n");
    assert!(ending.starts_with("@fail 126 "), "{ending:?}");
    assert!(boot_program(b"#!\n").starts_with("@fail 126 "));
    assert!(boot_program(b"#!/bin/none\n").starts_with("@fail 127 "));
    assert!(boot_program(b"").starts_with("@fail 126 "), "an empty file");
    assert!(boot_program(b"just text\n").starts_with("@fail 126 "));
}

/// Each is refused by `pith run`, which names the entry, and by the kernel, should it get there all the same.
#[test]
fn hostile_archives() {
    let app = || file("app", PROGRAM, &program(X86_64, ENTRY, &[Segment::CODE]));
    let long = "n".repeat(256);
    let whole = archive(&[app()]);
    let mut bad_number = whole.clone();
    bad_number[6..14].copy_from_slice(b"0000zzzz");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("'..'", archive(&[app(), file("a/../../b", PROGRAM, b"x")])),
        ("'..'", archive(&[app(), file("..", DIRECTORY, b"")])),
        ("absolute", archive(&[app(), file("/etc/passwd", PROGRAM, b"x")])),
        ("longer than 255", archive(&[app(), file(&long, PROGRAM, b"x")])),
        ("name of", archive(&[app(), file(&"d/".repeat(2100), PROGRAM, b"x")])),
        ("cut off", archive(&[app(), entry("lies", PROGRAM, b"x", 0xffff_ffff)])),
        ("", archive(&[app(), entry("lies", PROGRAM, b"four", 100)])),
        ("symbolic link", archive(&[app(), file("link", LINK, b"")])),
        ("symbolic link", archive(&[app(), entry("link", LINK, &[b'x'; 5000], 5000)])),
        ("not a directory", archive(&[file("app", PROGRAM, b"x"), file("app/below", PROGRAM, b"x")])),
        ("file type", archive(&[app(), file("odd", 0o170_755, b"")])),
        ("cut off", whole[..whole.len() - 200].to_vec()),
        ("cut off", whole[..80].to_vec()),
        ("header field ino is no number", bad_number),
    ];
    for (words, bytes) in &cases {
        refused(&run_file(bytes, &["/app"]), 125, words);
        let guest = boot(bytes, 64, "-- /app");
        // A leading slash means the root to the kernel, as it does to Linux.
        let harmless = *words == "absolute" && guest.ending == "@exit 0";
        assert!(harmless || guest.ending.starts_with("@fail 125 the root file system is damaged: "), "{words}: {guest:?}");
    }
    for bytes in [&b""[..], b"x", b"\x1f\x8b\x08\0\0\0\0\0", &[0; 512]] {
        let guest = boot(&[bytes, &[0; 8]].concat(), 64, "-- /app");
        assert!(guest.ending.starts_with("@fail 125 ") || guest.ending.starts_with("@fail 127 "), "{bytes:?}: {guest:?}");
    }
}

#[test]
fn no_loader_no_command_nothing_to_run() {
    let place = Place::new();
    let root = place.directory("root");
    fs::copy(fixture("hello-dynamic"), root.join("app")).expect("a copy");
    fs::write(root.join("text"), "text\n").expect("a file");
    fs::create_dir(root.join("dir")).expect("a directory");
    let plain = place.file("plain", &program(X86_64, ENTRY, &[Segment::CODE]));
    refused(&run([&plain]), 126, "chmod +x");
    let root = root.to_str().expect("UTF-8");
    refused(&run(["--rootfs", root, "/app"]), 127, "ld-linux-x86-64.so.2");
    refused(&run(["--rootfs", root, "/none"]), 127, "/none");
    refused(&run(["--rootfs", root, "none"]), 127, "none");
    refused(&run(["--rootfs", root, "/text"]), 126, "/text");
    refused(&run(["--rootfs", root, "/dir"]), 126, "/dir");
    refused(&run(["--rootfs", root, "/app/below"]), 127, "/app/below");
    refused(&run([root]), 125, "there is nothing to run");
    refused(&run(["/nonexistent/path"]), 125, "/nonexistent/path");
    assert!(boot(&archive(&[]), 64, "").ending.starts_with("@fail 127 no command"));
    assert!(boot(&archive(&[]), 64, "-- /none").ending.starts_with("@fail 127 "));
    assert!(boot(&archive(&[file("app", DIRECTORY, b"")]), 64, "-- /app").ending.starts_with("@fail 126 "));
    assert!(boot(&archive(&[file("app", archive::PROGRAM & !0o111, b"\x7fELF")]), 64, "-- /app").ending.starts_with("@fail 126 "));
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let publish = format!("{}:80", taken.local_addr().expect("its address"));
    let hello = fixture("hello-static");
    let hello = hello.to_str().expect("UTF-8");
    refused(&run(["-p", &publish, hello]), 125, "Address already in use");
    refused(&run(["-d", "-p", &publish, hello]), 125, "Address already in use");
}

#[test]
fn no_qemu() {
    let place = Place::new();
    let mut command = place.pith();
    command.env("PATH", "").args(["run", "-W", "--rm"]).arg(fixture("hello-static"));
    refused(&finish(command, Stdio::null()), 125, "qemu-system-x86_64 was not found");
    place.assert_clean();
}

#[test]
fn too_little_memory() {
    let hello = fixture("hello-static");
    let hello = hello.to_str().expect("UTF-8");
    for size in ["1M", "1Mi", "2Mi"] {
        refused(&run(["-M", size, hello]), 125, "");
    }
    let place = Place::new();
    let root = place.directory("root");
    fs::copy(hello, root.join("app")).expect("a copy");
    fs::write(root.join("large"), vec![1; 20 << 20]).expect("a large file");
    refused(&run(["-M", "16Mi", "--rootfs", root.to_str().expect("UTF-8"), "/app"]), 125, "16 MiB of memory cannot hold");
    refused(&run(["-M", "0", hello]), 125, "--memory");
    refused(&run(["-M", "1Zi", hello]), 125, "--memory");
}

/// From too little to boot at all to enough: an ending with its reason at every size, never silence.
#[test]
fn every_memory_size_ends_with_a_reason() {
    let app = fs::read(fixture("hello-musl")).expect("hello-musl");
    let initrd = archive(&[file("app", PROGRAM, &app)]);
    for memory_mib in [2, 3, 4, 5, 6, 8] {
        let guest = boot(&initrd, memory_mib, "-- /app");
        assert!(["@exit 0", "@oom "].iter().any(|e| guest.ending.starts_with(e)), "{memory_mib} MiB: {guest:?}");
    }
}

#[test]
fn an_application_that_wants_more_memory_than_there_is() {
    let outcome = run(["-M", "32Mi", fixture("probe").to_str().expect("UTF-8"), "--", "eat", "1000"]);
    let err = outcome.err();
    assert_eq!((outcome.code(), outcome.out().as_str()), (123, ""), "{err}");
    assert!(err.starts_with("pith: error: out of memory: ") && err.ends_with("the machine had 32 MiB; give it more with -M\n"), "{err}");
}

/// The application shares the kernel's ring: one that runs off into the kernel's half ends the machine with a readable screen, and nothing hangs.
#[test]
fn a_fault_in_the_kernels_half_is_a_panic_with_registers() {
    let outcome = run([fixture("probe").to_str().expect("UTF-8"), "--", "kernel"]);
    let err = outcome.err();
    assert_eq!((outcome.code(), outcome.out().as_str()), (124, "jumping\n"), "{err}");
    assert!(err.contains("the guest kernel panicked: page fault (vector 14, error 0x11) at 0xffff800000001000"), "{err}");
    assert!(err.contains("rdi ffff9ffffffff000"), "{err}");
}

/// The fault comes with the application's GS and any stack at all: unmapped, not even an address, at the end of what the kernel has. It is told from a stack that has
/// no part in it, with one CPU and with several, which take a lock first.
#[test]
fn a_panic_on_any_stack_is_told_whole() {
    let probe = fixture("probe");
    for cpus in ["1", "2"] {
        for stack in ["10", "8000000000000000", "ffffc00000000008"] {
            let outcome = run(["--cpus", cpus, probe.to_str().expect("UTF-8"), "--", "kernel", "ffff800000001000", stack]);
            let err = outcome.err();
            assert_eq!((outcome.code(), outcome.out().as_str()), (124, "jumping\n"), "{err}");
            let place = format!("at 0xffff800000001000, address 0xffff800000001000, stack 0x{stack}");
            assert!(err.contains(&format!("the guest kernel panicked: page fault (vector 14, error 0x11) {place}\n")), "{err}");
            assert!(err.contains("rdi ffff9ffffffff000 rbp") && err.contains(&format!("rsp {stack:0>16}")), "{err}");
            assert_eq!(err.lines().last().map(str::trim), Some("pith: error:     0xffff800000001000"), "{err}");
        }
    }
}

/// Where the kernel's function of this name lies, from the list beside the image.
fn kernel_function(name: &str) -> String {
    let list = kernel().with_extension("sym");
    let text = fs::read_to_string(&list).unwrap_or_else(|e| panic!("{}: {e}", list.display()));
    let found = text.lines().find_map(|line| line.split_once(char::is_whitespace).filter(|(_, rest)| rest.trim() == name));
    found.unwrap_or_else(|| panic!("no {name} in {}", list.display())).0.to_owned()
}

/// A fault in the kernel's own code: the backtrace has its name, from the symbols in the command line.
#[test]
fn a_panic_names_the_function() {
    let outcome = run([fixture("probe").to_str().expect("UTF-8"), "--", "kernel", &kernel_function("memset")]);
    let err = outcome.err();
    assert_eq!((outcome.code(), outcome.out().as_str()), (124, "jumping\n"), "{err}");
    assert!(
        err.contains("the guest kernel panicked: page fault (vector 14, error 0x2) at 0xffffffff8") && err.contains("  memset+0x"),
        "{err}"
    );
}

/// Kernel code is not writable, its data is not executable: what faults there is the application's instruction, so the application gets the signal.
#[test]
fn the_kernels_code_cannot_be_written() {
    let outcome = run([fixture("probe").to_str().expect("UTF-8"), "--", "store", &kernel_function("memset")]);
    assert_eq!((outcome.code(), outcome.out().as_str()), (139, "storing\n"), "{}", outcome.err());
    assert!(outcome.err().contains("error 0x3"), "{}", outcome.err());
}

#[test]
fn unknown_flags_and_words() {
    for words in [&["run", "--frobnicate"][..], &["frobnicate"], &["run", "-M"], &["stop"], &["run", "--log-level", "loud", "x"]] {
        let place = Place::new();
        let mut command = place.pith();
        command.args(words);
        let outcome = finish(command, Stdio::null());
        assert_eq!((outcome.code(), outcome.out().as_str()), (125, ""), "{words:?}: {}", outcome.err());
        assert!(outcome.err().starts_with("error: "), "{words:?}: {}", outcome.err());
        place.assert_clean();
    }
}

#[test]
fn guest_command_lines_that_make_no_sense() {
    let initrd = archive(&[file("app", PROGRAM, &program(X86_64, ENTRY, &[Segment::CODE]))]);
    for cmdline in ["env.vars=[ \"unclosed -- /app", "netdev.ip=999.1.2.3 -- /app", "vfs.fstab=[ \"nonsense\" ] -- /app", "\"-- /app"] {
        let guest = boot(&initrd, 64, cmdline);
        assert!(guest.ending.starts_with("@fail 12") || guest.ending == "@exit 0", "{cmdline}: {guest:?}");
    }
}
