//! Dockerfiles with commands and users, all the way to their machines.

use machines::{Outcome, Place, finish, fixture, fixtures, root, run};
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A place where `debian:12` is the small Debian of `tests/fixtures/base.sh`.
fn place_with_debian() -> Place {
    let base = fixtures().join("base");
    let mut command = Command::new(root().join("tests/fixtures/base.sh"));
    command.arg(&base);
    let made = command.status().expect("a shell");
    assert!(made.success(), "tools/setup.sh installs what base.sh needs");
    let mut place = Place::new();
    place.variable("PITH_IMAGE_MAP", &format!("debian:12=oci:{}:12", path(&base.join("debian"))));
    place
}

/// `pith run -W --rm` in a place of its own, which is left clean.
fn run_in(place: &Place, arguments: &[&str]) -> Outcome {
    let mut command = place.pith();
    command.args(["run", "-W", "--rm"]).args(arguments);
    let outcome = finish(command, Stdio::null());
    place.assert_clean();
    outcome
}

#[test]
fn commands_make_the_files_and_the_user() {
    let place = place_with_debian();
    let project = place.directory("project");
    let dockerfile = "FROM debian:12 AS build\nARG WORD\nRUN useradd --uid 1500 --groups games --create-home maker\n\
        RUN mkdir -p /out/etc /out/srv && cp --parents /bin/cat $(ldd /bin/cat | grep -o '/[^ ]*') /out && cp /etc/passwd /etc/group /out/etc\n\
        RUN echo \"made of $WORD\" >/out/srv/made && chown maker /out/srv/made && chmod 400 /out/srv/made\n\
        FROM scratch\nCOPY --from=build /out /\nUSER maker\nCMD [\"cat\", \"/srv/made\", \"/proc/self/status\"]\n";
    fs::write(project.join("Dockerfile"), dockerfile).expect("a file");
    for format in ["cpio", "erofs"] {
        let outcome = run_in(&place, &["--build-arg", "WORD=wood", "--rootfs-type", format, path(&project)]);
        assert!(outcome.out().starts_with("made of wood\n"), "{}{}", outcome.out(), outcome.err());
        assert!(
            outcome.out().contains("\nUid:\t1500\t1500\t1500\t1500\n") && outcome.out().contains("\nGroups:\t60 \n"),
            "{}",
            outcome.out()
        );
    }
    // A command that fails shows what it said, and where it stands.
    fs::write(project.join("Dockerfile"), "FROM debian:12\nRUN echo nearly && exit 3\nCMD [\"x\"]\n").expect("a file");
    let broken = run_in(&place, &[path(&project)]);
    assert_eq!((broken.code(), broken.out().as_str()), (125, ""));
    assert!(broken.err().contains("  nearly\n") && broken.err().contains("Dockerfile:2:1"), "{}", broken.err());
    assert!(broken.err().contains("exit code 3") || broken.err().contains("status 3"), "{}", broken.err());
}

#[test]
fn a_command_borrows_the_users_ssh_agent_when_it_is_lent() {
    let mut place = place_with_debian();
    let project = place.directory("project");
    let dockerfile = "FROM debian:12 AS build\n\
        RUN --mount=type=ssh,required perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new($ENV{SSH_AUTH_SOCK})->getline' >/said\n\
        FROM scratch\nCOPY probe /bin/\nCOPY --from=build /said /\nCMD [\"/bin/probe\", \"cat\"]\n";
    fs::write(project.join("Dockerfile"), dockerfile).expect("a file");
    fs::copy(fixture("probe"), project.join("probe")).expect("a program");
    let socket = place.directory("agent").join("socket");
    let agent = UnixListener::bind(&socket).expect("a socket");
    place.variable("SSH_AUTH_SOCK", path(&socket));
    // An agent that is there is not lent unasked.
    let refused = run_in(&place, &[path(&project)]);
    assert_eq!(refused.code(), 125);
    assert!(refused.err().contains("give it with --build-ssh default=SOCKET"), "{}", refused.err());
    let answers = std::thread::spawn(move || agent.accept().and_then(|(mut asked, _)| asked.write_all(b"a key\n")).expect("a question"));
    let outcome = run_in(&place, &["--build-ssh", "default", path(&project)]);
    answers.join().expect("the agent was asked");
    assert_eq!(outcome.code(), 0, "{}", outcome.err());
}

#[test]
fn a_layout_directory_is_an_image() {
    let place = place_with_debian();
    let layout = fixtures().join("base/debian");
    let outcome = run_in(&place, &["-M", "600M", "--rootfs", path(&layout), "/bin/cat", "/etc/debian_version"]);
    assert!(outcome.out().starts_with("12."), "{}{}", outcome.out(), outcome.err());
    let named = format!("oci:{}:13", path(&layout));
    let missing = run_in(&place, &["--rootfs", &named, "/bin/true"]);
    assert_eq!(missing.code(), 125);
    assert!(missing.err().contains("13") && missing.err().contains("12"), "{}", missing.err());
}

/// A project whose Dockerfile ends with these lines, with a static program and two accounts in the image.
fn project_with_accounts(place: &Place, lines: &str) -> std::path::PathBuf {
    let project = place.directory("project");
    fs::copy(fixture("probe"), project.join("probe")).expect("a program");
    fs::write(project.join("passwd"), "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n").expect("a file");
    fs::write(project.join("group"), "root:x:0:\napp:x:1001:\nlog:x:4:app\nweb:x:33:app,root\n").expect("a file");
    let dockerfile =
        format!("FROM scratch\nCOPY passwd group /etc/\nCOPY --chmod=755 probe /bin/\nCOPY --chown=app group /srv/mine\n{lines}");
    fs::write(project.join("Dockerfile"), dockerfile).expect("a file");
    project
}

#[test]
fn the_image_says_who_the_application_is() {
    let place = Place::new();
    let lines = "USER app\nENTRYPOINT [\"/bin/probe\", \"user\", \"/srv/mine\", \"/etc/group\", \"/etc/new\", \"/srv/new\"]\n";
    let project = project_with_accounts(&place, lines);
    // A directory that COPY --chown makes is the user's too.
    let files = "/srv/mine: there\n/etc/group: EACCES\n/etc/new: EACCES\n/srv/new: there\n";
    for format in ["cpio", "erofs"] {
        let outcome = run(["--rootfs-type", format, path(&project)]);
        let out = outcome.out();
        assert!(out.starts_with("uid 1000 1000 gid 1001 1001 groups 4 33\nhome /home/app\n"), "{out}{}", outcome.err());
        assert!(out.contains(files) && out.ends_with("by /dev/stdout\nport 80: there\n"), "{out}{}", outcome.err());
    }
    // The user's word counts for more; a group stands alone.
    let outcome = run(["-u", "app:web", path(&project)]);
    assert!(outcome.out().starts_with("uid 1000 1000 gid 33 33 groups\nhome /home/app\n"), "{}{}", outcome.out(), outcome.err());
    let outcome = run(["--user", "7", path(&project)]);
    assert!(outcome.out().starts_with("uid 7 7 gid 0 0 groups\nhome /\n/srv/mine: EACCES\n"), "{}{}", outcome.out(), outcome.err());
    let outcome = run(["--user", "root", "-e", "HOME=/else", path(&project)]);
    assert!(outcome.out().starts_with("uid 0 0 gid 0 0 groups 33\nhome /else\n/srv/mine: there\n/etc/group: there\n"), "{}", outcome.out());
    for (user, problem) in
        [("nobody", "--user \"nobody\": there is no user \"nobody\" in the image's /etc/passwd"), ("1:x", "no group \"x\"")]
    {
        let outcome = run(["--user", user, path(&project)]);
        assert_eq!((outcome.code(), outcome.out().as_str()), (125, ""));
        assert!(outcome.err().contains(problem), "{}", outcome.err());
    }
}
