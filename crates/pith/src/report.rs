//! How Pith speaks: on standard error, one line per message, in the form and as much as the user chose.

use crate::cli::{Global, LogLevel, LogType, variable};
use crate::error::Error;
use miette::{GraphicalReportHandler, GraphicalTheme};
use std::io::{self, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where messages go.
#[derive(Debug)]
pub struct Report {
    level: LogLevel,
    kind: LogType,
    has_color: bool,
}

impl Report {
    /// As the flags and the environment say. `NO_COLOR` is honoured (no-color.org).
    pub fn new(global: &Global) -> Self {
        let is_plain = global.no_color || variable("NO_COLOR").is_some() || variable("KRAFTKIT_NO_COLOR").is_some();
        let has_color = global.log_type() == LogType::Fancy && !is_plain && io::stderr().is_terminal();
        Self { level: global.log_level(), kind: global.log_type(), has_color }
    }

    /// Whether messages of this level are shown.
    pub fn shows(&self, level: LogLevel) -> bool {
        level <= self.level && (self.kind != LogType::Quiet || level <= LogLevel::Error)
    }

    /// Whether a progress bar may be drawn.
    pub fn is_interactive(&self) -> bool {
        self.kind == LogType::Fancy && io::stderr().is_terminal() && self.shows(LogLevel::Info)
    }

    fn line(&self, level: LogLevel, text: &str) {
        if !self.shows(level) {
            return;
        }
        let (name, color) = match level {
            LogLevel::Panic | LogLevel::Error => ("error", "31"),
            LogLevel::Warn => ("warning", "33"),
            LogLevel::Info => ("", ""),
            LogLevel::Debug => ("debug", "34"),
            LogLevel::Trace => ("trace", "90"),
        };
        let line = match self.kind {
            LogType::Json => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                let level = if name.is_empty() { "info" } else { name };
                serde_json::json!({ "time": now, "level": level, "msg": text }).to_string()
            }
            _ if name.is_empty() => format!("pith: {text}"),
            _ if self.has_color => format!("pith: \x1b[1;{color}m{name}\x1b[0m: {text}"),
            _ => format!("pith: {name}: {text}"),
        };
        // Nobody to tell: nothing to do.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Something is not as the user would expect.
    pub fn warn(&self, text: &str) {
        self.line(LogLevel::Warn, text);
    }

    /// Worth knowing.
    pub fn info(&self, text: &str) {
        self.line(LogLevel::Info, text);
    }

    /// For those who look for a fault.
    pub fn debug(&self, text: &str) {
        self.line(LogLevel::Debug, text);
    }

    /// Something failed, other than the command as a whole.
    pub fn error(&self, text: &str) {
        self.line(LogLevel::Error, text);
    }

    /// The command failed.
    pub fn failure(&self, error: &Error) {
        if self.kind == LogType::Json {
            let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
            self.error(&format!("{}{help}", error.message()));
            return;
        }
        if let Some(diagnostic) = error.diagnostic() {
            let theme = match (self.has_color, io::stderr().is_terminal()) {
                (true, _) => GraphicalTheme::unicode(),
                (false, true) => GraphicalTheme::unicode_nocolor(),
                (false, false) => GraphicalTheme::none(),
            };
            let mut text = String::new();
            let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
            if handler.render_report(&mut text, diagnostic).is_ok() {
                let _ = write!(io::stderr().lock(), "{text}");
                return;
            }
        }
        self.error(error.message());
        if let Some(help) = error.help() {
            let _ = writeln!(io::stderr().lock(), "  help: {help}");
        }
    }
}
