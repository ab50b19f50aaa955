//! Flags of `pith run` and `pith create`: each does what it says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Home, eventually, free_port};
use pith_abi::cmdline::{GuestConfig, User, WindowSize};
use std::fs;

/// What the guest is told by a run with these flags.
#[track_caller]
fn told(home: &Home, flags: &[&str]) -> GuestConfig {
    let mut all = vec!["run", "-W", "--rm"];
    all.extend(flags);
    all.extend(["root", "/bin/app", "args"]);
    let done = home.pith(&all);
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{flags:?}");
    GuestConfig::parse(done.out.trim_end()).unwrap()
}

/// The monitor's words in a run with these flags.
#[track_caller]
fn words(home: &Home, flags: &[&str]) -> Vec<String> {
    let mut all = vec!["run", "-W", "--rm"];
    all.extend(flags);
    all.extend(["root", "/bin/app", "words"]);
    home.pith(&all).out.lines().map(str::to_owned).collect()
}

#[test]
fn what_the_application_finds() {
    let home = Home::new();
    fs::write(home.path("env"), "# ours\nA=file\nB=from file\nHOST\n").unwrap();
    let done = home
        .command(&[
            "run",
            "-W",
            "--rm",
            "--env-file",
            "env",
            "-e",
            "A=flag",
            "-w",
            "/srv",
            "--hostname",
            "box",
            "-it",
            "root",
            "/bin/app",
            "args",
        ])
        .env("HOST", "here")
        .output()
        .unwrap();
    let config = GuestConfig::parse(home.finish(done).out.trim_end()).unwrap();
    assert_eq!(config.env[1..], ["TERM=xterm", "HOME=/root", "A=flag", "B=from file", "HOST=here"]);
    assert_eq!((config.workdir.as_deref(), config.hostname.as_deref()), (Some("/srv"), Some("box")));
    // Nobody is at a terminal here: it has the usual size.
    assert_eq!(config.tty, Some(WindowSize { rows: 24, columns: 80 }));
    assert_eq!((told(&home, &[]).tty, told(&home, &[]).user), (None, None));
    assert_eq!(told(&home, &["-u", "7:8"]).user, Some(User { uid: 7, gid: 8, groups: Vec::new() }));
    // A kernel that has never heard of users would run it as root.
    fs::write(home.path("old"), vec![0; 1000]).unwrap();
    let old = |user: &str| home.pith(&["create", "-W", "-r", "kernel://old", "-u", user, "root", "/bin/app"]);
    let refused = old("7:8");
    assert_eq!((refused.code, refused.out.as_str()), (125, ""));
    assert!(
        refused.err.contains("--user \"7:8\": the kernel HOME/old cannot run an application as another user than root"),
        "{}",
        refused.err
    );
    assert_eq!(home.machines(), [""; 0]);
    assert_eq!(old("0:8").code, 0);
}

#[test]
fn what_is_run() {
    let home = Home::new();
    fs::write(home.path("Kraftfile"), "spec: v0.6\nruntime: base\nrootfs: ./root\ncmd: [\"/bin/other\", \"x\"]\n").unwrap();
    let argv = |flags: &[&str]| {
        let mut all = vec!["run", "-W", "--rm"];
        all.extend(flags);
        let done = home.pith(&all);
        assert_eq!(done.code, 0, "{flags:?}: {}", done.err);
        GuestConfig::parse(done.out.trim_end()).unwrap().argv
    };
    assert_eq!(argv(&["--entrypoint", "/bin/app", ".", "args"]), ["/bin/app", "args"]);
    assert_eq!(argv(&["--entrypoint", "/bin/app", "--rootfs", "root", "a", "args"]), ["/bin/app", "a", "args"]);
    assert_eq!(argv(&["-K", "Kraftfile", ".", "/bin/app", "args"]), ["/bin/app", "args"]);
    assert_eq!(argv(&["--as", "kraftfile-runtime", ".", "/bin/app", "args"]), ["/bin/app", "args"]);
    assert_eq!(argv(&["-t", "qemu/x86_64", ".", "/bin/app", "args"]), ["/bin/app", "args"]);
    assert_eq!(argv(&["--rootfs-type", "cpio", "-m", "x86_64", "--plat", "qemu", ".", "/bin/app", "args"]), ["/bin/app", "args"]);
    assert_eq!(argv(&["--as", "linuxu", "/usr/bin/env", "args"]), ["/usr/bin/env", "args"]);
}

#[test]
fn which_kernel_is_booted() {
    let home = Home::new();
    fs::write(home.path("mine"), "kernel").unwrap();
    fs::write(home.path("mine.dbg"), "kernel").unwrap();
    let kernel = |flags: &[&str]| {
        let words = words(&home, flags);
        words[words.iter().position(|word| word == "-kernel").unwrap() + 1].clone()
    };
    assert_eq!(kernel(&["-r", "kernel://mine"]), "HOME/mine");
    assert_eq!(kernel(&["-r", "kernel://mine", "--symbolic"]), "HOME/mine.dbg");
    assert_eq!(kernel(&["-r", "base:latest"]), "HOME/kernel");
}

#[test]
fn networks() {
    let home = Home::new();
    assert!(words(&home, &["--network", "none"]).windows(2).any(|pair| pair == ["-net", "none"]));
    assert!(words(&home, &["--network", "user"]).iter().any(|word| word == "user,id=n0"));
    assert!(told(&home, &["--network", "none"]).netdev_ip.is_empty());
}

#[test]
fn a_dry_run_starts_nothing() {
    let home = Home::new();
    let done = home.pith(&["run", "-W", "--dry-run", "--name", "m", "root", "/bin/app", "two words"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert!(done.out.contains("fake-vmm.sh -name m -M microvm") && done.out.ends_with("-- /bin/app \"two words\"'\n"), "{}", done.out);
    assert_eq!(home.machines(), [""; 0]);
    assert!(!home.path("data/events.log").exists());
}

#[test]
fn a_machine_is_made_now_and_started_later() {
    let home = Home::new();
    assert_eq!(home.pith(&["run", "-W", "--no-start", "--name", "a", "root", "/bin/app", "hello"]).out, "a\n");
    assert_eq!(home.pith(&["create", "-W", "--name", "b", "root", "/bin/app", "hello"]).out, "b\n");
    assert_eq!(home.pith(&["ps", "-q"]).out, "");
    assert_eq!(home.pith(&["ps", "-a", "--filter", "status=created"]).out.matches("created").count(), 2);
    let done = home.pith(&["wait", "a"]);
    assert_eq!(done.err, "pith: error: a has not been started\n  help: start it with `pith start a`\n");
    // The files of the host may be gone by then.
    fs::remove_dir_all(home.path("root")).unwrap();
    assert_eq!(home.pith(&["start", "a", "b"]).out, "a\nb\n");
    assert_eq!(home.pith(&["wait", "a", "b"]).out, "3\n3\n");
    assert_eq!(home.pith(&["rm", "a", "b"]).code, 0);
    assert_eq!(home.machines(), [""; 0]);
}

#[test]
fn restart_policies() {
    let home = Home::new();
    let starts = |policy: &str, mode: &str| {
        let done = home.pith(&["run", "-W", "--name", "m", "--restart", policy, "root", "/bin/app", mode]);
        let restarts = home.record("m")["restarts"].as_u64().unwrap();
        home.pith(&["rm", "m"]);
        (done.code, restarts)
    };
    assert_eq!(starts("no", "exit5"), (5, 0));
    assert_eq!(starts("on-failure:2", "exit5"), (5, 2));
    assert_eq!(starts("on-failure", "exit0"), (0, 0));
    let done = home.pith(&["run", "-W", "-d", "--name", "m", "--restart", "always", "root", "/bin/app", "exit0"]);
    assert_eq!(done.code, 0);
    eventually("restarts", || home.record("m")["restarts"].as_u64() > Some(1));
    assert_eq!(home.pith(&["stop", "m"]).out, "m\n");
    let ps = home.pith(&["ps", "-a"]).out;
    assert!(ps.contains("exited (0)"), "{ps}");
}

#[test]
fn signals_and_deadlines_of_a_stop() {
    let home = Home::new();
    home.pith(&["run", "-W", "-d", "--name", "usr", "--stop-signal", "SIGUSR1", "--stop-timeout", "3600", "root", "/bin/app", "wait"]);
    let mut stop = home.command(&["stop", "usr"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    home.until_written("usr", "up\nusr1\n");
    assert_eq!(home.pith(&["inspect", "-f", "{{.status}} {{.config.stop_seconds}}", "usr"]).out, "running 3600\n");
    // Stopped again, with less time.
    assert_eq!(home.pith(&["stop", "-t", "0", "usr"]).code, 0);
    assert_eq!(stop.wait().unwrap().code(), Some(0));
    assert_eq!(home.pith(&["inspect", "-f", "{{.exit_code}}", "usr"]).out, "137\n");
    home.pith(&["run", "-W", "-d", "--name", "now", "--stop-timeout", "0", "root", "/bin/app", "stubborn"]);
    assert_eq!(home.pith(&["stop", "now"]).code, 0);
    assert_eq!(home.pith(&["inspect", "-f", "{{.exit_code}} {{.config.stop_seconds}}", "now"]).out, "137 0\n");
    home.pith(&["run", "-W", "-d", "--name", "kill", "--stop-signal", "9", "root", "/bin/app", "stubborn"]);
    assert_eq!(home.pith(&["stop", "kill"]).code, 0);
}

#[test]
fn prefixes() {
    let home = Home::new();
    let run = |flags: &[&str]| home.pith(&[&["run", "-W", "--rm"], flags, &["root", "/bin/app", "lines"]].concat()).out;
    assert_eq!(run(&["--prefix", "> "]), "> one\n> two\n> three\n");
    assert_eq!(run(&["--prefix-name", "--name", "web"]), "web | one\nweb | two\nweb | three\n");
    assert_eq!(run(&[]), "one\ntwo\nthree\n");
}

#[test]
fn an_input_that_stays_open() {
    let home = Home::new();
    // The application reads to the end of its input: one that has an end is done first, whoever began.
    home.pith(&["run", "-W", "-di", "--name", "open", "root", "/bin/app", "echo"]);
    home.pith(&["run", "-W", "-d", "--name", "closed", "root", "/bin/app", "echo"]);
    assert_eq!(home.pith(&["wait", "closed"]).out, "0\n");
    assert!(home.pith(&["ps"]).out.contains("open"));
    assert_eq!(home.pith(&["rm", "-f", "open"]).code, 0);
}

#[test]
fn labels_and_filters() {
    let home = Home::new();
    let port = free_port().to_string();
    let published = format!("127.0.0.1:{port}:80");
    home.pith(&["create", "-W", "--name", "one", "-l", "tier=web", "-p", &published, "root", "/bin/app"]);
    home.pith(&["create", "-W", "--name", "two", "-l", "tier=db", "-l", "big", "root", "/bin/app"]);
    let names = |filters: &[&str]| {
        let mut all = vec!["ps", "-a", "-o", "json"];
        filters.iter().for_each(|filter| all.extend(["--filter", filter]));
        let json: serde_json::Value = serde_json::from_str(&home.pith(&all).out).unwrap();
        json.as_array().unwrap().iter().map(|machine| machine["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&[]), "two one");
    assert_eq!(names(&["label=tier"]), "two one");
    assert_eq!(names(&["label=tier=web"]), "one");
    assert_eq!(names(&["label=big", "label=tier=web"]), "two one");
    assert_eq!(names(&["label=big", "name=one"]), "");
    assert_eq!(names(&[&format!("publish={port}")]), "one");
    assert_eq!(names(&[&format!("publish={port}/udp")]), "");
    assert_eq!(names(&["since=one"]), "two");
    assert_eq!(names(&["before=two"]), "one");
    assert_eq!(names(&["status=running"]), "");
}

#[test]
fn a_share_of_a_processor() {
    let home = Home::new();
    let done = home.pith(&["run", "-W", "-d", "--name", "m", "--cpus", "0.25", "root", "/bin/app", "wait"]);
    if done.code == 125 {
        // Without control groups of our own it says so.
        assert!(done.err.starts_with("pith: error: --cpus: a share of a processor needs a control group"), "{}", done.err);
        return;
    }
    let record = home.record("m");
    let cgroup = record["cgroup"].as_str().unwrap().to_owned();
    let monitor = record["monitor"]["pid"].as_u64().unwrap().to_string();
    assert!(fs::read_to_string(format!("{cgroup}/cgroup.procs")).unwrap().lines().any(|pid| pid == monitor));
    let limit =
        fs::read_to_string(format!("{cgroup}/cpu.cfs_quota_us")).or_else(|_| fs::read_to_string(format!("{cgroup}/cpu.max"))).unwrap();
    assert!(limit.starts_with("25000"), "{limit}");
    assert_eq!(home.pith(&["rm", "-f", "m"]).code, 0);
    assert!(!fs::exists(cgroup).unwrap());
}

#[test]
fn as_kraft() {
    let home = Home::new();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pith"), home.path("kraft")).unwrap();
    let kraft = |arguments: &[&str]| {
        let command = home.command(arguments);
        let mut kraft = std::process::Command::new(home.path("kraft"));
        kraft.args(arguments).current_dir(home.path(".")).env_clear().stdin(std::process::Stdio::null());
        kraft.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        home.finish(kraft.output().unwrap())
    };
    let version = kraft(&["version"]).out;
    assert!(version.starts_with("kraft 0.") && version.contains("rustc-1."), "{version}");
    // `-t` is always --target.
    assert_eq!(kraft(&["run", "-t", "debug", "root", "/bin/app"]).code, 125);
    assert_eq!(kraft(&["create", "-W", "--name", "m", "root", "/bin/app", "lines"]).code, 0);
    // `start` stays and shows.
    assert_eq!(kraft(&["start", "m"]).out, "m\none\ntwo\nthree\n");
}

#[test]
fn stages_and_caches_of_dockerfiles() {
    let home = Home::new();
    fs::create_dir(home.path("project")).unwrap();
    let dockerfile = "FROM scratch AS first\nCOPY data /\nCMD [\"/first\", \"args\"]\nFROM scratch AS second\nCOPY data /\nCMD [\"/second\", \"args\"]\n";
    fs::write(home.path("project/Dockerfile"), dockerfile).unwrap();
    fs::write(home.path("project/data"), "x").unwrap();
    let run = |flags: &[&str]| {
        let done = home.pith(&[&["run", "-W", "--rm"], flags, &["project"]].concat());
        assert_eq!(done.code, 0, "{flags:?}: {}", done.err);
        (GuestConfig::parse(done.out.trim_end()).unwrap().argv.swap_remove(0), done.err)
    };
    let (argv, first) = run(&["--build-target", "first"]);
    assert!(argv == "/first" && !first.contains("second"), "{first}");
    assert_eq!(run(&[]).0, "/second");
    // A step that is made writes its result down, in a file of its own.
    let made = || {
        let steps = fs::read_dir(home.path("data/build/steps")).unwrap().flatten();
        let mut made: Vec<u64> = steps.map(|step| std::os::unix::fs::DirEntryExt::ino(&step)).collect();
        made.sort_unstable();
        made
    };
    let before = made();
    assert!(run(&[]).0 == "/second" && made() == before, "what is known is not made again");
    assert!(run(&["--no-cache"]).0 == "/second" && made() != before, "everything is made again");
}

#[test]
fn whose_the_files_are() {
    use std::os::unix::fs::MetadataExt;
    let home = Home::new();
    let program = home.path("root/bin/app");
    // Only root can give a file away; anybody else is somebody already.
    let _ = std::os::unix::fs::chown(&program, Some(1234), Some(1234));
    let theirs = fs::metadata(&program).unwrap().uid();
    let owner = |flags: &[&str]| {
        assert_eq!(home.pith(&[&["create", "-W", "--name", "m"], flags, &["root", "/bin/app"]].concat()).code, 0);
        let archive = fs::File::open(home.path("data/names/m/initrd.cpio")).unwrap();
        let listed = std::process::Command::new("cpio").args(["-itv", "--quiet", "-n"]).stdin(archive).output().unwrap();
        let text = String::from_utf8(listed.stdout).unwrap();
        let line = text.lines().find(|line| line.ends_with("bin/app")).unwrap().to_owned();
        assert_eq!(home.pith(&["rm", "m"]).code, 0);
        line.split_whitespace().nth(2).unwrap().parse::<u32>().unwrap()
    };
    assert_eq!(owner(&[]), 0);
    assert_eq!(owner(&["--keep-file-owners"]), theirs);
}

#[test]
fn long_rows_are_cut_unless_asked_for_whole() {
    let home = Home::new();
    let word = "x".repeat(200);
    assert_eq!(home.pith(&["create", "-W", "--name", "m", "root", "/bin/app", &word]).code, 0);
    assert!(!home.pith(&["ps", "-a"]).out.contains(&word));
    assert!(home.pith(&["ps", "-a", "--no-trunc"]).out.contains(&word));
}

#[test]
fn a_restart_has_a_deadline_of_its_own() {
    let home = Home::new();
    assert_eq!(home.pith(&["run", "-W", "-d", "--name", "m", "root", "/bin/app", "stubborn"]).code, 0);
    home.until_written("m", "up\n");
    // Without it the application would have its ten seconds, and the test its doubts.
    assert_eq!(home.pith(&["restart", "-t", "0", "m"]).out, "m\n");
    home.until_written("m", "up\nup\n");
    assert_eq!(home.pith(&["rm", "-f", "m"]).code, 0);
}

/// What a command shows on a terminal.
fn on_a_terminal(home: &Home, arguments: &[&str]) -> String {
    let plain = home.command(arguments);
    let quote = |word: &std::ffi::OsStr| format!("'{}'", word.to_str().unwrap());
    let line = std::iter::once(plain.get_program()).chain(plain.get_args()).map(quote).collect::<Vec<_>>().join(" ");
    // script(1) gives it a pseudo-terminal.
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(home.path(".")).stdin(std::process::Stdio::null());
    script.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TERM", "xterm");
    String::from_utf8_lossy(&script.output().unwrap().stdout).into_owned()
}

#[test]
fn colours_are_for_terminals_and_can_be_switched_off() {
    let home = Home::new();
    let colour = "\x1b[";
    let failing = ["logs", "nobody"];
    assert!(on_a_terminal(&home, &failing).contains(colour));
    let plain = on_a_terminal(&home, &[&["--no-color"], failing.as_slice()].concat());
    assert!(plain.starts_with("pith: error: no machine is named") && !plain.contains(colour), "{plain:?}");
    assert!(!home.pith(&failing).err.contains(colour));
    assert_eq!(home.pith(&["create", "-W", "--name", "m", "root", "/bin/app"]).code, 0);
    assert!(!on_a_terminal(&home, &["--no-color", "ps", "-a"]).contains(colour));
}
