//! Options of the kernel as variables in a project's file.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kraftfile::{Problem, Project, Variables};

fn host(name: &str) -> Option<String> {
    match name {
        "PORT" => Some("1".to_owned()),
        "CONFIG_PORT" => Some("2".to_owned()),
        "CONFIG_ELSEWHERE" => Some("host".to_owned()),
        _ => None,
    }
}

fn read(text: &str) -> Result<Project, Problem> {
    Project::parse("Kraftfile", &format!("spec: v0.6\n{text}"), &host)
}

/// The words of the command.
fn words(text: &str) -> String {
    read(text).unwrap_or_else(|problem| panic!("{text}: {problem}")).cmd.join(" ")
}

const CMD: &str = "cmd: [\"$CONFIG_PORT\", \"$PORT\", \"${CONFIG_ELSEWHERE}\", \"${CONFIG_NOWHERE:-none}\"]\n";

#[test]
fn options_of_the_file_come_before_the_host() {
    let kconfig = "kconfig: {CONFIG_PORT: 3}";
    for (text, port) in [
        ("unikraft: stable\n".to_owned(), "2"),
        (format!("unikraft: stable\n{kconfig}\n"), "3"),
        (format!("unikraft: {{{kconfig}}}\n"), "3"),
        (format!("pith: {{{kconfig}}}\n"), "3"),
        (format!("template: {{name: x, {kconfig}}}\n"), "3"),
        (format!("runtime: {{source: base, {kconfig}}}\n"), "3"),
        (format!("unikraft: stable\nlibraries: {{lwip: {{{kconfig}}}}}\n"), "3"),
        (format!("unikraft: stable\ntargets: [{{plat: qemu, arch: x86_64, {kconfig}}}]\n"), "3"),
        ("unikraft: {kconfig: ['CONFIG_PORT=\"3\"']}\n".to_owned(), "3"),
        // Later ones win, in the order in which options do.
        ("libraries: {lwip: {kconfig: [CONFIG_PORT=5]}}\nunikraft: {kconfig: [CONFIG_PORT=4]}\nkconfig: [CONFIG_PORT=3]\n".to_owned(), "5"),
        // What holds for one target only is no value of the project's.
        (format!("unikraft: stable\ntargets: [fc/x86_64, {{plat: qemu, arch: x86_64, {kconfig}}}]\n"), "2"),
    ] {
        assert_eq!(words(&format!("{text}{CMD}")), format!("{port} 1 host none"), "{text}");
    }
}

#[test]
fn what_is_known_outside_comes_first_and_nothing_else_is_an_option() {
    let text = format!("spec: v0.6\nunikraft: {{kconfig: {{CONFIG_PORT: 3, CONFIG_ELSEWHERE: 4}}}}\n{CMD}");
    let options = |name: &str| {
        assert!(name.starts_with("CONFIG_"), "{name} is no option");
        (name == "CONFIG_PORT").then(|| "7".to_owned())
    };
    let project = Project::parse_with("Kraftfile", &text, &Variables { options: &options, host: &host }).unwrap();
    assert_eq!(project.cmd, ["7", "1", "4", "none"]);
}

#[test]
fn options_are_made_of_options() {
    let kconfig = |text: &str| {
        let project = read(&format!("unikraft: {{kconfig: {text}}}\ncmd: [$CONFIG_A, $CONFIG_B]\n")).unwrap();
        let entries = project.unikraft.unwrap().kconfig.into_iter();
        (entries.map(|entry| format!("{}={}", entry.name, entry.value)).collect::<Vec<_>>().join(" "), project.cmd.join(" "))
    };
    let both = |entries: &str, cmd: &str| (entries.to_owned(), cmd.to_owned());
    // In any order, and booleans as options have them.
    assert_eq!(kconfig("{CONFIG_A: '${CONFIG_B}0', CONFIG_B: 8}"), both("CONFIG_A=80 CONFIG_B=8", "80 8"));
    assert_eq!(kconfig("[CONFIG_A=$CONFIG_B, CONFIG_B=$PORT]"), both("CONFIG_A=1 CONFIG_B=1", "1 1"));
    assert_eq!(kconfig("{CONFIG_A: true, CONFIG_B: $CONFIG_A}"), both("CONFIG_A=y CONFIG_B=y", "y y"));
    assert_eq!(
        kconfig("{CONFIG_A: '$$CONFIG_A', CONFIG_B: \"${CONFIG_A:-x}\"}"),
        both("CONFIG_A=$CONFIG_A CONFIG_B=$CONFIG_A", "$CONFIG_A $CONFIG_A")
    );
}

#[test]
fn circles_are_explained() {
    let said = |text: &str| {
        let problem = read(text).unwrap_err();
        format!("{}:{}: {}; {}", problem.line, problem.column, problem, problem.help_text().unwrap_or_default())
    };
    assert_eq!(
        said("unikraft:\n  kconfig:\n    CONFIG_A: \"${CONFIG_A}x\"\n"),
        "4:15: the value of CONFIG_A is made of itself; give it a value of its own"
    );
    let help = "give one of them a value of its own";
    assert_eq!(
        said(
            "kconfig: [CONFIG_OK=1, 'CONFIG_A=${CONFIG_B}']\nunikraft:\n  kconfig:\n    CONFIG_B: ${PORT:-$CONFIG_C}\n    CONFIG_C: $CONFIG_A\n"
        ),
        format!("2:24: the value of CONFIG_A is made of itself; {help}")
    );
    // A value that an option has for one target is no other option.
    assert_eq!(
        said("unikraft: {kconfig: [CONFIG_A=1]}\ntargets:\n- {plat: qemu, arch: x86_64, kconfig: ['CONFIG_A=${CONFIG_A}0']}\n"),
        "4:40: the value of CONFIG_A is made of itself; give it a value of its own"
    );
    let row: String = (0..40).map(|number| format!("  CONFIG_A{number}: $CONFIG_A{}\n", number + 1)).collect();
    assert!(said(&format!("unikraft: x\nkconfig:\n{row}  CONFIG_A40: 1\n")).contains("too long a row of options"));
    let laughs: String = (0..30).map(|number| format!("  CONFIG_A{number}: $CONFIG_A{next}$CONFIG_A{next}\n", next = number + 1)).collect();
    assert!(said(&format!("unikraft: x\nkconfig:\n{laughs}  CONFIG_A30: long\n")).contains("is too long"));
    assert!(said("unikraft: {kconfig: {CONFIG_A: \"${CONFIG_B:?say it}\"}}\n").starts_with("2:32: CONFIG_B: say it;"));
}

#[test]
fn what_decides_about_options_is_read_alone() {
    let text = "spec: v0.6\nname: app\nunikraft: {kconfig: [CONFIG_A=1]}\ncmd: ${NOT_SET:?anywhere}\nrootfs: [no]\nenv: 1\n";
    let none = Variables { options: &|_| None, host: &|_| None };
    let project = Project::parse_configuration("Kraftfile", text, &none).unwrap();
    assert_eq!((project.cmd.len(), project.unikraft.unwrap().kconfig.len()), (0, 1));
    assert!(Project::parse_with("Kraftfile", text, &none).is_err());
}
