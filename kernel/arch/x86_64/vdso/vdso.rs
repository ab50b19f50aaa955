//! The vDSO (vdso(7)): the clock calls that an application makes without entering the kernel. A tiny shared object that the kernel maps into every address
//! space, with the page of [`Data`] right below it. Built by `build.rs`, on its own: nothing here may call out, panic or need a relocation.
#![no_std]
#![crate_type = "lib"]

use core::arch::asm;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// What the kernel keeps up to date. Same layout as `arch_x86_64::vdso::Data`.
#[repr(C)]
struct Data {
    sequence: AtomicU32,
    mult: AtomicU32,
    shift: AtomicU32,
    reserved: u32,
    base_ticks: AtomicU64,
    base_ns: AtomicU64,
    realtime_offset_ns: AtomicU64,
}

const NS: u64 = 1_000_000_000;
/// What the coarse clocks step by; `syscall` has the same.
const COARSE_NS: u64 = 4_000_000;

#[inline(always)]
fn data() -> &'static Data {
    let address: *const Data;
    // SAFETY: the kernel maps the data page right below this object, for as long as the program runs; all access is by its atomics.
    unsafe {
        asm!("lea {}, [rip + vdso_data]", out(reg) address, options(nomem, nostack, preserves_flags));
        &*address
    }
}

/// Monotonic time and the distance from it to real time, in nanoseconds.
#[inline(always)]
fn now() -> (u64, u64) {
    let d = data();
    loop {
        let sequence = d.sequence.load(Ordering::Acquire);
        // SAFETY: reading the counter has no side effect; every x86_64 CPU has both instructions.
        let ticks = unsafe {
            core::arch::x86_64::_mm_lfence();
            core::arch::x86_64::_rdtsc()
        };
        let base = d.base_ticks.load(Ordering::Relaxed);
        let delta = if ticks > base { ticks - base } else { 0 };
        let ns = ((u128::from(delta) * u128::from(d.mult.load(Ordering::Relaxed))) >> (d.shift.load(Ordering::Relaxed) & 63)) as u64;
        let ns = d.base_ns.load(Ordering::Relaxed).wrapping_add(ns);
        let offset = d.realtime_offset_ns.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if sequence & 1 == 0 && d.sequence.load(Ordering::Relaxed) == sequence {
            return (ns, offset);
        }
    }
}

#[inline(always)]
fn system_call(number: u64, a: u64, b: u64) -> i64 {
    let result: i64;
    // SAFETY: the kernel checks both arguments; what a system call clobbers is declared.
    unsafe { asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b, out("rcx") _, out("r11") _, options(nostack)) };
    result
}

/// clock_gettime(2): real time, monotonic, their coarse and raw relatives and boot time here; the rest by system call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vdso_clock_gettime(clock: i32, out: *mut [u64; 2]) -> i32 {
    let ns = match clock {
        0 => {
            let (ns, offset) = now();
            ns.wrapping_add(offset)
        }
        1 | 4 | 7 => now().0,
        5 => {
            let (ns, offset) = now();
            let ns = ns.wrapping_add(offset);
            ns - ns % COARSE_NS
        }
        6 => {
            let ns = now().0;
            ns - ns % COARSE_NS
        }
        _ => return system_call(228, clock as u64, out as u64) as i32,
    };
    // SAFETY: the caller's pointer, as the call's contract has it; a bad one faults as in any C function.
    unsafe { *out = [ns / NS, ns % NS] };
    0
}

/// clock_getres(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vdso_clock_getres(clock: i32, out: *mut [u64; 2]) -> i32 {
    system_call(229, clock as u64, out as u64) as i32
}

/// gettimeofday(2); the time zone is always UTC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vdso_gettimeofday(out: *mut [u64; 2], zone: *mut [u32; 2]) -> i32 {
    if !out.is_null() {
        let (ns, offset) = now();
        let ns = ns.wrapping_add(offset);
        // SAFETY: the caller's pointer, as the call's contract has it; a bad one faults as in any C function.
        unsafe { *out = [ns / NS, ns % NS / 1000] };
    }
    if !zone.is_null() {
        // SAFETY: the caller's pointer, as the call's contract has it; a bad one faults as in any C function.
        unsafe { *zone = [0, 0] };
    }
    0
}

/// time(2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vdso_time(out: *mut u64) -> u64 {
    let (ns, offset) = now();
    let seconds = ns.wrapping_add(offset) / NS;
    if !out.is_null() {
        // SAFETY: the caller's pointer, as the call's contract has it; a bad one faults as in any C function.
        unsafe { *out = seconds };
    }
    seconds
}

/// getcpu(2): the CPU's number is the limit of a segment that each CPU's descriptor table has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __vdso_getcpu(cpu: *mut u32, node: *mut u32) -> i32 {
    let limit: u32;
    // SAFETY: LSL only reads a descriptor; the pointers are the caller's, checked for null.
    unsafe {
        asm!("lsl {0:e}, {1:e}", out(reg) limit, in(reg) 0x1bu32, options(nomem, nostack));
        if !cpu.is_null() {
            *cpu = limit;
        }
        if !node.is_null() {
            *node = 0;
        }
    }
    0
}
