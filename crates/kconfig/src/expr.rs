//! Dependency expressions.

use crate::model::{ChoiceId, Kconfig, SymbolId};
use std::fmt;

/// What a dependency evaluates to. Without modules, which Pith has none of, a symbol is `n` or `y`; the constant `m` stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tristate {
    /// `n`
    No,
    /// `m`
    Module,
    /// `y`
    Yes,
}

impl Tristate {
    /// Reads `n`, `m` or `y`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "n" => Some(Self::No),
            "m" => Some(Self::Module),
            "y" => Some(Self::Yes),
            _ => None,
        }
    }

    /// `n`, `m` or `y`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::No => "n",
            Self::Module => "m",
            Self::Yes => "y",
        }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Module => Self::Module,
            Self::Yes => Self::No,
        }
    }
}

/// One side of a comparison, or a whole expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A symbol's value.
    Symbol(SymbolId),
    /// `y`, `n`, `m`, a number or a quoted string.
    Constant(String),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// A symbol or a constant.
    Operand(Operand),
    /// Whether a choice offers its symbols.
    Choice(ChoiceId),
    /// A comparison of values.
    Compare(Compare, Operand, Operand),
    /// `!`
    Not(Box<Expr>),
    /// `&&`
    And(Box<Expr>, Box<Expr>),
    /// `||`
    Or(Box<Expr>, Box<Expr>),
}

impl Expr {
    /// The expression that always holds.
    #[must_use]
    pub fn yes() -> Self {
        Self::Operand(Operand::Constant("y".to_owned()))
    }

    /// The expression that never holds.
    #[must_use]
    pub fn no() -> Self {
        Self::Operand(Operand::Constant("n".to_owned()))
    }

    /// Whether it is the constant `y`.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Operand(Operand::Constant(text)) if text == "y")
    }

    fn is_no(&self) -> bool {
        matches!(self, Self::Operand(Operand::Constant(text)) if text == "n")
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.is_yes() || other.is_no() {
            other
        } else if other.is_yes() || self.is_no() || self == other {
            self
        } else {
            Self::And(Box::new(self), Box::new(other))
        }
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.is_no() || other.is_yes() {
            other
        } else if other.is_no() || self.is_yes() || self == other {
            self
        } else {
            Self::Or(Box::new(self), Box::new(other))
        }
    }

    /// Calls `visit` for every symbol in it.
    pub fn symbols(&self, visit: &mut dyn FnMut(SymbolId)) {
        let mut operand = |operand: &Operand| {
            if let Operand::Symbol(symbol) = operand {
                visit(*symbol);
            }
        };
        match self {
            Self::Operand(one) => operand(one),
            Self::Choice(_) => {}
            Self::Compare(_, left, right) => {
                operand(left);
                operand(right);
            }
            Self::Not(inner) => inner.symbols(visit),
            Self::And(left, right) | Self::Or(left, right) => {
                left.symbols(visit);
                right.symbols(visit);
            }
        }
    }

    /// Calls `visit` for every choice in it.
    pub(crate) fn choices(&self, visit: &mut dyn FnMut(ChoiceId)) {
        match self {
            Self::Choice(choice) => visit(*choice),
            Self::Operand(_) | Self::Compare(..) => {}
            Self::Not(inner) => inner.choices(visit),
            Self::And(left, right) | Self::Or(left, right) => {
                left.choices(visit);
                right.choices(visit);
            }
        }
    }

    /// Whether it can hold only if `symbol` is set: what makes an entry a child of the symbol's in the menu.
    pub(crate) fn requires(&self, symbol: SymbolId) -> bool {
        let is_it = |operand: &Operand| *operand == Operand::Symbol(symbol);
        let is_constant = |operand: &Operand, texts: &[&str]| matches!(operand, Operand::Constant(text) if texts.contains(&text.as_str()));
        match self {
            Self::Operand(operand) => is_it(operand),
            Self::Compare(Compare::Equal, left, right) => {
                (is_it(left) && is_constant(right, &["y", "m"])) || (is_it(right) && is_constant(left, &["y", "m"]))
            }
            Self::Compare(Compare::NotEqual, left, right) => {
                (is_it(left) && is_constant(right, &["n"])) || (is_it(right) && is_constant(left, &["n"]))
            }
            Self::And(left, right) => left.requires(symbol) || right.requires(symbol),
            _ => false,
        }
    }

    /// The parts of a conjunction.
    #[must_use]
    pub fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::And(left, right) => {
                let mut parts = left.conjuncts();
                parts.extend(right.conjuncts());
                parts
            }
            other => vec![other],
        }
    }

    /// As it is written in a file.
    #[must_use]
    pub fn display<'a>(&'a self, kconfig: &'a Kconfig) -> impl fmt::Display + 'a {
        Shown { expr: self, kconfig }
    }
}

struct Shown<'a> {
    expr: &'a Expr,
    kconfig: &'a Kconfig,
}

impl Shown<'_> {
    fn operand(&self, operand: &Operand, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match operand {
            Operand::Symbol(symbol) => f.write_str(&self.kconfig.symbol(*symbol).name),
            Operand::Constant(text) if Tristate::parse(text).is_some() => f.write_str(text),
            Operand::Constant(text) => write!(f, "\"{}\"", escape(text)),
        }
    }

    fn inner(&self, expr: &Expr, in_and: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Shown { expr, kconfig: self.kconfig };
        if in_and && matches!(expr, Expr::Or(..)) { write!(f, "({shown})") } else { write!(f, "{shown}") }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expr {
            Expr::Operand(operand) => self.operand(operand, f),
            Expr::Choice(choice) => match &self.kconfig.choice(*choice).name {
                Some(name) => write!(f, "<choice {name}>"),
                None => f.write_str("<choice>"),
            },
            Expr::Compare(compare, left, right) => {
                self.operand(left, f)?;
                write!(f, "{}", compare.as_str())?;
                self.operand(right, f)
            }
            Expr::Not(inner) => {
                f.write_str("!")?;
                if matches!(**inner, Expr::And(..) | Expr::Or(..)) {
                    write!(f, "({})", Shown { expr: inner, kconfig: self.kconfig })
                } else {
                    self.inner(inner, true, f)
                }
            }
            Expr::And(left, right) => {
                self.inner(left, true, f)?;
                f.write_str(" && ")?;
                self.inner(right, true, f)
            }
            Expr::Or(left, right) => {
                self.inner(left, false, f)?;
                f.write_str(" || ")?;
                self.inner(right, false, f)
            }
        }
    }
}

/// A string as it stands between double quotes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
