//! What a project comes to: any Kraftfile over the built-in core, with any saved configuration, and libraries added to its text.
//! The input is a Kraftfile, a line of `%%`, and a `.config`.
#![no_main]
use pith_configuration::saved::Age;
use pith_configuration::{Core, Request, Saved, configure, explain};
use pith_kraftfile::Project;
use pith_kraftfile::edit::{NewLibrary, add_library, remove_library};
use std::cell::OnceCell;

thread_local!(static CORE: OnceCell<Core> = const { OnceCell::new() });

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (file, saved) = text.split_once("\n%%\n").unwrap_or((text, ""));
    let parse = |text: &str| Project::parse("Kraftfile", text, &|_| None);
    let Ok(project) = parse(file) else { return };
    let library = NewLibrary { name: "added".to_owned(), version: Some("1.0".to_owned()), source: None };
    if let Ok(changed) = add_library("Kraftfile", file, &library) {
        let has = |project: &Project| project.libraries.iter().any(|library| library.name.as_deref() == Some("added"));
        let added = parse(&changed).expect("what was added to is a project still");
        assert!(has(&added), "{changed}");
        if let Ok(removed) = remove_library("Kraftfile", &changed, "added") {
            assert!(parse(&removed).is_ok_and(|project| !has(&project)), "{removed}");
        }
    }
    CORE.with(|cell| {
        let core = cell.get_or_init(|| Core::embedded(None).expect("the core that was built in"));
        let saved = Saved::parse(".config", saved, Age::Older);
        for target in &project.targets {
            let request = Request { saved: Some(&saved), ..Request::new(&project, "Kraftfile", target) };
            let Ok(configured) = configure(core, &request) else { continue };
            assert!(!explain(core, &configured).is_empty());
            // What is saved now, read back, comes to the same.
            let again = Saved::parse(".config", &pith_configuration::saved::write(core, &configured, target), Age::Newer);
            let request = Request { saved: Some(&again), ..request };
            let same = configure(core, &request).expect("the same project");
            assert_eq!(same.features, configured.features);
        }
    });
});
