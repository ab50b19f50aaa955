// Constants of the image with their usual values. `pith build` gives those that are options (Kconfig) the project's.

/// KiB of standard input kept for the application on a console of serial lines; more wait in the monitor.
pub const CONSOLE_INPUT_KIB: u64 = 16;
