//! Archives of sources, tar and zip, that nobody checked: an error and nothing, or files, and all of them where they belong.
#![no_main]
use pith_sources::{Address, Reuse, fetch};
use std::fs;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let place = tempfile::tempdir_in("/dev/shm").expect("a directory");
    fs::write(place.path().join("a.tar"), data).expect("room");
    let address = Address::parse("./a.tar", None).expect("an address");
    let into = place.path().join("into");
    let fetched = fetch(&address, place.path(), &into, "a", Reuse::Nothing);
    let names = |path| {
        let entries = fs::read_dir(path).expect("a directory").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().expect("a name of ours")).collect();
        names.sort();
        names
    };
    let expected: &[&str] = if fetched.is_ok() { &[".lock", "a"] } else { &[".lock"] };
    assert_eq!(
        (names(place.path()), names(&into)),
        (vec!["a.tar".to_owned(), "into".to_owned()], expected.iter().map(|name| (*name).to_owned()).collect())
    );
});
