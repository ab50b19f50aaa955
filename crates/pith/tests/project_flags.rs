//! Flags of the commands on projects that choose the project, its targets, and how its Dockerfile is built: each does what it says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
#[path = "common/project.rs"]
mod project;

use common::{Done, Home};
use project::tools;
use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

/// Two projects in a directory: `Kraftfile`, and `other.yaml` with another name and other targets.
const OTHER: &str = "spec: v0.6\nname: other\nunikraft: stable\nlibraries: {lwip: stable}\ntargets: [fc/x86_64, qemu/x86_64]\n";

fn two_projects() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("app")).unwrap();
    fs::write(home.path("app/Kraftfile"), "spec: v0.6\nname: app\nunikraft: stable\ntargets: [qemu/x86_64]\n").unwrap();
    fs::write(home.path("app/other.yaml"), OTHER).unwrap();
    home
}

#[track_caller]
fn ok(home: &Home, words: &[&str]) -> Done {
    let done = home.pith(words);
    assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    done
}

fn has(home: &Home, file: &str, option: &str) -> bool {
    fs::read_to_string(home.path(&format!("app/.config.{file}"))).is_ok_and(|text| text.contains(&format!("{option}=y\n")))
}

#[test]
fn which_project_and_which_targets() {
    let home = two_projects();
    ok(&home, &["set", "-w", "app", "-K", "app/other.yaml", "CONFIG_LIBPROCFS=y"]);
    assert!(!home.path("app/.config.app_qemu-x86_64").exists());
    assert!(has(&home, "other_fc-x86_64", "CONFIG_LIBPROCFS") && has(&home, "other_qemu-x86_64", "CONFIG_LIBPROCFS"));
    ok(&home, &["unset", "-w", "app", "-K", "app/other.yaml", "-p", "fc", "CONFIG_LIBPROCFS"]);
    assert!(!has(&home, "other_fc-x86_64", "CONFIG_LIBPROCFS") && has(&home, "other_qemu-x86_64", "CONFIG_LIBPROCFS"));
    // Without a screen the menu has other names.
    ok(&home, &["menu", "-f", "defconfig", "app", "-K", "app/other.yaml", "-m", "x86_64", "-p", "qemu"]);
    assert!(!has(&home, "other_qemu-x86_64", "CONFIG_LIBPROCFS"));
    let none = home.pith(&["menu", "-f", "defconfig", "app", "-m", "arm64"]);
    assert!(none.code == 125 && none.err.contains("no targets selected"), "{}", none.err);

    // What is there of two targets' kernels, and of nobody's.
    let outdir = home.path("app/.unikraft/build");
    fs::create_dir_all(&outdir).unwrap();
    let files = ["other_fc-x86_64", "other_qemu-x86_64", "app_qemu-x86_64"];
    files.iter().for_each(|name| fs::write(outdir.join(name), "").unwrap());
    let left = || files.into_iter().filter(|name| outdir.join(name).exists()).collect::<Vec<_>>();
    ok(&home, &["clean", "app", "-K", "app/other.yaml", "-t", "fc/x86_64"]);
    assert_eq!(left(), ["other_qemu-x86_64", "app_qemu-x86_64"]);
    ok(&home, &["clean", "app", "-K", "app/other.yaml"]);
    assert_eq!(left(), ["app_qemu-x86_64"]);

    let fetch = |flag: &str, value: &str| home.pith(&["fetch", "app", "--no-pull", flag, value]);
    for (flag, value, message) in [
        ("-m", "arm64", "no targets selected"),
        ("-p", "xen", "no targets selected"),
        ("-t", "small", "no targets selected"),
        ("-K", "app/none.yaml", "app/none.yaml"),
    ] {
        let done = fetch(flag, value);
        assert!(done.code == 125 && done.err.contains(message), "{flag} {value}: {}", done.err);
    }
}

#[test]
fn libraries_of_another_directory() {
    let home = two_projects();
    ok(&home, &["lib", "add", "-w", "app", "musl:1.10"]);
    assert!(fs::read_to_string(home.path("app/Kraftfile")).unwrap().contains("musl"));
    assert!(ok(&home, &["lib", "list", "-w", "app"]).out.contains("musl"));
    ok(&home, &["lib", "remove", "-w", "app", "musl"]);
    assert!(!fs::read_to_string(home.path("app/Kraftfile")).unwrap().contains("musl"));
    assert_eq!(fs::read_to_string(home.path("app/other.yaml")).unwrap(), OTHER);
}

#[test]
fn libraries_of_another_file() {
    let home = two_projects();
    let before = fs::read_to_string(home.path("app/Kraftfile")).unwrap();
    ok(&home, &["lib", "add", "-K", "app/other.yaml", "--no-update", "musl:staging", "lwip:staging"]);
    let text = fs::read_to_string(home.path("app/other.yaml")).unwrap();
    assert_eq!(text, OTHER.replace("{lwip: stable}", "{musl: staging, lwip: staging}"));
    let listed = ok(&home, &["lib", "list", "-K", "app/other.yaml", "-o", "json"]).out;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!((names, listed[1]["meaning"].as_str()), (vec!["musl", "lwip"], Some("CONFIG_LIBNET")));
    for name in ["delete", "del"] {
        ok(&home, &["lib", name, "-K", "app/other.yaml", if name == "del" { "musl" } else { "lwip" }]);
    }
    assert!(!fs::read_to_string(home.path("app/other.yaml")).unwrap().contains("libraries"));
    assert_eq!(fs::read_to_string(home.path("app/Kraftfile")).unwrap(), before);
}

#[test]
fn whose_a_new_library_is() {
    let home = Home::new();
    let words = ["lib", "create", "mine", "--git-init", "--initial-branch", "trunk", "--author-name", "A. Person"];
    ok(&home, &[&words[..], &["--author-email", "a@example.com", "--copyright-holder", "Example Ltd"]].concat());
    assert_eq!(fs::read_to_string(home.path("lib-mine/.git/HEAD")).unwrap(), "ref: refs/heads/trunk\n");
    let made = fs::read_dir(home.path("lib-mine")).unwrap().flatten().filter(|file| file.path().is_file());
    let text: String = made.map(|file| fs::read_to_string(file.path()).unwrap()).collect();
    assert!(text.contains("a@example.com") && text.contains("Example Ltd"), "{text}");
}

/// A project whose files come from a Dockerfile that copies the file `data`.
fn from_dockerfile(dockerfile: &str) -> Home {
    let home = Home::new();
    fs::create_dir(home.path("app")).unwrap();
    fs::write(home.path("app/Kraftfile"), "spec: v0.6\nname: app\nruntime: base\nrootfs: ./Dockerfile\n").unwrap();
    fs::write(home.path("app/Dockerfile"), dockerfile).unwrap();
    fs::write(home.path("app/data"), "data").unwrap();
    home
}

/// Names in the root file system that was built.
fn built(home: &Home) -> String {
    let archive = fs::File::open(home.path("app/.unikraft/build/initramfs-x86_64.cpio")).unwrap();
    let list = Command::new("cpio").args(["-t", "--quiet"]).stdin(archive).output().unwrap();
    String::from_utf8(list.stdout).unwrap()
}

#[test]
fn how_a_dockerfile_is_built_for_a_project() {
    const DOCKERFILE: &str = "FROM scratch AS one\nARG NAME=data\nCOPY data /$NAME\nFROM one AS two\nCOPY data /two\n";
    let home = from_dockerfile(DOCKERFILE);
    ok(&home, &["build", "app"]);
    assert!(built(&home).contains("two"));
    ok(&home, &["build", "app", "--build-target", "one", "--build-arg", "NAME=named", "--builder", "builtin"]);
    assert!(built(&home).contains("named") && !built(&home).contains("two"));
    // An image's owners are its own, whatever a directory's are.
    fs::write(home.path("app/Dockerfile"), "FROM scratch\nCOPY --chown=7:8 data /\n").unwrap();
    ok(&home, &["build", "app"]);
    let archive = fs::File::open(home.path("app/.unikraft/build/initramfs-x86_64.cpio")).unwrap();
    let listed = Command::new("cpio").args(["-itvn", "--quiet"]).stdin(archive).output().unwrap();
    assert!(String::from_utf8(listed.stdout).unwrap().lines().any(|line| line.contains(" 7 ") && line.ends_with(" data")));
    fs::write(home.path("app/Dockerfile"), DOCKERFILE).unwrap();
    // The same for fetching, which keeps what it builds: nothing is made anew afterwards, unless that is asked for.
    let steps = || {
        let steps = fs::read_dir(home.path("data/build/steps")).unwrap().flatten();
        let mut made: Vec<u64> = steps.map(|step| std::os::unix::fs::DirEntryExt::ino(&step)).collect();
        made.sort_unstable();
        made
    };
    let before = steps();
    ok(&home, &["fetch", "app", "--build-target", "one", "--build-arg", "NAME=named", "--builder", "builtin"]);
    assert_eq!(steps(), before);
    ok(&home, &["fetch", "app", "--build-target", "one", "--build-arg", "NAME=other"]);
    assert!(steps().len() > before.len());
    let before = steps();
    ok(&home, &["fetch", "app", "-F"]);
    assert_ne!(steps(), before);
    // Builders that are not there are asked for and missed.
    for command in ["build", "fetch"] {
        let done = home.pith(&[command, "app", "--builder", "buildkit"]);
        assert!(done.err.contains("--builder buildkit: no address of a BuildKit daemon is given"), "{command}: {}", done.err);
    }
}

#[test]
fn secrets_and_agents_are_lent_while_a_project_is_fetched() {
    let home = from_dockerfile(
        "FROM scratch AS build\nCOPY busybox /bin/sh\nCOPY busybox /bin/\nENV PATH=/bin\n\
         RUN --mount=type=secret,id=key,required --mount=type=ssh,required test -S $SSH_AUTH_SOCK && cat /run/secrets/key >/key\n\
         FROM scratch\nCOPY --from=build /key /\n",
    );
    fs::copy("/usr/bin/busybox", home.path("app/busybox")).expect("busybox-static is installed (tools/setup.sh test)");
    fs::write(home.path("key"), "open sesame").unwrap();
    let _agent = UnixListener::bind(home.path("agent")).unwrap();
    let (key, agent) = (format!("id=key,src={}", home.path("key").display()), format!("default={}", home.path("agent").display()));
    let refused = home.pith(&["fetch", "app", "--build-ssh", &agent]);
    assert!(refused.code == 125 && refused.err.contains("key"), "{}", refused.err);
    let refused = home.pith(&["fetch", "app", "--build-secret", &key]);
    assert!(refused.code == 125 && refused.err.contains("--build-ssh"), "{}", refused.err);
    ok(&home, &["fetch", "app", "--build-secret", &key, "--build-ssh", &agent]);
    ok(&home, &["build", "app", "--build-secret", &key, "--build-ssh", &agent]);
    assert!(built(&home).contains("key"));
}

#[test]
fn when_registries_are_asked_for_base_images() {
    // A registry that cannot be there: whoever asks it says so.
    let home = from_dockerfile("FROM pith-test.invalid/base:1\nCOPY data /\n");
    let asked = |words: &[&str]| {
        let done = home.pith(words);
        assert_eq!(done.code, 125, "{words:?}");
        done.err.contains("asking pith-test.invalid")
    };
    assert!(asked(&["build", "app"]) && asked(&["build", "app", "--pull", "always"]) && asked(&["build", "app", "--force-pull"]));
    assert!(!asked(&["build", "app", "--pull", "never"]) && !asked(&["build", "app", "--no-fetch"]));
    assert!(asked(&["fetch", "app"]) && !asked(&["fetch", "app", "--pull", "never"]));
    ok(&home, &["fetch", "app", "--no-pull"]);
}

/// What tells a kernel from other programs: a note of Xen's with the address of its entry (PVH).
const PVH_NOTE: &str = "\n.section .note.pvh, \"a\", @note\n.long 4, 4, 18\n.asciz \"Xen\"\n.long 0x100000\n";

#[test]
fn how_many_compilers_and_what_they_say() {
    let home = two_projects();
    let tools = tools(&home, PVH_NOTE);
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let compiled = |flags: &[&str]| {
        ok(&home, &[&["build", "app", "-K", "app/other.yaml", "-t", "qemu/x86_64"], &tools[..], flags].concat());
        let calls = fs::read_to_string(home.path("tools/calls")).unwrap();
        ok(&home, &["system", "prune", "-f"]);
        calls.lines().last().unwrap().to_owned()
    };
    let jobs = |call: &str| call.split(' ').find_map(|word| word.strip_prefix("--jobs=")).map(str::to_owned);
    assert_eq!(jobs(&compiled(&["-j", "3"])).as_deref(), Some("3"));
    assert_eq!(jobs(&compiled(&["--no-fast"])).as_deref(), Some("1"));
    assert_eq!(jobs(&compiled(&["--build-log", "log"])), None);
    assert!(fs::read_to_string(home.path("log")).unwrap().contains("Compiling vfs v0.1.0"));
    assert!(home.path("app/.unikraft/build/other_qemu-x86_64").exists());
}

#[test]
fn the_ways_to_be_given_something_and_who_has_the_last_word() {
    let home = Home::new();
    let tools = tools(&home, PVH_NOTE);
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    fs::create_dir(home.path("app")).unwrap();
    let project = "spec: v0.6\nname: app\nunikraft: stable\nruntime: kernel://./other\nrootfs: ../root\ncmd: [/bin/app, project]\n\
        env: {A: project, B: project}\ntargets: [qemu/x86_64]\n";
    fs::write(home.path("app/Kraftfile"), project).unwrap();
    ok(&home, &[&["build", "app"], &tools[..]].concat());
    let built = "app/.unikraft/build/app_qemu-x86_64";
    fs::copy(home.path(built), home.path("app/other")).unwrap();
    // What the machine comes to: kernel, words, variables, whether it has files.
    let created = |flags: &[&str]| {
        ok(&home, &[&["create", "-W", "--name", "m"], flags].concat());
        let config = home.record("m")["config"].clone();
        let kernel = fs::canonicalize(config["kernel"].as_str().unwrap()).unwrap();
        let kernel = kernel.strip_prefix(fs::canonicalize(home.path(".")).unwrap()).unwrap().display().to_string();
        let words = |list: &serde_json::Value| {
            let words = list.as_array().unwrap().iter().map(|word| match word {
                serde_json::Value::Array(pair) => pair.iter().map(|part| part.as_str().unwrap()).collect::<Vec<_>>().join("="),
                word => word.as_str().unwrap().to_owned(),
            });
            words.filter(|word| !word.starts_with("PATH=") && !word.starts_with("HOME=")).collect::<Vec<_>>().join(" ")
        };
        ok(&home, &["rm", "m"]);
        (kernel, words(&config["argv"]), words(&config["env"]), !config["initrd"].is_null())
    };
    let is = |kernel: &str, words: &str, variables: &str, files: bool| (kernel.to_owned(), words.to_owned(), variables.to_owned(), files);
    let own = |words: &str, variables: &str| is(built, words, variables, true);
    // A kernel and nothing else; a program; a project's own kernel; its runtime. Packages are refused by name elsewhere.
    assert_eq!(created(&["--as", "kernel", built, "word"]), is(built, "word", "", false));
    assert_eq!(created(&[built, "word"]), is(built, "word", "", false));
    assert_eq!(created(&["--as", "linuxu", "/usr/bin/env", "word"]), is("kernel", "/usr/bin/env word", "", true));
    assert_eq!(created(&["--as", "kraftfile-unikraft", "app"]), own("/bin/app project", "A=project B=project"));
    assert_eq!(created(&["app"]), own("/bin/app project", "A=project B=project"));
    assert_eq!(created(&["--as", "kraftfile-runtime", "app"]), is("app/other", "/bin/app project", "A=project B=project", true));
    // The command line goes over the project.
    assert_eq!(created(&["-e", "A=flag", "app", "/bin/app", "flag"]), own("/bin/app flag", "A=flag B=project"));
    assert_eq!(created(&["-r", "kernel://app/other", "app"]).0, "app/other");
    assert_eq!(created(&["app", "--", "/bin/app"]).1, "/bin/app");
    fs::create_dir(home.path("empty")).unwrap();
    let refused = home.pith(&["create", "-W", "--rootfs", "empty/none", "app"]);
    assert!(refused.code == 125 && refused.err.contains("empty/none"), "{}", refused.err);
}
