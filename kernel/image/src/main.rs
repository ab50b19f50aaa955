#![no_std]
#![no_main]
extern crate alloc;
use arch_x86_64::{UserRegs, boot, entry::{self, Resume}, percpu::{AppRing, PerCpu}};
use core::fmt::Write;

#[unsafe(no_mangle)]
extern "C" fn pith_start(info: u64) -> ! {
    boot::protect_kernel();
    boot::drop_identity_map();
    static mut CPU: PerCpu = PerCpu::new();
    unsafe { (*(&raw mut CPU)).install(0, boot::boot_stack().1 - 4096, AppRing::Kernel); entry::install(); arch_x86_64::fpu::enable(); }
    let bi = unsafe { plat_pc::pvh::BootInfo::new(info) }.unwrap();
    let mut log = plat_pc::debugcon::LogPort::probe();
    let _ = writeln!(log, "I 0.000000 image {:x?} initrd {:?} cmdline {:?}", boot::image_range(), bi.initrd().map(|(a, b)| (a, b.len())), core::str::from_utf8(bi.command_line()));
    for r in bi.memory() { let _ = writeln!(log, "mem {:x?}", r); }
    let apic = plat_pc::apic::LocalApic::enable(63);
    let t = arch_x86_64::cpu::rdtsc();
    let f = plat_pc::clock::find(&apic);
    let _ = writeln!(log, "hz {} real {} took {} us", f.rate.hz(), f.realtime_ns, f.rate.ticks_to_ns(arch_x86_64::cpu::rdtsc() - t) / 1000);
    unsafe { (8 as *const u64).read_volatile() };
    plat_pc::power::off(3)
}
#[unsafe(no_mangle)]
extern "C" fn pith_syscall(_regs: &mut UserRegs) -> Resume { Resume::Fast }
#[unsafe(no_mangle)]
extern "C" fn pith_first_exit(_regs: &mut UserRegs) {}
#[unsafe(no_mangle)]
extern "C" fn pith_trap(regs: &mut UserRegs, vector: u64, error: u64) {
    let mut log = plat_pc::debugcon::LogPort::probe();
    let _ = writeln!(log, "trap {vector} {error:#x} rip {:#x} cr2 {:#x}", regs.rip, arch_x86_64::cpu::fault_address());
    plat_pc::power::off(4)
}
#[panic_handler]
fn panic(i: &core::panic::PanicInfo) -> ! { let mut log = plat_pc::debugcon::LogPort::probe(); let _ = writeln!(log, "{i}"); plat_pc::power::off(5) }
struct H; unsafe impl core::alloc::GlobalAlloc for H { unsafe fn alloc(&self, _: core::alloc::Layout) -> *mut u8 { core::ptr::null_mut() } unsafe fn dealloc(&self, _: *mut u8, _: core::alloc::Layout) {} }
#[global_allocator] static A: H = H;
