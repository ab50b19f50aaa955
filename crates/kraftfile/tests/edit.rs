//! Changes to project files that leave the rest as it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kraftfile::Project;
use pith_kraftfile::edit::{NewLibrary, add_library, remove_library, scalar};
use proptest::prelude::*;

fn library(name: &str, version: Option<&str>, source: Option<&str>) -> NewLibrary {
    NewLibrary { name: name.to_owned(), version: version.map(ToOwned::to_owned), source: source.map(ToOwned::to_owned) }
}

fn add(text: &str, name: &str, version: Option<&str>, source: Option<&str>) -> String {
    add_library("Kraftfile", text, &library(name, version, source)).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn remove(text: &str, name: &str) -> String {
    remove_library("Kraftfile", text, name).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

const FILE: &str = "# A project.
spec: \"v0.6\"   # quoted

unikraft: stable

# What it needs.
libraries:
  # The network.
  lwip: stable   # the usual one

  libelf:
    version: '0.1'
    kconfig:
    - CONFIG_A=y
  # The last.
  own: ./libs/own

targets:
- qemu/x86_64
";

#[test]
fn a_library_is_added_behind_the_others_and_nothing_else_changes() {
    assert_eq!(add(FILE, "musl", Some("stable"), None), FILE.replace("own: ./libs/own\n", "own: ./libs/own\n  musl: stable\n"));
    let both = add(FILE, "zlib", Some("1.3"), Some("../zlib"));
    assert_eq!(both, FILE.replace("own: ./libs/own\n", "own: ./libs/own\n  zlib:\n    source: ../zlib\n    version: \"1.3\"\n"));
}

#[test]
fn a_section_is_made_where_there_is_none() {
    let text = "spec: v0.6\nunikraft: stable";
    assert_eq!(add(text, "lwip", None, None), "spec: v0.6\nunikraft: stable\nlibraries:\n  lwip: stable\n");
    assert_eq!(
        add("spec: v0.6\n\nunikraft: stable\n", "lwip", None, Some("./lib")),
        "spec: v0.6\n\nunikraft: stable\n\nlibraries:\n  lwip: ./lib\n"
    );
    assert_eq!(add("libraries: # none\nspec: v0.6\n", "lwip", None, None), "libraries: # none\n  lwip: stable\nspec: v0.6\n");
    assert_eq!(add("libraries: ~\nspec: v0.6\n", "lwip", None, None), "libraries:\n  lwip: stable\nspec: v0.6\n");
    assert_eq!(add("libraries: {}\nspec: v0.6\n", "lwip", None, None), "libraries: {lwip: stable}\nspec: v0.6\n");
}

#[test]
fn the_brackets_of_a_flow_mapping_stay() {
    let text = "spec: v0.6\nlibraries: {lwip: {version: 'a}b', kconfig: [CONFIG_A=y]}, \"musl\": stable} # two\nunikraft: x\n";
    let more = add(text, "zlib", Some("1"), None);
    assert_eq!(more, text.replace("stable}", "stable, zlib: \"1\"}"));
    assert_eq!(remove(&more, "zlib"), text);
    assert_eq!(remove(text, "lwip"), "spec: v0.6\nlibraries: {\"musl\": stable} # two\nunikraft: x\n");
    assert_eq!(remove(text, "musl"), text.replace(", \"musl\": stable", ""));
}

#[test]
fn one_that_is_there_is_changed_in_its_place() {
    assert_eq!(add(FILE, "lwip", Some("staging"), None), FILE.replace("lwip: stable   # the usual one", "lwip: staging"));
    let changed = add(FILE, "libelf", Some("2"), None);
    assert_eq!(changed, FILE.replace("libelf:\n    version: '0.1'\n    kconfig:\n    - CONFIG_A=y\n", "libelf: \"2\"\n"));
    assert_eq!(add("libraries: {a: b, c: d}\n", "a", Some("x"), None), "libraries: {c: d, a: x}\n");
    assert_eq!(add("spec: x\nlibraries:\n  a: b\n", "a", Some("x"), None), "spec: x\nlibraries:\n  a: x\n");
}

#[test]
fn a_library_is_removed_and_its_section_with_the_last() {
    assert_eq!(remove(FILE, "lwip"), FILE.replace("  lwip: stable   # the usual one\n", ""));
    assert_eq!(remove(FILE, "libelf"), FILE.replace("  libelf:\n    version: '0.1'\n    kconfig:\n    - CONFIG_A=y\n", ""));
    assert_eq!(remove(FILE, "own"), FILE.replace("  own: ./libs/own\n", ""));
    assert_eq!(remove("spec: v0.6\nlibraries:\n  lwip: stable\ntargets: []\n", "lwip"), "spec: v0.6\ntargets: []\n");
}

#[test]
fn what_cannot_be_done_is_refused_with_its_place() {
    let problem = remove_library("Kraftfile", FILE, "lwop").unwrap_err();
    assert_eq!((problem.line, problem.help_text()), (7, Some("did you mean lwip?")));
    assert_eq!(remove_library("Kraftfile", "spec: v0.6\n", "lwip").unwrap_err().to_string(), "there is no library lwip");
    let list = add_library("Kraftfile", "libraries: [a]\n", &library("b", None, None)).unwrap_err();
    assert_eq!((list.line, list.column), (1, 12));
    assert!(add_library("Kraftfile", "- a\n", &library("b", None, None)).is_err());
    // An entry that comes from an anchor is none that stands in the text.
    let merged = "x-l: &l {a: b, c: d}\nlibraries:\n  <<: *l\n";
    assert!(remove_library("Kraftfile", merged, "a").is_err());
}

#[test]
fn scalars_are_quoted_where_they_would_be_something_else() {
    for (text, expected) in [
        ("stable", "stable"),
        ("./libs/own", "./libs/own"),
        ("1.10", "\"1.10\""),
        ("true", "\"true\""),
        ("a: b", "\"a: b\""),
        ("$HOME", "\"$$HOME\""),
        ("say \"x\"\\", "\"say \\\"x\\\"\\\\\""),
        ("", "\"\""),
    ] {
        assert_eq!(scalar(text), expected);
    }
}

proptest! {
    /// What is added is there, with the version and source given; what is removed again leaves the meaning as it was.
    #[test]
    fn added_and_removed(name in "[a-z][a-z0-9_-]{0,12}", version in "[ -~]{1,12}", source in proptest::option::of("\\./[ -~]{1,12}"), file in 0_usize..6) {
        let files = [FILE, "spec: v0.6\nunikraft: x\n", "spec: v0.6\nunikraft: x\nlibraries: {}\n", "spec: v0.6\nunikraft: x\nlibraries:\n    a: b\n\n\n# end\n",
            "spec: v0.6\nunikraft: x\nlibraries: {a: b, c: {version: d}}\n", "spec: v0.6\nlibraries:\nunikraft: x"];
        let text = files[file];
        prop_assume!(!name.starts_with("x-") && !["lwip", "libelf", "own", "a", "c"].contains(&name.as_str()));
        let parse = |text: &str| Project::parse("Kraftfile", text, &|_| None).unwrap();
        let before = parse(text);
        let added = add(text, &name, Some(&version), source.as_deref());
        let after = parse(&added);
        prop_assert_eq!(after.libraries.len(), before.libraries.len() + 1);
        let last = after.libraries.last().unwrap();
        prop_assert_eq!(last.name.as_deref(), Some(name.as_str()));
        if source.is_some() {
            prop_assert_eq!(last.version.as_deref(), Some(version.as_str()));
        }
        let names = |project: &Project| project.libraries.iter().map(|library| library.name.clone()).collect::<Vec<_>>();
        prop_assert_eq!(names(&parse(&remove(&added, &name))), names(&before));
        for comment in text.lines().filter(|line| line.trim_start().starts_with('#')) {
            prop_assert!(added.contains(comment));
        }
    }
}
