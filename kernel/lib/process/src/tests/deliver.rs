//! Signals, restarted calls and traps on the way back to the application.

use super::*;
use signal::{Action, SaFlags, SigInfo, Signal, SignalSet, StackT, code};

const HANDLER: u64 = 0x401100;
const RESTORER: u64 = 0x401200;

fn handle(thread: &Thread, signal: Signal, flags: SaFlags) {
    let action = Action { handler: HANDLER, flags: flags | SaFlags::RESTORER, restorer: RESTORER, mask: SignalSet::EMPTY };
    thread.process().signals().set_action(signal, action).unwrap();
}

fn send(thread: &Thread, signal: Signal) {
    thread.process().send_signal(SigInfo::sent(signal, code::SI_USER, 1, 0), None).unwrap();
}

/// The registers of a system call that is about to return `result`.
fn in_syscall(world: &World, result: u64) -> UserRegs {
    UserRegs { rax: result, orig_rax: 0, rip: 0x401050, rsp: world.regs().rsp, rdi: 3, rcx: 0x401050, ..world.regs() }
}

fn ends(thread: &Arc<Thread>, regs: &mut UserRegs) -> Option<End> {
    end_of(|| {
        return_to_user(thread, regs);
    })
}

#[test]
fn nothing_to_do_changes_nothing() {
    let world = World::new();
    let thread = world.process();
    let mut regs = in_syscall(&world, 42);
    let before = regs;
    assert_eq!(return_to_user(&thread, &mut regs), Resume::Fast);
    assert_eq!(regs, before);
    regs.orig_rax = u64::MAX;
    assert_eq!(return_to_user(&thread, &mut regs), Resume::Exact);
}

#[test]
fn a_handler_runs_and_sigreturn_goes_back() {
    let world = World::new();
    let thread = world.process();
    handle(&thread, Signal::USR1, SaFlags::SIGINFO);
    send(&thread, Signal::USR1);
    world.platform.fpu.lock().unwrap()[600] = 0x77;
    world.platform.fpu.lock().unwrap()[512] = 7;
    let mut regs = in_syscall(&world, 42);
    let before = regs;
    assert_eq!(return_to_user(&thread, &mut regs), Resume::Exact);
    assert_eq!((regs.rip, regs.rdi, regs.rsp % 16), (HANDLER, 10, 8));
    assert!(before.rsp - regs.rsp > 128);
    assert_eq!(world.user().read::<u64>(regs.rsp), Ok(RESTORER));
    let info: SigInfo = world.user().read(regs.rsi).unwrap();
    assert_eq!((info.signo, info.code, info.pid()), (10, code::SI_USER, 1));
    assert_eq!(thread.signals().blocked(), SignalSet::single(Signal::USR1));
    // The handler spoils everything and returns.
    world.platform.fpu.lock().unwrap().fill(0);
    let mut after = UserRegs { rsp: regs.rsp + 8, rbx: 1, rax: 15, orig_rax: 15, ..regs };
    assert_eq!(sigreturn(&thread, &mut after), 42);
    assert_eq!(return_to_user(&thread, &mut after), Resume::Exact);
    assert_eq!(after, UserRegs { orig_rax: u64::MAX, rflags: after.rflags, ..before });
    assert_eq!(thread.signals().blocked(), SignalSet::EMPTY);
    assert_eq!(world.platform.fpu.lock().unwrap()[600], 0x77);
}

#[test]
fn interrupted_calls() {
    let world = World::new();
    let thread = world.process();
    let again = Errno::ERESTARTSYS.to_syscall();
    let no_hand = Errno::ERESTARTNOHAND.to_syscall();
    let saved_rax = |regs: &UserRegs| world.user().read::<u64>(regs.rdx + 40 + 13 * 8).unwrap();
    let saved_rip = |regs: &UserRegs| world.user().read::<u64>(regs.rdx + 40 + 16 * 8).unwrap();
    // Nobody took the signal: the call runs again.
    let mut regs = in_syscall(&world, again);
    return_to_user(&thread, &mut regs);
    assert_eq!((regs.rip, regs.rax), (0x401050 - 2, 0));
    for (flags, result, restarted) in
        [(SaFlags::RESTART, again, true), (SaFlags::empty(), again, false), (SaFlags::RESTART, no_hand, false)]
    {
        handle(&thread, Signal::USR1, flags | SaFlags::NODEFER);
        send(&thread, Signal::USR1);
        let mut regs = in_syscall(&world, result);
        return_to_user(&thread, &mut regs);
        assert_eq!(regs.rip, HANDLER);
        let expected = if restarted { (0x401050 - 2, 0) } else { (0x401050, Errno::EINTR.to_syscall()) };
        assert_eq!((saved_rip(&regs), saved_rax(&regs)), expected);
    }
}

#[test]
fn two_signals_nest() {
    let world = World::new();
    let thread = world.process();
    handle(&thread, Signal::USR1, SaFlags::empty());
    handle(&thread, Signal::USR2, SaFlags::empty());
    send(&thread, Signal::USR2);
    send(&thread, Signal::USR1);
    let mut regs = in_syscall(&world, 1);
    return_to_user(&thread, &mut regs);
    // The second frame lies on the first: its handler runs first and returns into the other's.
    assert_eq!(regs.rdi, 12);
    let mut back = UserRegs { rsp: regs.rsp + 8, orig_rax: 15, ..regs };
    sigreturn(&thread, &mut back);
    assert_eq!((back.rip, back.rdi), (HANDLER, 10));
}

#[test]
fn alternate_stack() {
    let world = World::new();
    let thread = world.process();
    handle(&thread, Signal::SEGV, SaFlags::ONSTACK);
    let space = thread.process().mm();
    let base = 0x1000_0000;
    space.map_anonymous(base, 0x4000, mm::Prot::READ | mm::Prot::WRITE).unwrap();
    thread.signals().set_alt_stack(StackT { sp: base, flags: 0, padding: 0, size: 0x4000 }, 0).unwrap();
    // The stack has run out: rsp points nowhere.
    let mut regs = UserRegs { rip: 0x401000, rsp: 0x2000, ..UserRegs::program_start(0, 0) };
    fault(&thread, &regs, Trap { vector: 14, error: 6, address: 0x1ff8 });
    assert_eq!(return_to_user(&thread, &mut regs), Resume::Exact);
    assert_eq!(regs.rip, HANDLER);
    assert!(regs.rsp > base && regs.rsp < base + 0x4000);
    let info: SigInfo = world.user().read(regs.rsi).unwrap();
    assert_eq!((info.signo, info.code, info.address()), (11, code::SEGV_MAPERR, 0x1ff8));
    let context = regs.rdx + 40;
    assert_eq!(world.user().read::<u64>(context + 20 * 8), Ok(14));
    assert_eq!(world.user().read::<u64>(context + 22 * 8), Ok(0x1ff8));
    // The handler may move the instruction pointer, as Java and Go do.
    world.user().write(context + 16 * 8, &0x401300u64).unwrap();
    let mut back = UserRegs { rsp: regs.rsp + 8, orig_rax: 15, ..regs };
    sigreturn(&thread, &mut back);
    assert_eq!((back.rip, back.rsp), (0x401300, 0x2000));
}

#[test]
fn a_frame_without_room_or_restorer_is_the_end() {
    let world = World::new();
    let thread = world.process();
    handle(&thread, Signal::SEGV, SaFlags::empty());
    let mut regs = UserRegs { rip: 0x401000, rsp: 0x2000, ..UserRegs::program_start(0, 0) };
    fault(&thread, &regs, Trap { vector: 14, error: 6, address: 0x1ff8 });
    assert_eq!(ends(&thread, &mut regs), Some(End::Signal(Signal::SEGV)));

    let world = World::new();
    let thread = world.process();
    let action = Action { handler: HANDLER, ..Action::default() };
    thread.process().signals().set_action(Signal::USR1, action).unwrap();
    send(&thread, Signal::USR1);
    let mut regs = in_syscall(&world, 0);
    assert_eq!(ends(&thread, &mut regs), Some(End::Signal(Signal::SEGV)));
}

#[test]
fn a_forged_frame_cannot_enter_the_kernel() {
    let world = World::new();
    let thread = world.process();
    handle(&thread, Signal::USR1, SaFlags::empty());
    send(&thread, Signal::USR1);
    let mut regs = in_syscall(&world, 0);
    return_to_user(&thread, &mut regs);
    world.user().write(regs.rdx + 40 + 16 * 8, &0xffff_ffff_8010_0000u64).unwrap();
    let mut back = UserRegs { rsp: regs.rsp + 8, orig_rax: 15, ..regs };
    sigreturn(&thread, &mut back);
    assert_eq!(ends(&thread, &mut back), Some(End::Signal(Signal::SEGV)));
}

#[test]
fn the_default_action_ends_the_machine_with_the_signal() {
    let world = World::new();
    let thread = world.process();
    send(&thread, Signal::TERM);
    let mut regs = in_syscall(&world, 0);
    assert_eq!(ends(&thread, &mut regs), Some(End::Signal(Signal::TERM)));
}

#[test]
fn traps_become_the_signals_of_linux() {
    let expectations = [
        (0, Signal::FPE, code::FPE_INTDIV, 0x401000),
        (3, Signal::TRAP, code::SI_KERNEL, 0),
        (6, Signal::ILL, code::ILL_ILLOPN, 0x401000),
        (13, Signal::SEGV, code::SI_KERNEL, 0),
        (17, Signal::BUS, code::BUS_ADRALN, 0),
    ];
    for (vector, signal, code, address) in expectations {
        let world = World::new();
        let thread = world.process();
        handle(&thread, signal, SaFlags::empty());
        let mut regs = UserRegs { rip: 0x401000, ..world.regs() };
        fault(&thread, &regs, Trap { vector, error: 0, address: 0 });
        return_to_user(&thread, &mut regs);
        let info: SigInfo = world.user().read(regs.rsi).unwrap();
        assert_eq!((info.signal(), info.code, info.address()), (Some(signal), code, address), "vector {vector}");
    }
}

#[test]
fn a_page_fault_that_can_be_served_is_no_signal() {
    let world = World::new();
    let thread = world.process();
    let mut regs = in_syscall(&world, 0);
    let space = thread.process().mm();
    let addr = space.map_anonymous(0x2000_0000, 0x1000, mm::Prot::READ | mm::Prot::WRITE).unwrap();
    fault(&thread, &regs, Trap { vector: 14, error: 6, address: addr });
    assert!(space.translate(addr).is_some());
    assert_eq!(return_to_user(&thread, &mut regs), Resume::Fast);
}
