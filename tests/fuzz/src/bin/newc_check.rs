//! The host's look at a foreign archive: an error or a survey that the archive has room for.
#![no_main]
use pith_rootfs::check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(survey) = check(data) else { return };
    assert!(survey.bytes <= data.len() as u64 && survey.data_bytes <= survey.bytes);
    // A header is 110 bytes, a name at least two.
    assert!(survey.entries * 112 <= survey.bytes);
});
