//! What the machine was started with.

use alloc::string::String;
use machine::application::surroundings;
use spin::Once;

static NAME: Once<&'static str> = Once::new();

#[doc(hidden)]
pub fn set_name(name: &'static str) {
    NAME.call_once(|| name);
}

/// The program's name, then its arguments: the Kraftfile's `cmd`, or the words behind `pith run`.
pub fn args() -> impl Iterator<Item = String> {
    NAME.get().map(|name| String::from(*name)).into_iter().chain(surroundings().config.argv.iter().cloned())
}

/// A variable of the environment (`pith run --env`); the last one of that name.
pub fn var(name: &str) -> Option<String> {
    vars().filter(|(known, _)| known == name).last().map(|(_, value)| value)
}

/// The environment.
pub fn vars() -> impl Iterator<Item = (String, String)> {
    let pair = |entry: &String| entry.split_once('=').map(|(name, value)| (String::from(name), String::from(value)));
    surroundings().config.env.iter().filter_map(pair)
}
