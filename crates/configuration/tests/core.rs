//! The options of this tree's core against the crate that they are features of.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_configuration::Core;
use pith_kconfig::{Config, Item, Kind, Origin};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn kernel() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernel")
}

fn core() -> Core {
    Core::open(&kernel(), None).unwrap()
}

/// `[features]` of `kernel/image`: name to what it brings along.
fn cargo_features() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(kernel().join("image/Cargo.toml")).unwrap();
    let section = text.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let code: String = section.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join(" ");
    let entries = code.split(']').filter_map(|entry| entry.split_once('='));
    entries
        .map(|(name, list)| {
            let words = list.trim().trim_start_matches('[').split(',');
            (name.trim().to_owned(), words.map(|word| word.trim().trim_matches('"').to_owned()).filter(|word| !word.is_empty()).collect())
        })
        .collect()
}

/// A feature and all that it brings along, other crates' left out.
fn closure(features: &BTreeMap<String, BTreeSet<String>>, names: &[String]) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = names.to_vec();
    while let Some(name) = open.pop() {
        let brought = features.get(&name).unwrap_or_else(|| panic!("{name} is no feature of kernel/image"));
        if out.insert(name) {
            open.extend(brought.iter().filter(|other| features.contains_key(*other)).cloned());
        }
    }
    out
}

const PRESETS: [&str; 5] = ["minimal", "native", "runtime", "runtime-smp", "runtime-volumes"];

#[test]
fn every_feature_has_an_option_and_every_option_a_feature() {
    let core = core();
    let cargo = cargo_features();
    assert!(cargo.len() > 10, "{cargo:?}");
    let options: BTreeSet<&str> = core.feature_table().map(|(_, feature)| feature).collect();
    let features: BTreeSet<&str> = cargo.keys().map(String::as_str).filter(|name| !PRESETS.contains(name)).collect();
    assert_eq!(options, features, "kernel/configs/features.map and [features] of kernel/image/Cargo.toml");
    for (option, _) in core.feature_table() {
        assert!(core.kconfig().find(option).is_some(), "features.map names {option}, which no Kconfig file defines");
    }
    for option in core.packing_options() {
        assert!(core.kconfig().find(option).is_some(), "features.map names {option}, which no Kconfig file defines");
    }
}

#[test]
fn an_option_that_can_be_switched_does_something() {
    let core = core();
    let known: Vec<&str> = core.feature_table().map(|(option, _)| option).chain(core.packing_options()).collect();
    for symbol in core.kconfig().defined() {
        let about = core.kconfig().symbol(symbol);
        let is_asked = about.nodes.iter().any(|node| core.kconfig().node(*node).prompt.is_some());
        if about.kind != Kind::Bool || !is_asked || known.contains(&about.name.as_str()) {
            continue;
        }
        let mut config = Config::new(core.kconfig());
        config.set(symbol, "n", Origin::Other("test".into())).unwrap();
        assert_eq!(config.value(symbol).text, "y", "CONFIG_{} can be switched off and is no feature", about.name);
        assert!(config.ignored()[0].reason.contains("PITH_IMAGE"), "{:?}", config.ignored());
    }
}

#[test]
fn every_option_has_a_title_and_a_help_text() {
    let core = core();
    for symbol in core.kconfig().defined() {
        let about = core.kconfig().symbol(symbol);
        let helps = about.nodes.iter().any(|node| core.kconfig().node(*node).help.is_some());
        assert!(helps, "CONFIG_{} has no help", about.name);
        assert!(about.nodes.iter().all(|node| matches!(core.kconfig().node(*node).item, Item::Symbol(_))));
    }
}

/// Dependencies in Kconfig are Cargo's: an option brings along the options of the features that its feature brings along, and no others.
#[test]
fn dependencies_are_those_of_cargo() {
    let core = core();
    let cargo = cargo_features();
    for (option, feature) in core.feature_table() {
        let mut config = core.preset("minimal").unwrap();
        let symbol = core.kconfig().find(option).unwrap();
        if core.kconfig().symbol(symbol).nodes.iter().all(|node| core.kconfig().node(*node).prompt.is_none()) {
            continue;
        }
        config.set(symbol, "y", Origin::Other("test".into())).unwrap();
        let chosen: BTreeSet<String> = core.features_of(&config).into_iter().collect();
        let mut expected = closure(&cargo, &["minimal".to_owned(), feature.to_owned()]);
        expected.remove("minimal");
        assert_eq!(chosen, expected, "CONFIG_{option} against feature {feature}");
        assert!(config.unmet_selections().is_empty());
    }
}

#[test]
fn presets_of_the_image_and_of_the_core_agree() {
    let core = core();
    let cargo = cargo_features();
    for preset in PRESETS {
        let config = core.preset(preset).unwrap();
        let ours: BTreeSet<String> = core.features_of(&config).into_iter().collect();
        let mut theirs = closure(&cargo, &[preset.to_owned()]);
        // Of one that builds on another, that one's name too.
        theirs.retain(|name| !PRESETS.contains(&name.as_str()));
        assert_eq!(ours, theirs, "configs/{preset}.defconfig against feature {preset}");
    }
}

#[test]
fn presets_differ_and_say_everything() {
    let core = core();
    let mut seen = BTreeSet::new();
    for preset in core.presets() {
        let config = core.preset(preset).unwrap();
        assert!(config.ignored().is_empty(), "{preset}: {:?}", config.ignored());
        assert!(seen.insert(core.features_of(&config)), "{preset} is another's twin");
        for (option, _) in core.feature_table() {
            let symbol = core.kconfig().find(option).unwrap();
            let is_prompted = core.kconfig().symbol(symbol).nodes.iter().any(|node| core.kconfig().node(*node).prompt.is_some());
            assert!(config.is_asked(symbol) || !is_prompted, "{preset} leaves CONFIG_{option} to chance");
        }
    }
    assert!(core.presets().any(|name| name == pith_configuration::DEFAULT_PRESET));
    let error = core.preset("htpp").unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no preset htpp; did you mean http? (there are runtime, runtime-volumes, runtime-smp, minimal, http, batch, native, app)"
    );
}

#[test]
fn the_embedded_core_is_this_tree() {
    assert_eq!(Core::embedded(None).unwrap().fingerprint(), core().fingerprint());
    assert!(Core::open(Path::new("/nowhere"), None).unwrap_err().to_string().contains("no core of Pith"));
}

/// Every option that the table of Unikraft's names leads to is there.
#[test]
fn mapped_names_lead_somewhere() {
    let core = core();
    let mut count = 0;
    for (name, options) in core.mapped_names() {
        for option in options {
            assert!(core.kconfig().find(option).is_some(), "unikraft.map: {name} leads to CONFIG_{option}, which does not exist");
            count += 1;
        }
    }
    assert!(count > 25, "{count}");
}

#[test]
fn an_applications_options_join_the_tree() {
    let text = "config APPDEMO\n\tbool \"demo\"\n\tdefault y\nconfig APPDEMO_PORT\n\tint \"port\"\n\tdefault 80\n\trange 1 65535\n";
    let core = Core::embedded(Some(text)).unwrap();
    let config = Config::new(core.kconfig());
    assert!(config.is_set("APPDEMO"));
    assert_ne!(core.fingerprint(), Core::embedded(None).unwrap().fingerprint());
    let error = Core::embedded(Some("config\n")).unwrap_err().to_string();
    assert_eq!(error, "expected `config NAME`");
}
