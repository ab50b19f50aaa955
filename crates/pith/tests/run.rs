//! `pith run` in the foreground: streams, exit codes, endings, what the monitor is told.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Home, eventually, free_port};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};

fn run(home: &Home, mode: &str) -> common::Done {
    home.pith(&["run", "-W", "--rm", "root", "/bin/app", mode])
}

#[test]
fn output_is_the_applications_own() {
    let home = Home::new();
    let done = run(&home, "hello");
    assert_eq!((done.code, done.out.as_str()), (3, "out\n\0\u{1}\r\n"));
    assert_eq!(done.err, "err\npith: warning: [0.000200] careful\n");
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn messages_of_the_kernel_follow_what_was_written_before_them() {
    let home = Home::new();
    let done = run(&home, "turns");
    let place = |words: &str| done.err.find(words).unwrap();
    for number in 100..300 {
        assert!(place(&format!("err {number}\n")) < place(&format!("careful {number}\n")), "{number}: {}", done.err);
    }
}

#[test]
fn endings_have_their_codes_and_words() {
    let home = Home::new();
    for (mode, code, words) in [
        (
            "panic",
            124,
            "pith: error: the guest kernel panicked: index out of bounds\npith: error:     0xffffffff80001010  boot::start+0x10\npith: error:     0x0000000000000010\n",
        ),
        ("oom", 123, "pith: error: out of memory: asked for 16 MiB\npith: error: the machine had 258 MiB; give it more with -M\n"),
        ("fail", 127, "pith: error: /bin/x: no such file\n"),
        ("segv", 139, "pith: warning: ended by signal 11 (SIGSEGV)\n"),
        ("silent", 124, "pith: error: QEMU ended without a word from the guest: the machine reset itself, or the kernel is not bootable\n"),
        ("broken", 125, "pith: error: QEMU said: qemu: no such device\n"),
        ("stuck", 124, "pith: error: the virtual CPU stopped on an error that it cannot go on from; try -W to emulate the processor\n"),
    ] {
        fs::write(home.path("kernel.sym"), "ffffffff80001000 boot::start\n").unwrap();
        let done = run(&home, mode);
        assert_eq!((done.code, done.err.as_str()), (code, words), "{mode}");
    }
}

#[test]
fn input_reaches_the_application_and_ends() {
    let home = Home::new();
    let mut child = home.command(&["run", "-W", "root", "/bin/app", "echo"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let bytes: Vec<u8> = (0..25_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut input = child.stdin.take().unwrap();
    let sent = bytes.clone();
    let writer = std::thread::spawn(move || input.write_all(&sent));
    let mut got = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut got).unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(got == bytes);
}

/// A machine that is up and waits.
fn waiting(home: &Home, mode: &str) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = home.command(&["run", "-W", "--name", "m", "root", "/bin/app", mode]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (child, output)
}

fn kill(child: &Child, signal: &str) {
    let status = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn signals_reach_the_application() {
    let home = Home::new();
    let (mut child, mut output) = waiting(&home, "wait");
    kill(&child, "-USR1");
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "usr1\n");
    kill(&child, "-INT");
    line.clear();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "bye\n");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(home.pith(&["ps", "-aq"]).out.trim_end(), home.record("m")["id"]);
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let home = Home::new();
    let (mut child, _output) = waiting(&home, "stubborn");
    // One request alone would take an hour.
    fs::write(home.path("data/names/m/stop-seconds"), "3600").unwrap();
    let mut ended = None;
    eventually("its end", || {
        // Those that come right after the first are the same request.
        kill(&child, "-INT");
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(137));
}

#[test]
fn killing_pith_leaves_nothing_running_and_the_truth_in_ps() {
    let home = Home::new();
    let (mut child, _output) = waiting(&home, "wait");
    let monitor = home.record("m")["monitor"]["pid"].as_u64().unwrap();
    kill(&child, "-KILL");
    assert_eq!(child.wait().unwrap().signal(), Some(9));
    common::until_gone("the monitor", monitor);
    let listed = home.pith(&["ps", "-a"]).out;
    assert!(listed.contains("failed"), "{listed}");
    assert_eq!(home.pith(&["rm", "m"]).code, 0);
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn a_reader_who_leaves_ends_the_machine() {
    let home = Home::new();
    let (mut child, output) = waiting(&home, "wait");
    drop(output);
    kill(&child, "-USR1");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn much_output_to_a_slow_reader_is_complete() {
    let home = Home::new();
    let mut child = home.command(&["run", "-W", "root", "/bin/app", "flood"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let capacity = u64::try_from(rustix::pipe::fcntl_getpipe_size(&output).unwrap()).unwrap();
    eventually("a full pipe", || rustix::io::ioctl_fionread(&output).unwrap() > capacity - 4096);
    let mut got = Vec::new();
    output.read_to_end(&mut got).unwrap();
    assert_eq!((child.wait().unwrap().code(), got.len()), (Some(0), 3_000_000));
}

#[test]
fn the_guest_is_told_everything() {
    let home = Home::new();
    let done = home
        .command(&[
            "run",
            "-W",
            "-e",
            "A=b \"c\"",
            "-e",
            "HOST",
            "-a",
            "pith.workdir=/srv",
            "root",
            "/bin/app",
            "x y",
            "--",
            "--flag",
            "args",
        ])
        .env("HOST", "value")
        .output()
        .unwrap();
    let line = home.finish(done).out;
    let config = pith_abi::cmdline::GuestConfig::parse(line.trim_end()).unwrap();
    assert_eq!(config.argv, ["/bin/app", "x y", "--flag", "args"]);
    assert_eq!(config.workdir.as_deref(), Some("/srv"));
    assert_eq!(config.env[1..], ["HOME=/root", "A=b \"c\"", "HOST=value"]);
    assert_eq!(config.netdev_ip[0].to_string(), "10.0.2.15/24:10.0.2.2:10.0.2.3");
    assert_eq!(config.virtio_mmio[0].to_string(), "512@0xfeb00e00:12");
    assert!(config.random_seed.is_some());
}

#[test]
fn the_monitor_is_told_everything() {
    let home = Home::new();
    let (web, names) = (free_port(), free_port());
    let published = [format!("127.0.0.1:{web}:80"), format!("{names}:53/udp")];
    let done = home.pith(&["run", "-W", "-p", &published[0], "-p", &published[1], "-M", "300Mi", "root", "/bin/app", "words"]);
    let words: Vec<&str> = done.out.lines().collect();
    let after = |flag: &str| words[words.iter().position(|word| *word == flag).unwrap() + 1];
    assert_eq!(after("-netdev"), format!("user,id=n0,hostfwd=tcp:127.0.0.1:{web}-:80,hostfwd=udp::{names}-:53"));
    assert_eq!(after("-m"), "300M");
    assert_eq!(after("-accel"), "tcg");
    assert!(after("-initrd").ends_with("initrd.cpio"));
    for machine in ["pc", "q35"] {
        let done = home.command(&["run", "-W", "root", "/bin/app", "words"]).env("PITH_QEMU_MACHINE", machine).output().unwrap();
        let done = home.finish(done);
        assert!(done.out.contains("virtio-net-pci,disable-legacy=on,romfile=,netdev=n0"), "{}", done.out);
    }
}

#[test]
fn a_lone_program_brings_its_libraries() {
    let home = Home::new();
    let done = home.pith(&["--log-level", "debug", "run", "-W", "/usr/bin/env", "args"]);
    assert_eq!(done.code, 0);
    assert!(done.err.contains("env: taking its 2 libraries from this host"), "{}", done.err);
    assert!(done.err.contains("pith: debug: starting HOME") || done.err.contains("fake-vmm.sh -name"), "{}", done.err);
    assert!(done.out.trim_end().ends_with("-- /usr/bin/env args"), "{}", done.out);
    std::os::unix::fs::symlink("/usr/bin/env", home.path("alias")).unwrap();
    let done = home.pith(&["run", "-W", "--rm", "./root/../alias", "args"]);
    assert!(done.out.trim_end().ends_with("-- HOME/alias args"), "{}", done.out);
    let machine = home.machines().pop().unwrap();
    let archive = fs::File::open(home.path(&format!("data/machines/{machine}/initrd.cpio"))).unwrap();
    let list = std::process::Command::new("cpio").arg("-t").stdin(archive).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for name in ["usr/bin/env", "lib64/ld-linux-x86-64.so.2", "libc.so.6", "tmp"] {
        assert!(list.lines().any(|line| line.ends_with(name)), "{name} in {list}");
    }
}

#[test]
fn a_project_runs_from_its_directory_and_from_below() {
    let home = Home::new();
    fs::write(
        home.path("Kraftfile"),
        "spec: v0.6\nruntime: base:latest\nrootfs: ./root\ncmd: [\"/bin/app\", \"args\"]\nenv:\n  A: \"1\"\nnmae: x\n",
    )
    .unwrap();
    let done = home.pith(&["run", "-W", "."]);
    assert_eq!(
        (done.code, done.err.as_str()),
        (0, "pith: warning: ./Kraftfile:7:1: unknown key \"nmae\" is ignored; did you mean \"name\"?\n")
    );
    assert!(done.out.contains("\"A=1\" ] -- /bin/app args"), "{}", done.out);
    fs::create_dir(home.path("below")).unwrap();
    let below = home.command(&["run", "-W"]).current_dir(home.path("below")).output().unwrap();
    assert_eq!(home.finish(below).code, 0);
    let other = home.pith(&["run", "-W", ".", "/bin/app", "hello"]);
    assert_eq!(other.code, 3);
}

#[test]
fn archives_and_root_file_systems_run() {
    let home = Home::new();
    assert_eq!(home.pith(&["run", "-W", "--rootfs", "root", "/bin/app", "hello"]).code, 3);
    let packed = fs::File::create(home.path("root.cpio")).unwrap();
    let mut find = std::process::Command::new("find").arg(".").current_dir(home.path("root")).stdout(Stdio::piped()).spawn().unwrap();
    let mut cpio = std::process::Command::new("cpio");
    cpio.args(["-o", "-H", "newc"]).current_dir(home.path("root")).stdin(find.stdout.take().unwrap()).stdout(packed).stderr(Stdio::null());
    assert!(cpio.status().unwrap().success() && find.wait().unwrap().success());
    assert_eq!(home.pith(&["run", "-W", "root.cpio", "/bin/app", "hello"]).code, 3);
    assert_eq!(home.pith(&["run", "-W", "--rootfs", "root.cpio", "/bin/app", "hello"]).code, 3);
}

#[test]
fn messages_in_other_forms() {
    let home = Home::new();
    let done = home.pith(&["--log-type", "json", "run", "-W", "root", "/bin/app", "hello"]);
    let line = done.err.lines().find(|line| line.starts_with('{')).unwrap();
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&value["level"], &value["msg"]), (&"warning".into(), &"[0.000200] careful".into()));
    let done = home.pith(&["--log-type", "quiet", "run", "-W", "root", "/bin/app", "hello"]);
    assert_eq!(done.err, "err\n");
    let done = home.pith(&["--log-level=debug", "run", "-W", "root", "/bin/app", "hello"]);
    assert!(done.err.contains("pith: debug: [0.000201] detail\n"), "{}", done.err);
}
