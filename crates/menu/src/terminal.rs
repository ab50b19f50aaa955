//! The menu in a real terminal.

use crate::state::{End, Flow, Menu};
use pith_kconfig::Config;
use ratatui::crossterm::event::{self, Event};
use std::io;

/// What keeps the menu from working.
#[derive(Debug, thiserror::Error)]
#[error("the terminal: {0}")]
pub struct MenuError(#[from] io::Error);

/// Runs the menu until the user leaves it. `save` keeps a configuration and says where, or why it cannot.
///
/// # Errors
/// There is no terminal, or it stops working.
pub fn run<'k>(mut menu: Menu<'k>, save: &mut dyn FnMut(&Config<'k>) -> Result<String, String>) -> Result<End, MenuError> {
    let mut terminal = ratatui::try_init()?;
    let end = loop {
        let drawn = terminal.draw(|frame| menu.draw(frame)).map(|_| ());
        let flow = match drawn.and_then(|()| event::read()) {
            Ok(Event::Key(key)) => menu.key(key),
            // Any other event, a new size among them, is an occasion to draw.
            Ok(_) => Flow::Stay,
            Err(error) => break Err(error.into()),
        };
        let flow = match flow {
            Flow::Save => match save(menu.config()) {
                Ok(place) => menu.saved(&place),
                Err(problem) => menu.failed(&problem),
            },
            other => other,
        };
        if let Flow::Leave(end) = flow {
            break Ok(end);
        }
    };
    ratatui::try_restore()?;
    end
}
