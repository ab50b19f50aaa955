//! Options in a terminal: a menu over a Kconfig tree, as `make menuconfig` has it.
//!
//! [`Menu`] is what the menu knows: a configuration, where one is in it, an open dialog. It takes keys ([`Menu::key`]) and draws
//! itself ([`Menu::draw`]); neither needs a terminal, so both are tested without one. [`run`] connects it with a real one.
//!
//! [`rows`] is what stands in a menu, [`input`] what keys do, [`dialog`] what lies over the list, [`view`] how all that looks.
#![forbid(unsafe_code)]

mod dialog;
mod input;
mod rows;
mod state;
mod terminal;
mod view;

pub use state::{End, Flow, Menu};
pub use terminal::{MenuError, run};
