//! Writing a command line that parses back to the same values.

use super::types::{FstabEntry, LogLevel, MmioDevice, NetdevIp, RandomSeed, StderrChannel, User, WindowSize};
use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// A string that no command line can carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// A NUL byte, which ends the line on the way to the guest.
    Nul {
        /// The string, up to the NUL.
        before: String,
    },
    /// `-a` values must be `lib.param=value`.
    NotAParameter(String),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nul { before } => write!(f, "a NUL byte follows {before:?}; the guest's command line cannot carry it"),
            Self::NotAParameter(text) => write!(f, "{text:?} is not of the form lib.param=value"),
        }
    }
}

impl core::error::Error for BuildError {}

/// Collects parameters and arguments; [`CmdlineBuilder::build`] writes them down.
#[derive(Clone, Debug, Default)]
pub struct CmdlineBuilder {
    parameters: Vec<String>,
    fstab: Vec<String>,
    env: Vec<String>,
    argv: Vec<String>,
}

/// Quotes a word where it needs it.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',' | '+' | '@' | '%' | '=');
    // An argument in the shape of a transport would be taken for one at the end of the line.
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with("virtio_mmio.device=") {
        return word.to_owned();
    }
    quote_always(word)
}

fn quote_always(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    out.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

impl CmdlineBuilder {
    /// An empty line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn parameter(&mut self, name: &str, value: &str) -> &mut Self {
        self.parameters.push(alloc::format!("{name}={value}"));
        self
    }

    /// The next network device's address.
    pub fn netdev_ip(&mut self, ip: &NetdevIp) -> &mut Self {
        let text = ip.to_string();
        // Brackets need no quotes: a list is told apart by what follows its bracket.
        self.parameter("netdev.ip", &text)
    }

    /// One more mount.
    pub fn fstab(&mut self, entry: &FstabEntry) -> &mut Self {
        self.fstab.push(quote_always(&entry.to_string()));
        self
    }

    /// One more environment variable.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push(quote_always(&alloc::format!("{name}={value}")));
        self
    }

    /// One more virtio-mmio transport.
    pub fn virtio_mmio(&mut self, device: &MmioDevice) -> &mut Self {
        self.parameter("virtio_mmio.device", &device.to_string())
    }

    /// How much the kernel should write.
    pub fn log_level(&mut self, level: LogLevel) -> &mut Self {
        self.parameter("pith.log", level.name())
    }

    /// Randomness for the guest.
    pub fn random_seed(&mut self, seed: &RandomSeed) -> &mut Self {
        let words: Vec<String> = seed.0.iter().map(|word| alloc::format!("{word:#x}")).collect();
        self.parameter("random.seed", &alloc::format!("[ {} ]", words.join(" ")))
    }

    /// The application's working directory, absolute.
    pub fn workdir(&mut self, path: &str) -> &mut Self {
        self.parameter("pith.workdir", &quote(path))
    }

    /// Whom the application runs as.
    pub fn user(&mut self, user: &User) -> &mut Self {
        self.parameter("pith.user", &user.to_string())
    }

    /// The machine's host name.
    pub fn hostname(&mut self, name: &str) -> &mut Self {
        self.parameter("pith.hostname", &quote(name))
    }

    /// Where standard error goes; the default is not written.
    pub fn stderr(&mut self, channel: StderrChannel) -> &mut Self {
        match channel {
            StderrChannel::Separate => self,
            StderrChannel::Merge => self.parameter("pith.stderr", "merge"),
        }
    }

    /// The application's terminal.
    pub fn tty(&mut self, size: WindowSize) -> &mut Self {
        self.parameter("pith.tty", &size.to_string())
    }

    /// A parameter in the user's own words (`-a lib.param=value`), passed through after a check of its form.
    ///
    /// # Errors
    /// [`BuildError::NotAParameter`] without a `lib.param=` in front, or with a quote or list left open.
    pub fn raw_parameter(&mut self, text: &str) -> Result<&mut Self, BuildError> {
        let refused = || BuildError::NotAParameter(text.to_owned());
        let mut lexer = super::lexer::Lexer::starting_at(text, 0);
        let name = lexer.parameter_name().filter(|name| name.contains('.')).ok_or_else(refused)?;
        lexer.value(name).map_err(|_| refused())?;
        if lexer.pos() == text.len() {
            self.parameters.push(text.to_owned());
        } else {
            // `-a env.vars=A=b c` from a shell: the rest of the text belongs to the value.
            let (name, value) = text.split_once('=').ok_or_else(refused)?;
            self.parameters.push(alloc::format!("{name}={}", quote(value)));
        }
        Ok(self)
    }

    /// One more argument of the application; the first is the application itself.
    pub fn arg(&mut self, word: &str) -> &mut Self {
        self.argv.push(quote(word));
        self
    }

    /// The line: parameters, then, when there are any, `--` and arguments.
    ///
    /// # Errors
    /// [`BuildError::Nul`] when some string holds a NUL.
    pub fn build(&self) -> Result<String, BuildError> {
        let mut words = self.parameters.clone();
        for (name, items) in [("vfs.fstab", &self.fstab), ("env.vars", &self.env)] {
            if !items.is_empty() {
                words.push(alloc::format!("{name}=[ {} ]", items.join(" ")));
            }
        }
        if !self.argv.is_empty() {
            words.push("--".to_owned());
            words.extend(self.argv.iter().cloned());
        }
        let line = words.join(" ");
        match line.split_once('\0') {
            Some((before, _)) => Err(BuildError::Nul { before: before.to_owned() }),
            None => Ok(line),
        }
    }
}
