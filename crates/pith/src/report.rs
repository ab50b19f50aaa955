//! How Pith speaks: on standard error, one line per message, in the form and as much as the user chose.

use crate::cli::{LogLevel, LogType};
use crate::error::Error;
use crate::settings::Settings;
use miette::{GraphicalReportHandler, GraphicalTheme};
use rustix::termios::OutputModes;
use std::io::{self, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where messages go.
#[derive(Clone, Debug)]
pub struct Report {
    level: LogLevel,
    kind: LogType,
    has_color: bool,
    has_timestamps: bool,
}

impl Report {
    /// As the user has settled.
    pub fn new(settings: &Settings) -> Self {
        let kind = settings.log_type();
        let has_color = kind == LogType::Fancy && !settings.is_plain() && io::stderr().is_terminal();
        Self { level: settings.log_level(), kind, has_color, has_timestamps: settings.has_timestamps() }
    }

    /// For what goes wrong before anything is settled.
    pub fn plain() -> Self {
        Self { level: LogLevel::Info, kind: LogType::Basic, has_color: false, has_timestamps: false }
    }

    /// Whether output on standard output may be coloured.
    pub fn colors_output(&self, settings: &Settings) -> bool {
        !settings.is_plain() && self.kind == LogType::Fancy && io::stdout().is_terminal()
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
        let stamp = match self.has_timestamps && self.kind != LogType::Json {
            true => format!("{} ", humantime::format_rfc3339_millis(SystemTime::now())),
            false => String::new(),
        };
        let line = match self.kind {
            LogType::Json => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
                let level = if name.is_empty() { "info" } else { name };
                serde_json::json!({ "time": now, "level": level, "msg": text }).to_string()
            }
            _ if name.is_empty() => format!("{stamp}pith: {text}"),
            _ if self.has_color => format!("{stamp}pith: \x1b[1;{color}m{name}\x1b[0m: {text}"),
            _ => format!("{stamp}pith: {name}: {text}"),
        };
        // A terminal that the application has in its hands does not return by itself.
        let is_raw = rustix::termios::tcgetattr(io::stderr()).is_ok_and(|terminal| !terminal.output_modes.contains(OutputModes::OPOST));
        // Nobody to tell: nothing to do.
        let _ = write!(io::stderr().lock(), "{line}{}", if is_raw { "\r\n" } else { "\n" });
    }

    /// Something is not as the user would expect.
    pub fn warn(&self, text: &str) {
        self.line(LogLevel::Warn, text);
    }

    /// What a compiler warns of, in its own words.
    pub fn compiler(&self, text: &str) {
        match self.kind {
            LogType::Json => self.warn(text),
            _ if self.shows(LogLevel::Warn) => drop(writeln!(io::stderr().lock(), "{text}")),
            _ => {}
        }
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
        if error.is_told() {
            return;
        }
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
