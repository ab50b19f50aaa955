//! How a machine ended, from the records that its kernel wrote.

use pith_abi::{exit, record::Record};

/// How a machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The application exited.
    Exit(u8),
    /// A signal ended the application.
    Signal(u8),
    /// Memory ran out.
    OutOfMemory(String),
    /// The kernel panicked; return addresses, innermost first.
    Panic {
        /// What it said.
        text: String,
        /// Backtrace.
        frames: Vec<u64>,
    },
    /// The application could not be started.
    NotStarted {
        /// Exit code to report.
        code: u8,
        /// Why.
        text: String,
    },
    /// It was told to stop and did not in time, so the monitor was ended.
    Killed,
    /// The monitor stopped the virtual CPU: an error it could not go on from.
    Stuck,
    /// The monitor was ended by this signal, from outside.
    MonitorKilled(u8),
    /// The monitor ended without a word from the kernel.
    Silent {
        /// What the monitor said.
        diagnostics: String,
    },
}

impl Ending {
    /// The exit code of `pith run`.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Exit(code) => *code,
            Self::Signal(number) => exit::from_signal(*number),
            Self::OutOfMemory(_) => exit::OUT_OF_MEMORY,
            Self::Panic { .. } | Self::Stuck => exit::KERNEL_PANIC,
            Self::NotStarted { code, .. } => *code,
            Self::Killed => exit::from_signal(9),
            Self::MonitorKilled(number) => exit::from_signal(*number),
            Self::Silent { diagnostics } if diagnostics.trim().is_empty() => exit::KERNEL_PANIC,
            Self::Silent { .. } => exit::PITH_ERROR,
        }
    }

    /// Why it ended, when the code alone does not say it.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Exit(_) => None,
            Self::Signal(number) => Some(format!("ended by signal {number}{}", signal_name(*number))),
            Self::OutOfMemory(text) => Some(format!("out of memory: {text}")),
            Self::Panic { text, .. } => Some(format!("the guest kernel panicked: {text}")),
            Self::NotStarted { text, .. } => Some(text.clone()),
            Self::Killed => Some("did not stop in time and was ended".to_owned()),
            Self::MonitorKilled(number) => Some(format!("the monitor was ended by signal {number}{}", signal_name(*number))),
            Self::Stuck => Some("the virtual CPU stopped on an error".to_owned()),
            Self::Silent { diagnostics } if diagnostics.trim().is_empty() => Some("the machine reset itself without a word".to_owned()),
            Self::Silent { diagnostics } => Some(diagnostics.trim().to_owned()),
        }
    }
}

/// ` (SIGSEGV)` for the signals that people know by name.
fn signal_name(number: u8) -> &'static str {
    match number {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        10 => " (SIGUSR1)",
        11 => " (SIGSEGV)",
        12 => " (SIGUSR2)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// What follows the words that a kernel without words leaves to the host.
const SILENT: &str = " (this kernel was built without CONFIG_MESSAGES, so it says no more)";

/// Reads records as they come and remembers what they say about the end. The first word about it counts: what follows a
/// panic or an exit is an echo.
#[derive(Clone, Debug, Default)]
pub struct EndingReader {
    ending: Option<Ending>,
}

impl EndingReader {
    /// Takes one record.
    pub fn push(&mut self, record: Record<'_>) {
        if let (Some(Ending::Panic { frames, .. }), Record::Frame(address)) = (&mut self.ending, record) {
            frames.push(address);
            return;
        }
        let ending = match record {
            Record::Exit(code) => Ending::Exit(code),
            Record::Signal(number) => Ending::Signal(number),
            Record::Oom("") => Ending::OutOfMemory(format!("nothing is left for the application or the kernel{SILENT}")),
            Record::Oom(text) => Ending::OutOfMemory(text.to_owned()),
            Record::Panic(text) => Ending::Panic { text: text.to_owned(), frames: Vec::new() },
            Record::Fail { code, text: "" } => {
                let what = match code {
                    exit::NOT_FOUND => "the program is not in the image",
                    exit::NOT_EXECUTABLE => "the program or its working directory cannot be used",
                    _ => "the kernel cannot use its command line or its root file system",
                };
                Ending::NotStarted { code, text: format!("{what}{SILENT}") }
            }
            Record::Fail { code, text } => Ending::NotStarted { code, text: text.to_owned() },
            Record::Ready | Record::Log { .. } | Record::Frame(_) => return,
        };
        // A panic on the way out of anything but an exit is the more important news.
        if self.ending.is_none() || (matches!(ending, Ending::Panic { .. }) && !matches!(self.ending, Some(Ending::Panic { .. }))) {
            self.ending = Some(ending);
        }
    }

    /// What is known so far.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// What is known at last.
    #[must_use]
    pub fn into_ending(self) -> Option<Ending> {
        self.ending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Option<Ending> {
        let mut reader = EndingReader::default();
        lines.iter().filter_map(|line| Record::parse(line)).for_each(|record| reader.push(record));
        reader.into_ending()
    }

    #[test]
    fn a_kernel_without_words_is_spoken_for() {
        for (record, expected) in [
            (
                Record::Fail { code: 127, text: "" },
                "the program is not in the image (this kernel was built without CONFIG_MESSAGES, so it says no more)",
            ),
            (Record::Fail { code: 127, text: "x is not in the image" }, "x is not in the image"),
            (Record::Oom("a page"), "out of memory: a page"),
        ] {
            let mut reader = EndingReader::default();
            reader.push(record);
            assert_eq!(reader.ending().and_then(Ending::reason).as_deref(), Some(expected));
        }
    }

    #[test]
    fn the_first_word_counts_and_a_panic_beats_it() {
        assert_eq!(read(&["I 0.000001 up", "@exit 3", "@exit 4"]), Some(Ending::Exit(3)));
        assert_eq!(read(&["@signal 11"]).unwrap().exit_code(), 139);
        let panic = read(&["@exit 0", "@panic bad", "@frame ffffffff80001000", "@frame 1", "@panic again"]);
        assert_eq!(panic, Some(Ending::Panic { text: "bad".to_owned(), frames: vec![0xffff_ffff_8000_1000, 1] }));
        assert_eq!(read(&["@fail 127 /x: no such file"]).unwrap().exit_code(), 127);
        assert_eq!(read(&["@oom x"]).unwrap().exit_code(), 123);
        assert_eq!(read(&["noise"]), None);
    }
}
