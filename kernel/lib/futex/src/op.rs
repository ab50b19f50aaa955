//! FUTEX_WAKE_OP's encoded operation (futex(2)).

use uapi::{Errno, Result};
use usermem::UserMemory;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Set,
    Add,
    Or,
    AndNot,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// "Change the word, and tell how its old value compared."
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeOp {
    change: Change,
    operand: i32,
    compare: Compare,
    against: i32,
}

/// The low 12 bits as a signed number.
fn signed12(bits: u32) -> i32 {
    (bits << 20).cast_signed() >> 20
}

impl WakeOp {
    /// Decodes futex(2)'s `val3`. ENOSYS: an operation or comparison that does not exist.
    pub fn decode(code: u32) -> Result<WakeOp> {
        let change = match code >> 28 & 7 {
            0 => Change::Set,
            1 => Change::Add,
            2 => Change::Or,
            3 => Change::AndNot,
            4 => Change::Xor,
            _ => return Err(Errno::ENOSYS),
        };
        let compare = match code >> 24 & 15 {
            0 => Compare::Equal,
            1 => Compare::NotEqual,
            2 => Compare::Less,
            3 => Compare::LessOrEqual,
            4 => Compare::Greater,
            5 => Compare::GreaterOrEqual,
            _ => return Err(Errno::ENOSYS),
        };
        let operand = signed12(code >> 12);
        // FUTEX_OP_ARG_SHIFT: the operand is a bit number; Linux takes it modulo 32.
        let operand = if code >> 31 == 1 { (1u32 << (operand.cast_unsigned() & 31)).cast_signed() } else { operand };
        Ok(WakeOp { change, operand, compare, against: signed12(code) })
    }

    /// Atomically changes the word at `addr`; whether its old value compares. EFAULT.
    pub fn apply(self, user: &dyn UserMemory, addr: u64) -> Result<bool> {
        let mut old = user.load_u32(addr)?;
        loop {
            let operand = self.operand.cast_unsigned();
            let new = match self.change {
                Change::Set => operand,
                Change::Add => old.wrapping_add(operand),
                Change::Or => old | operand,
                Change::AndNot => old & !operand,
                Change::Xor => old ^ operand,
            };
            let held = user.compare_exchange_u32(addr, old, new)?;
            if held == old {
                break;
            }
            old = held;
        }
        let (old, against) = (old.cast_signed(), self.against);
        Ok(match self.compare {
            Compare::Equal => old == against,
            Compare::NotEqual => old != against,
            Compare::Less => old < against,
            Compare::LessOrEqual => old <= against,
            Compare::Greater => old > against,
            Compare::GreaterOrEqual => old >= against,
        })
    }
}
