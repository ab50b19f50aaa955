//! A stage's instructions to steps and configuration.

use super::graph::{Named, Needed, meant};
use super::run::shell;
use super::scope::{self, Expander, Scope};
use super::{Action, Base, Inputs, Origin, PlannedStage, Step, rfc3339};
use crate::lang::ast::{Argument, Command, Dockerfile, Healthcheck, Instruction, Kind, Pair, Word};
use crate::lang::parse_trigger;
use crate::tree::path;
use pith_diagnostic::{Place, Problem, Source, Warning};
use pith_image::spec::{History, ImageConfig};
use pith_image::{Image, Platform};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// `PATH` of an image that says nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How images get here: by name and platform.
pub type Resolve<'r> = dyn Fn(&str, &Platform) -> Result<Arc<Image>, (String, Option<String>)> + 'r;

/// Plans one stage.
pub(super) struct Planner<'p> {
    pub source: Source,
    pub escape: char,
    pub inputs: &'p Inputs,
    pub is_add: bool,
    /// The instruction being planned.
    pub place: Place,
    number: usize,
    needed: &'p Needed,
    images: &'p BTreeMap<(String, Platform), Arc<Image>>,
    needs: BTreeSet<usize>,
    warnings: &'p mut Vec<Warning>,
}

impl Planner<'_> {
    /// The text with variables filled in; warns of those without a value.
    pub(super) fn expand(&mut self, word: &Word, scope: &Scope) -> Result<String, Problem> {
        let expander = Expander { source: &self.source, escape: self.escape };
        let expansion = expander.word(word, &|name| scope.lookup(name))?;
        let unknown: Vec<String> = expansion.unset.into_iter().filter(|name| !scope.declared(name)).collect();
        scope::undefined(&self.source, word.place, &unknown, self.warnings);
        Ok(expansion.text)
    }

    /// What a `--from` means. The graph has looked at those in the file; those of triggers are looked at here.
    pub(super) fn origin(&mut self, word: &Word) -> Result<Origin, Problem> {
        let named = self.needed.origins.get(&(self.number, word.text.clone()));
        let image = |name: &str, platform: &Platform| self.images.get(&(name.to_owned(), platform.clone())).cloned();
        match named {
            Some(Named::Stage(stage)) => {
                self.needs.insert(*stage);
                Ok(Origin::Stage(*stage))
            }
            Some(Named::Image(name, platform)) if image(name, platform).is_some() => {
                image(name, platform).map(Origin::Image).ok_or_else(|| self.source.problem(word.place, "no such image", "here"))
            }
            _ => {
                let problem = self.source.problem(
                    word.place,
                    format!("{:?} cannot be copied from in a trigger of the base image", word.text),
                    "here",
                );
                Err(problem.with_help("copy it with an instruction of your own"))
            }
        }
    }
}

fn words(command: &Command, shell: Vec<String>) -> Vec<String> {
    match command {
        Command::Exec(words) => words.clone(),
        Command::Shell(text) => shell.into_iter().chain([text.clone()]).collect(),
    }
}

/// `80`, `80/udp`, `8000-8010`: each port with its protocol.
fn ports(text: &str) -> Option<Vec<String>> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    // `host:container` is Docker's old form; only the container's port counts.
    let range = range.rsplit(':').next()?;
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    let protocol = protocol.to_ascii_lowercase();
    let known = ["tcp", "udp", "sctp"].contains(&protocol.as_str()) && first <= last;
    known.then(|| (first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// Signals by name, as images may say them.
fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 34] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL", "PROF", "PWR",
        "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
        "XFSZ",
    ];
    if let Ok(number) = text.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |prefix: &str, sign: char| {
        name.strip_prefix(prefix).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(sign).is_some_and(|digits| digits.parse::<u8>().is_ok_and(|n| n <= 15))
        })
    };
    NAMES.contains(&name) || offset("RTMIN", '+') || offset("RTMAX", '-')
}

/// The state of one stage while its instructions are read.
struct Reader<'p> {
    planner: Planner<'p>,
    scope: Scope,
    config: ImageConfig,
    steps: Vec<Step>,
    created: String,
    platform: Platform,
    cmd_set: bool,
}

impl Reader<'_> {
    fn pairs(&mut self, pairs: &[Pair]) -> Result<Vec<(String, String)>, Problem> {
        let before = self.scope.clone();
        let mut result = Vec::new();
        for pair in pairs {
            result.push((self.planner.expand(&pair.key, &before)?, self.planner.expand(&pair.value, &before)?));
        }
        Ok(result)
    }

    fn args(&mut self, arguments: &[Argument]) -> Result<(), Problem> {
        for argument in arguments {
            let needed = self.planner.needed;
            let given =
                self.planner.inputs.build_args.iter().rev().find(|(name, _)| *name == argument.name).map(|(_, value)| value.clone());
            let value = match (given, &argument.default) {
                (Some(given), _) => Some(given),
                (None, Some(default)) => {
                    let scope = self.scope.clone();
                    Some(self.planner.expand(default, &scope)?)
                }
                (None, None) => needed.platform_args.get(&argument.name).or_else(|| needed.globals.get(&argument.name)).cloned(),
            };
            self.scope.args.push((argument.name.clone(), value));
        }
        Ok(())
    }

    fn healthcheck(&mut self, check: &Healthcheck) {
        let run = &mut self.config.config;
        run.healthcheck = Some(match check {
            Healthcheck::None => json!({ "Test": ["NONE"] }),
            Healthcheck::Command { command, interval_ns, timeout_ns, start_period_ns, start_interval_ns, retries } => {
                let test: Vec<String> = match command {
                    Command::Exec(words) => ["CMD".to_owned()].into_iter().chain(words.iter().cloned()).collect(),
                    Command::Shell(text) => vec!["CMD-SHELL".to_owned(), text.clone()],
                };
                let mut value = json!({ "Test": test });
                let times = [
                    ("Interval", interval_ns),
                    ("Timeout", timeout_ns),
                    ("StartPeriod", start_period_ns),
                    ("StartInterval", start_interval_ns),
                ];
                for (key, ns) in times.into_iter().filter_map(|(key, ns)| ns.filter(|ns| *ns > 0).map(|ns| (key, ns))) {
                    value[key] = json!(ns);
                }
                if let Some(retries) = retries.filter(|retries| *retries > 0) {
                    value["Retries"] = json!(retries);
                }
                value
            }
        });
    }

    /// Reads one instruction; says what it does to files.
    fn instruction(&mut self, kind: &Kind) -> Result<Action, Problem> {
        let source = self.planner.source.clone();
        match kind {
            Kind::Arg(arguments) => self.args(arguments)?,
            Kind::Env(pairs) => {
                for (key, value) in self.pairs(pairs)? {
                    self.scope.set_env(&key, &value);
                }
                self.config.config.env = self.scope.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
            }
            Kind::Label(pairs) => {
                let pairs = self.pairs(pairs)?;
                self.config.config.labels.extend(pairs);
            }
            Kind::Cmd(command) => {
                self.config.config.cmd = Some(words(command, shell(&self.config.config)));
                self.cmd_set = true;
            }
            Kind::Entrypoint(command) => {
                self.config.config.entrypoint = Some(words(command, shell(&self.config.config)));
                if !self.cmd_set {
                    // The base's default arguments were for the base's program.
                    self.config.config.cmd = None;
                }
            }
            Kind::Expose(list) => {
                for word in list {
                    let expander = Expander { source: &source, escape: self.planner.escape };
                    for text in expander.words(word, &|name| self.scope.lookup(name))? {
                        let expanded = ports(&text).ok_or_else(|| {
                            source
                                .problem(word.place, format!("{text:?} is no port"), "here")
                                .with_help("expected PORT, PORT/udp or FIRST-LAST")
                        })?;
                        self.config.config.exposed_ports.extend(expanded);
                    }
                }
            }
            Kind::Healthcheck(check) => self.healthcheck(check),
            Kind::Maintainer(word) => self.config.author = Some(word.text.clone()),
            Kind::Onbuild(text) => self.config.config.on_build.push(text.clone()),
            Kind::Shell(words) => self.config.config.shell = Some(words.clone()),
            Kind::Stopsignal(word) => {
                let text = self.planner.expand(word, &self.scope)?;
                if !is_signal(&text) {
                    return Err(source
                        .problem(word.place, format!("{text:?} is no signal"), "here")
                        .with_help("expected a name such as SIGTERM, or a number"));
                }
                self.config.config.stop_signal = Some(text);
            }
            Kind::User(word) => {
                let text = self.planner.expand(word, &self.scope)?;
                if text.is_empty() {
                    return Err(source.problem(word.place, "an empty user", "here").with_help("a variable in it may have no value"));
                }
                self.config.config.user = text;
            }
            Kind::Volume(list) => {
                for word in list {
                    let text = self.planner.expand(word, &self.scope)?;
                    if text.is_empty() {
                        return Err(source.problem(word.place, "an empty volume", "here").with_help("expected a path"));
                    }
                    self.config.config.volumes.insert(text);
                }
            }
            Kind::Workdir(word) => {
                let text = self.planner.expand(word, &self.scope)?;
                if !text.starts_with('/') && self.config.config.working_dir.is_empty() {
                    self.planner
                        .warnings
                        .push(source.warning(word.place, format!("WorkdirRelativePath: {text:?} is relative to /; write it in full")));
                }
                self.config.config.working_dir = path::absolute(&self.config.config.working_dir, &text);
                return Ok(Action::Workdir { path: self.config.config.working_dir.clone(), user: self.config.config.user.clone() });
            }
            Kind::Copy(copy) | Kind::Add(copy) => {
                self.planner.is_add = matches!(kind, Kind::Add(_));
                let cwd = self.config.config.working_dir.clone();
                return Ok(Action::Copy(Box::new(self.planner.copy(copy, &self.scope, &cwd)?)));
            }
            Kind::Run(run) => return Ok(Action::Run(Box::new(self.planner.run(run, &self.scope, &self.config.config, &self.platform)?))),
        }
        Ok(Action::Configure)
    }

    fn created_by(&self, action: &Action, text: &str) -> String {
        match action {
            Action::Run(run) => {
                let args = self.scope.visible_args();
                let prefix = if args.is_empty() { String::new() } else { format!("|{} {} ", args.len(), args.join(" ")) };
                format!("RUN {prefix}{} # buildkit", run.args.join(" "))
            }
            Action::Copy(_) => format!("{text} # buildkit"),
            _ => text.to_owned(),
        }
    }

    fn all(&mut self, instructions: &[Instruction]) -> Result<(), Problem> {
        for instruction in instructions {
            self.planner.place = instruction.place;
            let action = self.instruction(&instruction.kind)?;
            let history = History {
                created: Some(self.created.clone()),
                created_by: Some(self.created_by(&action, &instruction.text)),
                empty_layer: true,
                ..History::default()
            };
            let source = self.planner.source.clone();
            self.steps.push(Step { action, text: instruction.text.clone(), place: instruction.place, source, history });
        }
        Ok(())
    }
}

fn split_env(config: &mut ImageConfig) -> Vec<(String, String)> {
    let split = |entry: &String| entry.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut env: Vec<(String, String)> = config.config.env.iter().filter_map(split).collect();
    if !env.iter().any(|(key, _)| key == "PATH") {
        env.push(("PATH".to_owned(), DEFAULT_PATH.to_owned()));
    }
    config.config.env = env.iter().map(|(key, value)| format!("{key}={value}")).collect();
    env
}

/// All images that the needed stages start or copy from.
fn images(file: &Dockerfile, needed: &Needed, resolve: &Resolve<'_>) -> Result<BTreeMap<(String, Platform), Arc<Image>>, Problem> {
    let mut wanted: Vec<(Place, usize, &Named)> = Vec::new();
    for (number, named) in &needed.bases {
        wanted.extend(file.stages.get(*number).map(|stage| (stage.base.place, *number, named)));
    }
    for ((number, text), named) in &needed.origins {
        let words =
            file.stages.get(*number).into_iter().flat_map(|stage| &stage.instructions).flat_map(|instruction| match &instruction.kind {
                Kind::Copy(copy) => copy.from.iter().collect::<Vec<_>>(),
                Kind::Run(run) => run.mounts.iter().filter_map(|mount| mount.from()).collect(),
                _ => Vec::new(),
            });
        wanted.extend(words.filter(|word| word.text == *text).map(|word| (word.place, *number, named)));
    }
    let mut found = BTreeMap::new();
    for (place, number, named) in wanted {
        let Named::Image(name, platform) = named else { continue };
        let key = (name.clone(), platform.clone());
        if found.contains_key(&key) {
            continue;
        }
        let image = resolve(name, platform).map_err(|(message, help)| {
            let hint = meant(file, number, name).map(|near| format!("did you mean the stage {near:?}?"));
            let problem = file.source.problem(place, message, "this image");
            match hint.or(help) {
                Some(help) => problem.with_help(help),
                None => problem,
            }
        })?;
        found.insert(key, image);
    }
    Ok(found)
}

/// Plans every needed stage, in the file's order.
///
/// # Errors
/// The first instruction that cannot be carried out, with its place.
pub fn plan_stages(
    file: &Dockerfile,
    needed: &Needed,
    inputs: &Inputs,
    resolve: &Resolve<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<PlannedStage>, Problem> {
    let images = images(file, needed, resolve)?;
    let created = rfc3339(inputs.epoch_s.unwrap_or(0));
    let mut planned: Vec<PlannedStage> = Vec::new();
    for number in &needed.stages {
        let Some(stage) = file.stages.get(*number) else { continue };
        let platform = needed.platforms.get(number).cloned().unwrap_or_default();
        let mut needs = BTreeSet::new();
        let (base, mut config) = match needed.bases.get(number) {
            Some(Named::Stage(earlier)) => {
                needs.insert(*earlier);
                let config = planned.iter().find(|stage| stage.number == *earlier).map(|stage| stage.config.clone()).unwrap_or_default();
                (Base::Stage(*earlier), ImageConfig { rootfs: pith_image::spec::RootFs::default(), history: Vec::new(), ..config })
            }
            Some(Named::Image(name, platform)) => match images.get(&(name.clone(), platform.clone())) {
                Some(image) => (Base::Image(Arc::clone(image)), image.config.clone()),
                None => continue,
            },
            _ => (Base::Scratch, ImageConfig::scratch(platform.clone())),
        };
        if matches!(base, Base::Scratch) {
            config.config.working_dir = "/".to_owned();
        }
        let triggers = std::mem::take(&mut config.config.on_build);
        let env = split_env(&mut config);
        config.created = Some(created.clone());
        let planner = Planner {
            source: file.source.clone(),
            escape: file.directives.escape,
            inputs,
            is_add: false,
            place: stage.place,
            number: *number,
            needed,
            images: &images,
            needs,
            warnings,
        };
        let scope = Scope { env, args: Vec::new() };
        let mut reader = Reader { planner, scope, config, steps: Vec::new(), created: created.clone(), platform, cmd_set: false };
        for trigger in &triggers {
            let name = format!("ONBUILD of {}", stage.base.text);
            let (source, instructions) = parse_trigger(&name, trigger)?;
            // The trigger's places are in its own text.
            let outer = (std::mem::replace(&mut reader.planner.source, source), std::mem::replace(&mut reader.planner.escape, '\\'));
            reader.all(&instructions)?;
            (reader.planner.source, reader.planner.escape) = outer;
        }
        reader.all(&stage.instructions)?;
        planned.push(PlannedStage {
            number: *number,
            name: stage.name.as_ref().map_or_else(|| format!("stage-{number}"), |name| name.text.clone()),
            base,
            base_name: needed.base_names.get(number).cloned().unwrap_or_default(),
            steps: reader.steps,
            config: reader.config,
            needs: reader.planner.needs,
        });
    }
    Ok(planned)
}
