//! Threads: clone, their end, waits.

use super::*;
use sched::Wakeup;
use signal::{SigInfo, Signal};
use wait::{Events, WaitQueue};

const TIDS: u64 = 0x402e20;

fn thread_args() -> CloneArgs {
    // What glibc asks for.
    CloneArgs::from_clone(0x003d_0f00, 0x50_0000, TIDS, TIDS + 8, 0x60_0000)
}

#[test]
fn a_clone_starts_where_its_creator_is() {
    let world = World::new();
    let parent = world.process();
    parent.set_name(b"worker\0junk");
    let regs = UserRegs { rax: 56, orig_rax: 56, rip: 0x401050, rbx: 5, ..world.regs() };
    let tid = clone(&parent, &regs, &thread_args()).unwrap();
    assert_eq!(tid, 2);
    let child = world.regs();
    assert_eq!((child.rax, child.rip, child.rsp, child.rbx), (0, 0x401050, 0x50_0000, 5));
    assert_eq!(world.user().read::<i32>(TIDS), Ok(2));
    let thread = world.services.thread(2).unwrap();
    assert_eq!((thread.name(), parent.process().thread_count()), (*b"worker\0\0\0\0\0\0\0\0\0\0", 2));
    assert!(Arc::ptr_eq(thread.process(), parent.process()));
}

#[test]
fn what_clone_refuses() {
    let world = World::new();
    let parent = world.process();
    let regs = world.regs();
    let with = |flags: u64| clone(&parent, &regs, &CloneArgs::from_clone(flags, 0, 0, 0, 0));
    assert_eq!(with(17), Err(Errno::ENOSYS));
    assert_eq!(with(0x4100 | 17), Err(Errno::ENOSYS));
    assert!(world.platform.log.lock().unwrap()[1].contains("vfork"));
    assert_eq!(with(0x1_0000), Err(Errno::EINVAL));
    assert_eq!(with(0x800), Err(Errno::EINVAL));
    assert_eq!(with(0x2000_0000), Err(Errno::EINVAL));
    let args = CloneArgs { flags: 0x003d_0f00, stack: 0x50_0000, ..CloneArgs::default() };
    assert_eq!(args.from_clone3(), Err(Errno::EINVAL));
    assert_eq!(CloneArgs { stack_size: 0x1000, ..args }.from_clone3().unwrap().stack, 0x50_1000);
    assert_eq!(CloneArgs { stack_size: 0x1000, exit_signal: 17, ..args }.from_clone3(), Err(Errno::EINVAL));
    assert_eq!(CloneArgs { flags: 1 << 40, ..args }.from_clone3(), Err(Errno::EINVAL));
}

#[test]
fn an_ending_thread_tells_who_joins_it() {
    let world = World::new();
    let parent = world.process();
    clone(&parent, &world.regs(), &thread_args()).unwrap();
    let child = world.services.thread(2).unwrap();
    // As the C library does: the word holds the thread's id until it is gone.
    world.user().write(TIDS + 8, &2u32).unwrap();
    let key = parent.process().futex_key(TIDS + 8).unwrap();
    let sleeper = world.services.futexes.wait_prepare(key, u32::MAX, parent.waker(), 2, || world.user().load_u32(TIDS + 8)).unwrap();
    exit_thread(&child, 3);
    assert!(child.is_leaving());
    crate::exit::finish(&child);
    assert_eq!(world.user().read::<u32>(TIDS + 8), Ok(0));
    assert!(sleeper.was_woken());
    assert_eq!(parent.process().thread_count(), 1);
    assert_eq!(world.services.thread(2).err(), Some(Errno::ESRCH));
}

#[test]
fn the_machine_ends_with_the_last_thread_and_its_status() {
    let world = World::new();
    let parent = world.process();
    clone(&parent, &world.regs(), &thread_args()).unwrap();
    let child = world.services.thread(2).unwrap();
    exit_thread(&parent, 0x107);
    assert_eq!(end_of(|| crate::exit::finish(&parent)), None);
    exit_thread(&child, 9);
    assert_eq!(end_of(|| crate::exit::finish(&child)), Some(End::Exit(9)));
}

#[test]
fn exit_group_ends_the_machine_at_once() {
    let world = World::new();
    let parent = world.process();
    assert_eq!(end_of(|| exit_group(&parent, End::Exit(5))), Some(End::Exit(5)));
}

#[test]
fn robust_locks_are_released() {
    let world = World::new();
    let parent = world.process();
    clone(&parent, &world.regs(), &thread_args()).unwrap();
    let child = world.services.thread(2).unwrap();
    // A list head with one entry whose lock word, 32 bytes on, the thread holds and others wait for.
    let (head, entry) = (0x403200u64, 0x403300u64);
    for (at, value) in [(head, entry), (head + 8, 32), (head + 16, 0), (entry, head)] {
        world.user().write(at, &value).unwrap();
    }
    world.user().write(entry + 32, &(0x8000_0000u32 | 2)).unwrap();
    child.set_robust_list(head);
    exit_thread(&child, 0);
    crate::exit::finish(&child);
    assert_eq!(world.user().read::<u32>(entry + 32), Ok(0xc000_0000));
}

#[test]
fn waits_end_by_readiness_time_and_signals() {
    let world = World::new();
    let thread = world.process();
    let queue = WaitQueue::new();
    let on = [(&queue, Events::IN)];
    assert_eq!(thread.wait_on(&on, None, Interruptible::Yes, &mut || true), Ok(Wakeup::Woken));
    assert_eq!(thread.wait_on(&on, Some(0), Interruptible::Yes, &mut || false), Ok(Wakeup::TimedOut));
    // Ready between registering and sleeping: the machine of these tests panics when it would sleep.
    let mut looks = 0;
    let mut ready = || {
        looks += 1;
        if looks == 2 {
            queue.wake(Events::IN);
        }
        looks > 2
    };
    assert_eq!(thread.wait_on(&on, None, Interruptible::Yes, &mut ready), Ok(Wakeup::Woken));
    // An ignored signal does not disturb, another does.
    thread.process().send_signal(SigInfo::kernel(Signal::WINCH), None).unwrap();
    assert!(!thread.interrupted());
    thread.process().send_signal(SigInfo::kernel(Signal::TERM), None).unwrap();
    assert_eq!(thread.wait_on(&on, None, Interruptible::Yes, &mut || false), Err(Errno::ERESTARTSYS));
    exit_thread(&thread, 0);
    assert_eq!(thread.wait_on(&on, None, Interruptible::OnlyByEnd, &mut || false), Err(Errno::EINTR));
}
