//! Why a symbol has its value, and which wishes came to nothing.

use super::value::{Why, number};
use super::{Config, Origin};
use crate::expr::{Expr, Operand, Tristate};
use crate::model::{Item, Kind, NodeId, SymbolId};
use std::fmt::Write;

/// A wish that was not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The option.
    pub symbol: SymbolId,
    /// What was asked for.
    pub wanted: String,
    /// By whom.
    pub origin: Origin,
    /// What it is instead.
    pub got: String,
    /// Why.
    pub reason: String,
}

impl Config<'_> {
    /// How far others force a symbol up.
    pub(super) fn forced(&self, symbol: SymbolId) -> Tristate {
        let links = self.kconfig.symbol(symbol).selected_by.iter();
        links
            .map(|link| self.eval(&Expr::Operand(Operand::Symbol(link.symbol))).min(self.eval(&link.condition)))
            .max()
            .unwrap_or(Tristate::No)
    }

    /// Whether others select a symbol, so that it cannot be switched off.
    #[must_use]
    pub fn is_selected(&self, symbol: SymbolId) -> bool {
        self.forced(symbol) != Tristate::No
    }

    /// The symbols that select a symbol, now.
    #[must_use]
    pub fn selectors(&self, symbol: SymbolId) -> Vec<SymbolId> {
        let links = self.kconfig.symbol(symbol).selected_by.iter();
        let is_active =
            |link: &&crate::model::Link| self.holds(&Expr::Operand(Operand::Symbol(link.symbol))) && self.holds(&link.condition);
        links.filter(is_active).map(|link| link.symbol).collect()
    }

    /// Selected symbols whose own dependencies do not hold, each with one that selects it.
    #[must_use]
    pub fn unmet_selections(&self) -> Vec<(SymbolId, SymbolId)> {
        let is_broken = |id: &SymbolId| !self.holds(&self.kconfig.symbol(*id).depends);
        self.kconfig.defined().filter(is_broken).filter_map(|id| Some((id, *self.selectors(id).first()?))).collect()
    }

    /// The parts of an expression that keep it from holding, in words.
    #[must_use]
    pub fn unmet(&self, expr: &Expr) -> Vec<String> {
        if self.holds(expr) {
            return Vec::new();
        }
        let parts = expr.conjuncts().into_iter().filter(|part| !self.holds(part));
        parts.map(|part| self.describe(part)).collect()
    }

    fn describe(&self, part: &Expr) -> String {
        let shown = part.display(self.kconfig);
        match part {
            Expr::Operand(Operand::Symbol(id)) if self.kconfig.symbol(*id).kind == Kind::Undefined => {
                format!("{shown}, which does not exist")
            }
            Expr::Operand(Operand::Symbol(_)) => format!("{shown}, which is n"),
            Expr::Compare(_, Operand::Symbol(id), _) => {
                format!("{shown}, but {} is {:?}", self.kconfig.symbol(*id).name, self.value(*id).text)
            }
            Expr::Choice(_) => "its choice, which is not offered".to_owned(),
            _ => shown.to_string(),
        }
    }

    /// Why a value is what it is, in a few words.
    #[must_use]
    pub fn why(&self, symbol: SymbolId) -> String {
        let name = |id: SymbolId| &self.kconfig.symbol(id).name;
        match self.value(symbol).why {
            Why::User => match &self.wishes[symbol.0] {
                Some(wish) => format!("set by {}", wish.origin),
                None => "set".to_owned(),
            },
            Why::Default(location) => format!("default, {location}"),
            Why::Selected(by) => format!("selected by {}", name(by)),
            Why::Implied(by) => format!("implied by {}", name(by)),
            Why::Choice => match self.kconfig.symbol(symbol).choice.and_then(|choice| self.chosen(choice)) {
                Some(chosen) if chosen == symbol => "chosen by default".to_owned(),
                Some(chosen) => format!("{} is chosen", name(chosen)),
                None => "its choice is not offered".to_owned(),
            },
            Why::Nothing => match self.unmet(&self.kconfig.symbol(symbol).depends).as_slice() {
                [] => "nothing asks for it".to_owned(),
                unmet => format!("needs {}", unmet.join(" and ")),
            },
        }
    }

    /// Everything about one symbol, for a person.
    #[must_use]
    pub fn explain(&self, symbol: SymbolId) -> String {
        let about = self.kconfig.symbol(symbol);
        let mut out = format!("CONFIG_{}={} ({}; {})\n", about.name, self.value(symbol).text, about.kind.as_str(), self.why(symbol));
        // A String takes everything.
        let mut line = |key: &str, text: String| {
            let _ = writeln!(out, "  {key}: {text}");
        };
        for node in about.nodes.iter().map(|node| self.kconfig.node(*node)) {
            if let Some(prompt) = &node.prompt {
                line("prompt", prompt.text.clone());
            }
            line("defined at", node.location.to_string());
            let path = self.menu_path(node.parent);
            if !path.is_empty() {
                line("in menu", path.join(" -> "));
            }
            if !node.depends.is_yes() {
                let holds = if self.holds(&node.depends) { "holds" } else { "does not hold" };
                line("depends on", format!("{} ({holds})", node.depends.display(self.kconfig)));
            }
        }
        let names = |links: &[crate::model::Link]| {
            links.iter().map(|link| self.kconfig.symbol(link.symbol).name.clone()).collect::<Vec<_>>().join(", ")
        };
        for (key, links) in [
            ("selects", &about.selects),
            ("implies", &about.implies),
            ("selected by", &about.selected_by),
            ("implied by", &about.implied_by),
        ] {
            if !links.is_empty() {
                line(key, names(links));
            }
        }
        if let Some(limits) = self.limits_text(symbol) {
            line("range", limits);
        }
        for help in about.nodes.iter().filter_map(|node| self.kconfig.node(*node).help.as_ref()) {
            for text in help.lines() {
                let _ = writeln!(out, "    {text}");
            }
        }
        out
    }

    /// Titles of the menus around an entry, outermost first.
    #[must_use]
    pub fn menu_path(&self, node: NodeId) -> Vec<String> {
        let mut path = Vec::new();
        let mut at = node;
        while at != crate::model::Kconfig::ROOT {
            let node = self.kconfig.node(at);
            if let (Item::Menu | Item::Choice(_) | Item::Symbol(_), Some(prompt)) = (node.item, &node.prompt) {
                path.push(prompt.text.clone());
            }
            at = node.parent;
        }
        path.reverse();
        path
    }

    /// Every wish that did not come true, and why.
    #[must_use]
    pub fn ignored(&self) -> Vec<Ignored> {
        let mut out = Vec::new();
        for symbol in self.kconfig.defined() {
            let Some(wish) = &self.wishes[symbol.0] else { continue };
            let got = self.value(symbol).text;
            let kind = self.kconfig.symbol(symbol).kind;
            let is_same = got == wish.text
                || (kind == Kind::Bool && wish.text == "m" && got == "y")
                || (kind == Kind::Hex && number(kind, &got).is_some() && number(kind, &got) == number(kind, &wish.text));
            if !is_same {
                let reason = self.refusal(symbol, &wish.text);
                out.push(Ignored { symbol, wanted: wish.text.clone(), origin: wish.origin.clone(), got, reason });
            }
        }
        out
    }

    fn refusal(&self, symbol: SymbolId, wanted: &str) -> String {
        let about = self.kconfig.symbol(symbol);
        if self.visibility(symbol) == Tristate::No {
            if let Some(by) = self.selectors(symbol).first() {
                return format!("{} selects it", self.kconfig.symbol(*by).name);
            }
            let unmet: Vec<String> = about.nodes.iter().flat_map(|node| self.unmet(&self.kconfig.node(*node).depends)).collect();
            return match (unmet.as_slice(), about.nodes.iter().any(|node| self.kconfig.node(*node).prompt.is_some())) {
                (_, false) => "it cannot be set: its value follows from others".to_owned(),
                ([], true) => "its prompt is not shown in this configuration".to_owned(),
                (unmet, true) => format!("it needs {}", unmet.join(" and ")),
            };
        }
        if let (Kind::Int | Kind::Hex, Some(limits)) = (about.kind, self.limits_text(symbol)) {
            return format!("{wanted} is outside {limits}");
        }
        self.why(symbol)
    }
}
