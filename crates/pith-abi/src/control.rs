//! The control channel: bytes from the host to the guest on COM2's receive side.
//!
//! Each signal is one upper-case letter. The end of standard input is `E`, the number of bytes that were sent on COM1 in
//! decimal, and a line feed: the two serial lines are not ordered against each other, so the guest reports end of file
//! once it has received that many bytes. The host sends nothing on either line before the guest has written the record
//! `@ready` ([`crate::record::Record::Ready`]): setting up a UART's FIFO drops the byte that it already holds. Unknown bytes are ignored, so that an older kernel survives a newer host.

use alloc::string::String;

/// One request of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Deliver this signal (Linux number) to the application.
    Signal(u8),
    /// Standard input ends after this many bytes in total.
    EndOfInput {
        /// Bytes sent on COM1 since the start.
        total_bytes: u64,
    },
}

/// Letter and Linux signal number. The only table of its kind: both directions read it.
const SIGNALS: [(u8, u8); 7] = [(b'T', 15), (b'I', 2), (b'H', 1), (b'Q', 3), (b'U', 10), (b'V', 12), (b'W', 28)];

/// The letter that asks for `signal` (1 HUP, 2 INT, 3 QUIT, 10 USR1, 12 USR2, 15 TERM, 28 WINCH), if it can be asked for.
#[must_use]
pub fn signal_byte(signal: u8) -> Option<u8> {
    SIGNALS.iter().find(|(_, number)| *number == signal).map(|(byte, _)| *byte)
}

/// The message that tells the guest where its standard input ends.
#[must_use]
pub fn end_of_input(total_bytes: u64) -> String {
    alloc::format!("E{total_bytes}\n")
}

/// Reads the channel byte by byte; keep one per serial line.
#[derive(Clone, Debug, Default)]
pub struct ControlParser {
    /// The number being read after an `E`.
    counting: Option<u64>,
}

impl ControlParser {
    /// Takes the next byte; yields a request when one is complete.
    pub fn push(&mut self, byte: u8) -> Option<Control> {
        if let Some(total) = self.counting {
            match byte {
                b'0'..=b'9' => {
                    self.counting = Some(total.saturating_mul(10).saturating_add(u64::from(byte - b'0')));
                    return None;
                }
                b'\n' => {
                    self.counting = None;
                    return Some(Control::EndOfInput { total_bytes: total });
                }
                // A malformed count is dropped; the byte is read as the start of something new.
                _ => self.counting = None,
            }
        }
        if byte == b'E' {
            self.counting = Some(0);
            return None;
        }
        SIGNALS.iter().find(|(letter, _)| *letter == byte).map(|(_, number)| Control::Signal(*number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_and_end_of_input_survive_the_line() {
        let mut parser = ControlParser::default();
        let mut sent = vec![signal_byte(15).unwrap()];
        sent.extend(end_of_input(1_234_567).bytes());
        sent.push(signal_byte(2).unwrap());
        let got: Vec<_> = sent.into_iter().filter_map(|b| parser.push(b)).collect();
        assert_eq!(got, [Control::Signal(15), Control::EndOfInput { total_bytes: 1_234_567 }, Control::Signal(2)]);
    }

    #[test]
    fn noise_is_ignored_and_does_not_hide_what_follows() {
        let mut parser = ControlParser::default();
        let got: Vec<_> = b"?E12T9\nx".iter().filter_map(|b| parser.push(*b)).collect();
        assert_eq!(got, [Control::Signal(15)]);
        assert_eq!(signal_byte(9), None);
    }
}
