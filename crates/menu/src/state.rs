//! What the menu knows.

use crate::dialog::Dialog;
use crate::rows::{self, Row, Shown};
use pith_kconfig::{Config, Kconfig, NodeId, SymbolId};

/// How the menu was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to save.
    Saved,
    /// What was not saved is given up.
    Discarded,
}

/// What is to happen after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next key.
    Stay,
    /// Save, and tell by [`Menu::saved`] or [`Menu::failed`]; then leave if that was wanted.
    Save,
    /// Leave.
    Leave(End),
}

/// One of the menus that one has gone into.
#[derive(Clone, Copy, Debug)]
struct Place {
    node: NodeId,
    cursor: usize,
}

/// A menu over a configuration.
#[derive(Debug)]
pub struct Menu<'k> {
    pub(crate) config: Config<'k>,
    pub(crate) title: String,
    pub(crate) shown: Shown,
    pub(crate) dialog: Option<Dialog>,
    /// Said once, below the list.
    pub(crate) message: Option<String>,
    /// How many rows of the list can be seen; the view says.
    pub(crate) page: usize,
    /// First row that is seen.
    pub(crate) top: usize,
    places: Vec<Place>,
    /// What was saved last.
    kept: String,
    /// Whether saving is the last thing to do.
    pub(crate) leaves: bool,
}

impl<'k> Menu<'k> {
    /// A menu over a configuration that counts as saved.
    #[must_use]
    pub fn new(config: Config<'k>, title: &str) -> Self {
        let kept = config.write("");
        Self {
            config,
            title: title.to_owned(),
            shown: Shown::Offered,
            dialog: None,
            message: None,
            page: 10,
            top: 0,
            places: vec![Place { node: Kconfig::ROOT, cursor: 0 }],
            kept,
            leaves: false,
        }
    }

    /// The configuration as it is now.
    #[must_use]
    pub fn config(&self) -> &Config<'k> {
        &self.config
    }

    /// Whether there is something to save.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.config.write("") != self.kept
    }

    /// It was saved; `place` says where.
    pub fn saved(&mut self, place: &str) -> Flow {
        self.kept = self.config.write("");
        self.message = Some(format!("saved to {place}"));
        if self.leaves { Flow::Leave(End::Saved) } else { Flow::Stay }
    }

    /// It could not be saved.
    pub fn failed(&mut self, problem: &str) -> Flow {
        self.leaves = false;
        self.dialog = Some(Dialog::Text { title: "Not saved".to_owned(), lines: vec![problem.to_owned()], top: 0 });
        Flow::Stay
    }

    /// The rows of the menu that one is in.
    pub(crate) fn rows(&self) -> Vec<Row> {
        rows::rows(&self.config, self.place().node, self.shown)
    }

    fn place(&self) -> Place {
        self.places.last().copied().unwrap_or(Place { node: Kconfig::ROOT, cursor: 0 })
    }

    /// Number of the marked row.
    pub(crate) fn cursor(&self) -> usize {
        self.place().cursor
    }

    pub(crate) fn set_cursor(&mut self, to: usize) {
        let last = self.rows().len().saturating_sub(1);
        if let Some(place) = self.places.last_mut() {
            place.cursor = to.min(last);
        }
    }

    /// The marked row.
    pub(crate) fn current(&self) -> Option<Row> {
        let mut rows = self.rows();
        let at = self.cursor();
        (at < rows.len()).then(|| rows.swap_remove(at))
    }

    /// Goes into a menu.
    pub(crate) fn enter(&mut self, node: NodeId) {
        self.places.push(Place { node, cursor: 0 });
        self.top = 0;
    }

    /// Goes back; whether there was somewhere to go.
    pub(crate) fn back(&mut self) -> bool {
        let can = self.places.len() > 1;
        if can {
            self.places.pop();
        }
        self.top = 0;
        can
    }

    /// Titles of the menus that one has gone into.
    pub(crate) fn path(&self) -> Vec<String> {
        let nodes = self.places.iter().skip(1).map(|place| self.config.kconfig().node(place.node));
        nodes.filter_map(|node| node.prompt.as_ref().map(|prompt| prompt.text.clone())).collect()
    }

    /// Goes to an entry, wherever it is.
    pub(crate) fn go_to(&mut self, node: NodeId) {
        let kconfig = self.config.kconfig();
        if !self.config.is_visible(node) {
            self.shown = Shown::All;
        }
        let mut menus = Vec::new();
        let mut at = node;
        while at != Kconfig::ROOT {
            at = rows::menu_of(kconfig, at);
            menus.push(at);
        }
        menus.reverse();
        self.places = menus.into_iter().map(|node| Place { node, cursor: 0 }).collect();
        self.top = 0;
        let at = self.rows().iter().position(|row| row.node == node).unwrap_or(0);
        self.set_cursor(at);
        // The menus on the way stand at what was gone into.
        for level in 1..self.places.len() {
            let inner = self.places[level].node;
            let outer = rows::rows(&self.config, self.places[level - 1].node, self.shown);
            self.places[level - 1].cursor = outer.iter().position(|row| row.node == inner).unwrap_or(0);
        }
    }

    /// Sets a value by hand. The marked entry stays marked, wherever it moves.
    pub(crate) fn set(&mut self, symbol: SymbolId, value: &str) {
        let marked = self.current().map(|row| row.node);
        if let Err(error) = self.config.set(symbol, value, pith_kconfig::Origin::Other("the menu".into())) {
            self.message = Some(error.message);
        }
        let at = self.rows().iter().position(|row| Some(row.node) == marked);
        self.set_cursor(at.unwrap_or(self.cursor()));
    }
}
