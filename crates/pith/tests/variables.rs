//! What `${CONFIG_NAME}` in a project's file comes to: options of the kernel, whoever gave them their value, before the host's environment.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;

/// An option of the application's own.
const OWN: &str = "config APPDEMO_PORT\n\tint \"port\"\n\tdefault 80\n\trange 1 65535\n";

struct Project {
    home: Home,
}

impl Project {
    fn new(text: &str) -> Self {
        let project = Self { home: Home::new() };
        fs::create_dir(project.home.path("app")).unwrap();
        project.write("app/Config.uk", OWN);
        project.kraftfile(text);
        project
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path(name), text).unwrap();
    }

    fn kraftfile(&self, text: &str) {
        self.write("app/Kraftfile", &format!("spec: v0.6\nname: app\n{text}"));
    }

    /// What `pith build` says to a root file system that is not there, which is looked for before anything is compiled.
    fn said(&self, words: &[&str]) -> String {
        let mut command = self.home.command(&[&["build", "app"], words].concat());
        command.env("CONFIG_APPDEMO_PORT", "host").env("CONFIG_HOST", "host");
        let done = self.home.finish(command.output().unwrap());
        assert_eq!(done.code, 125, "{words:?}: {}", done.err);
        done.err
    }

    /// Where the root file system is looked for.
    fn rootfs(&self, words: &[&str]) -> String {
        let said = self.said(words);
        let place = said.split_once("app/./root-").and_then(|(_, rest)| rest.split_once(" is not there"));
        place.unwrap_or_else(|| panic!("{said}")).0.to_owned()
    }

    fn set(&self, words: &[&str]) {
        let done = self.home.pith(&[&["set", "-w", "app"], words].concat());
        assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    }
}

const PORT: &str = "rootfs: ./root-${CONFIG_APPDEMO_PORT}\n";

#[test]
fn an_option_is_what_everybody_who_has_a_say_makes_of_it() {
    let project = Project::new(&format!("unikraft: stable\n{PORT}"));
    // The default, the project, what was set by hand, what is given instead.
    assert_eq!(project.rootfs(&[]), "80");
    project.kraftfile(&format!("unikraft: {{kconfig: {{CONFIG_APPDEMO_PORT: 81}}}}\n{PORT}"));
    assert_eq!(project.rootfs(&[]), "81");
    project.set(&["CONFIG_APPDEMO_PORT=82"]);
    assert_eq!(project.rootfs(&[]), "82");
    project.write("other.config", "CONFIG_APPDEMO_PORT=83\n");
    let other = project.home.path("other.config").display().to_string();
    assert_eq!(project.rootfs(&["-c", &other]), "83");
    // The saved options and nothing else.
    project.kraftfile("unikraft: {kconfig: {CONFIG_LIBPROCFS: y}}\nrootfs: ./root-$CONFIG_APPDEMO_PORT-$CONFIG_LIBPROCFS\n");
    assert_eq!((project.rootfs(&[]), project.rootfs(&["--no-configure"])), ("82-y".to_owned(), "82-n".to_owned()));
    // No option by that name: the host's variable, or the default.
    project.kraftfile("unikraft: stable\nrootfs: ./root-${CONFIG_HOST}-${CONFIG_NOTHING_LIKE_IT:-none}-${CONFIG_LIBSCHED:?always}\n");
    assert_eq!(project.rootfs(&[]), "host-none-y");
    // One of Unikraft's, which the kernel has by another name, and one that only the project knows.
    let text = "unikraft: {kconfig: {CONFIG_LWIP_NUM_TCPCON: 64}}\nlibraries: {lwip: stable}\n";
    project.kraftfile(&format!("{text}rootfs: ./root-$CONFIG_LIBLWIP-$CONFIG_LWIP_NUM_TCPCON\n"));
    assert_eq!(project.rootfs(&[]), "y-64");
    // Nobody knows what they come to without the core.
    project.kraftfile(&format!("unikraft: ./nowhere\n{PORT}"));
    assert!(project.said(&[]).contains("is no core of Pith"), "{}", project.said(&[]));
    // A runtime's options cannot be known.
    project.kraftfile(&format!("runtime: base\n{PORT}"));
    assert_eq!(project.rootfs(&[]), "host");
}

#[test]
fn options_are_made_of_options_that_the_file_does_not_give() {
    let project = Project::new(&format!("unikraft: {{kconfig: {{CONFIG_APPDEMO_PORT: '${{CONFIG_CONSOLE_INPUT_KIB}}'}}}}\n{PORT}"));
    assert_eq!(project.rootfs(&[]), "16");
    project.set(&["CONFIG_CONSOLE_INPUT_KIB=64"]);
    assert_eq!(project.rootfs(&[]), "64");
    // In a template's file too, which does not know who builds on it.
    fs::create_dir(project.home.path("app/base")).unwrap();
    project.write("app/base/Kraftfile", &format!("spec: v0.6\nunikraft: stable\n{PORT}"));
    fs::remove_file(project.home.path("app/.config.app_qemu-x86_64")).unwrap();
    project.kraftfile("template: ./base\nunikraft: {kconfig: {CONFIG_APPDEMO_PORT: 85}}\n");
    assert_eq!(project.rootfs(&[]), "85");
}

#[test]
fn targets_that_differ_are_told_apart_or_told() {
    let targets = "targets:\n- {name: small, plat: fc, arch: x86_64, kconfig: {CONFIG_APPDEMO_PORT: 81}}\n- qemu/x86_64\n- qemu/arm64\n";
    let project = Project::new(&format!("unikraft: stable\n{PORT}{targets}"));
    for (words, port) in [(["-t", "small"], "81"), (["-p", "qemu"], "80"), (["-t", "qemu/x86_64"], "80")] {
        assert_eq!(project.rootfs(&words), port, "{words:?}");
    }
    let expected = "app/Kraftfile refers to CONFIG_APPDEMO_PORT, which differs between its targets: 81 for small, 80 for qemu/x86_64\n  \
        help: choose one of them with --target";
    for words in [&[][..], &["--all"]] {
        let said = project.said(words);
        assert!(said.contains(expected), "{said}");
    }
    // Commands that do not need what refers to it are not kept from their work.
    project.set(&["CONFIG_LIBPROCFS=y"]);
    for words in [&["clean", "app"][..], &["lib", "list", "-w", "app"], &["lib", "add", "-w", "app", "lwip"]] {
        let done = project.home.pith(words);
        assert_eq!(done.code, 0, "{words:?}: {}", done.err);
    }
    project.set(&["CONFIG_APPDEMO_PORT=90"]);
    assert_eq!(project.rootfs(&[]), "90");
}

#[test]
fn circles_are_errors() {
    let project = Project::new("unikraft:\n  kconfig:\n    CONFIG_APPDEMO_PORT: ${CONFIG_APPDEMO_PORT}0\n");
    let said = project.said(&[]);
    assert!(said.contains("the value of CONFIG_APPDEMO_PORT is made of itself") && said.contains("Kraftfile:5:26"), "{said}");
    // One that leads through the options' own rules.
    let rules = "config APPDEMO_WORD\n\tstring \"word\"\nconfig APPDEMO_NUMBER\n\tint\n\tdefault 1 if APPDEMO_WORD = \"2\"\n\tdefault 2\n";
    project.write("app/Config.uk", rules);
    project.kraftfile("unikraft: {kconfig: {CONFIG_APPDEMO_WORD: $CONFIG_APPDEMO_NUMBER}}\n");
    let said = project.said(&[]);
    let expected = "refers to CONFIG_APPDEMO_NUMBER, whose value changes with what the file makes of it";
    assert!(said.contains(expected), "{said}");
}
