//! One instruction's words to its meaning.

use super::ast::{Argument, Command, Copy, CopySource, Healthcheck, Kind, Network, Pair, Run, Word};
use super::heredoc;
use super::mount;
use super::parse::{onbuild, unknown};
use super::words::{Body, Flag};
use pith_diagnostic::{Problem, nearest};

pub(super) fn unknown_flag(body: &Body<'_>, flag: &Flag, known: &[&str]) -> Problem {
    let problem = body.source.problem(flag.place, format!("{} has no flag --{}", body.keyword, flag.name), "here");
    let list = known.iter().map(|name| format!("--{name}")).collect::<Vec<_>>().join(", ");
    let near = nearest(&flag.name, known).map_or(String::new(), |near| format!("did you mean --{near}? "));
    problem.with_help(if known.is_empty() { "it takes no flags".to_owned() } else { format!("{near}It takes {list}") })
}

pub(super) fn no_flags(body: &Body<'_>) -> Result<(), Problem> {
    body.flags.first().map_or(Ok(()), |flag| Err(unknown_flag(body, flag, &[])))
}

fn value<'f>(body: &Body<'_>, flag: &'f Flag) -> Result<&'f Word, Problem> {
    flag.value.as_ref().ok_or_else(|| {
        body.source
            .problem(flag.place, format!("--{} without a value", flag.name), "here")
            .with_help(format!("write --{}=VALUE", flag.name))
    })
}

fn switch(body: &Body<'_>, flag: &Flag) -> Result<bool, Problem> {
    match flag.value.as_ref().map(|word| word.text.to_ascii_lowercase()).as_deref() {
        None | Some("true" | "1" | "t") => Ok(true),
        Some("false" | "0" | "f") => Ok(false),
        Some(_) => Err(body.source.problem(flag.place, format!("--{} is a switch", flag.name), "here").with_help("expected true or false")),
    }
}

fn once(body: &Body<'_>, repeatable: &[&str]) -> Result<(), Problem> {
    for (index, flag) in body.flags.iter().enumerate() {
        if !repeatable.contains(&flag.name.as_str()) && body.flags.iter().take(index).any(|earlier| earlier.name == flag.name) {
            return Err(body
                .source
                .problem(flag.place, format!("--{} is given twice", flag.name), "second one")
                .with_help("keep one of the two"));
        }
    }
    Ok(())
}

fn needs_argument(body: &Body<'_>) -> Problem {
    body.problem(format!("{} without an argument", body.keyword), "expected something to follow")
}

/// What is left of `ARG`.
pub(super) fn arguments(body: &Body<'_>) -> Result<Vec<Argument>, Problem> {
    let words = body.quoted_words();
    if words.is_empty() {
        return Err(needs_argument(body).with_help("expected ARG NAME or ARG NAME=DEFAULT"));
    }
    let split = |word: Word| {
        let (name, default) = match word.text.split_once('=') {
            Some((name, text)) => {
                let place =
                    pith_diagnostic::Place { start: word.place.start + name.len() + 1, len: word.place.len.saturating_sub(name.len() + 1) };
                (name.to_owned(), Some(Word { text: text.to_owned(), place }))
            }
            None => (word.text.clone(), None),
        };
        if name.is_empty() {
            return Err(body.source.problem(word.place, "a build argument without a name", "here").with_help("expected NAME=DEFAULT"));
        }
        Ok(Argument { name, default, place: word.place })
    };
    words.into_iter().map(split).collect()
}

/// What is left of `ENV` and `LABEL`.
fn pairs(body: &Body<'_>) -> Result<Vec<Pair>, Problem> {
    let words = body.quoted_words();
    let form = format!("expected {} KEY=VALUE ...", body.keyword);
    let Some(first) = words.first() else { return Err(needs_argument(body).with_help(form)) };
    let blank =
        |word: &Word| body.source.problem(word.place, format!("a name of {} is empty", body.keyword), "here").with_help(form.clone());
    if !first.text.contains('=') {
        // The old form: all that follows the first word is the value.
        let rest = body.rest();
        let key = rest.split_whitespace().next().unwrap_or_default();
        let after = rest.get(key.len()..).unwrap_or_default();
        let value = after.trim_start();
        if value.is_empty() {
            return Err(body.source.problem(first.place, format!("{:?} has no value", first.text), "here").with_help(form));
        }
        return Ok(vec![Pair { key: body.word(0, key), value: body.word(rest.len() - value.len(), value) }]);
    }
    let mut result = Vec::new();
    for word in words {
        let Some((key, value)) = word.text.split_once('=') else {
            return Err(body
                .source
                .problem(word.place, format!("{:?} is no KEY=VALUE", word.text), "no '=' here")
                .with_help("put values with blanks in double quotes: KEY=\"A VALUE\""));
        };
        if key.is_empty() {
            return Err(blank(&word));
        }
        result.push(Pair {
            key: Word { text: key.to_owned(), place: word.place },
            value: Word { text: value.to_owned(), place: word.place },
        });
    }
    Ok(result)
}

fn run(body: &Body<'_>) -> Result<Run, Problem> {
    const FLAGS: [&str; 3] = ["mount", "network", "security"];
    once(body, &["mount"])?;
    let (mut mounts, mut network) = (Vec::new(), Network::Default);
    for flag in &body.flags {
        match flag.name.as_str() {
            "mount" => mounts.push(mount::parse(body, flag)?),
            "network" => {
                let word = value(body, flag)?;
                network = match word.text.as_str() {
                    "default" => Network::Default,
                    "none" => Network::None,
                    "host" => Network::Host,
                    _ => {
                        let problem = body.source.problem(word.place, format!("unknown network {:?}", word.text), "here");
                        return Err(problem.with_help("expected default, none or host"));
                    }
                }
            }
            "security" if value(body, flag)?.text == "sandbox" => {}
            "security" => {
                return Err(body
                    .source
                    .problem(flag.place, "--security gives a command more rights than a build has", "refused")
                    .with_help("only --security=sandbox, the default, is there"));
            }
            "device" => {
                return Err(body
                    .source
                    .problem(flag.place, "devices cannot be given to a command of a build", "refused")
                    .with_help("remove --device"));
            }
            _ => return Err(unknown_flag(body, flag, &FLAGS)),
        }
    }
    if body.rest().is_empty() {
        return Err(needs_argument(body).with_help("expected RUN COMMAND, RUN [\"PROGRAM\", \"ARGUMENT\"] or RUN <<EOF"));
    }
    let command = body.command()?;
    if matches!(&command, Command::Exec(words) if words.is_empty()) {
        return Err(body
            .source
            .problem(body.whole().place, "an empty command", "here")
            .with_help("expected [\"PROGRAM\", \"ARGUMENT\", ...]"));
    }
    Ok(Run { command, heredocs: body.line.heredocs.clone(), mounts, network })
}

fn copy(body: &Body<'_>) -> Result<Copy, Problem> {
    const COPY: [&str; 6] = ["from", "chown", "chmod", "link", "parents", "exclude"];
    const ADD: [&str; 7] = ["chown", "chmod", "link", "exclude", "checksum", "keep-git-dir", "unpack"];
    let known: &[&str] = if body.keyword == "ADD" { &ADD } else { &COPY };
    once(body, &["exclude"])?;
    let mut copy = Copy::default();
    for flag in &body.flags {
        let name = flag.name.as_str();
        if !known.contains(&name) {
            return Err(unknown_flag(body, flag, known));
        }
        match name {
            "from" => copy.from = Some(value(body, flag)?.clone()),
            "chown" => copy.chown = Some(value(body, flag)?.clone()),
            "chmod" => copy.chmod = Some(value(body, flag)?.clone()),
            "checksum" => copy.checksum = Some(value(body, flag)?.clone()),
            "exclude" => copy.exclude.push(value(body, flag)?.clone()),
            "link" => copy.link = switch(body, flag)?,
            "parents" => copy.parents = switch(body, flag)?,
            "unpack" => copy.unpack = Some(switch(body, flag)?),
            _ => copy.keep_git_dir = switch(body, flag)?,
        }
    }
    let mut words = body.list()?;
    let form = format!("expected {} SOURCE ... DESTINATION", body.keyword);
    let Some(destination) = words.pop() else { return Err(needs_argument(body).with_help(form)) };
    if words.is_empty() {
        return Err(body
            .source
            .problem(destination.place, format!("{} with one path", body.keyword), "source or destination?")
            .with_help(form));
    }
    if heredoc::word(&destination.text, body.escape).is_some() {
        return Err(body.source.problem(destination.place, "a heredoc cannot be a destination", "here").with_help(form));
    }
    let mut heredocs = body.line.heredocs.iter();
    for word in words {
        let starts = heredoc::word(&word.text, body.escape).and_then(|_| heredocs.next());
        if starts.is_some() && copy.from.is_some() {
            return Err(body
                .source
                .problem(word.place, "a heredoc with --from", "here")
                .with_help("a heredoc is a file of its own: use a second COPY"));
        }
        copy.sources.push(starts.map_or(CopySource::Path(word), |heredoc| CopySource::Heredoc(heredoc.clone())));
    }
    copy.destination = destination;
    Ok(copy)
}

/// A duration as Go writes it, in nanoseconds: `1m30s`, `1.5h`, `100ms`, `0`.
fn duration_ns(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let number = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (digits, tail) = rest.split_at_checked(number)?;
        let unit = tail.len() - tail.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.').len();
        let (name, tail) = tail.split_at_checked(unit)?;
        let scale: u64 = match name {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut ns = if whole.is_empty() && !fraction.is_empty() { 0 } else { whole.parse::<u64>().ok()?.checked_mul(scale)? };
        let mut place = scale;
        for digit in fraction.chars() {
            place /= 10;
            ns = ns.checked_add(u64::from(digit.to_digit(10)?) * place)?;
        }
        total = total.checked_add(ns)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn healthcheck(body: &Body<'_>) -> Result<Healthcheck, Problem> {
    const FLAGS: [&str; 5] = ["interval", "timeout", "start-period", "start-interval", "retries"];
    once(body, &[])?;
    let form = "expected HEALTHCHECK [--interval=30s ...] CMD COMMAND, or HEALTHCHECK NONE";
    let keyword = body.words().into_iter().next().ok_or_else(|| needs_argument(body).with_help(form))?;
    let (mut times, mut retries) = ([None; 4], None);
    for flag in &body.flags {
        let Some(index) = FLAGS.iter().position(|known| *known == flag.name) else { return Err(unknown_flag(body, flag, &FLAGS)) };
        let word = value(body, flag)?;
        let bad = |expected: &str| {
            body.source.problem(word.place, format!("--{} is {:?}", flag.name, word.text), "here").with_help(format!("expected {expected}"))
        };
        match times.get_mut(index) {
            Some(slot) => {
                let ns = duration_ns(&word.text).ok_or_else(|| bad("a duration such as 30s or 1m30s"))?;
                if ns != 0 && ns < 1_000_000 {
                    return Err(bad("0 or at least 1ms"));
                }
                *slot = Some(ns);
            }
            None => retries = Some(word.text.parse::<u32>().map_err(|_| bad("a number"))?),
        }
    }
    if keyword.text.eq_ignore_ascii_case("none") {
        if body.words().len() > 1 || !body.flags.is_empty() {
            return Err(body.problem("HEALTHCHECK NONE takes nothing else", "here").with_help(form));
        }
        return Ok(Healthcheck::None);
    }
    if !keyword.text.eq_ignore_ascii_case("cmd") {
        return Err(body.source.problem(keyword.place, format!("unknown health check {:?}", keyword.text), "here").with_help(form));
    }
    let mut inner = Body { flags: Vec::new(), keyword: body.keyword.clone(), ..*body };
    inner.start += keyword.text.len();
    inner.start += inner.rest().len() - inner.rest().trim_start().len();
    if inner.rest().is_empty() {
        return Err(body.source.problem(keyword.place, "a health check without a command", "here").with_help(form));
    }
    let [interval_ns, timeout_ns, start_period_ns, start_interval_ns] = times;
    Ok(Healthcheck::Command { command: inner.command()?, interval_ns, timeout_ns, start_period_ns, start_interval_ns, retries })
}

fn whole(body: &Body<'_>) -> Result<Word, Problem> {
    no_flags(body)?;
    let word = body.whole();
    if word.text.is_empty() { Err(needs_argument(body)) } else { Ok(word) }
}

fn list(body: &Body<'_>) -> Result<Vec<Word>, Problem> {
    no_flags(body)?;
    let words = body.list()?;
    if words.is_empty() { Err(needs_argument(body)) } else { Ok(words) }
}

fn shell(body: &Body<'_>) -> Result<Vec<String>, Problem> {
    no_flags(body)?;
    let form = "expected SHELL [\"PROGRAM\", \"ARGUMENT\", ...]";
    match body.json()? {
        Some(words) if !words.is_empty() => Ok(words),
        _ => Err(body.source.problem(body.whole().place, "SHELL takes a JSON array", "here").with_help(form)),
    }
}

/// Which instructions may wait for another build.
pub(super) fn allowed_in_trigger(body: &Body<'_>) -> Result<(), Problem> {
    if ["ONBUILD", "FROM", "MAINTAINER"].contains(&body.keyword.as_str()) {
        return Err(body.problem(format!("{} cannot stand after ONBUILD", body.keyword), "here").with_help("use any other instruction"));
    }
    Ok(())
}

/// Reads one instruction of a stage.
pub(super) fn parse(body: &Body<'_>) -> Result<Kind, Problem> {
    Ok(match body.keyword.as_str() {
        "ADD" => Kind::Add(Box::new(copy(body)?)),
        "COPY" => Kind::Copy(Box::new(copy(body)?)),
        "RUN" => Kind::Run(Box::new(run(body)?)),
        "ARG" => {
            no_flags(body)?;
            Kind::Arg(arguments(body)?)
        }
        "ENV" => {
            no_flags(body)?;
            Kind::Env(pairs(body)?)
        }
        "LABEL" => {
            no_flags(body)?;
            Kind::Label(pairs(body)?)
        }
        "CMD" => {
            no_flags(body)?;
            Kind::Cmd(body.command()?)
        }
        "ENTRYPOINT" => {
            no_flags(body)?;
            Kind::Entrypoint(body.command()?)
        }
        "EXPOSE" => {
            no_flags(body)?;
            let words = body.words();
            if words.is_empty() {
                return Err(needs_argument(body).with_help("expected EXPOSE PORT or PORT/tcp or PORT/udp"));
            }
            Kind::Expose(words)
        }
        "HEALTHCHECK" => Kind::Healthcheck(healthcheck(body)?),
        "MAINTAINER" => Kind::Maintainer(whole(body)?),
        "ONBUILD" => {
            no_flags(body)?;
            onbuild(body)?
        }
        "SHELL" => Kind::Shell(shell(body)?),
        "STOPSIGNAL" => Kind::Stopsignal(whole(body)?),
        "USER" => Kind::User(whole(body)?),
        "VOLUME" => Kind::Volume(list(body)?),
        "WORKDIR" => Kind::Workdir(whole(body)?),
        _ => return Err(unknown(body)),
    })
}

#[cfg(test)]
mod tests {
    use super::duration_ns;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(duration_ns("1m30s"), Some(90_000_000_000));
        assert_eq!(duration_ns("1.5h"), Some(5_400_000_000_000));
        assert_eq!(duration_ns(".5s"), Some(500_000_000));
        assert_eq!(duration_ns("0"), Some(0));
        for bad in ["", "5", "s", "1x", "1.2.3s", "99999999999999999999h"] {
            assert_eq!(duration_ns(bad), None, "{bad}");
        }
    }
}
