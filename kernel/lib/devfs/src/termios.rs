//! `struct termios` and the ioctls on it (termios(3), ioctl_tty(2)).

use crate::terminal::Terminal;
use file::UserMemory;
use uapi::ioctl::{TCFLSH, TCGETS, TCSBRK, TCSBRKP, TCSETS, TCSETSF, TCSETSW, TCXONC};
use uapi::{Errno, Result};

bitflags::bitflags! {
    /// c_iflag, what of it has an effect.
    #[derive(Clone, Copy)]
    pub(crate) struct Input: u32 {
        const IGNCR = 0o200;
        const ICRNL = 0o400;
        const INLCR = 0o100;
    }
}
bitflags::bitflags! {
    /// c_oflag.
    #[derive(Clone, Copy)]
    pub(crate) struct Output: u32 {
        const OPOST = 1;
        const ONLCR = 4;
    }
}
bitflags::bitflags! {
    /// c_lflag.
    #[derive(Clone, Copy)]
    pub(crate) struct Local: u32 {
        const ISIG = 1;
        const ICANON = 2;
        const ECHO = 0o10;
        const ECHOE = 0o20;
        const ECHOK = 0o40;
        const ECHONL = 0o100;
        const NOFLSH = 0o200;
    }
}

/// Indices into `c_cc`.
pub(crate) const VINTR: usize = 0;
pub(crate) const VQUIT: usize = 1;
pub(crate) const VERASE: usize = 2;
pub(crate) const VKILL: usize = 3;
pub(crate) const VEOF: usize = 4;
pub(crate) const VMIN: usize = 6;
pub(crate) const VSUSP: usize = 10;
pub(crate) const VEOL: usize = 11;

/// Control characters in `struct termios`.
const NCCS: usize = 19;

/// A terminal's settings.
#[derive(Clone, Copy)]
pub(crate) struct Termios {
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) control: u32,
    pub(crate) local: u32,
    pub(crate) line: u8,
    pub(crate) chars: [u8; NCCS],
}

impl Termios {
    /// What a fresh Linux terminal has: canonical, echoing, 38400 baud, 8 bits.
    pub(crate) fn initial() -> Termios {
        Termios {
            input: 0o2400, // ICRNL | IXON
            output: 0o5,
            control: 0o277,  // B38400 | CS8 | CREAD
            local: 0o105073, // ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN
            line: 0,
            chars: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
        }
    }

    pub(crate) fn input(&self) -> Input {
        Input::from_bits_truncate(self.input)
    }
    pub(crate) fn output(&self) -> Output {
        Output::from_bits_truncate(self.output)
    }
    pub(crate) fn local(&self) -> Local {
        Local::from_bits_truncate(self.local)
    }

    const SIZE: usize = 4 * 4 + 1 + NCCS;

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (i, word) in [self.input, self.output, self.control, self.local].iter().enumerate() {
            bytes[4 * i..4 * i + 4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes[16] = self.line;
        bytes[17..].copy_from_slice(&self.chars);
        bytes
    }

    fn from_bytes(bytes: &[u8; Self::SIZE]) -> Termios {
        let word = |i: usize| u32::from_ne_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]);
        let mut chars = [0; NCCS];
        chars.copy_from_slice(&bytes[17..]);
        Termios { input: word(0), output: word(1), control: word(2), local: word(3), line: bytes[16], chars }
    }
}

pub(crate) fn ioctl(terminal: &Terminal, command: u32, arg: u64, user: &dyn UserMemory) -> Result<u64> {
    match command {
        TCGETS => user.write_bytes(arg, &terminal.settings().to_bytes())?,
        TCSETS | TCSETSW | TCSETSF => {
            let mut bytes = [0; Termios::SIZE];
            user.read_bytes(arg, &mut bytes)?;
            terminal.set(Termios::from_bytes(&bytes));
            if command == TCSETSF {
                terminal.flush();
            }
        }
        // TCIFLUSH and TCIOFLUSH drop input; output is never held back.
        TCFLSH if matches!(arg, 0 | 2) => terminal.flush(),
        TCFLSH if arg == 1 => {}
        // Nothing is ever in flight, and there is no line to break.
        TCSBRK | TCSBRKP | TCXONC => {}
        _ => return Err(if command == TCFLSH { Errno::EINVAL } else { Errno::ENOTTY }),
    }
    Ok(0)
}
