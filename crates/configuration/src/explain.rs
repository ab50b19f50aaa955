//! `--explain`: every library in the image with who asked for it, and everything asked for that changes nothing.

use crate::configure::Configured;
use crate::core::Core;
use crate::report::grouped;
use pith_kconfig::{Item, Kind, SymbolId, Why};
use std::fmt::Write;

/// The option that selects what every image has.
const BASE: &str = "PITH_IMAGE";

/// A name and who asked for it.
struct Line {
    name: String,
    why: String,
}

fn title(core: &Core, symbol: SymbolId) -> String {
    let nodes = core.kconfig().symbol(symbol).nodes.iter().map(|node| core.kconfig().node(*node));
    let prompt = nodes.filter(|node| matches!(node.item, Item::Symbol(_))).find_map(|node| node.prompt.as_ref());
    prompt.map(|prompt| prompt.text.clone()).unwrap_or_default()
}

/// Who asked for a library: the user's wish, and everybody who selects it.
fn askers(core: &Core, configured: &Configured<'_>, symbol: SymbolId) -> String {
    let name = |id: &SymbolId| core.kconfig().symbol(*id).name.clone();
    let selectors: Vec<String> = configured.config.selectors(symbol).iter().map(name).collect();
    let own = match configured.config.value(symbol).why {
        Why::Selected(_) => None,
        _ => Some(configured.config.why(symbol)),
    };
    let selected = (!selectors.is_empty()).then(|| format!("selected by {}", selectors.join(", ")));
    own.into_iter().chain(selected).collect::<Vec<_>>().join("; ")
}

fn table(out: &mut String, heading: &str, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    // A String takes everything.
    let _ = writeln!(out, "{heading}:");
    for Line { name, why } in lines {
        let _ = writeln!(out, "  {name:<width$}  {why}");
    }
}

/// The whole explanation.
#[must_use]
pub fn explain(core: &Core, configured: &Configured<'_>) -> String {
    let mut out = format!("preset: {}\nfeatures: {}\n", configured.preset, configured.features.join(", "));
    let (mut chosen, mut always, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    let kconfig = core.kconfig();
    for symbol in kconfig.defined().filter(|id| kconfig.symbol(*id).kind == Kind::Bool) {
        let name = kconfig.symbol(symbol).name.clone();
        let is_choice = core.feature_table().any(|(option, _)| option == name) || core.packing_options().any(|option| option == name);
        let is_set = configured.config.is_set(&name);
        let why = askers(core, configured, symbol);
        match (is_set, is_choice) {
            (true, true) => chosen.push(Line { name, why }),
            (true, false) if name == BASE || configured.config.selectors(symbol).iter().any(|by| kconfig.symbol(*by).name == BASE) => {
                always.push(name);
            }
            (true, false) => chosen.push(Line { name, why }),
            (false, true) => left_out.push(Line { name, why: title(core, symbol) }),
            (false, false) => {}
        }
    }
    table(&mut out, "chosen", &chosen);
    table(&mut out, "left out", &left_out);
    let _ = writeln!(out, "always there: {}", always.join(", "));
    for (name, value) in &configured.constants {
        let _ = writeln!(out, "constant {name}={}", value.text);
    }
    let report = &configured.report;
    let line = |name: String, why: String| Line { name, why };
    let mapped = report.mapped.iter().map(|one| line(format!("CONFIG_{}={}", one.name, one.value), format!("is CONFIG_{}", one.option)));
    table(&mut out, "names of Unikraft's", &mapped.collect::<Vec<_>>());
    for (heading, ignored) in [
        ("built in, whether asked for or not", &report.built_in),
        ("nothing to choose", &report.settings),
        ("not supported", &report.unsupported),
    ] {
        let groups = grouped(ignored);
        if !groups.is_empty() {
            let _ = writeln!(out, "{heading}:");
        }
        for (why, names) in groups {
            let _ = writeln!(out, "  {why}: {names}");
        }
    }
    let refused =
        report.refused.iter().map(|one| line(format!("CONFIG_{}={}", one.name, one.wanted), format!("{}: {}", one.origin, one.reason)));
    table(&mut out, "did not take effect", &refused.collect::<Vec<_>>());
    let unknown: Vec<String> = report.unknown.iter().map(ToString::to_string).collect();
    for (heading, texts) in [("no options", &unknown), ("notes", &report.notes)] {
        if !texts.is_empty() {
            let _ = writeln!(out, "{heading}:");
        }
        for text in texts {
            let _ = writeln!(out, "  {text}");
        }
    }
    out
}
