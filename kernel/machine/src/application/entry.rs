//! What is called from below.

use super::threads::scheduler;
use crate::{end, pc, traps};
use alloc::sync::Arc;
use alloc::task::Wake;
use arch_x86_64::UserRegs;
use arch_x86_64::entry::{self, Resume};
use core::sync::atomic::{AtomicU8, Ordering};
use spinlock::Mutex;
use time::Timer;

#[unsafe(no_mangle)]
extern "C" fn pith_trap(regs: &mut UserRegs, vector: u64, error: u64) {
    if vector >= u64::from(entry::FIRST_INTERRUPT) {
        traps::interrupt(vector, || scheduler().tick());
        return;
    }
    traps::pith_bug(regs, vector, error)
}

#[unsafe(no_mangle)]
extern "C" fn pith_syscall(regs: &mut UserRegs) -> Resume {
    panic!("a system call ({}) where there are none", regs.orig_rax);
}

#[unsafe(no_mangle)]
extern "C" fn pith_first_exit(_regs: &mut UserRegs) {
    panic!("a way out of the kernel where nothing is outside");
}

/// The signal that ends the machine, and the timer on which it does.
static ENDING: AtomicU8 = AtomicU8::new(0);
static TIMER: Mutex<Option<Timer>> = Mutex::new(None);

struct End;

impl Wake for End {
    fn wake(self: Arc<Self>) {
        end::killed(ENDING.load(Ordering::Relaxed));
    }
}

/// Whether a signal does nothing by default (signal(7)): SIGCHLD, SIGCONT, the stops (nothing here could let it go on), SIGURG, SIGWINCH.
fn is_ignored(number: u8) -> bool {
    matches!(number, 17..=23 | 28)
}

#[unsafe(no_mangle)]
extern "Rust" fn pith_signal(number: u8) -> bool {
    if !(1..=64).contains(&number) {
        return false;
    }
    if !is_ignored(number) {
        // At once, but not here: the console that it came by is busy with it.
        ENDING.store(number, Ordering::Relaxed);
        let timer = scheduler().timers().arm(pc::now_ns(), Arc::new(End).into());
        drop(TIMER.lock().replace(timer));
    }
    true
}
