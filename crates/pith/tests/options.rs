//! `pith set`, `pith unset`, `pith lib` and `pith menu` without a screen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;

const KRAFTFILE: &str = "spec: v0.6\nname: app\n\n# What it is built from.\nunikraft:\n  version: stable\n  kconfig:\n    CONFIG_LIBPOSIX_PIPE: 'y'\n\nlibraries:\n  lwip: stable # the network\n\ntargets:\n- qemu/x86_64\n- fc/x86_64\n- qemu/arm64\n";

fn project() -> Home {
    let home = Home::new();
    fs::write(home.path("Kraftfile"), KRAFTFILE).unwrap();
    home
}

fn config(home: &Home, target: &str) -> String {
    fs::read_to_string(home.path(&format!(".config.app_{target}"))).unwrap_or_default()
}

/// Exit code and everything said.
fn said(home: &Home, words: &[&str]) -> String {
    let done = home.pith(words);
    format!("$ pith {}\n{}{}exit {}\n", words.join(" "), done.out, done.err, done.code)
}

#[test]
fn options_are_set_for_every_target_that_can_be_built() {
    let home = project();
    let done = home.pith(&["set", "CONFIG_LIBPROCFS=y", "LIBPOSIX_PIPE=n"]);
    assert_eq!(done.code, 0, "{}", done.err);
    for target in ["qemu-x86_64", "fc-x86_64"] {
        let text = config(&home, target);
        assert!(text.contains("CONFIG_LIBPROCFS=y\n") && text.contains("CONFIG_LIBDEVFS=y\n"), "{text}");
        assert!(text.contains("# CONFIG_LIBPOSIX_PIPE is not set\n"), "{text}");
        assert!(text.contains("CONFIG_LIBNET=y\n"), "{text}");
    }
    assert_eq!(config(&home, "qemu-arm64"), "");
    assert_eq!(fs::read_to_string(home.path("Kraftfile")).unwrap(), KRAFTFILE);
    // A second change keeps the first, for the targets that are meant.
    assert_eq!(home.pith(&["set", "-p", "fc", "CONFIG_LIBPOSIX_EPOLL=y"]).code, 0);
    assert!(
        config(&home, "fc-x86_64").contains("CONFIG_LIBPOSIX_EPOLL=y\n") && config(&home, "fc-x86_64").contains("CONFIG_LIBPROCFS=y\n")
    );
    assert!(!config(&home, "qemu-x86_64").contains("CONFIG_LIBPOSIX_EPOLL=y\n"));
    assert_eq!(home.pith(&["unset", "CONFIG_LIBPROCFS"]).code, 0);
    assert!(config(&home, "fc-x86_64").contains("# CONFIG_LIBPROCFS is not set\n"));
}

#[test]
fn what_comes_to_nothing_is_an_error_unless_forced() {
    let home = project();
    let mut all = String::new();
    for words in [
        &["set", "CONFIG_LIBPROCSF=y"][..],
        &["set", "CONFIG_LIBSCHED=n"],
        &["set", "CONFIG_LWIP_TCP=n", "CONFIG_LIBUK9P=y"],
        &["set", "CONFIG_LIBNET"],
        &["set", "CONFIG_LIBNET="],
        &["set", "NO-NAME=y"],
        &["set", "CONFIG_LIBNET=maybe"],
        &["set", "CONFIG_PITH_PRESET=htpp"],
        &["set", "-m", "arm64", "CONFIG_LIBNET=y"],
        &["set", "-t", "xen/x86_64", "CONFIG_LIBNET=y"],
        &["unset", "CONFIG_LIBVFSCORE"],
        &["unset", "CONFIG_NOTHING_LIKE_IT"],
        &["menu", "-t", "qemu/x86_64"],
        &["menu", "-f", "xconfig"],
        &["menu", "-f", "olddefconfig", "-t", "qemu/x86_64"],
        &["menu", "--no-configure", "-t", "fc/x86_64"],
    ] {
        all += &said(&home, words);
    }
    assert_eq!(config(&home, "qemu-x86_64"), "");
    all += &said(&home, &["set", "--force", "-t", "qemu/x86_64", "CONFIG_LIBPROCSF=y", "CONFIG_LIBPROCFS=y"]);
    assert!(config(&home, "qemu-x86_64").contains("CONFIG_LIBPROCFS=y"));
    fs::write(home.path("Kraftfile"), "spec: v0.6\nruntime: base:latest\n").unwrap();
    all += &said(&home, &["set", "CONFIG_LIBNET=y"]);
    fs::remove_file(home.path("Kraftfile")).unwrap();
    fs::create_dir(home.path("empty")).unwrap();
    insta::assert_snapshot!(all);
}

#[test]
fn a_preset_is_set_like_an_option() {
    let home = project();
    assert_eq!(home.pith(&["set", "-t", "qemu/x86_64", "CONFIG_PITH_PRESET=batch"]).code, 0);
    let text = config(&home, "qemu-x86_64");
    assert!(text.contains("# Preset: batch\n") && text.contains("CONFIG_LIBSYSFS=y\n"), "{text}");
    // The project's own wishes lie over it.
    assert!(text.contains("CONFIG_LIBNET=y\n"));
}

#[test]
fn the_menus_other_names_work_without_a_screen() {
    let home = project();
    assert_eq!(home.pith(&["set", "-t", "qemu/x86_64", "CONFIG_LIBPROCFS=y"]).code, 0);
    let done = home.pith(&["menu", "-f", "savedefconfig", "-t", "qemu/x86_64"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let least = fs::read_to_string(home.path("defconfig")).unwrap();
    assert!(!least.contains("CONFIG_LIBPROCFS") && least.contains("# CONFIG_LIBSYSFS is not set\n"), "{least}");
    let before = config(&home, "qemu-x86_64");
    assert_eq!(home.pith(&["menu", "-f", "olddefconfig", "-t", "qemu/x86_64"]).code, 0);
    assert_eq!(config(&home, "qemu-x86_64"), before);
    assert_eq!(home.pith(&["menu", "-f", "defconfig", "-t", "qemu/x86_64"]).code, 0);
    assert!(config(&home, "qemu-x86_64").contains("# CONFIG_LIBPROCFS is not set\n"));
}

#[test]
fn a_menu_can_begin_with_what_was_saved_and_nothing_else() {
    let home = project();
    assert_eq!(home.pith(&["set", "-t", "qemu/x86_64", "CONFIG_LIBPROCFS=y"]).code, 0);
    fs::write(home.path("Kraftfile"), KRAFTFILE.replace("CONFIG_LIBPOSIX_PIPE", "CONFIG_LIBSYSFS")).unwrap();
    let least = |flags: &[&str]| {
        let done = home.pith(&[&["menu", "-f", "savedefconfig", "-t", "qemu/x86_64"], flags].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        let text = fs::read_to_string(home.path("defconfig")).unwrap();
        ["LIBSYSFS", "LIBPOSIX_PIPE", "LIBPROCFS"].map(|name| !text.contains(&format!("# CONFIG_{name} is not set\n")))
    };
    // The project as it is now, what was changed by hand over it; and the saved file, which is of the time before.
    assert_eq!(least(&[]), [true, false, true]);
    assert_eq!(least(&["--no-configure"]), [false, true, true]);
    // Accepted for those who come from kraft.
    assert_eq!(least(&["--force-pull", "--no-cache"]), [true, false, true]);
}

#[test]
fn a_template_here_and_the_applications_options_count() {
    let home = project();
    fs::create_dir(home.path("base")).unwrap();
    fs::write(home.path("base/Kraftfile"), "spec: v0.6\nunikraft: {kconfig: [CONFIG_LIBSYSFS=y]}\ntargets: [qemu/x86_64]\n").unwrap();
    fs::write(home.path("Kraftfile"), "spec: v0.6\nname: app\ntemplate: ./base\n").unwrap();
    fs::write(home.path("Config.uk"), "config APPDEMO_PORT\n\tint \"port\"\n\tdefault 80\n\trange 1 65535\n").unwrap();
    let done = home.pith(&["set", "CONFIG_APPDEMO_PORT=8080"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let text = config(&home, "qemu-x86_64");
    assert!(text.contains("CONFIG_APPDEMO_PORT=8080\n") && text.contains("CONFIG_LIBSYSFS=y\n"), "{text}");
    assert_ne!(home.pith(&["set", "CONFIG_APPDEMO_PORT=0"]).code, 0);
    assert_eq!(home.pith(&["unset", "CONFIG_APPDEMO_PORT"]).code, 0);
    assert!(config(&home, "qemu-x86_64").contains("CONFIG_APPDEMO_PORT=80\n"));
    fs::remove_dir_all(home.path("base")).unwrap();
    let said = home.pith(&["set", "CONFIG_LIBNET=y"]).err;
    assert!(said.contains("template, line 3: there is no directory ") && said.contains("base"), "{said}");
}

#[test]
fn templates_that_go_round_in_a_circle_are_told() {
    let home = Home::new();
    for name in ["app", "app/base"] {
        fs::create_dir(home.path(name)).unwrap();
    }
    let write = |name: &str, text: &str| fs::write(home.path(&format!("app/{name}/Kraftfile")), format!("spec: v0.6\n{text}")).unwrap();
    let said = || {
        let done = home.pith(&["build", "app", "--explain"]);
        (done.code, done.err)
    };
    write(".", "name: app\nunikraft: stable\ntemplate: ./\n");
    let (code, told) = said();
    assert!(code == 125 && told.contains("template, line 4: ") && told.contains(" is this project itself"), "{told}");
    write(".", "name: app\nunikraft: stable\ntemplate: ./base\n");
    write("base", "template: ../\n");
    let (code, told) = said();
    assert!(code == 125 && told.contains("template, line 4: templates go round in a circle: that of "), "{told}");
    // One that leads on, and not back, is not followed; one that is a word is a path, too.
    fs::create_dir(home.path("app/base/more")).unwrap();
    write("base/more", "unikraft: {kconfig: {CONFIG_LIBSYSFS: y}}\n");
    write("base", "template: more\nunikraft: {kconfig: {CONFIG_LIBPROCFS: y}}\n");
    write(".", "name: app\nunikraft: stable\ntemplate: base\n");
    let done = home.pith(&["build", "app", "--explain"]);
    assert!(done.code == 0 && done.err.contains("base/Kraftfile has a template of its own, which is not followed"), "{}", done.err);
    let chosen = done.out.split("left out:").next().unwrap();
    assert!(chosen.contains("LIBPROCFS") && !chosen.contains("LIBSYSFS"), "{}", done.out);
}

#[test]
fn what_a_machine_has_no_place_for_is_told() {
    let home = project();
    fs::write(home.path("Kraftfile"), "spec: v0.6\nname: app\nunikraft: stable\nroms: [./rom.bin]\n").unwrap();
    let done = home.pith(&["build", "--explain"]);
    assert!(done.code == 0 && done.err.contains("`roms` are ignored: machines have none"), "{}", done.err);
}

#[test]
fn libraries_are_added_and_removed_in_place() {
    let home = project();
    fs::create_dir_all(home.path("libs/lib-own")).unwrap();
    fs::write(home.path("libs/lib-own/Makefile.uk"), "").unwrap();
    let mut all = String::new();
    all += &said(&home, &["lib", "add", "musl:1.10", "./libs/lib-own"]);
    let text = fs::read_to_string(home.path("Kraftfile")).unwrap();
    let expected = "  lwip: stable # the network\n  musl: \"1.10\"\n  own: ./libs/lib-own\n";
    assert_eq!(text, KRAFTFILE.replace("  lwip: stable # the network\n", expected));
    all += &said(&home, &["lib", "add", "musl:staging"]);
    all += &said(&home, &["lib", "list"]);
    all += &said(&home, &["lib", "remove", "musl", "own"]);
    assert_eq!(fs::read_to_string(home.path("Kraftfile")).unwrap(), KRAFTFILE);
    fs::create_dir_all(home.path(".unikraft/libs/lwip/x")).unwrap();
    all += &said(&home, &["lib", "rm", "lwip"]);
    assert!(!home.path(".unikraft/libs/lwip").exists());
    assert!(!fs::read_to_string(home.path("Kraftfile")).unwrap().contains("libraries"));
    for words in [
        &["lib", "add", "nothing-like-it"][..],
        &["lib", "add", "nginx"],
        &["lib", "add", "https://example.com/lib-x.git#sha256=12"],
        &["lib", "add", "./missing"],
        &["lib", "add", "./root"],
        &["lib", "remove", "lwip"],
        &["lib", "remove", "-K", "-", "lwip"],
        &["lib", "create"],
        &["lib", "create", "9x"],
        &["lib", "create", "x", "--update-refs"],
    ] {
        all += &said(&home, words);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_new_library_is_made_and_can_be_added() {
    let home = project();
    let words = ["lib", "create", "my-lib", "--author-name", "A. Person", "--description", "Does \"things\"", "--git-init", "--patch-dir"];
    let done = home.pith(&words);
    assert_eq!(done.code, 0, "{}", done.err);
    let read = |name: &str| fs::read_to_string(home.path(&format!("lib-my-lib/{name}"))).unwrap();
    assert!(home.path("lib-my-lib/patches").is_dir() && home.path("lib-my-lib/.git").is_dir());
    assert_eq!(read(".git/HEAD"), "ref: refs/heads/staging\n");
    insta::assert_snapshot!(["Config.uk", "Makefile.uk", "README.md", "main.c", "exportsyms.uk"].map(read).join("=====\n"));
    assert_eq!(home.pith(&["lib", "add", "lib-my-lib"]).code, 0);
    assert!(fs::read_to_string(home.path("Kraftfile")).unwrap().contains("  my-lib: ./lib-my-lib\n"));
    // Its options are the project's.
    assert_eq!(home.pith(&["set", "-t", "qemu/x86_64", "CONFIG_LIBMY_LIB_MAIN_FUNCTION=y"]).code, 0);
    let text = config(&home, "qemu-x86_64");
    assert!(text.contains("CONFIG_LIBMY_LIB=y\n") && text.contains("CONFIG_LIBMY_LIB_MAIN_FUNCTION=y\n"), "{text}");
    assert_ne!(home.pith(&words).code, 0, "it is there already");
    let other = [
        "lib",
        "create",
        "z",
        "--project-name",
        "z",
        "--library-name",
        "libzz",
        "--library-kname",
        "LIBZZ",
        "--no-provide-c-main",
        "--version",
        "1.3",
        "--origin",
        "https://example.com/z.tar.gz",
        "--project-path",
        "deep/down",
    ];
    assert_eq!(home.pith(&other).code, 0);
    let make = fs::read_to_string(home.path("deep/down/z/Makefile.uk")).unwrap();
    assert!(make.contains("addlib_s,libzz,$(CONFIG_LIBZZ)") && make.contains("LIBZZ_URL = https://example.com/z.tar.gz"), "{make}");
    assert!(!home.path("deep/down/z/main.c").exists());
}
