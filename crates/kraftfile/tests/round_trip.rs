//! Any project, printed in any of the forms that the format has, reads back as it was.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kraftfile::edit::scalar;
use pith_kraftfile::{Access, Project};
use proptest::prelude::*;
use std::fmt::Write;

/// Names of options, and values.
type Options = Vec<(String, String)>;

/// A project, without what only the text has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Model {
    name: String,
    preset: String,
    version: String,
    options: Options,
    libraries: Vec<(String, String, Options)>,
    targets: Vec<(String, String)>,
    rootfs: (String, String),
    cmd: Vec<String>,
    env: Vec<(String, Option<String>)>,
    labels: Vec<(String, String)>,
    volumes: Vec<(String, String, bool)>,
}

/// How it is printed: one bit for each place with two forms.
#[derive(Clone, Copy, Debug)]
struct Style(u32);

impl Style {
    fn has(self, bit: u32) -> bool {
        self.0 & (1 << bit) != 0
    }
}

fn options(options: &[(String, String)], as_list: bool) -> String {
    let list = |(name, value): &(String, String)| scalar(&format!("CONFIG_{name}={value}"));
    let pair = |(name, value): &(String, String)| format!("CONFIG_{name}: {}", scalar(value));
    if as_list {
        format!("[{}]", options.iter().map(list).collect::<Vec<_>>().join(", "))
    } else {
        format!("{{{}}}", options.iter().map(pair).collect::<Vec<_>>().join(", "))
    }
}

fn print(model: &Model, style: Style) -> String {
    let mut out = String::new();
    let spec = if style.has(0) { "spec: v0.7" } else { "specification: \"0.7\" # the latest" };
    let core = if style.has(1) { "unikraft" } else { "pith" };
    let _ = writeln!(out, "{spec}\nname: {}\npreset: {}", scalar(&model.name), scalar(&model.preset));
    let _ = writeln!(out, "{core}:\n  version: {}\n  kconfig: {}", scalar(&model.version), options(&model.options, style.has(2)));
    if style.has(3) {
        let entries = model.libraries.iter().map(|(name, version, own)| {
            format!("{}: {{version: {}, kconfig: {}}}", scalar(name), scalar(version), options(own, style.has(4)))
        });
        let _ = writeln!(out, "libraries: {{{}}}", entries.collect::<Vec<_>>().join(", "));
    } else {
        out += "libraries:\n";
        for (name, version, own) in &model.libraries {
            let _ = writeln!(out, "    {}:\n      version: {}", scalar(name), scalar(version));
            let _ = writeln!(out, "\n      # its options\n      kconfig: {}", options(own, style.has(4)));
        }
    }
    out += "targets:\n";
    for (plat, arch) in &model.targets {
        let _ = match (style.has(5), style.has(6)) {
            (true, _) => writeln!(out, "- {plat}/{arch}"),
            (false, true) => writeln!(out, "  - plat: {plat}\n    arch: {arch}"),
            (false, false) => writeln!(out, "  - {{platform: {plat}/{arch}}}"),
        };
    }
    let (source, format) = (scalar(&model.rootfs.0), &model.rootfs.1);
    let _ = match (style.has(7), format.as_str()) {
        (true, "cpio") => writeln!(out, "rootfs: {source}"),
        (true, _) => writeln!(out, "rootfs: {{source: {source}, type: {format}}}"),
        (false, _) => writeln!(out, "rootfs:\n  source:\n    path: {source}\n  format: {format}"),
    };
    let words: Vec<String> = model.cmd.iter().map(|word| scalar(word)).collect();
    if style.has(8) {
        let _ = writeln!(out, "cmd: [{}]", words.join(", "));
    } else {
        out += "cmd:\n";
        words.iter().for_each(|word| out += &format!("- {word}\n"));
    }
    out += "env:\n";
    for (name, value) in &model.env {
        let _ = match (style.has(9), value) {
            (true, Some(value)) => writeln!(out, "- {}", scalar(&format!("{name}={value}"))),
            (true, None) => writeln!(out, "- {name}"),
            (false, Some(value)) => writeln!(out, "  {name}: {}", scalar(value)),
            (false, None) => writeln!(out, "  {name}:"),
        };
    }
    let labels: Vec<String> = model.labels.iter().map(|(name, value)| format!("{}: {}", scalar(name), scalar(value))).collect();
    let _ = writeln!(out, "labels: {{{}}}", labels.join(", "));
    out += "volumes:\n";
    for (source, destination, is_read_only) in &model.volumes {
        let _ = if style.has(10) {
            let end = if *is_read_only { ":ro" } else { "" };
            writeln!(out, "- {}", scalar(&format!("{source}:{destination}{end}")))
        } else {
            writeln!(out, "- source: {}\n  destination: {}\n  readonly: {is_read_only}", scalar(source), scalar(destination))
        };
    }
    out + "x-note: {anything: [1, {a: b}]}\n"
}

fn read(text: &str) -> Model {
    let project = Project::parse("Kraftfile", text, &|_| None).unwrap_or_else(|problem| panic!("{text}\n{problem}"));
    assert_eq!(project.warnings, [], "{text}");
    let options = |entries: &[pith_kraftfile::KconfigEntry]| -> Options {
        entries.iter().map(|entry| (entry.name.trim_start_matches("CONFIG_").to_owned(), entry.value.clone())).collect()
    };
    let core = project.unikraft.unwrap();
    let rootfs = project.rootfs.unwrap();
    Model {
        name: project.name.unwrap(),
        preset: project.preset.unwrap().name,
        version: core.version.unwrap(),
        options: options(&core.kconfig),
        libraries: project
            .libraries
            .iter()
            .map(|one| (one.name.clone().unwrap(), one.version.clone().unwrap(), options(&one.kconfig)))
            .collect(),
        targets: project.targets.iter().map(|target| (target.platform.clone(), target.architecture.clone())).collect(),
        rootfs: (rootfs.source, rootfs.format),
        cmd: project.cmd,
        env: project.env.into_iter().map(|entry| (entry.name, entry.value)).collect(),
        labels: project.labels,
        volumes: project.volumes.into_iter().map(|one| (one.source, one.destination, one.access == Access::ReadOnly)).collect(),
    }
}

/// Any printable text.
const TEXT: &str = "[ -~\u{e9}\u{2603}]{1,12}";
/// A text that is no place and no list.
const WORD: &str = "[a-z0-9._-]{1,8}";

/// Pairs whose names differ.
fn named<V: std::fmt::Debug + Clone>(name: &'static str, value: impl Strategy<Value = V>) -> impl Strategy<Value = Vec<(String, V)>> {
    proptest::collection::vec((name, value), 1..4).prop_map(|mut pairs| {
        let mut seen = std::collections::HashSet::new();
        pairs.retain(|(name, _)| seen.insert(name.clone()));
        pairs
    })
}

fn model() -> impl Strategy<Value = Model> {
    let option_list = || named("[A-Z][A-Z0-9_]{0,8}", "[a-zA-Z0-9 ./:'#{}-]{1,8}");
    let targets = prop_oneof![
        Just(vec![("qemu".to_owned(), "x86_64".to_owned())]),
        Just(vec![("fc".to_owned(), "x86_64".to_owned()), ("xen".to_owned(), "arm64".to_owned())]),
    ];
    let libraries = named("[a-z][a-wyz0-9_]{0,8}", ("[a-z0-9._]{1,8}", option_list()))
        .prop_map(|list| list.into_iter().map(|(name, (version, own))| (name, version, own)).collect::<Vec<_>>());
    let files = (TEXT, prop_oneof![Just("cpio".to_owned()), Just("erofs".to_owned())]);
    let volumes = proptest::collection::vec(("[a-z./]{1,8}", "/[a-z/ ]{0,8}[a-z]", any::<bool>()), 1..3);
    (
        ("[a-z][a-z0-9_-]{0,8}", WORD, "[a-z0-9]{1,6}", option_list(), libraries),
        (targets, files, proptest::collection::vec(TEXT.prop_filter("it splits the command", |word| word != "--"), 1..4)),
        (named("[A-Z_]{1,8}", proptest::option::of(TEXT)), named("[a-z./-]{1,8}", TEXT), volumes),
    )
        .prop_map(|((name, preset, version, options, libraries), (targets, rootfs, cmd), (env, labels, volumes))| {
            let labels = labels.into_iter().filter(|(name, _)| !name.starts_with("x-")).collect();
            Model { name, preset, version, options, libraries, targets, rootfs, cmd, env, labels, volumes }
        })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(model in model(), style in any::<u32>()) {
        let text = print(&model, Style(style));
        prop_assert_eq!(read(&text), model.clone(), "{}", text);
        // And in any other form too.
        prop_assert_eq!(read(&print(&model, Style(!style))), model);
    }
}
