//! What users get wrong: each has one clear error, exit code 125 (or 126, 127), and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;
use std::net::{TcpListener, UdpSocket};

#[track_caller]
fn refused(home: &Home, arguments: &[&str], code: i32, words: &str) {
    let done = home.pith(arguments);
    assert_eq!((done.code, done.err.as_str()), (code, words), "{arguments:?}");
    assert_eq!(done.out, "");
    assert_eq!(home.machines(), [""; 0], "{arguments:?}");
}

#[test]
fn paths() {
    let home = Home::new();
    fs::write(home.path("script"), "#!/bin/sh\n").unwrap();
    fs::write(home.path("text"), "hello").unwrap();
    fs::write(home.path("cut.cpio"), "070701000").unwrap();
    fs::write(home.path("elf"), b"\x7fELF\x02\x01\x01\0garbage").unwrap();
    fs::write(home.path("elf32"), b"\x7fELF\x01\x01\x01\0garbage").unwrap();
    for (arguments, code, words) in [
        (vec!["nowhere"], 125, "HOME is not asked"),
        (
            vec!["root"],
            125,
            "pith: error: root has no Kraftfile and no command was given: there is nothing to run\n  help: name a program inside it: `pith run root /bin/my-program`\n",
        ),
        (vec![], 125, ""),
        (
            vec!["script"],
            126,
            "pith: error: script is a script, and its interpreter is not part of it\n  help: put it into a root file system with the interpreter: `pith run --rootfs DIR /script`\n",
        ),
        (vec!["text"], 126, "pith: error: text is no ELF program, no tar or cpio archive, no EROFS image and no directory\n"),
        (vec!["elf"], 126, "pith: error: elf: damaged ELF file: Invalid ELF header size or alignment\n"),
        (vec!["elf32"], 126, "pith: error: elf32: a 32-bit program; 64-bit ones are supported\n"),
        (vec!["cut.cpio", "/x"], 125, "pith: error: cut.cpio: byte 0: the archive is cut off: expected a header or the trailer\n"),
        (vec!["--rootfs", "root", "/bin/none"], 127, "pith: error: /bin/none is not in the root file system root\n"),
        (
            vec!["--rootfs", "./nowhere", "/bin/app"],
            125,
            "pith: error: root file system ./nowhere: No such file or directory (os error 2)\n",
        ),
    ] {
        let mut all = vec!["run", "-W"];
        all.extend(&arguments);
        match arguments.as_slice() {
            ["nowhere"] => refused(
                &home,
                &all,
                code,
                "pith: error: nowhere: No such file or directory (os error 2)\n  help: PATH is an ELF program, a directory, a tar or cpio archive, an EROFS image or a project with a Kraftfile\n",
            ),
            [] => {
                let done = home.pith(&all);
                assert_eq!(done.code, code);
                assert!(done.err.starts_with("pith: error: no Kraftfile specified: none of"), "{}", done.err);
            }
            _ => refused(&home, &all, code, words),
        }
    }
}

#[test]
fn flags() {
    let home = Home::new();
    for (arguments, words) in [
        (
            vec!["-p", "80"],
            "pith: error: --port \"80\": no guest port; expected [HOSTIP:]HOSTPORT:GUESTPORT[/tcp|/udp], ranges as 8000-8002:80-82\n",
        ),
        (
            vec!["-p", "1:2/sctp"],
            "pith: error: --port \"1:2/sctp\": unknown protocol; expected [HOSTIP:]HOSTPORT:GUESTPORT[/tcp|/udp], ranges as 8000-8002:80-82\n",
        ),
        (
            vec!["-p", "38081:80", "-p", "127.0.0.1:38081:81"],
            "pith: error: --port \"127.0.0.1:38081:81\": port 38081 is published twice (0.0.0.0:38081->80/tcp)\n",
        ),
        (
            vec!["-M", "lots"],
            "pith: error: --memory \"lots\": expected a whole number with an optional suffix\n  help: write for example 64Mi, 256M or 1Gi\n",
        ),
        (
            vec!["-M", "1Mi"],
            "pith: error: 1 MiB of memory cannot hold the kernel and a root file system of 1 MiB\n  help: give at least -M 2Mi, and what the application needs\n",
        ),
        (vec!["-e", "=x"], "pith: error: --env \"=x\": expected NAME=VALUE or NAME\n"),
        (vec!["-a", "debug"], "pith: error: --kernel-arg \"debug\" is not of the form lib.param=value\n"),
        (vec!["--name", "a/b"], "pith: error: \"a/b\" is no machine name: letters, digits, '_', '.' and '-', at most 63\n"),
        (vec!["--plat", "fc"], "pith: error: platform fc (Firecracker) is not supported yet\n  help: supported: qemu/x86_64\n"),
        (vec!["--arch", "arm64"], "pith: error: architecture arm64 is not supported yet\n  help: supported: qemu/x86_64\n"),
    ] {
        let mut all = vec!["run", "-W"];
        all.extend(arguments);
        all.extend(["root", "/bin/app"]);
        refused(&home, &all, 125, words);
    }
}

#[test]
fn ports_in_use() {
    let home = Home::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let words = format!(
        "pith: error: cannot publish 127.0.0.1:{port}->80/tcp: Address already in use (os error 98)\n  help: another program listens there; publish a different host port\n"
    );
    refused(&home, &["run", "-W", "-p", &format!("127.0.0.1:{port}:80"), "root", "/bin/app"], 125, &words);
    refused(&home, &["run", "-W", "-d", "-p", &format!("127.0.0.1:{port}:80"), "root", "/bin/app"], 125, &words);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = udp.local_addr().unwrap().port();
    let done = home.pith(&["run", "-W", "-p", &format!("127.0.0.1:{port}:53/udp"), "root", "/bin/app"]);
    assert_eq!(done.code, 125);
    let elsewhere = home.pith(&["run", "-W", "-p", "192.0.2.7:38082:80", "root", "/bin/app"]);
    assert_eq!(elsewhere.code, 125);
    assert!(elsewhere.err.ends_with("help: is this an address of this host?\n"), "{}", elsewhere.err);
}

#[test]
fn no_qemu() {
    let home = Home::new();
    let done = home.command(&["run", "-W", "root", "/bin/app"]).env_remove("KRAFTKIT_QEMU").env("PATH", "").output().unwrap();
    let done = home.finish(done);
    assert_eq!(done.code, 125);
    assert_eq!(
        done.err,
        "pith: error: qemu-system-x86_64 was not found in PATH\n  help: install it with `sudo apt install qemu-system-x86` (Debian, \
         Ubuntu) or `sudo dnf install qemu-system-x86-core` (Fedora), or name it with --qemu\n"
    );
    refused(
        &home,
        &["--qemu", "/nonexistent/qemu", "run", "-W", "root", "/bin/app"],
        125,
        "pith: error: /nonexistent/qemu: No such file or directory (os error 2)\n",
    );
}

#[test]
fn projects() {
    let home = Home::new();
    let run = |text: &str| {
        fs::write(home.path("Kraftfile"), text).unwrap();
        let done = home.pith(&["run", "-W", "."]);
        assert_eq!(done.code, 125, "{text}");
        assert_eq!(home.machines(), [""; 0]);
        done.err
    };
    insta::assert_snapshot!("bad_project", run("spec: v0.6\nruntime: base\nrootfs: [a]\n"));
    assert_eq!(
        run("spec: v0.6\nruntime: base\nrootfs: ./root\n"),
        "pith: error: ./Kraftfile: no 'cmd' and no command on the command line: there is nothing to run\n  help: add for example `cmd: [\"/server\"]`\n"
    );
    assert_eq!(
        run("spec: v0.6\nruntime: base\ncmd: /x\n"),
        "pith: error: ./Kraftfile: no 'rootfs': there is no file to run \"/x\" from\n  help: add for example `rootfs: ./rootfs`\n"
    );
    assert_eq!(
        run("spec: v0.6\nname: own\nunikraft: stable\ncmd: /x\n"),
        "pith: error: ./Kraftfile: no kernel was built for this project yet: there is no ./.unikraft/build/own_qemu-x86_64\n  help: `pith build` builds it\n"
    );
    assert_eq!(
        run("spec: v0.6\nruntime: base\ncmd: /x\nrootfs: ./root\nvolumes: [\"data:/b\"]\n"),
        "pith: error: ./Kraftfile:5:11: volume data:/b: \"data\" is the name of a volume, and volumes with names do not exist yet\n  help: to share a directory, write its path: ./data\n"
    );
    for (name, rootfs) in
        [("missing_directory", "rootfs"), ("missing_below", "build/rootfs"), ("missing_path", "{source: {path: ./x, type: dir}}")]
    {
        insta::assert_snapshot!(name, run(&format!("spec: v0.7\nruntime: base\ncmd: /x\nrootfs: {rootfs}\n")));
    }
    assert!(
        run("spec: v0.6\nruntime: base\ncmd: /x\nrootfs: pith-test.invalid/a:1\n")
            .contains("pith-test.invalid/a:1: asking pith-test.invalid: ")
    );
    insta::assert_snapshot!("bad_kind", run("spec: v0.7\nruntime: base\ncmd: /x\nrootfs: {source: {path: ./x, type: dri}}\n"));
    fs::write(home.path("Dockerfile"), "FROM scratch\nCOPI x /\n").unwrap();
    insta::assert_snapshot!("bad_dockerfile", run("spec: v0.6\nruntime: base\ncmd: /x\nrootfs: ./Dockerfile\n"));
    fs::write(home.path("Dockerfile"), "FROM scratch\n").unwrap();
    assert_eq!(
        run("spec: v0.6\nruntime: base\nrootfs: ./Dockerfile\n"),
        "pith: [stage-0 1/1] FROM scratch\npith: error: .: the image has no ENTRYPOINT and no CMD: there is nothing to run\n  help: add CMD [\"/program\"] to the Dockerfile, or name a program behind --\n"
    );
}

#[test]
fn machines_that_are_not_there() {
    let home = Home::new();
    let words = "pith: error: no machine is named \"x\"\n  help: `pith ps -a` lists them\n";
    for arguments in [["logs", "x"], ["stop", "x"], ["rm", "x"]] {
        refused(&home, &arguments, 125, words);
    }
    assert_eq!(home.pith(&["rm", "-f", "x"]).code, 0);
    assert_eq!(home.pith(&["ps"]).out, "NAME  KERNEL  ARGS  CREATED  STATUS  MEM  PORTS  PLAT\n");
}

#[test]
fn help() {
    let home = Home::new();
    let mut all = format!("$ pith --help\n{}\n", home.pith(&["--help"]).out);
    let commands = home.commands();
    assert!(commands.len() > 38, "{commands:?}");
    for command in commands {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.push("--help");
        let done = home.pith(&words);
        assert_eq!(done.code, 0, "{command:?}");
        all += &format!("$ pith {}\n{}\n", words.join(" "), done.out);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn broken_command_lines() {
    let home = Home::new();
    fs::create_dir(home.path("project")).unwrap();
    fs::write(home.path("project/Dockerfile"), "FROM scratch\nCMD [\"/x\"]\n").unwrap();
    fs::write(home.path("env"), "A=1\nB C=2\n").unwrap();
    fs::create_dir(home.path("config")).unwrap();
    fs::write(home.path("config/config.yaml"), "log:\n  level: loud\n").unwrap();
    fs::create_dir(home.path("broken")).unwrap();
    fs::write(home.path("broken/config.yaml"), "log: [\n").unwrap();
    assert_eq!(home.pith(&["create", "-W", "--name", "made", "root", "/bin/app"]).code, 0);
    let mut all = String::new();
    for line in [
        "rnu",
        "run --memroy 1Gi root",
        "run -M",
        "run --restart sometimes root /bin/app",
        "run --restart always:3 root /bin/app",
        "run --restart always --rm root /bin/app",
        "run --cpus 65 root /bin/app",
        "run --cpus fast root /bin/app",
        "run --cpus 0 root /bin/app",
        "run --env-file env root /bin/app",
        "run --env-file nowhere root /bin/app",
        "run --stop-signal SIGNOTHING root /bin/app",
        "run --stop-timeout soon root /bin/app",
        "run --workdir srv root /bin/app",
        "run --label =x root /bin/app",
        "run -v data:/data root /bin/app",
        "run -v data/sub:/data root /bin/app",
        "run -v ./data root /bin/app",
        "run -v :/data root /bin/app",
        "run -v ./data: root /bin/app",
        "run -v ./data:data root /bin/app",
        "run -v ./data:/a/.. root /bin/app",
        "run -v ./data:/a:ro:rw root /bin/app",
        "run -v ./data:/a:ro,rw root /bin/app",
        "run -v ./data:/a:z root /bin/app",
        "run -v ./env:/a root /bin/app",
        "run -v ./data:/a -v ./other:/b/../a/ root /bin/app",
        "run --network br0 root /bin/app",
        "run --network none -p 38083:80 root /bin/app",
        "run --ip 10.0.0.2 root /bin/app",
        "run --mac 02:00:00:00:00:01 root /bin/app",
        "run --rootfs-type squashfs root /bin/app",
        "run --compress root /bin/app",
        "run --as oci root /bin/app",
        "run --as kernel /usr/bin/env",
        "run --target debug root /bin/app",
        "run -t fc/x86_64 root /bin/app",
        "run -r kernel://nowhere root /bin/app",
        "run --qemu-sgabios-preamble root /bin/app",
        "run --no-start -d root /bin/app",
        "run --dry-run -d root /bin/app",
        "run --prefix x --prefix-name root /bin/app",
        "stop",
        "stop nobody",
        "kill -s SIGNOTHING made",
        "kill made",
        "pause made",
        "wait made",
        "logs --tail many made",
        "logs --since yesterday made",
        "rename made made/it",
        "rename nobody other",
        "inspect --format {{.status made",
        "inspect --format {{.nothing}} made",
        "inspect --format {{range}} made",
        "port made 80",
        "port made x",
        "ps --filter color=red",
        "ps --filter status=tired",
        "ps --filter exited=x",
        "ps -o xml",
        "events -g never",
        "exec made /bin/sh",
        "system set log.level=loud",
        "system set loglevel=info",
        "system set log=info",
        "system set nothing",
        "system unset editor",
        "--config-dir config ps",
        "--config-dir broken ps",
        "--log-level loud ps",
        "--git-protocol ssh ps",
        "run --builder buildkit project",
        "run --buildkit-host tcp://x project",
        "run --build-secret src=x project",
        "run --build-arg =x project",
        "run --build-ssh default project",
        "run --build-ssh =x project",
        "run --build-ssh key=env project",
        "run --build-ssh key=nowhere project",
        "run --user nobody root /bin/app",
        "run --user 1:users root /bin/app",
        "run --user 4294967295 root /bin/app",
        "run --pull sometimes project",
        "run --builder docker --pull never project",
        "completion csh",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let words = if words[0] == "run" { [&["run", "-W"], &words[1..]].concat() } else { words };
        let done = home.pith(&words);
        assert!([125, 126].contains(&done.code), "{line}: {done:?}");
        assert_eq!(done.out, "", "{line}");
        all += &format!("$ pith {line}\n{}\n", done.err);
    }
    assert_eq!(home.machines().len(), 1);
    let done = home.finish(home.command(&["ps"]).env("KRAFTKIT_LOG_TYPE", "loud").output().unwrap());
    all += &format!("$ KRAFTKIT_LOG_TYPE=loud pith ps\n{}", done.err);
    insta::assert_snapshot!(all);
}
