//! What can go wrong, what to do about it, and the exit code.

use miette::Diagnostic;
use pith_abi::exit;

/// An error of the command line.
#[derive(Debug)]
pub struct Error {
    message: String,
    help: Option<String>,
    /// A complaint that shows a line of a file.
    diagnostic: Option<Box<dyn Diagnostic + Send + Sync>>,
    code: u8,
}

/// A result of the command line: the exit code, or an error.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of Pith's own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, diagnostic: None, code: exit::PITH_ERROR }
    }

    /// A failure that the user has been told about already; only its exit code is left to give.
    pub fn told(code: u8) -> Self {
        Self::new("").with_code(code)
    }

    /// Whether the user knows already.
    pub fn is_told(&self) -> bool {
        self.message.is_empty()
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Sets the exit code.
    #[must_use]
    pub fn with_code(mut self, code: u8) -> Self {
        self.code = code;
        self
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The complaint that shows a line of a file.
    pub fn diagnostic(&self) -> Option<&(dyn Diagnostic + Send + Sync)> {
        self.diagnostic.as_deref()
    }

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.code
    }
}

impl From<pith_kraftfile::Problem> for Error {
    fn from(problem: pith_kraftfile::Problem) -> Self {
        let message = problem.to_string();
        Self { diagnostic: Some(Box::new(problem)), ..Self::new(message) }
    }
}

impl From<pith_monitor::MonitorError> for Error {
    fn from(error: pith_monitor::MonitorError) -> Self {
        Self { help: error.help(), ..Self::new(error.to_string()) }
    }
}

impl From<pith_machine::StoreError> for Error {
    fn from(error: pith_machine::StoreError) -> Self {
        use pith_machine::StoreError;
        let help = match &error {
            StoreError::NameTaken(name) => Some(format!("choose another with --name, or remove it with `pith rm {name}`")),
            StoreError::Ambiguous(_) => Some("give more of the id; `pith ps -aq` lists them".to_owned()),
            StoreError::NotFound(_) => Some("`pith ps -a` lists them".to_owned()),
            StoreError::Corrupt { .. } => Some("`pith rm NAME` removes the machine".to_owned()),
            _ => None,
        };
        Self { help, ..Self::new(error.to_string()) }
    }
}

impl From<pith_rootfs::RootfsError> for Error {
    fn from(error: pith_rootfs::RootfsError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<pith_image::Error> for Error {
    fn from(error: pith_image::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<pith_dockerfile::engine::BuildError> for Error {
    fn from(error: pith_dockerfile::engine::BuildError) -> Self {
        match error {
            pith_dockerfile::engine::BuildError::Problem(problem) => Self::from(*problem),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<pith_builder::BuildError> for Error {
    fn from(error: pith_builder::BuildError) -> Self {
        Self { help: error.help(), ..Self::new(error.to_string()) }
    }
}

impl From<pith_configuration::Error> for Error {
    fn from(error: pith_configuration::Error) -> Self {
        match error {
            pith_configuration::Error::Problem(problem) => Self::from(*problem),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<pith_kraftfile::FindError> for Error {
    fn from(error: pith_kraftfile::FindError) -> Self {
        Self::new(error.to_string())
    }
}
