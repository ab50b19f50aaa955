//! `pith fetch`, and what other commands make of what it fetched: from repositories and archives on this machine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Done, Home};
use std::fs;
use std::process::Command;

struct Project {
    home: Home,
}

impl Project {
    /// A project in `app`, a library in the repository `lib-greet`, a template in the archive `start.tar.gz`.
    fn new() -> Self {
        let project = Self { home: Home::new() };
        let write = |name: &str, text: &str| {
            let path = project.home.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "lib-greet/Config.uk",
            "config LIBGREET\n\tbool \"Greetings\"\nconfig LIBGREET_LOUD\n\tbool \"In capitals\"\n\tdepends on LIBGREET\n",
        );
        write("lib-greet/Makefile.uk", "$(eval $(call addlib_s,libgreet,$(CONFIG_LIBGREET)))\n");
        for words in [
            &["init", "-q", "-b", "main"][..],
            &["add", "."],
            &["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"],
            &["tag", "v1"],
        ] {
            assert!(Command::new("git").arg("-C").arg(project.home.path("lib-greet")).args(words).status().unwrap().success());
        }
        write(
            "start-1.0/Kraftfile",
            "spec: v0.6\nunikraft: {version: stable, kconfig: {CONFIG_LIBPOSIX_EPOLL: 'y'}}\ntargets: [qemu/x86_64]\n",
        );
        let mut tar = Command::new("tar");
        tar.arg("-czf").arg(project.home.path("start.tar.gz")).arg("-C").arg(project.home.path("")).arg("start-1.0");
        assert!(tar.status().unwrap().success());
        project
    }

    fn kraftfile(&self, text: &str) {
        fs::create_dir_all(self.home.path("app")).unwrap();
        let text = text.replace("HERE", &self.home.path("").display().to_string());
        fs::write(self.home.path("app/Kraftfile"), format!("spec: v0.6\nname: app\n{text}")).unwrap();
    }

    fn with_library(version: &str) -> Self {
        let project = Self::new();
        project.kraftfile(&format!(
            "unikraft: stable\nlibraries:\n  lwip: stable\n  greet: {{source: 'git+file://HERE/lib-greet'{version}}}\n"
        ));
        project
    }

    fn pith(&self, arguments: &[&str]) -> Done {
        self.home.pith(arguments)
    }

    fn succeeds(&self, arguments: &[&str]) -> Done {
        let done = self.pith(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.err);
        done
    }
}

#[test]
fn a_library_is_fetched_listed_and_kept() {
    let project = Project::with_library(", version: v1");
    let before = project.pith(&["set", "-w", "app", "CONFIG_LIBGREET_LOUD=y"]);
    assert!(before.code != 0 && before.err.contains("library greet was not fetched yet"), "{}", before.err);
    let forbidden = project.pith(&["build", "app", "--no-fetch", "--explain"]);
    assert!(
        forbidden.code == 125 && forbidden.err.contains("library greet, line 6: ") && forbidden.err.contains("`pith fetch` fetches it"),
        "{}",
        forbidden.err
    );
    let done = project.succeeds(&["fetch", "app"]);
    assert!(done.err.contains("fetching library greet from file://HOME//lib-greet"), "{}", done.err);
    assert!(done.err.contains("lwip: CONFIG_LIBNET of the kernel"), "{}", done.err);
    assert!(done.err.contains("greet: commit ") && done.err.contains("in .unikraft/libs/greet"), "{}", done.err);
    // From now on nobody is asked.
    fs::remove_dir_all(project.home.path("lib-greet")).unwrap();
    let again = project.succeeds(&["fetch", "app"]);
    assert!(!again.err.contains("fetching ") && again.err.contains("greet: commit "), "{}", again.err);
    project.succeeds(&["set", "-w", "app", "CONFIG_LIBGREET_LOUD=y"]);
    let explained = project.succeeds(&["build", "app", "--no-fetch", "--explain"]);
    assert!(explained.out.contains("LIBGREET_LOUD"), "{}", explained.out);
    // Unless that is asked for.
    let anew = project.pith(&["fetch", "app", "--no-cache"]);
    assert!(anew.code == 125 && anew.err.contains("library greet, line 6: file://HOME//lib-greet: git says: "), "{}", anew.err);
    project.succeeds(&["build", "app", "--no-fetch", "--explain"]);
    project.succeeds(&["lib", "remove", "-w", "app", "greet"]);
    assert!(!project.home.path("app/.unikraft/libs/greet").exists());
}

#[test]
fn what_cannot_be_fetched_is_an_error_that_says_where_it_is_named() {
    let project = Project::with_library(", version: v9");
    for command in ["fetch", "build"] {
        let done = project.pith(&[command, "app"]);
        let expected = "pith: error: library greet, line 6: file://HOME//lib-greet: there is no branch, tag or commit \"v9\"\n  help: name another one";
        assert!(done.code == 125 && done.err.contains(expected), "{}", done.err);
    }
    let digest = "0".repeat(64);
    project.kraftfile(&format!("unikraft: stable\ntemplate: 'file://HERE/start.tar.gz#sha256={digest}'\n"));
    let done = project.pith(&["fetch", "app"]);
    assert!(
        done.code == 125 && done.err.contains("template start, line 4: ") && done.err.contains(&format!("expected {digest}")),
        "{}",
        done.err
    );
    project.kraftfile("unikraft: stable\nlibraries:\n  x: 'http://127.0.0.1:1/lib-x.tar.gz'\n");
    let done = project.pith(&["fetch", "app"]);
    assert!(done.code == 125 && done.err.contains("http://127.0.0.1:1/lib-x.tar.gz: the connection was refused"), "{}", done.err);
}

#[test]
fn a_template_is_fetched_and_merged() {
    let project = Project::new();
    project.kraftfile("template: {source: 'file://HERE/start.tar.gz'}\n");
    let explained = project.succeeds(&["build", "app", "--explain"]);
    assert!(explained.out.starts_with("target: qemu/x86_64\n") && explained.out.contains("LIBPOSIX_EPOLL"), "{}", explained.out);
    assert!(project.home.path("app/.unikraft/apps/start/Kraftfile").is_file());
    // A path that is an archive is one too.
    project.kraftfile("template: ../start.tar.gz\n");
    project.succeeds(&["fetch", "app"]);
    assert!(project.succeeds(&["build", "app", "--no-fetch", "--explain"]).out.contains("LIBPOSIX_EPOLL"));
}

#[test]
fn a_library_is_added_by_its_address() {
    let project = Project::new();
    project.kraftfile("unikraft: stable\n");
    let address = format!("git+file://{}?tag=v1", project.home.path("lib-greet").display());
    let done = project.succeeds(&["lib", "add", "-w", "app", &address]);
    assert!(done.err.contains("added greet (`pith fetch` and `pith build` fetch it)"), "{}", done.err);
    assert!(project.succeeds(&["lib", "list", "-w", "app"]).out.contains("the project's own, fetched"));
    assert!(project.succeeds(&["fetch", "app"]).err.contains("greet: commit "));
}

#[test]
fn what_a_makefile_uk_is_made_from_is_fetched_too() {
    let project = Project::new();
    let write = |name: &str, text: &str| fs::write(project.home.path(name), text).unwrap();
    project.kraftfile("unikraft: {version: stable, kconfig: {CONFIG_LIBGREET: 'y'}}\nlibraries:\n  greet: {source: ../lib-greet}\n");
    let fetched = |library: &str, file: &str| format!("$(eval $(call fetch,{library},file://{}))\n", project.home.path(file).display());
    let library = "$(eval $(call addlib_s,libgreet,$(CONFIG_LIBGREET)))\n".to_owned() + &fetched("libgreet", "start.tar.gz");
    write("lib-greet/Makefile.uk", &library);
    write("app/Makefile.uk", &("$(eval $(call addlib,appx))\nAPPX_SRCS-y += main.c\n".to_owned() + &fetched("appx", "none.tar.gz")));
    let done = project.pith(&["fetch", "app"]);
    assert!(done.err.contains("fetching sources of libgreet from file://HOME/start.tar.gz"), "{}", done.err);
    let expected = "pith: error: Makefile.uk: sources of appx: HOME/none.tar.gz: No such file";
    assert!(done.code == 125 && done.err.contains(expected), "{}", done.err);
    fs::copy(project.home.path("start.tar.gz"), project.home.path("none.tar.gz")).unwrap();
    let done = project.succeeds(&["fetch", "app"]);
    assert!(!done.err.contains("fetching sources of libgreet"), "{}", done.err);
    assert!(done.err.contains("sources of appx: HOME/app/.unikraft/build/native/appx\n"), "{}", done.err);
    assert!(project.home.path("app/.unikraft/build/native/appx/origin/start-1.0/Kraftfile").is_file());
    // Nothing is fetched where that is forbidden.
    fs::remove_dir_all(project.home.path("app/.unikraft")).unwrap();
    let forbidden = project.pith(&["build", "app", "--no-fetch"]);
    let expected = "sources of libgreet: file://HOME/start.tar.gz was not fetched yet\n  help: `pith fetch` fetches it";
    assert!(forbidden.code == 125 && forbidden.err.contains(expected), "{}", forbidden.err);
    assert_eq!(project.pith(&["clean", "app", "--proper"]).code, 0);
    assert!(!project.home.path("app/.unikraft").exists());
}
