//! What follows from the tree once all of it is read: inherited dependencies, the menus that dependencies imply, choices'
//! symbols, selections seen from the selected, and that nothing follows from itself.

use crate::expr::{Expr, Operand};
use crate::model::{ChoiceId, Item, Kconfig, Kind, Link, Location, NodeId, SymbolId};

/// Values that follow from themselves.
pub(crate) struct Circle {
    pub(crate) location: Location,
    pub(crate) message: String,
    pub(crate) help: String,
}

/// A value that other values follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fact {
    Value(SymbolId),
    Visibility(SymbolId),
    /// Whether a choice offers anything.
    Mode(ChoiceId),
    /// What a choice has chosen.
    Selection(ChoiceId),
}

impl Kconfig {
    pub(crate) fn finish(&mut self) -> Result<(), Circle> {
        self.inherit(Self::ROOT, &Expr::yes());
        self.imply_menus(Self::ROOT);
        self.fill_choices();
        self.collect();
        self.find_circle().map_or(Ok(()), Err)
    }

    /// Adds what surrounds an entry to its dependencies.
    fn inherit(&mut self, parent: NodeId, visible: &Expr) {
        let base = match self.nodes[parent.0].item {
            Item::Choice(choice) => Expr::Choice(choice),
            _ => self.nodes[parent.0].depends.clone(),
        };
        for child in self.nodes[parent.0].children.clone() {
            let node = &mut self.nodes[child.0];
            let depends = base.clone().and(node.depends.clone());
            node.depends.clone_from(&depends);
            if let Some(prompt) = &mut node.prompt {
                let asked = std::mem::replace(&mut prompt.condition, Expr::yes());
                prompt.condition = asked.and(visible.clone()).and(depends.clone());
            }
            let add = |condition: &mut Expr| *condition = std::mem::replace(condition, Expr::yes()).and(depends.clone());
            node.own.defaults.iter_mut().for_each(|default| add(&mut default.condition));
            node.own.selects.iter_mut().for_each(|link| add(&mut link.condition));
            node.own.implies.iter_mut().for_each(|link| add(&mut link.condition));
            node.own.ranges.iter_mut().for_each(|range| add(&mut range.condition));
            let inner = visible.clone().and(node.visible_if.clone());
            self.inherit(child, &inner);
        }
    }

    /// Makes entries that need the symbol before them its children.
    fn imply_menus(&mut self, parent: NodeId) {
        let children = std::mem::take(&mut self.nodes[parent.0].children);
        let mut kept: Vec<NodeId> = Vec::new();
        for child in children {
            let taker = kept.last().copied().filter(|last| match self.nodes[last.0].item {
                Item::Symbol(symbol) => {
                    let node = &self.nodes[child.0];
                    node.prompt.as_ref().map_or(&node.depends, |prompt| &prompt.condition).requires(symbol)
                }
                _ => false,
            });
            match taker {
                Some(last) => {
                    self.nodes[child.0].parent = last;
                    self.nodes[last.0].children.push(child);
                }
                None => kept.push(child),
            }
        }
        self.nodes[parent.0].children.clone_from(&kept);
        for child in kept {
            self.imply_menus(child);
        }
    }

    fn fill_choices(&mut self) {
        for id in 0..self.choices.len() {
            for node in self.choices[id].nodes.clone() {
                for child in self.nodes[node.0].children.clone() {
                    let Item::Symbol(symbol) = self.nodes[child.0].item else { continue };
                    let member = &mut self.symbols[symbol.0];
                    member.choice = Some(ChoiceId(id));
                    if member.kind == Kind::Undefined {
                        member.kind = Kind::Bool;
                    }
                    if !self.choices[id].symbols.contains(&symbol) {
                        self.choices[id].symbols.push(symbol);
                    }
                }
            }
        }
    }

    /// Brings the definitions of each symbol together.
    fn collect(&mut self) {
        for index in 0..self.nodes.len() {
            let own = std::mem::take(&mut self.nodes[index].own);
            let depends = self.nodes[index].depends.clone();
            match self.nodes[index].item {
                Item::Symbol(id) => {
                    let reverse = |link: &Link| {
                        (link.symbol, Link { symbol: id, condition: link.condition.clone(), location: link.location.clone() })
                    };
                    for (target, link) in own.selects.iter().map(reverse) {
                        self.symbols[target.0].selected_by.push(link);
                    }
                    for (target, link) in own.implies.iter().map(reverse) {
                        self.symbols[target.0].implied_by.push(link);
                    }
                    let symbol = &mut self.symbols[id.0];
                    symbol.depends = std::mem::replace(&mut symbol.depends, Expr::no()).or(depends);
                    symbol.defaults.extend(own.defaults);
                    symbol.selects.extend(own.selects);
                    symbol.implies.extend(own.implies);
                    symbol.ranges.extend(own.ranges);
                }
                Item::Choice(id) => self.choices[id.0].defaults.extend(own.defaults),
                Item::Menu | Item::Comment => {}
            }
        }
    }

    /// What a fact follows from.
    fn sources(&self, fact: Fact) -> Vec<Fact> {
        let mut out = Vec::new();
        let mut add = |expr: &Expr| {
            let mut found = Vec::new();
            expr.symbols(&mut |symbol| found.push(Fact::Value(symbol)));
            expr.choices(&mut |choice| found.push(Fact::Mode(choice)));
            out.extend(found);
        };
        match fact {
            Fact::Value(id) => {
                let symbol = self.symbol(id);
                for default in &symbol.defaults {
                    add(&default.value);
                    add(&default.condition);
                }
                for range in &symbol.ranges {
                    add(&range.condition);
                    add(&Expr::Operand(range.low.clone()));
                    add(&Expr::Operand(range.high.clone()));
                }
                for link in symbol.selected_by.iter().chain(&symbol.implied_by) {
                    add(&Expr::Operand(Operand::Symbol(link.symbol)));
                    add(&link.condition);
                }
                if !symbol.implied_by.is_empty() {
                    add(&symbol.depends);
                }
                out.push(Fact::Visibility(id));
                if let Some(choice) = symbol.choice {
                    out.extend([Fact::Mode(choice), Fact::Selection(choice)]);
                }
            }
            Fact::Visibility(id) => {
                for node in &self.symbol(id).nodes {
                    self.node(*node).prompt.iter().for_each(|prompt| add(&prompt.condition));
                }
            }
            Fact::Mode(id) => {
                for node in &self.choice(id).nodes {
                    self.node(*node).prompt.iter().for_each(|prompt| add(&prompt.condition));
                }
            }
            Fact::Selection(id) => {
                let choice = self.choice(id);
                choice.defaults.iter().for_each(|default| add(&default.condition));
                out.extend(choice.symbols.iter().map(|symbol| Fact::Visibility(*symbol)));
            }
        }
        out
    }

    fn find_circle(&self) -> Option<Circle> {
        let slot = |fact: Fact| match fact {
            Fact::Value(id) => id.0,
            Fact::Visibility(id) => self.symbols.len() + id.0,
            Fact::Mode(id) => 2 * self.symbols.len() + id.0,
            Fact::Selection(id) => 2 * self.symbols.len() + self.choices.len() + id.0,
        };
        let mut is_done = vec![false; 2 * (self.symbols.len() + self.choices.len())];
        for start in (0..self.symbols.len()).map(|id| Fact::Value(SymbolId(id))) {
            // A path of facts, each with what it still has to be followed to.
            let mut path = vec![(start, self.sources(start))];
            while let Some((fact, rest)) = path.last_mut() {
                let Some(next) = rest.pop() else {
                    is_done[slot(*fact)] = true;
                    path.pop();
                    continue;
                };
                if is_done[slot(next)] {
                    continue;
                }
                if let Some(at) = path.iter().position(|(known, _)| *known == next) {
                    let facts: Vec<Fact> = path.iter().skip(at).map(|(fact, _)| *fact).collect();
                    return Some(self.circle(&facts));
                }
                path.push((next, self.sources(next)));
            }
        }
        None
    }

    fn circle(&self, facts: &[Fact]) -> Circle {
        let name = |fact: &Fact| match fact {
            Fact::Value(id) | Fact::Visibility(id) => self.symbol(*id).name.clone(),
            Fact::Mode(id) | Fact::Selection(id) => self.choice(*id).name.clone().unwrap_or_else(|| "a choice".to_owned()),
        };
        let mut names: Vec<String> = facts.iter().map(name).collect();
        names.dedup();
        if names.len() > 1 && names.first() == names.last() {
            names.pop();
        }
        names.extend(names.first().cloned());
        let nodes = facts.iter().filter_map(|fact| match fact {
            Fact::Value(id) | Fact::Visibility(id) => self.symbol(*id).nodes.first(),
            Fact::Mode(id) | Fact::Selection(id) => self.choice(*id).nodes.first(),
        });
        let mut locations: Vec<Location> = nodes.map(|node| self.node(*node).location.clone()).collect();
        locations.dedup();
        let places: Vec<String> = locations.iter().map(ToString::to_string).collect();
        Circle {
            location: locations.into_iter().next().unwrap_or(Location { file: "".into(), line: 1 }),
            message: format!("a value that depends on itself: {}", names.join(" <- ")),
            help: format!("defined at {}", places.join(", ")),
        }
    }
}
