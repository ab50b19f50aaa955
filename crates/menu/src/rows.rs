//! What stands in a menu: one row for each entry that is offered, and those that are children of another's indented below it.

use pith_kconfig::{Config, Item, Kconfig, Kind, NodeId, SymbolId};

/// Whether entries that are not offered are listed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// What can be seen and changed.
    Offered,
    /// Everything.
    All,
}

/// What a row lets one do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kindness {
    /// A bool to switch.
    Switch(SymbolId),
    /// One of a choice's symbols.
    Pick(SymbolId),
    /// A number or text to enter.
    Entry(SymbolId),
    /// A value that cannot be changed now.
    Fixed(SymbolId),
    /// A menu or a choice to go into.
    Inside,
    /// Nothing: a line of text.
    Text,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry.
    pub node: NodeId,
    /// How far it is indented, in steps.
    pub depth: usize,
    /// What can be done with it.
    pub kindness: Kindness,
    /// Whether there is a menu behind it.
    pub has_inside: bool,
    /// Whether it is offered; others are listed only on request.
    pub is_offered: bool,
    /// Its state, as in `[*]`, `(8)`, `-*-`.
    pub mark: String,
    /// Its title.
    pub title: String,
}

impl Row {
    /// The symbol that it is about.
    pub fn symbol(&self) -> Option<SymbolId> {
        match self.kindness {
            Kindness::Switch(symbol) | Kindness::Pick(symbol) | Kindness::Entry(symbol) | Kindness::Fixed(symbol) => Some(symbol),
            Kindness::Inside | Kindness::Text => None,
        }
    }
}

/// The rows of the menu behind `parent`.
pub fn rows(config: &Config<'_>, parent: NodeId, shown: Shown) -> Vec<Row> {
    let mut out = Vec::new();
    below(config, parent, 0, shown, &mut out);
    out
}

/// Whether anything is listed behind an entry.
fn has_rows(config: &Config<'_>, parent: NodeId, shown: Shown) -> bool {
    !rows(config, parent, shown).is_empty()
}

fn below(config: &Config<'_>, parent: NodeId, depth: usize, shown: Shown, out: &mut Vec<Row>) {
    let kconfig = config.kconfig();
    for child in &kconfig.node(parent).children {
        let node = kconfig.node(*child);
        let is_offered = config.is_visible(*child);
        let is_listed = (is_offered || shown == Shown::All) && (node.prompt.is_some() || matches!(node.item, Item::Symbol(_)));
        let opens = matches!(node.item, Item::Menu | Item::Choice(_)) || node.is_menuconfig;
        if is_listed {
            let (kindness, mark) = state(config, *child, is_offered);
            let has_inside = opens && has_rows(config, *child, shown);
            let title = node.prompt.as_ref().map(|prompt| prompt.text.clone()).unwrap_or_else(|| name(kconfig, node.item));
            out.push(Row { node: *child, depth, kindness, has_inside, is_offered, mark, title });
        }
        if !opens {
            below(config, *child, depth + usize::from(is_listed), shown, out);
        }
    }
}

fn name(kconfig: &Kconfig, item: Item) -> String {
    match item {
        Item::Symbol(symbol) => kconfig.symbol(symbol).name.clone(),
        Item::Choice(choice) => kconfig.choice(choice).name.clone().unwrap_or_default(),
        Item::Menu | Item::Comment => String::new(),
    }
}

fn state(config: &Config<'_>, node: NodeId, is_offered: bool) -> (Kindness, String) {
    let kconfig = config.kconfig();
    match kconfig.node(node).item {
        Item::Menu => (Kindness::Inside, String::new()),
        Item::Comment => (Kindness::Text, "***".to_owned()),
        Item::Choice(choice) => {
            let chosen = config.selection(choice).map(|symbol| title_of(kconfig, symbol)).unwrap_or_default();
            (Kindness::Inside, format!("({chosen})"))
        }
        Item::Symbol(symbol) => {
            let value = config.value(symbol).text;
            let is_set = value == "y";
            let about = kconfig.symbol(symbol);
            match about.kind {
                Kind::Bool if about.choice.is_some() => {
                    let kindness = if is_offered { Kindness::Pick(symbol) } else { Kindness::Fixed(symbol) };
                    (kindness, if is_set { "(X)" } else { "( )" }.to_owned())
                }
                Kind::Bool if is_offered && !config.is_selected(symbol) => {
                    (Kindness::Switch(symbol), if is_set { "[*]" } else { "[ ]" }.to_owned())
                }
                Kind::Bool => (Kindness::Fixed(symbol), if is_set { "-*-" } else { "- -" }.to_owned()),
                _ if is_offered => (Kindness::Entry(symbol), format!("({value})")),
                _ => (Kindness::Fixed(symbol), format!("-{value}-")),
            }
        }
    }
}

/// What a symbol is called in the menu.
pub fn title_of(kconfig: &Kconfig, symbol: SymbolId) -> String {
    let about = kconfig.symbol(symbol);
    let prompts = about.nodes.iter().filter_map(|node| kconfig.node(*node).prompt.as_ref());
    prompts.map(|prompt| prompt.text.clone()).next().unwrap_or_else(|| about.name.clone())
}

/// The menu in which an entry is listed: the nearest one around it that opens.
pub fn menu_of(kconfig: &Kconfig, node: NodeId) -> NodeId {
    let mut at = kconfig.node(node).parent;
    while at != Kconfig::ROOT {
        let around = kconfig.node(at);
        if around.is_menuconfig || matches!(around.item, Item::Menu | Item::Choice(_)) {
            break;
        }
        at = around.parent;
    }
    at
}
