//! Every form of a project's file, accepted or refused: what it means, and what is said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "forms/mod.rs"]
mod forms;

use forms::forms;
use pith_kraftfile::{Access, Component, ComponentSource, KconfigEntry, Problem, Project, Runtime};
use std::fmt::Write;

fn read(text: &str) -> Result<Project, Problem> {
    Project::parse("Kraftfile", text, &|name| (name == "ONE").then(|| "1".to_owned()))
}

fn options(entries: &[KconfigEntry]) -> String {
    let pairs: Vec<String> = entries.iter().map(|entry| format!("{}={}", entry.name, entry.value)).collect();
    if pairs.is_empty() { String::new() } else { format!(" [{}]", pairs.join(", ")) }
}

fn component(one: &Component) -> String {
    let source = match &one.source {
        ComponentSource::Default => String::new(),
        ComponentSource::Path(path) => format!(" path {path}"),
        ComponentSource::Url(address) => format!(" address {address}"),
    };
    let version = one.version.as_ref().map(|version| format!(" version {version}")).unwrap_or_default();
    format!("{}{source}{version}{}", one.name.as_deref().unwrap_or("-"), options(&one.kconfig))
}

/// What a project says, a line for each thing that it says.
fn shown(project: &Project) -> String {
    let mut out = format!("  {:?}\n", project.spec);
    let mut line = |name: &str, value: String| writeln!(out, "  {name}: {value}").unwrap();
    let words = |list: &[String]| format!("{list:?}");
    project.name.iter().for_each(|name| line("name", name.clone()));
    project.preset.iter().for_each(|preset| line("preset", preset.name.clone()));
    match &project.runtime {
        Some(Runtime::Image(name)) => line("runtime", name.clone()),
        Some(Runtime::Kernel(path)) => line("runtime", format!("kernel {path}")),
        None => {}
    }
    project.unikraft.iter().for_each(|core| line("core", component(core)));
    project.template.iter().for_each(|template| line("template", component(template)));
    project.libraries.iter().for_each(|library| line("library", component(library)));
    for target in &project.targets {
        let name = target.name.as_ref().map(|name| format!(" name {name}")).unwrap_or_default();
        let output = target.output.as_ref().map(|output| format!(" output {output}")).unwrap_or_default();
        line("target", format!("{}{name}{output}{}", target.shown(), options(&target.kconfig)));
    }
    if !project.kconfig.is_empty() {
        line("kconfig", options(&project.kconfig));
    }
    project.outdir.iter().for_each(|outdir| line("outdir", outdir.clone()));
    if let Some(rootfs) = &project.rootfs {
        let kind = rootfs.kind.as_ref().map(|kind| format!(" which is {kind}")).unwrap_or_default();
        line("rootfs", format!("{}{kind}, becomes {}", rootfs.source, rootfs.format));
    }
    if !project.kernel_args.is_empty() {
        line("for the kernel", words(&project.kernel_args));
    }
    if !project.cmd.is_empty() {
        line("cmd", words(&project.cmd));
    }
    project.env.iter().for_each(|entry| line("env", format!("{}={}", entry.name, entry.value.as_deref().unwrap_or("(the host's)"))));
    project.labels.iter().for_each(|(name, value)| line("label", format!("{name}={value}")));
    for volume in &project.volumes {
        let access = if volume.access == Access::ReadOnly { ", read only" } else { "" };
        let driver = volume.driver.as_ref().map(|driver| format!(" by {driver}")).unwrap_or_default();
        line("volume", format!("{} at {}{driver}{access}", volume.source, volume.destination));
    }
    project.roms.iter().for_each(|rom| line("rom", format!("{} {}", rom.path, rom.format.as_deref().unwrap_or_default())));
    project.warnings.iter().for_each(|warning| line("warning", format!("{}:{}: {}", warning.line, warning.column, warning.message)));
    out
}

#[test]
fn accepted_forms_mean_something() {
    let mut all = String::new();
    for form in forms("accepted.yaml") {
        let project = read(&form.text).unwrap_or_else(|problem| panic!("{}, line {}: {problem}", form.name, form.line));
        write!(all, "{}\n{}", form.name, shown(&project)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn refused_forms_are_told_with_their_place() {
    let mut all = String::new();
    for form in forms("refused.yaml") {
        let Err(problem) = read(&form.text) else { panic!("{}, line {}: it is accepted", form.name, form.line) };
        let help = problem.help_text().map(|help| format!("; {help}")).unwrap_or_default();
        writeln!(all, "{}\n  {}:{}: {problem}{help}", form.name, problem.line, problem.column).unwrap();
    }
    insta::assert_snapshot!(all);
}

/// What users of kraft know them by.
#[test]
fn errors_have_krafts_words() {
    let said: String = forms("refused.yaml").iter().map(|form| read(&form.text).unwrap_err().to_string() + "\n").collect();
    for words in [
        "Top-level object must be a mapping",
        "missing 'spec' version attribute",
        "libraries section must be a mapping",
        "targets section must be a list",
        "rootfs must be a mapping or a string",
        "rootfs source must be specified",
        "architecture must be specified for all targets",
        "platform must be specified for all targets",
        "invalid target format: qemu",
        "project name must be a string",
    ] {
        assert!(said.lines().any(|line| line.starts_with(words)), "{words}");
    }
}
