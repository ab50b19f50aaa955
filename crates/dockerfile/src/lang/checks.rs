//! What is allowed but unwise. Names and meaning are BuildKit's build checks.

use super::ast::{Command, Kind, Pair, Word};
use super::lines::Directives;
use super::words::Body;
use pith_diagnostic::{Place, Problem, Source, Warning};

/// Parts of names that hold secrets.
const SECRET: [&str; 10] = ["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];

/// What tells that a name with such a part is no secret.
const PUBLIC: [&str; 1] = ["public"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Casing {
    Upper,
    Lower,
}

fn casing(word: &str) -> Option<Casing> {
    if word.chars().all(|c| !c.is_ascii_lowercase()) {
        Some(Casing::Upper)
    } else if word.chars().all(|c| !c.is_ascii_uppercase()) {
        Some(Casing::Lower)
    } else {
        None
    }
}

/// Collects warnings while a file is read.
pub(super) struct Checks<'s> {
    source: &'s Source,
    found: Vec<(Place, Warning)>,
    before: Vec<Warning>,
    file_casing: Option<Casing>,
    stage_names: Vec<String>,
    seen: Vec<&'static str>,
    shell_set: bool,
}

/// Whether a name looks like that of a secret.
fn is_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut parts = lower.split(['_', '-', '.']);
    let public = lower.split(['_', '-', '.']).any(|part| PUBLIC.contains(&part));
    !public && parts.any(|part| SECRET.contains(&part))
}

impl<'s> Checks<'s> {
    pub(super) fn new(source: &'s Source, before: Vec<Warning>) -> Self {
        Self { source, found: Vec::new(), before, file_casing: None, stage_names: Vec::new(), seen: Vec::new(), shell_set: false }
    }

    fn warn(&mut self, place: Place, text: impl Into<String>) {
        self.found.push((place, self.source.warning(place, text)));
    }

    /// Keywords in upper or lower case, the same throughout.
    pub(super) fn keyword_casing(&mut self, body: &Body<'_>) {
        let word = body.line.text.split_whitespace().next().unwrap_or_default();
        let own = casing(word);
        let first = *self.file_casing.get_or_insert(own.unwrap_or(Casing::Upper));
        if own != Some(first) {
            let expected = if first == Casing::Upper { word.to_ascii_uppercase() } else { word.to_ascii_lowercase() };
            self.warn(
                body.keyword_place(),
                format!("ConsistentInstructionCasing: {word:?} is written differently from the other instructions; expected {expected:?}"),
            );
        }
    }

    /// `AS` in the same case as `FROM`.
    pub(super) fn as_casing(&mut self, body: &Body<'_>, keyword: &Word) {
        let from = body.line.text.split_whitespace().next().unwrap_or_default();
        if casing(from) != casing(&keyword.text) {
            self.warn(keyword.place, format!("FromAsCasing: {from:?} and {:?} differ in case", keyword.text));
        }
    }

    /// A stage's name: lower case, not taken, not reserved.
    pub(super) fn stage_name(&mut self, _body: &Body<'_>, name: &Word) {
        let lower = name.text.to_ascii_lowercase();
        if lower != name.text {
            self.warn(name.place, format!("StageNameCasing: the stage {:?} is called {lower:?}", name.text));
        }
        if self.stage_names.contains(&lower) {
            self.warn(name.place, format!("DuplicateStageName: there is a stage {lower:?} already; later uses mean the last one"));
        }
        if ["scratch", "context"].contains(&lower.as_str()) {
            self.warn(name.place, format!("ReservedStageName: {lower:?} means something else; choose another name"));
        }
        self.stage_names.push(lower);
    }

    /// Another stage begins.
    pub(super) fn new_stage(&mut self) {
        self.seen.clear();
        self.shell_set = false;
    }

    fn only_once(&mut self, body: &Body<'_>, name: &'static str) {
        if self.seen.contains(&name) {
            self.warn(body.keyword_place(), format!("MultipleInstructionsDisallowed: only the last {name} of a stage has an effect"));
        }
        self.seen.push(name);
    }

    fn json_form(&mut self, body: &Body<'_>, command: &Command) {
        if matches!(command, Command::Shell(_)) && !self.shell_set {
            let text = "JSONArgsRecommended: in shell form signals reach the shell, not the program; use the JSON form, or SHELL to say that a shell is meant";
            self.warn(body.keyword_place(), text);
        }
    }

    fn pairs(&mut self, body: &Body<'_>, pairs: &[Pair]) {
        let old = pairs.first().is_some_and(|pair| pair.key.place != pair.value.place);
        if old {
            self.warn(
                body.keyword_place(),
                format!("LegacyKeyValueFormat: write {} KEY=VALUE instead of {} KEY VALUE", body.keyword, body.keyword),
            );
        }
        for pair in pairs.iter().filter(|pair| body.keyword == "ENV" && is_secret(&pair.key.text)) {
            self.secret(pair.key.place, "ENV", &pair.key.text);
        }
    }

    fn secret(&mut self, place: Place, keyword: &str, name: &str) {
        self.warn(place, format!("SecretsUsedInArgOrEnv: {keyword} {name:?} stays readable in the image; use RUN --mount=type=secret"));
    }

    fn ports(&mut self, ports: &[Word]) {
        for port in ports {
            let text = &port.text;
            if text.contains('$') {
                continue;
            }
            if text.split_once('/').is_some_and(|(_, protocol)| protocol.chars().any(|c| c.is_ascii_uppercase())) {
                self.warn(port.place, format!("ExposeProtoCasing: write {:?}", text.to_ascii_lowercase()));
            }
            if text.contains(':') {
                self.warn(port.place, format!("ExposeInvalidFormat: {text:?} has an address or host port, which EXPOSE does not take"));
            }
        }
    }

    /// What one instruction gives reason to say.
    pub(super) fn instruction(&mut self, body: &Body<'_>, kind: &Kind) {
        match kind {
            Kind::Cmd(command) => {
                self.only_once(body, "CMD");
                self.json_form(body, command);
            }
            Kind::Entrypoint(command) => {
                self.only_once(body, "ENTRYPOINT");
                self.json_form(body, command);
            }
            Kind::Healthcheck(_) => self.only_once(body, "HEALTHCHECK"),
            Kind::Shell(_) => self.shell_set = true,
            Kind::Maintainer(_) => {
                self.warn(body.keyword_place(), "MaintainerDeprecated: use LABEL org.opencontainers.image.authors instead");
            }
            Kind::Env(pairs) | Kind::Label(pairs) => self.pairs(body, pairs),
            Kind::Arg(arguments) => {
                for argument in arguments.iter().filter(|argument| is_secret(&argument.name)) {
                    self.secret(argument.place, "ARG", &argument.name);
                }
            }
            Kind::Expose(ports) => self.ports(ports),
            _ => {}
        }
    }

    /// The warnings that are asked for.
    ///
    /// # Errors
    /// The first of them, when `# check=error=true` says that warnings are errors.
    pub(super) fn finish(self, directives: &Directives) -> Result<Vec<Warning>, Problem> {
        let wanted = |warning: &Warning| {
            let name = warning.message.split(':').next().unwrap_or_default();
            !directives.skipped_checks.iter().any(|skipped| skipped == "all" || skipped.eq_ignore_ascii_case(name))
        };
        if let (true, Some((place, warning))) = (directives.warnings_are_errors, self.found.iter().find(|(_, warning)| wanted(warning))) {
            let problem = self.source.problem(*place, warning.message.clone(), "here");
            return Err(problem.with_help("the line `# check=error=true` makes warnings errors"));
        }
        let mut warnings = self.before;
        warnings.extend(self.found.into_iter().map(|(_, warning)| warning));
        warnings.retain(wanted);
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        Ok(warnings)
    }
}
