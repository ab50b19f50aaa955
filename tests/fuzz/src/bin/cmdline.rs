//! Guest command lines: never a panic, and what was parsed prints and parses again to the same.
#![no_main]
use pith_abi::cmdline::{CmdlineBuilder, GuestConfig};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(config) = GuestConfig::parse(text) else { return };
    let mut builder = CmdlineBuilder::new();
    for word in &config.argv {
        builder.arg(word);
    }
    if let Ok(line) = builder.build() {
        assert_eq!(GuestConfig::parse(&line).map(|c| c.argv), Ok(config.argv));
    }
});
