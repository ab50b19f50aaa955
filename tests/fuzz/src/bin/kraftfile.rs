//! Project files: an error that points into the file, or a project.
#![no_main]
use pith_kraftfile::Project;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let lookup = |name: &str| name.starts_with('A').then(|| name.to_lowercase());
    match Project::parse("Kraftfile", text, &lookup) {
        Ok(project) => {
            let lines = text.lines().count().max(1);
            for warning in &project.warnings {
                assert!((1..=lines + 1).contains(&warning.line), "{warning:?}");
            }
        }
        Err(problem) => assert!(!problem.to_string().is_empty()),
    }
});
