//! Device interrupts: which vector belongs to whom.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU8, Ordering};
use plat_pc::apic::{IoApic, Trigger};
use spin::Once;

/// The local timer.
pub const TIMER: u8 = 32;
/// First vector for devices.
const FIRST_DEVICE: u8 = 33;
/// Behind the last vector for devices.
const END_DEVICES: u8 = 61;
/// From another CPU: look at the run queue.
#[cfg(feature = "smp")]
pub const KICK: u8 = 61;
/// From another CPU: forget cached translations.
#[cfg(feature = "smp")]
pub const FLUSH: u8 = 62;
/// The controller's "nothing there after all".
pub const SPURIOUS: u8 = 63;

type Handler = Box<dyn Fn() + Send + Sync>;

static HANDLERS: [Once<Handler>; (END_DEVICES - FIRST_DEVICE) as usize] = [const { Once::new() }; (END_DEVICES - FIRST_DEVICE) as usize];
static NEXT: AtomicU8 = AtomicU8::new(FIRST_DEVICE);

/// A vector of its own for `handler`, which runs with interrupts off on whatever thread was interrupted; `None` when all are taken.
pub fn allocate(handler: Handler) -> Option<u8> {
    let vector = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |v| (v < END_DEVICES).then_some(v + 1)).ok()?;
    HANDLERS[usize::from(vector - FIRST_DEVICE)].call_once(|| handler);
    Some(vector)
}

/// Routes interrupt line `line` to a vector of its own for `handler`.
pub fn connect_line(line: u32, trigger: Trigger, handler: Handler) {
    match allocate(handler) {
        Some(vector) => IoApic::for_line(line).route(line, vector, trigger, crate::pc::get().apic.id()),
        None => crate::log!(Error, "no interrupt vector left for line {line}: its device stays silent"),
    }
}

/// Runs what belongs to device vector `vector`.
pub fn dispatch(vector: u8) {
    if vector == SPURIOUS {
        return;
    }
    if let Some(handler) = vector.checked_sub(FIRST_DEVICE).and_then(|i| HANDLERS.get(usize::from(i))).and_then(Once::get) {
        handler();
    }
    crate::pc::get().apic.end_of_interrupt();
}
