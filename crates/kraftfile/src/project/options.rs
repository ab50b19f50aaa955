//! Options of the kernel as variables: `${CONFIG_NAME}` is the option's value, and the host's variable of that name only where there is
//! no such option.
//!
//! What an option comes to is known outside ([`Variables::options`]): it depends on the core, the target and what was saved. Where nobody
//! outside knows it, what the file's own `kconfig` blocks say counts. Their values may refer to each other, but not in a circle.

use crate::interpolate::{interpolate, references};
use crate::yaml::{Data, Node};
use pith_diagnostic::{Place, Problem, Source};
use std::collections::{HashMap, HashSet};

/// What begins the name of an option.
const PREFIX: &str = "CONFIG_";
/// Options made of options made of options: beyond this many steps a file is refused rather than followed.
const DEPTH_LIMIT: usize = 32;
/// Bytes of a value beyond which a file is refused: references multiply.
const LENGTH_LIMIT: usize = 64 * 1024;
/// Sections that decide nothing about the kernel's options.
const OTHERS: [&str; 6] = ["rootfs", "cmd", "env", "volumes", "roms", "labels"];

/// Where values of variables come from.
#[derive(Clone, Copy)]
pub struct Variables<'a> {
    /// What an option comes to, by its name with `CONFIG_`; asked first.
    pub options: &'a dyn Fn(&str) -> Option<String>,
    /// The host's environment; asked last.
    pub host: &'a dyn Fn(&str) -> Option<String>,
}

/// Leaves out sections that decide nothing about options.
pub(super) fn keep_configuration(root: &mut Node) {
    if let Data::Mapping(pairs) = &mut root.data {
        pairs.retain(|(key, _)| !OTHERS.contains(&text_of(key)));
    }
}

fn text_of(node: &Node) -> &str {
    match &node.data {
        Data::Scalar { text, .. } => text,
        _ => "",
    }
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.data {
        Data::Mapping(pairs) => pairs.iter().find(|(key, _)| text_of(key) == name).map(|(_, value)| value),
        _ => None,
    }
}

/// An option's value as the file has it.
struct Entry<'n> {
    name: &'n str,
    value: &'n str,
    /// Where YAML's booleans are `y` and `n`.
    is_plain: bool,
    place: Place,
}

/// Entries of a `kconfig` block; what is none is told by whoever reads it.
fn block<'n>(out: &mut Vec<Entry<'n>>, owner: &'n Node) {
    match entry(owner, "kconfig").map(|node| &node.data) {
        Some(Data::Sequence(items)) => out.extend(items.iter().filter_map(|item| {
            let (name, value) = text_of(item).split_once('=')?;
            Some(Entry { name: name.trim(), value: value.trim_matches('"'), is_plain: false, place: item.place })
        })),
        Some(Data::Mapping(pairs)) => {
            out.extend(pairs.iter().filter_map(|(key, value)| match &value.data {
                Data::Scalar { text, is_quoted } => {
                    Some(Entry { name: text_of(key).trim(), value: text, is_plain: !is_quoted, place: value.place })
                }
                _ => None,
            }));
        }
        _ => {}
    }
}

/// A value of an option; YAML's booleans are `y` and `n`.
pub(super) fn switch(text: String) -> String {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => "y".to_owned(),
        "false" | "no" | "off" => "n".to_owned(),
        _ => text,
    }
}

/// Every entry of the file in the order in which later ones win, those of targets apart: they hold for one target each.
fn entries(root: &Node) -> (Vec<Entry<'_>>, Vec<Vec<Entry<'_>>>) {
    let (mut common, mut targets) = (Vec::new(), Vec::new());
    entry(root, "runtime").iter().chain(&entry(root, "template")).for_each(|node| block(&mut common, node));
    block(&mut common, root);
    for core in ["unikraft", "pith"] {
        entry(root, core).iter().for_each(|node| block(&mut common, node));
    }
    if let Some(Node { data: Data::Mapping(libraries), .. }) = entry(root, "libraries") {
        libraries.iter().for_each(|(_, library)| block(&mut common, library));
    }
    if let Some(Node { data: Data::Sequence(items), .. }) = entry(root, "targets") {
        for item in items {
            let mut own = Vec::new();
            block(&mut own, item);
            targets.push(own);
        }
    }
    (common, targets)
}

/// Options that a file itself gives a value.
pub(super) struct Given(HashMap<String, String>);

impl Given {
    /// Works the values out.
    ///
    /// # Errors
    /// Options that are made of themselves; a reference that is none.
    pub(super) fn settle(source: &Source, root: &Node, variables: &Variables<'_>) -> Result<Self, Problem> {
        let (common, targets) = entries(root);
        let mut all: HashMap<&str, Vec<&Entry<'_>>> = HashMap::new();
        common.iter().chain(targets.iter().flatten()).for_each(|entry| all.entry(entry.name).or_default().push(entry));
        let order: Vec<&str> = common.iter().chain(targets.iter().flatten()).map(|entry| entry.name).collect();
        let mut effective: HashMap<&str, &Entry<'_>> = common.iter().map(|entry| (entry.name, entry)).collect();
        // A target's value is the project's where all targets agree.
        for entry in targets.first().into_iter().flatten() {
            let is_same = |own: &Vec<Entry<'_>>| own.iter().any(|other| (other.name, other.value) == (entry.name, entry.value));
            if targets.iter().all(is_same) {
                effective.insert(entry.name, entry);
            }
        }
        let mut settling =
            Settling { source, variables, all, effective, given: Self(HashMap::new()), done: HashSet::new(), path: Vec::new() };
        for name in order {
            settling.visit(name)?;
        }
        Ok(settling.given)
    }

    /// The value of a variable: the option that it names, or else the host's.
    pub(super) fn variable(&self, name: &str, variables: &Variables<'_>) -> Option<String> {
        let option = || (variables.options)(name).or_else(|| self.0.get(name).cloned());
        name.starts_with(PREFIX).then(option).flatten().or_else(|| (variables.host)(name))
    }
}

/// Values in the making: an option after those that it is made of.
struct Settling<'s, 'n> {
    source: &'s Source,
    variables: &'s Variables<'s>,
    all: HashMap<&'n str, Vec<&'n Entry<'n>>>,
    effective: HashMap<&'n str, &'n Entry<'n>>,
    given: Given,
    /// Options that were looked at.
    done: HashSet<&'n str>,
    /// Options whose values wait for each other.
    path: Vec<&'n str>,
}

impl<'n> Settling<'_, 'n> {
    fn visit(&mut self, name: &'n str) -> Result<(), Problem> {
        if self.done.contains(name) {
            return Ok(());
        }
        let entries = self.all.get(name).cloned().unwrap_or_default();
        if let Some(at) = self.path.iter().position(|waiting| *waiting == name) {
            return Err(self.circle(at, &entries));
        }
        if let (true, Some(entry)) = (self.path.len() >= DEPTH_LIMIT, entries.first()) {
            let message = format!("{name} is at the end of too long a row of options that are made of each other");
            return Err(self.source.problem(entry.place, message, format!("expected at most {DEPTH_LIMIT}")));
        }
        self.path.push(name);
        for reference in entries.iter().flat_map(|entry| references(entry.value)) {
            // Only what the file itself gives can lead back.
            if let Some((known, _)) = self.all.get_key_value(reference.as_str()) {
                let known = *known;
                self.visit(known)?;
            }
        }
        self.path.pop();
        self.done.insert(name);
        let Some(entry) = self.effective.get(name) else { return Ok(()) };
        let value = interpolate(entry.value, &|name| self.given.variable(name, self.variables))
            .map_err(|error| self.source.problem(entry.place, error.to_string(), "in this string"))?;
        if value.len() > LENGTH_LIMIT {
            return Err(self.source.problem(entry.place, format!("the value of {name} is too long"), "with its variables filled in"));
        }
        self.given.0.insert(name.to_owned(), if entry.is_plain { switch(value) } else { value });
        Ok(())
    }

    /// The complaint about options that lead back to the one at `at`.
    fn circle(&self, at: usize, entries: &[&Entry<'_>]) -> Problem {
        let circle = self.path.get(at..).unwrap_or_default();
        let name = circle.first().copied().unwrap_or_default();
        let next = circle.get(1).copied().unwrap_or(name);
        let leads_on = |entry: &&&Entry<'_>| references(entry.value).iter().any(|reference| reference == next);
        let place = entries.iter().find(leads_on).map_or(Place::default(), |entry| entry.place);
        let others = circle.get(1..).unwrap_or_default();
        let label = if others.is_empty() { "here".to_owned() } else { format!("here, through {}", others.join(" and ")) };
        let problem = self.source.problem(place, format!("the value of {name} is made of itself"), label);
        problem.with_help(if others.is_empty() { "give it a value of its own" } else { "give one of them a value of its own" })
    }
}
