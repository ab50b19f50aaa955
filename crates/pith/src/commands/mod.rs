//! Commands on projects, on machines that exist already, and on Pith itself.

pub mod build;
pub mod clean;
pub mod completion;
pub mod doctor;
pub mod events;
pub mod exec;
pub mod fetch;
pub mod filter;
pub mod inspect;
pub mod library;
pub mod lifecycle;
pub mod logs;
pub mod menu;
pub mod project;
pub mod ps;
pub mod select;
pub mod set;
pub mod signal;
pub mod stats;
pub mod system;
pub mod times;
pub mod version;
