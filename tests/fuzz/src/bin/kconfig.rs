//! Kconfig trees and `.config` files: an error that points into a file, or a tree whose configurations read back as they were written.
//! The input is a tree, a line of `%%`, and a `.config` for it.
#![no_main]
use pith_kconfig::{Config, Kconfig, Variables};
use std::collections::HashMap;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (tree, saved) = text.split_once("\n%%\n").unwrap_or((text, ""));
    let files = HashMap::from([("Kconfig", tree), ("other", "config OTHER\n\tbool \"other\"\n\tdefault y\n")]);
    let kconfig = match Kconfig::load(&files, "Kconfig", &Variables::default()) {
        Ok(kconfig) => kconfig,
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            assert!(problem.line <= tree.lines().count() + 1, "{problem:?}");
            return;
        }
    };
    let mut config = Config::new(&kconfig);
    for note in config.read("saved", saved) {
        assert!((1..=saved.lines().count()).contains(&note.line), "{note:?}");
    }
    let written = config.write("");
    let mut again = Config::new(&kconfig);
    assert!(again.read("written", &written).is_empty() || written.contains('='), "{written}");
    for symbol in kconfig.defined() {
        assert!(!config.explain(symbol).is_empty());
    }
    for ignored in config.ignored() {
        assert!(!ignored.reason.is_empty());
    }
});
