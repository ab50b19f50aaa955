//! Values, worked out on demand and kept until a wish changes.
//!
//! The rules are those of the kernel's own tools: a user's value counts as far as the prompt is visible; else the first default
//! that applies; `imply` raises what has no user's value, within dependencies; `select` raises regardless of them.

use super::Config;
use crate::expr::{Expr, Operand, Tristate};
use crate::model::{ChoiceId, Item, Kconfig, Kind, Location, NodeId, SymbolId};
use std::cmp::Ordering;

/// Why a symbol has its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nothing says otherwise.
    Nothing,
    /// The user asked for it.
    User,
    /// A default.
    Default(Location),
    /// Another symbol implies it.
    Implied(SymbolId),
    /// Another symbol selects it.
    Selected(SymbolId),
    /// Its choice chose it, or another.
    Choice,
}

/// A symbol's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As in `.config`, without quotes.
    pub text: String,
    /// Whether `.config` has a line for it.
    pub is_written: bool,
    /// Why.
    pub why: Why,
}

impl Value {
    fn of(value: Tristate, is_written: bool, why: Why) -> Self {
        Self { text: value.as_str().to_owned(), is_written, why }
    }

    fn tristate(&self) -> Tristate {
        Tristate::parse(&self.text).unwrap_or(Tristate::No)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Cache {
    values: Vec<Option<Value>>,
    visible: Vec<Option<Tristate>>,
}

impl Cache {
    pub(super) fn new(kconfig: &Kconfig) -> Self {
        Self { values: vec![None; kconfig.symbols.len()], visible: vec![None; kconfig.symbols.len()] }
    }

    pub(super) fn clear(&mut self) {
        self.values.fill(None);
        self.visible.fill(None);
    }
}

/// The number that a text stands for. A constant's kind is [`Kind::Undefined`]: its base is told by a prefix.
pub(super) fn number(kind: Kind, text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let hex = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match (kind, hex) {
        (Kind::Int, Some(_)) => return None,
        (_, Some(digits)) => (digits, 16),
        (Kind::Hex, None) => (digits, 16),
        (_, None) => (digits, 10),
    };
    if digits.starts_with('+') {
        return None;
    }
    // 64 bits either way is what options are for; more is no number of ours.
    let value = u64::from_str_radix(digits, radix).ok()?;
    Some(sign * i128::from(value))
}

impl Config<'_> {
    /// A symbol's value.
    #[must_use]
    pub fn value(&self, symbol: SymbolId) -> Value {
        let known = self.cache.borrow().values[symbol.0].clone();
        known.unwrap_or_else(|| {
            let value = self.compute(symbol);
            self.cache.borrow_mut().values[symbol.0] = Some(value.clone());
            value
        })
    }

    /// Whether a bool is set; the name may start with `CONFIG_`. One that does not exist is not.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.kconfig.find(name).is_some_and(|symbol| self.value(symbol).text == "y")
    }

    /// What an expression comes to.
    #[must_use]
    pub fn eval(&self, expr: &Expr) -> Tristate {
        match expr {
            Expr::Operand(Operand::Constant(text)) => Tristate::parse(text).unwrap_or(Tristate::No),
            Expr::Operand(Operand::Symbol(symbol)) => self.tristate(*symbol),
            Expr::Choice(choice) => self.mode(*choice),
            Expr::Not(inner) => self.eval(inner).not(),
            Expr::And(left, right) => self.eval(left).min(self.eval(right)),
            Expr::Or(left, right) => self.eval(left).max(self.eval(right)),
            Expr::Compare(compare, left, right) => {
                if compare.holds(self.compare(left, right)) {
                    Tristate::Yes
                } else {
                    Tristate::No
                }
            }
        }
    }

    pub(super) fn holds(&self, expr: &Expr) -> bool {
        self.eval(expr) != Tristate::No
    }

    fn tristate(&self, symbol: SymbolId) -> Tristate {
        if self.kconfig.symbol(symbol).kind == Kind::Bool { self.value(symbol).tristate() } else { Tristate::No }
    }

    /// The text of an operand; an undefined symbol's is its name.
    pub(super) fn text(&self, operand: &Operand) -> String {
        match operand {
            Operand::Constant(text) => text.clone(),
            Operand::Symbol(symbol) if self.kconfig.symbol(*symbol).kind == Kind::Undefined => self.kconfig.symbol(*symbol).name.clone(),
            Operand::Symbol(symbol) => self.value(*symbol).text,
        }
    }

    fn kind(&self, operand: &Operand) -> Kind {
        match operand {
            Operand::Constant(_) => Kind::Undefined,
            Operand::Symbol(symbol) => self.kconfig.symbol(*symbol).kind,
        }
    }

    fn numeric(&self, operand: &Operand) -> Option<i128> {
        let text = self.text(operand);
        match self.kind(operand) {
            Kind::Bool => Tristate::parse(&text).map(|value| value as i128),
            Kind::String | Kind::Undefined if Tristate::parse(&text).is_some() => Tristate::parse(&text).map(|value| value as i128),
            kind => number(kind, &text),
        }
    }

    fn compare(&self, left: &Operand, right: &Operand) -> Ordering {
        let are_strings = [left, right].iter().all(|operand| self.kind(operand) == Kind::String);
        match (self.numeric(left), self.numeric(right)) {
            (Some(left), Some(right)) if !are_strings => left.cmp(&right),
            _ => self.text(left).cmp(&self.text(right)),
        }
    }

    fn prompts(&self, nodes: &[NodeId]) -> Tristate {
        let conditions = nodes.iter().filter_map(|node| self.kconfig.node(*node).prompt.as_ref());
        let visible = conditions.map(|prompt| self.eval(&prompt.condition)).max().unwrap_or(Tristate::No);
        // There are no modules: what may be `m` may be `y`.
        if visible == Tristate::Module { Tristate::Yes } else { visible }
    }

    pub(super) fn visibility(&self, symbol: SymbolId) -> Tristate {
        let known = self.cache.borrow().visible[symbol.0];
        known.unwrap_or_else(|| {
            let visible = self.prompts(&self.kconfig.symbol(symbol).nodes);
            self.cache.borrow_mut().visible[symbol.0] = Some(visible);
            visible
        })
    }

    /// Whether a user can see and change an entry of the menu.
    #[must_use]
    pub fn is_visible(&self, node: NodeId) -> bool {
        let node = self.kconfig.node(node);
        let is_offered = node.prompt.as_ref().is_some_and(|prompt| self.holds(&prompt.condition));
        is_offered && (node.item != Item::Menu || self.holds(&node.visible_if))
    }

    fn mode(&self, choice: ChoiceId) -> Tristate {
        let choice_of = self.kconfig.choice(choice);
        let visible = self.prompts(&choice_of.nodes);
        let is_wanted = !choice_of.is_optional || self.picks[choice.0].is_some();
        if is_wanted { visible } else { Tristate::No }
    }

    pub(super) fn chosen(&self, choice: ChoiceId) -> Option<SymbolId> {
        if self.mode(choice) != Tristate::Yes {
            return None;
        }
        let is_offered = |symbol: &SymbolId| self.visibility(*symbol) == Tristate::Yes;
        self.picks[choice.0].filter(is_offered).or_else(|| self.chosen_by_default(choice))
    }

    pub(super) fn chosen_by_default(&self, choice: ChoiceId) -> Option<SymbolId> {
        let choice = self.kconfig.choice(choice);
        let is_offered = |symbol: &SymbolId| self.visibility(*symbol) == Tristate::Yes;
        let defaults = choice.defaults.iter().filter(|default| self.holds(&default.condition));
        let named = defaults.filter_map(|default| match &default.value {
            Expr::Operand(Operand::Symbol(symbol)) => Some(*symbol),
            _ => None,
        });
        named.chain(choice.symbols.iter().copied()).find(is_offered)
    }

    fn compute(&self, id: SymbolId) -> Value {
        let symbol = self.kconfig.symbol(id);
        match symbol.kind {
            Kind::Undefined => Value::of(Tristate::No, false, Why::Nothing),
            Kind::Bool => match symbol.choice {
                Some(choice) => self.member(id, choice),
                None => self.boolean(id, self.wish(id)),
            },
            Kind::Int | Kind::Hex | Kind::String => self.plain(id, self.wish(id)),
        }
    }

    /// The user's value, where the user is asked.
    fn wish(&self, symbol: SymbolId) -> Option<&str> {
        let wish = self.wishes[symbol.0].as_ref()?;
        (self.visibility(symbol) != Tristate::No).then_some(wish.text.as_str())
    }

    fn member(&self, symbol: SymbolId, choice: ChoiceId) -> Value {
        let is_visible = self.visibility(symbol) == Tristate::Yes;
        let is_chosen = is_visible && self.chosen(choice) == Some(symbol);
        let why = if is_chosen && self.picks[choice.0] == Some(symbol) { Why::User } else { Why::Choice };
        Value::of(if is_chosen { Tristate::Yes } else { Tristate::No }, is_visible, why)
    }

    /// The value of a bool that is in no choice, with the wish given.
    fn boolean(&self, id: SymbolId, wish: Option<&str>) -> Value {
        let symbol = self.kconfig.symbol(id);
        let visible = self.visibility(id);
        let mut value = Value::of(Tristate::No, visible != Tristate::No, Why::Nothing);
        let raise = |value: &mut Value, to: Tristate, why: Why| {
            value.is_written = true;
            if to > value.tristate() {
                *value = Value::of(to, true, why);
            }
        };
        if let Some(wished) = wish.and_then(Tristate::parse) {
            value = Value::of(wished.min(visible), true, Why::User);
        } else {
            let default = symbol.defaults.iter().find(|default| self.holds(&default.condition));
            if let Some(default) = default {
                let to = self.eval(&default.value).min(self.eval(&default.condition));
                if to != Tristate::No {
                    value = Value::of(to, true, Why::Default(default.location.clone()));
                }
            }
            if self.holds(&symbol.depends) {
                for link in &symbol.implied_by {
                    let to = self.tristate(link.symbol).min(self.eval(&link.condition));
                    if to != Tristate::No {
                        raise(&mut value, to, Why::Implied(link.symbol));
                    }
                }
            }
        }
        for link in &symbol.selected_by {
            let to = self.tristate(link.symbol).min(self.eval(&link.condition));
            if to != Tristate::No {
                raise(&mut value, to, Why::Selected(link.symbol));
            }
        }
        if value.tristate() == Tristate::Module {
            value.text = "y".to_owned();
        }
        value
    }

    /// Least and greatest value of a number, where a range applies.
    #[must_use]
    pub fn limits(&self, symbol: SymbolId) -> Option<(i128, i128)> {
        let kind = self.kconfig.symbol(symbol).kind;
        let range = self.kconfig.symbol(symbol).ranges.iter().find(|range| self.holds(&range.condition))?;
        let bound = |operand: &Operand| {
            let of = if self.kind(operand) == Kind::Undefined { kind } else { self.kind(operand) };
            number(of, &self.text(operand)).unwrap_or(0)
        };
        Some((bound(&range.low), bound(&range.high)))
    }

    /// The limits in words, as in `1 to 8` or `0x1000 to 0xffff`.
    #[must_use]
    pub fn limits_text(&self, symbol: SymbolId) -> Option<String> {
        let is_hex = self.kconfig.symbol(symbol).kind == Kind::Hex;
        let show = |value: i128| if is_hex { format!("{value:#x}") } else { value.to_string() };
        self.limits(symbol).map(|(low, high)| format!("{} to {}", show(low), show(high)))
    }

    /// The value of a number or string, with the wish given.
    fn plain(&self, id: SymbolId, wish: Option<&str>) -> Value {
        let symbol = self.kconfig.symbol(id);
        let is_visible = self.visibility(id) != Tristate::No;
        let limits = if symbol.kind == Kind::String { None } else { self.limits(id) };
        if let Some(text) = wish {
            let is_inside = limits.is_none_or(|(low, high)| number(symbol.kind, text).is_some_and(|value| (low..=high).contains(&value)));
            if is_inside {
                return Value { text: text.to_owned(), is_written: true, why: Why::User };
            }
        }
        let mut value = self.default_of(id).unwrap_or(Value { text: String::new(), is_written: is_visible, why: Why::Nothing });
        if let Some((low, high)) = limits {
            let now = number(symbol.kind, &value.text).unwrap_or(0);
            if !(low..=high).contains(&now) {
                let clamped = if now < low { low } else { high };
                value.text = if symbol.kind == Kind::Hex { format!("{clamped:#x}") } else { clamped.to_string() };
            }
        }
        value
    }

    /// The first default of a number or string that applies.
    fn default_of(&self, id: SymbolId) -> Option<Value> {
        let default = self.kconfig.symbol(id).defaults.iter().find(|default| self.holds(&default.condition))?;
        let Expr::Operand(operand) = &default.value else { return None };
        Some(Value { text: self.text(operand), is_written: true, why: Why::Default(default.location.clone()) })
    }

    /// The text that a minimal configuration need not tell. Limits are left out of account, as the kernel's tools do.
    pub(super) fn untold(&self, id: SymbolId) -> String {
        match self.kconfig.symbol(id).kind {
            Kind::Bool => self.boolean(id, None).text,
            Kind::Undefined => Tristate::No.as_str().to_owned(),
            _ => self.default_of(id).map_or_else(String::new, |value| value.text),
        }
    }
}
