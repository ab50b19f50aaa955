//! What a tree of Kconfig files says.

use crate::expr::Expr;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A symbol of one [`Kconfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SymbolId(pub(crate) usize);

/// A choice of one [`Kconfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChoiceId(pub(crate) usize);

/// An entry of the menu tree of one [`Kconfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(crate) usize);

/// A symbol's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Named in an expression, defined nowhere: its value is `n`, or its name in comparisons.
    Undefined,
    /// `bool`; `tristate` is the same here, as in a Linux tree without modules.
    Bool,
    /// `int`
    Int,
    /// `hex`
    Hex,
    /// `string`
    String,
}

impl Kind {
    /// The keyword.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Hex => "hex",
            Self::String => "string",
        }
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was sourced.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// `default VALUE if CONDITION`.
#[derive(Clone, Debug)]
pub struct Default {
    /// The value: an expression for a bool, else one symbol or constant.
    pub value: Expr,
    /// When it applies.
    pub condition: Expr,
    /// Where it stands.
    pub location: Location,
}

/// `select` or `imply`, seen from either end.
#[derive(Clone, Debug)]
pub struct Link {
    /// The symbol at the other end.
    pub symbol: SymbolId,
    /// When it applies.
    pub condition: Expr,
    /// Where it stands.
    pub location: Location,
}

/// `range LOW HIGH if CONDITION`.
#[derive(Clone, Debug)]
pub struct Range {
    /// Least value.
    pub low: crate::expr::Operand,
    /// Greatest value.
    pub high: crate::expr::Operand,
    /// When it applies.
    pub condition: Expr,
}

/// One configuration symbol, all its definitions put together.
#[derive(Debug)]
pub struct Symbol {
    /// Its name, without `CONFIG_`.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// Its definitions in the menu.
    pub nodes: Vec<NodeId>,
    /// In order of preference.
    pub defaults: Vec<Default>,
    /// What it selects.
    pub selects: Vec<Link>,
    /// What it implies.
    pub implies: Vec<Link>,
    /// The first that applies counts.
    pub ranges: Vec<Range>,
    /// Whom it is selected by.
    pub selected_by: Vec<Link>,
    /// Whom it is implied by.
    pub implied_by: Vec<Link>,
    /// Its dependencies: those of one of its definitions have to hold.
    pub depends: Expr,
    /// The choice that it belongs to.
    pub choice: Option<ChoiceId>,
}

/// Symbols of which one is chosen.
#[derive(Debug)]
pub struct Choice {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its definitions in the menu.
    pub nodes: Vec<NodeId>,
    /// What is offered, in order.
    pub symbols: Vec<SymbolId>,
    /// In order of preference; the value is one of the symbols.
    pub defaults: Vec<Default>,
    /// Whether none may be chosen.
    pub is_optional: bool,
}

/// What a user is asked.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The question.
    pub text: String,
    /// When it is asked.
    pub condition: Expr,
}

/// What an entry of the menu tree is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A menu; its title is the prompt.
    Menu,
    /// A line of text; it is the prompt.
    Comment,
    /// A symbol.
    Symbol(SymbolId),
    /// A choice.
    Choice(ChoiceId),
}

/// An entry of the menu tree.
#[derive(Debug)]
pub struct Node {
    /// What it is about.
    pub item: Item,
    /// What the user is asked.
    pub prompt: Option<Prompt>,
    /// Its own and inherited dependencies.
    pub depends: Expr,
    /// Further condition for what is inside to be shown.
    pub visible_if: Expr,
    /// Its help text.
    pub help: Option<String>,
    /// Whether its children are shown in a menu of their own.
    pub is_menuconfig: bool,
    /// The entry that it is in; the root is in itself.
    pub parent: NodeId,
    /// The entries in it, in order.
    pub children: Vec<NodeId>,
    /// Where it is defined.
    pub location: Location,
    pub(crate) own: Own,
}

/// Attributes of one definition, before inherited dependencies are added.
#[derive(Debug, Default)]
pub(crate) struct Own {
    pub(crate) defaults: Vec<Default>,
    pub(crate) selects: Vec<Link>,
    pub(crate) implies: Vec<Link>,
    pub(crate) ranges: Vec<Range>,
}

/// A tree of Kconfig files.
#[derive(Debug)]
pub struct Kconfig {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) names: HashMap<String, SymbolId>,
    pub(crate) title: String,
}

impl Kconfig {
    /// The root of the menu tree.
    pub const ROOT: NodeId = NodeId(0);

    /// Title of the main menu.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// One symbol.
    #[must_use]
    pub fn symbol(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.0]
    }

    /// One choice.
    #[must_use]
    pub fn choice(&self, id: ChoiceId) -> &Choice {
        &self.choices[id.0]
    }

    /// One entry of the menu tree.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// A symbol by its name, with or without `CONFIG_`. A symbol that is only named in expressions is none.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        self.names.get(name).copied().filter(|id| self.symbol(*id).kind != Kind::Undefined)
    }

    /// Every defined symbol, in the order of its first definition.
    pub fn defined(&self) -> impl Iterator<Item = SymbolId> + '_ {
        let mut seen = vec![false; self.symbols.len()];
        self.nodes.iter().filter_map(move |node| match node.item {
            Item::Symbol(id) if !seen[id.0] => {
                seen[id.0] = true;
                Some(id)
            }
            _ => None,
        })
    }

    /// The defined symbol whose name is nearest to `name`.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        let known: Vec<&str> = self.defined().map(|id| self.symbol(id).name.as_str()).collect();
        pith_diagnostic::nearest(name, &known)
    }

    pub(crate) fn intern(&mut self, name: &str) -> SymbolId {
        if let Some(id) = self.names.get(name) {
            return *id;
        }
        let id = SymbolId(self.symbols.len());
        self.symbols.push(Symbol {
            name: name.to_owned(),
            kind: Kind::Undefined,
            nodes: Vec::new(),
            defaults: Vec::new(),
            selects: Vec::new(),
            implies: Vec::new(),
            ranges: Vec::new(),
            selected_by: Vec::new(),
            implied_by: Vec::new(),
            depends: Expr::no(),
            choice: None,
        });
        self.names.insert(name.to_owned(), id);
        id
    }
}
