//! A file's text to its stages.

use super::ast::{Argument, Dockerfile, Instruction, Kind, Stage, Word};
use super::checks::Checks;
use super::instruction;
use super::lines::{self, LogicalLine};
use super::words::Body;
use pith_diagnostic::{Problem, Source, nearest};

/// Instructions, in upper case.
pub(super) const INSTRUCTIONS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

pub(super) fn unknown(body: &Body<'_>) -> Problem {
    let near = nearest(&body.keyword, &INSTRUCTIONS);
    let help = near.map_or_else(|| format!("expected one of {}", INSTRUCTIONS.join(", ")), |near| format!("did you mean {near}?"));
    body.problem(format!("unknown instruction {}", body.keyword), "no instruction").with_help(help)
}

fn arguments(body: &Body<'_>) -> Result<Vec<Argument>, Problem> {
    instruction::no_flags(body)?;
    instruction::arguments(body)
}

/// `FROM [--platform=P] BASE [AS NAME]`.
fn stage(body: &Body<'_>, checks: &mut Checks) -> Result<Stage, Problem> {
    let mut platform = None;
    for flag in &body.flags {
        match (flag.name.as_str(), &flag.value) {
            ("platform", Some(value)) => platform = Some(value.clone()),
            ("platform", None) => {
                return Err(body.source.problem(flag.place, "--platform without a value", "here").with_help("write --platform=OS/ARCH"));
            }
            _ => return Err(instruction::unknown_flag(body, flag, &["platform"])),
        }
    }
    let words = body.words();
    let expected = "expected FROM [--platform=PLATFORM] IMAGE [AS NAME]";
    let (base, name) = match words.as_slice() {
        [base] => (base.clone(), None),
        [base, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => {
            checks.as_casing(body, keyword);
            (base.clone(), Some(name.clone()))
        }
        [] => return Err(body.problem("FROM without an image", "here").with_help(expected)),
        [_, extra, ..] => {
            return Err(body.source.problem(extra.place, format!("unexpected {:?} after FROM", extra.text), "here").with_help(expected));
        }
    };
    if let Some(name) = &name {
        let lower = name.text.to_ascii_lowercase();
        let fits = lower.starts_with(|c: char| c.is_ascii_lowercase())
            && lower.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
        if !fits {
            return Err(body
                .source
                .problem(name.place, format!("{:?} cannot be the name of a stage", name.text), "here")
                .with_help("a name starts with a letter; letters, digits, '-', '_' and '.' follow"));
        }
        checks.stage_name(body, name);
    }
    let name = name.map(|name| Word { text: name.text.to_ascii_lowercase(), ..name });
    Ok(Stage { base, platform, name, instructions: Vec::new(), place: body.line.place })
}

/// Reads a Dockerfile. `name` is what errors call it.
///
/// # Errors
/// The first thing that is not Dockerfile language, with its place.
pub fn parse(name: &str, text: &str) -> Result<Dockerfile, Problem> {
    let source = Source::new(name, text, "dockerfile");
    let directives = lines::directives(&source, text)?;
    let mut warnings = Vec::new();
    let logical = lines::logical(&source, text, directives.escape, &mut warnings)?;
    let mut checks = Checks::new(&source, warnings);
    let (mut global_args, mut stages) = (Vec::new(), Vec::<Stage>::new());
    for line in &logical {
        let body = Body::new(&source, line, directives.escape);
        checks.keyword_casing(&body);
        match (body.keyword.as_str(), stages.last_mut()) {
            ("FROM", _) => {
                let stage = stage(&body, &mut checks)?;
                checks.new_stage();
                stages.push(stage);
            }
            ("ARG", None) => global_args.extend(arguments(&body)?),
            (keyword, None) if INSTRUCTIONS.contains(&keyword) => {
                return Err(body
                    .problem(format!("{keyword} before the first FROM"), "belongs to no stage")
                    .with_help("start with FROM IMAGE or FROM scratch; only ARG may stand before it"));
            }
            (_, None) => return Err(unknown(&body)),
            (_, Some(stage)) => {
                let kind = instruction::parse(&body)?;
                checks.instruction(&body, &kind);
                stage.instructions.push(Instruction { kind, place: line.place, text: line.text.clone() });
            }
        }
    }
    if stages.is_empty() {
        let place = pith_diagnostic::Place { start: 0, len: 0 };
        return Err(source
            .problem(place, "a Dockerfile without FROM", "nothing to build")
            .with_help("start with FROM IMAGE or FROM scratch"));
    }
    let warnings = checks.finish(&directives)?;
    Ok(Dockerfile { directives, global_args, stages, warnings, source })
}

/// Reads the text of an `ONBUILD` trigger that an image brought along.
///
/// # Errors
/// As [`parse`].
pub fn parse_trigger(name: &str, text: &str) -> Result<(Source, Vec<Instruction>), Problem> {
    let source = Source::new(name, text, "dockerfile");
    let mut found = Vec::new();
    for line in lines::logical(&source, text, '\\', &mut Vec::new())? {
        let body = Body::new(&source, &line, '\\');
        instruction::allowed_in_trigger(&body)?;
        let kind = instruction::parse(&body)?;
        found.push(Instruction { kind, place: line.place, text: line.text.clone() });
    }
    Ok((source, found))
}

/// An instruction inside `ONBUILD`: only checked.
pub(super) fn check_trigger(outer: &Body<'_>) -> Result<String, Problem> {
    let text = outer.rest();
    let mut line = LogicalLine::single(text, outer.line.place_of(outer.start, text.len()).start);
    line.heredocs.clone_from(&outer.line.heredocs);
    let body = Body::new(outer.source, &line, outer.escape);
    instruction::allowed_in_trigger(&body)?;
    instruction::parse(&body)?;
    let mut trigger = text.to_owned();
    for heredoc in &outer.line.heredocs {
        trigger.push('\n');
        trigger.push_str(&heredoc.content);
        trigger.push_str(&heredoc.name);
    }
    Ok(trigger)
}

/// What `ONBUILD` is: the text of its trigger.
pub(super) fn onbuild(body: &Body<'_>) -> Result<Kind, Problem> {
    if body.rest().is_empty() {
        return Err(body.problem("ONBUILD without an instruction", "here").with_help("for example ONBUILD COPY . /app"));
    }
    check_trigger(body).map(Kind::Onbuild)
}
