//! What keys do.

use crate::dialog::{self, Dialog, Field, Step};
use crate::rows::{Kindness, Shown};
use crate::state::{End, Flow, Menu};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The keys, for those who ask.
const HELP: [&str; 16] = [
    "up, down, j, k     move",
    "page up, page down, home, end",
    "enter, right       go into a menu, enter a value, switch",
    "left, backspace    go back",
    "space              switch an option on or off, pick from a choice",
    "y, n               switch on, switch off",
    "?                  help, dependencies and who selects the marked option",
    "h, F1              this",
    "/                  look for an option by name or title",
    "z                  show what is not offered too, and why not",
    "s                  save",
    "q, escape          leave; asks when something is unsaved",
    "Q                  leave without saving",
    "",
    "[*] on   [ ] off   -*- on, because others need it",
    "(X) picked   (8) a value   ---> a menu",
];

impl Menu<'_> {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Flow {
        if key.kind == KeyEventKind::Release {
            return Flow::Stay;
        }
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            // Ctrl-C is no accident of a finger, but still must not lose work.
            return if key.code == KeyCode::Char('c') { self.leave() } else { Flow::Stay };
        }
        match self.dialog.take() {
            None => self.list_key(key.code),
            Some(dialog) => self.dialog_key(dialog, key.code),
        }
    }

    fn leave(&mut self) -> Flow {
        if self.is_changed() {
            self.dialog = Some(Dialog::Leave);
            Flow::Stay
        } else {
            Flow::Leave(End::Saved)
        }
    }

    fn list_key(&mut self, code: KeyCode) -> Flow {
        let at = self.cursor();
        match code {
            KeyCode::Up | KeyCode::Char('k') => self.set_cursor(at.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.set_cursor(at + 1),
            KeyCode::PageUp => self.set_cursor(at.saturating_sub(self.page)),
            KeyCode::PageDown => self.set_cursor(at + self.page),
            KeyCode::Home => self.set_cursor(0),
            KeyCode::End => self.set_cursor(usize::MAX),
            KeyCode::Enter | KeyCode::Right | KeyCode::Char('l') => self.open(),
            KeyCode::Left | KeyCode::Backspace => {
                self.back();
            }
            KeyCode::Esc if self.back() => {}
            KeyCode::Esc | KeyCode::Char('q') => return self.leave(),
            KeyCode::Char('Q') => return Flow::Leave(End::Discarded),
            KeyCode::Char(' ') => self.switch(None),
            KeyCode::Char('y') => self.switch(Some("y")),
            KeyCode::Char('n') => self.switch(Some("n")),
            KeyCode::Char('s') => return Flow::Save,
            KeyCode::Char('z' | 'Z') => self.toggle_shown(),
            KeyCode::Char('/') => self.dialog = Some(Dialog::Search { field: Field::default(), hits: Vec::new(), at: 0 }),
            KeyCode::Char('?') => self.explain(),
            KeyCode::Char('h') | KeyCode::F(1) => {
                let lines = HELP.iter().map(|line| (*line).to_owned()).collect();
                self.dialog = Some(Dialog::Text { title: "Keys".to_owned(), lines, top: 0 });
            }
            _ => {}
        }
        Flow::Stay
    }

    fn toggle_shown(&mut self) {
        let marked = self.current().map(|row| row.node);
        self.shown = if self.shown == Shown::All { Shown::Offered } else { Shown::All };
        let at = self.rows().iter().position(|row| Some(row.node) == marked).unwrap_or(0);
        self.set_cursor(at);
    }

    /// Enter: what an entry is there for.
    fn open(&mut self) {
        let Some(row) = self.current() else { return };
        match row.kindness {
            _ if row.has_inside => self.enter(row.node),
            Kindness::Entry(symbol) => {
                let field = Field::new(&self.config.value(symbol).text);
                self.dialog = Some(Dialog::Entry { symbol, field, problem: None });
            }
            Kindness::Inside => self.message = Some("there is nothing in this menu".to_owned()),
            _ => self.switch(None),
        }
    }

    /// Space, y and n.
    fn switch(&mut self, to: Option<&str>) {
        let Some(row) = self.current() else { return };
        match row.kindness {
            Kindness::Switch(symbol) => {
                let flipped = if self.config.value(symbol).text == "y" { "n" } else { "y" };
                self.set(symbol, to.unwrap_or(flipped));
            }
            Kindness::Pick(symbol) if to != Some("n") => {
                self.set(symbol, "y");
                // A choice is made: back to where it is asked.
                self.back();
            }
            Kindness::Pick(_) => self.message = Some("pick another one instead".to_owned()),
            Kindness::Entry(_) if to.is_none() => self.open(),
            Kindness::Fixed(_) => self.message = self.obstacle(),
            Kindness::Inside if to.is_none() => self.open(),
            Kindness::Entry(_) | Kindness::Inside | Kindness::Text => {}
        }
    }

    /// Why the marked entry cannot be changed.
    pub(crate) fn obstacle(&self) -> Option<String> {
        let row = self.current()?;
        let Kindness::Fixed(symbol) = row.kindness else { return None };
        let kconfig = self.config.kconfig();
        let node = kconfig.node(row.node);
        let unmet = self.config.unmet(&node.depends);
        let selectors: Vec<&str> = self.config.selectors(symbol).iter().map(|id| kconfig.symbol(*id).name.as_str()).collect();
        Some(if !selectors.is_empty() {
            format!("needed by {}", selectors.join(", "))
        } else if !unmet.is_empty() {
            format!("needs {}", unmet.join(" and "))
        } else if node.prompt.is_none() {
            "follows from other options".to_owned()
        } else {
            "is not offered in this configuration".to_owned()
        })
    }

    fn explain(&mut self) {
        let Some(row) = self.current() else { return };
        let node = self.config.kconfig().node(row.node);
        let text = match row.symbol() {
            Some(symbol) => self.config.explain(symbol),
            None => {
                let mut text = format!("{}\n  defined at: {}\n", row.title, node.location);
                if !node.depends.is_yes() {
                    text += &format!("  depends on: {}\n", node.depends.display(self.config.kconfig()));
                }
                text + node.help.as_deref().unwrap_or_default()
            }
        };
        let lines = text.lines().map(ToOwned::to_owned).collect();
        self.dialog = Some(Dialog::Text { title: row.title, lines, top: 0 });
    }

    fn dialog_key(&mut self, dialog: Dialog, code: KeyCode) -> Flow {
        match dialog {
            Dialog::Text { title, lines, top } => self.text_key(title, lines, top, code),
            Dialog::Search { field, hits, at } => self.search_key(field, hits, at, code),
            Dialog::Entry { symbol, field, .. } => self.entry_key(symbol, field, code),
            Dialog::Leave => match code {
                KeyCode::Char('y' | 'Y' | 's') | KeyCode::Enter => {
                    self.leaves = true;
                    return Flow::Save;
                }
                KeyCode::Char('n' | 'N' | 'd') => return Flow::Leave(End::Discarded),
                KeyCode::Esc | KeyCode::Char('c' | 'q') => {}
                _ => self.dialog = Some(Dialog::Leave),
            },
        }
        Flow::Stay
    }

    fn text_key(&mut self, title: String, lines: Vec<String>, top: usize, code: KeyCode) {
        let last = lines.len().saturating_sub(1);
        let top = match code {
            KeyCode::Up | KeyCode::Char('k') => top.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (top + 1).min(last),
            KeyCode::PageUp => top.saturating_sub(self.page),
            KeyCode::PageDown | KeyCode::Char(' ') => (top + self.page).min(last),
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return,
        };
        self.dialog = Some(Dialog::Text { title, lines, top });
    }

    fn search_key(&mut self, mut field: Field, hits: Vec<dialog::Hit>, at: usize, code: KeyCode) {
        let (mut hits, mut at) = (hits, at);
        match code {
            KeyCode::Esc => return,
            KeyCode::Enter => {
                if let Some(hit) = hits.get(at) {
                    let node = hit.node;
                    self.go_to(node);
                    return;
                }
            }
            KeyCode::Up => at = at.saturating_sub(1),
            KeyCode::Down => at = (at + 1).min(hits.len().saturating_sub(1)),
            _ => {
                typed(&mut field, code);
                hits = dialog::find(&self.config, &field.text());
                at = 0;
            }
        }
        self.dialog = Some(Dialog::Search { field, hits, at });
    }

    fn entry_key(&mut self, symbol: pith_kconfig::SymbolId, mut field: Field, code: KeyCode) {
        let problem = match code {
            KeyCode::Esc => return,
            KeyCode::Enter => match dialog::check(&self.config, symbol, &field.text()) {
                Ok(()) => {
                    self.set(symbol, &field.text());
                    return;
                }
                Err(problem) => Some(problem),
            },
            _ => {
                typed(&mut field, code);
                None
            }
        };
        self.dialog = Some(Dialog::Entry { symbol, field, problem });
    }
}

/// A key in a field.
fn typed(field: &mut Field, code: KeyCode) {
    match code {
        KeyCode::Char(c) => field.insert(c),
        KeyCode::Backspace => field.backspace(),
        KeyCode::Delete => field.delete(),
        KeyCode::Left => field.step(Step::Left),
        KeyCode::Right => field.step(Step::Right),
        KeyCode::Home => field.step(Step::Start),
        KeyCode::End => field.step(Step::End),
        _ => {}
    }
}
