//! Dockerfiles: an error that points into the file, or stages; and what they hold can be expanded.
#![no_main]
use pith_dockerfile::lang::ast::{CopySource, Kind};
use pith_dockerfile::lang::{parse, parse_trigger, shell::Lexer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let lookup = |name: &str| name.starts_with('A').then(|| "a/b c.d".to_owned());
    match parse("Dockerfile", text) {
        Ok(file) => {
            let lexer = Lexer::new(file.directives.escape, &lookup);
            for instruction in file.stages.iter().flat_map(|stage| &stage.instructions) {
                let end = instruction.place.start + instruction.place.len;
                assert!(end <= text.len() && text.is_char_boundary(end) && text.is_char_boundary(instruction.place.start));
                match &instruction.kind {
                    Kind::Copy(copy) | Kind::Add(copy) => {
                        for source in &copy.sources {
                            if let CopySource::Path(word) = source {
                                let _ = lexer.word(&word.text);
                            }
                        }
                    }
                    Kind::Env(pairs) | Kind::Label(pairs) => pairs.iter().for_each(|pair| drop(lexer.word(&pair.value.text))),
                    Kind::Expose(words) => words.iter().for_each(|word| drop(lexer.split(&word.text))),
                    Kind::Onbuild(trigger) => drop(parse_trigger("ONBUILD", trigger)),
                    Kind::Run(run) => {
                        for mount in &run.mounts {
                            let _ = mount.resolve(&file.source, &mut |word| Ok(word.text.clone()));
                        }
                    }
                    _ => {}
                }
            }
        }
        Err(problem) => assert!(problem.line <= text.lines().count() + 1 && !problem.to_string().is_empty()),
    }
});
