//! 16550 serial port (National Semiconductor PC16550D).
//!
//! Registers come as a trait, so the driver runs on the host against a model. It polls the transmitter and takes received bytes from the
//! interrupt handler; there is no flow control.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

/// Access to the eight registers of one port.
pub trait Registers {
    /// Reads register `index` (0-7).
    fn read(&self, index: u8) -> u8;
    /// Writes register `index` (0-7).
    fn write(&self, index: u8, value: u8);
    /// Writes all bytes to register `index` in order.
    fn write_all(&self, index: u8, bytes: &[u8]) {
        for byte in bytes {
            self.write(index, *byte);
        }
    }
}

const DATA: u8 = 0;
const INTERRUPT_ENABLE: u8 = 1;
const FIFO_CONTROL: u8 = 2;
const LINE_CONTROL: u8 = 3;
const MODEM_CONTROL: u8 = 4;
const LINE_STATUS: u8 = 5;
const SCRATCH: u8 = 7;

const DATA_READY: u8 = 0x01;
const TRANSMITTER_EMPTY: u8 = 0x20;
/// Bytes the transmitter's queue takes once it is empty.
const FIFO_BYTES: usize = 16;

/// One serial port.
pub struct Uart<R> {
    registers: R,
}

impl<R: Registers> Uart<R> {
    /// Finds the port (its scratch register must keep what is written), sets 115,200 baud, 8 bits, no parity, queues on.
    pub fn probe(registers: R) -> Option<Self> {
        registers.write(SCRATCH, 0x5a);
        if registers.read(SCRATCH) != 0x5a {
            return None;
        }
        // The divisor's two halves lie where data and interrupt enable are otherwise.
        registers.write(LINE_CONTROL, 0x80);
        registers.write(DATA, 1);
        registers.write(INTERRUPT_ENABLE, 0);
        registers.write(LINE_CONTROL, 0x03);
        // An interrupt for 14 received bytes, or for fewer once the line is silent for four characters.
        registers.write(FIFO_CONTROL, 0xc7);
        // DTR, RTS and OUT2, which lets interrupts through.
        registers.write(MODEM_CONTROL, 0x0b);
        Some(Self { registers })
    }

    /// Interrupts for received bytes from here on.
    pub fn enable_receive_interrupt(&self) {
        self.registers.write(INTERRUPT_ENABLE, 0x01);
    }

    /// Sends all bytes, waiting for the transmitter.
    pub fn write(&self, bytes: &[u8]) {
        for chunk in bytes.chunks(FIFO_BYTES) {
            while self.registers.read(LINE_STATUS) & TRANSMITTER_EMPTY == 0 {
                core::hint::spin_loop();
            }
            self.registers.write_all(DATA, chunk);
        }
    }

    /// The next received byte.
    pub fn read(&self) -> Option<u8> {
        (self.registers.read(LINE_STATUS) & DATA_READY != 0).then(|| self.registers.read(DATA))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::VecDeque;

    #[derive(Default)]
    struct Model {
        scratch: RefCell<u8>,
        sent: RefCell<Vec<u8>>,
        received: RefCell<VecDeque<u8>>,
        busy: RefCell<u32>,
    }
    impl Registers for &Model {
        fn read(&self, index: u8) -> u8 {
            match index {
                DATA => self.received.borrow_mut().pop_front().unwrap_or(0),
                LINE_STATUS => {
                    let mut busy = self.busy.borrow_mut();
                    *busy = busy.saturating_sub(1);
                    let ready = if self.received.borrow().is_empty() { 0 } else { DATA_READY };
                    ready | if *busy == 0 { TRANSMITTER_EMPTY } else { 0 }
                }
                SCRATCH => *self.scratch.borrow(),
                _ => 0,
            }
        }
        fn write(&self, index: u8, value: u8) {
            match index {
                DATA => self.sent.borrow_mut().push(value),
                SCRATCH => *self.scratch.borrow_mut() = value,
                _ => {}
            }
        }
    }

    #[test]
    fn sends_everything_in_order_and_waits_for_the_transmitter() {
        let model = Model::default();
        let uart = Uart::probe(&model).unwrap();
        model.sent.borrow_mut().clear();
        *model.busy.borrow_mut() = 5;
        let text: Vec<u8> = (0..100).collect();
        uart.write(&text);
        assert_eq!(*model.sent.borrow(), text);
    }

    #[test]
    fn receives_until_the_queue_is_empty() {
        let model = Model::default();
        let uart = Uart::probe(&model).unwrap();
        model.received.borrow_mut().extend(*b"ab");
        assert_eq!([uart.read(), uart.read(), uart.read()], [Some(b'a'), Some(b'b'), None]);
    }

    #[test]
    fn an_absent_port_is_not_found() {
        struct Absent;
        impl Registers for Absent {
            fn read(&self, _: u8) -> u8 {
                0xff
            }
            fn write(&self, _: u8, _: u8) {}
        }
        assert!(Uart::probe(Absent).is_none());
    }
}
