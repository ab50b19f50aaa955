//! Commands: what they see, what they leave, what is found again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Project, list, tree};
use pith_dockerfile::cache::Cache;
use pith_dockerfile::engine::{BuildError, Cancel, Helpers, build};
use pith_dockerfile::plan::{Secret, SecretSource};
use pith_dockerfile::tree::Node;
use std::fs;
use std::process::Command;

fn text(image: &pith_image::Image, name: &str) -> String {
    let tree = tree(image);
    let entry = tree.get(name.as_bytes()).unwrap_or_else(|| panic!("{name} is not there"));
    let mut text = String::new();
    std::io::Read::read_to_string(&mut entry.open().unwrap(), &mut text).unwrap();
    text
}

#[test]
fn commands_change_files_and_only_that_is_kept() {
    let project = Project::on_debian(
        "FROM debian:12\nENV GREETING=hi\nRUN echo $GREETING > /a && mkdir /d && chown 7:8 /d && chmod 2750 /d && ln /a /d/b && ln -s a /c && mkfifo /p && rm /etc/debian_version\n\
         RUN [\"/bin/sh\", \"-c\", \"echo exec > /e\"]\nRUN <<EOF\nset -e\necho \"heredoc $0\" > /h\nEOF\nRUN <<EOF\n#!/usr/bin/perl\nprint STDERR \"perl\\n\"; open F, '>/perl'; print F 'x';\nEOF\nRUN rm -r /var/log && mkdir /var/log && touch /var/log/new\nRUN true\n",
        &[],
    );
    let image = project.image();
    let made = |index: usize| {
        let layer = pith_image::Image { config: Default::default(), layers: vec![image.layers[index].clone()] };
        list(&layer)
    };
    assert_eq!(
        made(1),
        ["644 0:0 a = \"hi\\n\"", "777 0:0 c -> a", "2750 7:8 d/", "644 0:0 d/b = \"hi\\n\"", "755 0:0 etc/", "644 0:0 p Fifo"]
    );
    assert!(tree(&image).get(b"etc/debian_version").is_none() && tree(&image).get(b"var/log/apt").is_none());
    assert_eq!(made(2), ["644 0:0 e = \"exec\\n\""]);
    assert_eq!(text(&image, "h"), "heredoc /bin/sh\n");
    assert_eq!(text(&image, "perl"), "x");
    assert_eq!(text(&image, "var/log/new"), "");
    assert_eq!((image.layers.len(), image.config.history.iter().filter(|step| !step.empty_layer).count()), (6, 5));
    let (_, log) = project.run();
    assert!(log.cached.lock().unwrap().values().all(|cached| *cached));
}

#[test]
fn commands_see_what_docker_shows_them() {
    let project = Project::on_debian(
        "FROM debian:12\nRUN id -u; hostname; cat /proc/1/comm; ls /dev; cat /etc/hosts; test -s /etc/resolv.conf || echo none; echo home $HOME; touch /sys/x 2>&1; pwd; umask\n\
         WORKDIR /w\nUSER games\nRUN id; pwd; echo home $HOME; touch /root/x 2>&1 || true\nUSER 1234:50\nRUN id -u; id -g\nRUN --network=none cat /proc/net/dev | wc -l\n",
        &[],
    );
    let (result, log) = project.run();
    let output = log.output.lock().unwrap().clone();
    result.unwrap_or_else(|error| panic!("{output:#?} {}", common::explain(&error)));
    for line in [
        "0",
        "buildkitsandbox",
        "null",
        "urandom",
        "home /root",
        "uid=5(games) gid=60(games) groups=60(games)",
        "/w",
        "home /usr/games",
        "1234",
        "50",
        "0022",
        "3",
    ] {
        assert!(output.iter().any(|found| found == line), "{line} {output:#?}");
    }
    assert!(output.iter().any(|line| line.contains("localhost buildkitsandbox")));
    assert!(output.iter().any(|line| line.contains("touch: cannot touch '/root/x': Permission denied")), "{output:#?}");
}

#[test]
fn mounts_are_there_for_one_command_only() {
    let mut project = Project::on_debian(
        "FROM debian:12 AS tools\nRUN mkdir /t && echo tool > /t/x\nFROM debian:12\n\
         RUN --mount=type=bind,target=/ctx --mount=type=bind,from=tools,source=/t,target=/tools,rw cat /ctx/a.txt /tools/x > /seen; echo w > /tools/y; ! touch /ctx/z\n\
         RUN --mount=type=cache,target=/cache,id=c,mode=0700,uid=5 stat -c %a:%u /cache >> /seen; echo once >> /cache/log; cp /cache/log /log\n\
         RUN --mount=type=cache,target=/cache,id=c,sharing=locked echo twice >> /cache/log; cp /cache/log /log\n\
         RUN --mount=type=tmpfs,target=/tmp/t,size=1m stat -f -c %T /tmp/t >> /seen; touch /tmp/t/gone\n\
         RUN --mount=type=secret,id=file --mount=type=secret,id=var,env=TOKEN --mount=type=secret,id=file,target=/deep/er/s,mode=0444 cat /run/secrets/file /deep/er/s | md5sum > /sum; echo ${#TOKEN} >> /seen\n",
        &[("a.txt", "from context\n"), (".dockerignore", "secret.txt\n"), ("secret.txt", "tell-nobody-file")],
    );
    project.request.inputs.secrets = vec![
        Secret { id: "file".into(), source: SecretSource::File(project.request.context.join("secret.txt")) },
        Secret { id: "var".into(), source: SecretSource::Variable("CARGO_MANIFEST_DIR".into()) },
    ];
    let image = project.image();
    assert_eq!(text(&image, "seen"), format!("from context\ntool\n700:5\ntmpfs\n{}\n", env!("CARGO_MANIFEST_DIR").len()));
    assert_eq!(text(&image, "log"), "once\ntwice\n");
    let after = tree(&image);
    for gone in ["ctx", "tools", "cache", "deep", "run/secrets", "tmp/t"] {
        assert!(after.get(gone.as_bytes()).is_none(), "{gone}");
    }
    // No secret in any file of the cache.
    let found = Command::new("grep").args(["-rl", "tell-nobody-file"]).arg(project.cache()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    // Another value is no reason to run again; another file of the context is.
    project.write("secret.txt", "another");
    assert!(project.run().1.cached.lock().unwrap().values().all(|cached| *cached));
    project.write("a.txt", "changed\n");
    assert!(text(&project.image(), "seen").starts_with("changed\n"));
}

#[test]
fn a_failing_command_says_its_status_and_last_output_and_leaves_nothing() {
    let project = Project::on_debian("FROM debian:12\nRUN echo first\nRUN echo to the point >&2; \\\n  exit 7\nRUN echo never\n", &[]);
    assert_eq!(project.error(), "3:1: the command ended with status 7 (its last output:\nto the point)");
    let (_, log) = project.run();
    assert!(!log.titles.lock().unwrap().values().any(|title| title.contains("never")));
    assert_eq!(fs::read_dir(project.cache().join("tmp")).unwrap().count(), 0);
    let project = Project::on_debian("FROM debian:12\nRUN [\"/no/such/program\"]\n", &[]);
    assert!(project.error().starts_with("2:1: the command ended with status 1"), "{}", project.error());
    let project = Project::on_debian("FROM debian:12\nUSER nobody2\nRUN true\n", &[]);
    assert!(project.error().starts_with("3:1: USER nobody2: there is no user \"nobody2\""), "{}", project.error());
    let mut project = Project::on_debian("FROM debian:12\nRUN true\n", &[]);
    project.commands = pith_dockerfile::worker::Commands::new(env!("CARGO_BIN_EXE_pith-dockerfile").as_ref()).with_runtime(None);
    assert_eq!(project.error(), "2:1: RUN cannot be carried out here (an OCI runtime is needed: install crun or runc)");
}

#[test]
fn stages_run_side_by_side() {
    // Each waits for the other through a cache that both see: one after the other they would never end.
    let wait = |mine: &str, other: &str| {
        format!("RUN --mount=type=cache,target=/m,id=meet touch /m/{mine}; until [ -e /m/{other} ]; do :; done; echo {mine} > /{mine}\n")
    };
    let text = format!(
        "FROM debian:12 AS a\n{}FROM debian:12 AS b\n{}FROM scratch\nCOPY --from=a /a /\nCOPY --from=b /b /\n",
        wait("a", "b"),
        wait("b", "a")
    );
    let project = Project::on_debian(&text, &[]);
    assert_eq!(list(&project.image()), ["644 0:0 a = \"a\\n\"", "644 0:0 b = \"b\\n\""]);
}

#[test]
fn layers_can_be_copied_where_they_cannot_be_stacked() {
    let dockerfile = "FROM debian:12\nRUN echo x > /x && rm /etc/debian_version && echo 127 >> /etc/hostname && chmod 600 /etc/passwd\nRUN rm /x && mkdir /y\n";
    let stacked = Project::on_debian(dockerfile, &[]);
    let mut copied = Project::on_debian(dockerfile, &[]);
    copied.commands = pith_dockerfile::worker::Commands::new(env!("CARGO_BIN_EXE_pith-dockerfile").as_ref()).without_overlay();
    let names = |project: &Project| {
        let image = project.image();
        let without_base = pith_image::Image { layers: image.layers[1..].to_vec(), ..image };
        list(&without_base)
    };
    assert_eq!(names(&stacked), names(&copied));
}

#[test]
fn a_build_can_be_stopped() {
    let project = Project::on_debian("FROM debian:12\nRUN --mount=type=cache,target=/m,id=stop touch /m/started; sleep 1000\n", &[]);
    let cancel = Cancel::default();
    let cache = Cache::open(&project.cache()).unwrap();
    let log = common::Log::default();
    let fetch = common::Files(project.request.context.clone());
    let helpers = Helpers { images: &project.images, fetch: &fetch, commands: &project.commands, reporter: &log, cancel: &cancel };
    let result = std::thread::scope(|scope| {
        let running = scope.spawn(|| build(&project.request, &cache, &helpers));
        let started = || walk(&project.cache().join("mounts")).iter().any(|name| name.ends_with("started"));
        while !started() && !running.is_finished() {
            std::thread::yield_now();
        }
        cancel.cancel();
        running.join().unwrap()
    });
    assert!(matches!(result, Err(BuildError::Cancelled)));
    drop(result);
    assert_eq!(fs::read_dir(project.cache().join("tmp")).unwrap().count(), 0);
}

fn walk(path: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for item in fs::read_dir(path).into_iter().flatten().flatten() {
        found.push(item.path().display().to_string());
        found.extend(walk(&item.path()));
    }
    found
}

#[test]
fn hard_links_devices_and_capabilities_survive() {
    let project = Project::on_debian(
        "FROM debian:12\nRUN cp /bin/true /t && perl -e 'my ($p, $n, $c) = (\"/t\", \"security.capability\", pack(\"V5\", 0x02000001, 1<<13, 0, 0, 0)); syscall(188, $p, $n, $c, 20, 0) == 0 or die $!' && ln /t /u\n",
        &[],
    );
    let image = project.image();
    let tree = tree(&image);
    let t = tree.get(b"t").unwrap();
    assert_eq!(t.xattrs.keys().collect::<Vec<_>>(), [b"security.capability"]);
    let inode = |name: &[u8]| if let Node::File { inode, .. } = tree.get(name).unwrap().node { inode } else { 0 };
    assert_eq!(inode(b"t"), inode(b"u"));
    assert!(matches!(tree.get(b"dev/null").unwrap().node, Node::Character(1, 3)));
}

#[test]
fn commands_are_kept_from_what_docker_keeps_them_from() {
    // System calls by number, each of which needs no capability at all or is refused before any is looked at.
    let project = Project::on_debian(
        "FROM debian:12\nRUN perl -e '%calls = (unshare => [272, 0x10000000], keyctl => [250, 0, -3, 0], clone => [56, 0x10000011, 0, 0, 0, 0], \
         clone3 => [435, 0, 0], io_uring_setup => [425, 0, 0], getpid => [39]); \
         for (sort keys %calls) { my $r = syscall(@{$calls{$_}}[0], map { 0 + $_ } @{$calls{$_}}[1..5]); print \"$_ \", $r < 0 ? 0 + $! : \"done\", \"\\n\" }' >/said\n\
         USER nobody\nRUN grep -E '^(Seccomp|CapEff|CapBnd)' /proc/self/status >/tmp/said\n",
        &[],
    );
    let image = project.image();
    // EPERM, ENOSYS for clone3; what is not refused is done.
    assert_eq!(text(&image, "said"), "clone 1\nclone3 38\ngetpid done\nio_uring_setup 1\nkeyctl 1\nunshare 1\n");
    assert!(
        text(&image, "tmp/said").starts_with("CapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\nSeccomp:\t2\n"),
        "{}",
        text(&image, "tmp/said")
    );
}
