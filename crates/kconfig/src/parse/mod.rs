//! From files to the menu tree.
//!
//! [`reader`] gives logical lines and help texts, [`entries`] the blocks of a file, [`attributes`] what stands below an entry,
//! [`expressions`] dependencies, [`variables`] the `$(NAME)` that the other three never see.

mod attributes;
mod entries;
mod expressions;
mod reader;
mod variables;

pub use variables::Variables;

use crate::expr::Expr;
use crate::model::{Choice, Item, Kconfig, Location, Node, NodeId, Own};
use pith_diagnostic::Problem;
use reader::Reader;
use std::collections::HashMap;
use std::io;

/// How deeply files may source each other, and blocks stand in each other.
const DEPTH: usize = 32;

/// Where the texts come from: a directory, or what is built into a program.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// It is not there or not readable.
    fn read(&self, path: &str) -> io::Result<String>;
}

impl Files for std::path::PathBuf {
    fn read(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.join(path))
    }
}

impl Files for HashMap<&str, &str> {
    fn read(&self, path: &str) -> io::Result<String> {
        self.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// What every entry of a block inherits.
#[derive(Clone)]
struct Context {
    parent: NodeId,
    /// The `if` blocks around.
    condition: Expr,
    /// How many blocks are around.
    depth: usize,
}

struct Parser<'a> {
    kconfig: Kconfig,
    files: &'a dyn Files,
    variables: Variables,
    named_choices: HashMap<String, crate::model::ChoiceId>,
    /// The files being read, outermost first.
    open: Vec<String>,
}

impl Kconfig {
    /// Reads `path` and all that it sources.
    ///
    /// # Errors
    /// The first thing that is not Kconfig, with its line; a file that cannot be read; symbols that depend on themselves.
    pub fn load(files: &dyn Files, path: &str, variables: &Variables) -> Result<Self, Problem> {
        let root = Node {
            item: Item::Menu,
            prompt: None,
            depends: Expr::yes(),
            visible_if: Expr::yes(),
            help: None,
            is_menuconfig: true,
            parent: Self::ROOT,
            children: Vec::new(),
            location: Location { file: path.into(), line: 1 },
            own: Own::default(),
        };
        let kconfig =
            Self { symbols: Vec::new(), choices: Vec::new(), nodes: vec![root], names: HashMap::new(), title: "Configuration".to_owned() };
        let mut parser = Parser { kconfig, files, variables: variables.clone(), named_choices: HashMap::new(), open: Vec::new() };
        let text = files.read(path).map_err(|error| {
            let source = pith_diagnostic::Source::new(path, "", "kconfig");
            source.problem(pith_diagnostic::Place::default(), format!("cannot read {path}: {error}"), "here")
        })?;
        let mut reader = Reader::new(path, &text);
        parser.open.push(path.to_owned());
        parser.block(&mut reader, &Context { parent: Self::ROOT, condition: Expr::yes(), depth: 0 }, None)?;
        let mut kconfig = parser.kconfig;
        kconfig.finish().map_err(|circle| {
            let text = files.read(&circle.location.file).unwrap_or_default();
            Reader::new(&circle.location.file, &text).at_line(circle.location.line, circle.message, "one of them").with_help(circle.help)
        })?;
        Ok(kconfig)
    }
}

impl Parser<'_> {
    /// Adds an entry to the tree.
    fn node(&mut self, item: Item, context: &Context, location: Location) -> NodeId {
        let id = NodeId(self.kconfig.nodes.len());
        self.kconfig.nodes.push(Node {
            item,
            prompt: None,
            depends: context.condition.clone(),
            visible_if: Expr::yes(),
            help: None,
            is_menuconfig: false,
            parent: context.parent,
            children: Vec::new(),
            location,
            own: Own::default(),
        });
        self.kconfig.nodes[context.parent.0].children.push(id);
        match item {
            Item::Symbol(symbol) => self.kconfig.symbols[symbol.0].nodes.push(id),
            Item::Choice(choice) => self.kconfig.choices[choice.0].nodes.push(id),
            Item::Menu | Item::Comment => {}
        }
        id
    }

    /// The choice of that name, or a new one.
    fn choice(&mut self, name: Option<String>) -> crate::model::ChoiceId {
        if let Some(known) = name.as_ref().and_then(|name| self.named_choices.get(name)) {
            return *known;
        }
        let id = crate::model::ChoiceId(self.kconfig.choices.len());
        if let Some(name) = &name {
            self.named_choices.insert(name.clone(), id);
        }
        self.kconfig.choices.push(Choice { name, nodes: Vec::new(), symbols: Vec::new(), defaults: Vec::new(), is_optional: false });
        id
    }
}
