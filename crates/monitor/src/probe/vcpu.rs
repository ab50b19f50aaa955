//! A throw-away virtual CPU in long mode that does what KVM's instruction emulator cannot.

use kvm_bindings::{KVM_MAX_CPUID_ENTRIES, kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit};
use std::io::Write;

/// Size of the guest's memory in bytes.
const MEMORY: usize = 0x10000;
/// Port that the guest reports on.
const PORT: u16 = 0xf4;
const CODE_AT: usize = 0x4000;
/// What the first part computes.
const ROOT: u8 = 12;

/// `mov edi,0x8000; lock cmpxchg16b [rdi]; mov eax,144; cvtsi2sd xmm0,eax; sqrtsd xmm0,xmm0; cvtsd2si eax,xmm0;
/// out 0xf4,al; mov ecx,1000000; 1: dec ecx; jnz 1b; mov eax,0x5a; out 0xf4,al; hlt`
const CODE: &[u8] = &[
    0xbf, 0x00, 0x80, 0x00, 0x00, 0xf0, 0x48, 0x0f, 0xc7, 0x0f, 0xb8, 0x90, 0x00, 0x00, 0x00, 0xf2, 0x0f, 0x2a, 0xc0, 0xf2, 0x0f, 0x51,
    0xc0, 0xf2, 0x0f, 0x2d, 0xc0, 0xe6, 0xf4, 0xb9, 0x40, 0x42, 0x0f, 0x00, 0xff, 0xc9, 0x75, 0xfc, 0xb8, 0x5a, 0x00, 0x00, 0x00, 0xe6,
    0xf4, 0xf4,
];

/// Said once the guest has shown that it computes, before the loop whose time counts.
pub const COMPUTED: &str = "computed";
/// Said at the end when all went well.
pub const USABLE: &str = "usable";

/// Runs the trial in this process and says how it goes, one line each: [`COMPUTED`], then [`USABLE`] or the reason why not. For the
/// child of [`super::kvm`].
///
/// # Errors
/// Of writing.
pub fn report(out: &mut impl Write) -> std::io::Result<()> {
    let mut computed = Ok(());
    let result = run(&mut || computed = writeln!(out, "{COMPUTED}").and_then(|()| out.flush()));
    computed?;
    writeln!(out, "{}", result.err().as_deref().unwrap_or(USABLE))
}

/// Runs the trial and calls `computed` between its two parts. The error is a sentence that completes "KVM is not usable: ".
fn run(computed: &mut dyn FnMut()) -> Result<(), String> {
    let refused = |what: &'static str| move |error: kvm_ioctls::Error| format!("{what}: {error}");
    let kvm = Kvm::new().map_err(refused("/dev/kvm cannot be opened"))?;
    if kvm.get_api_version() != 12 {
        return Err(format!("its API version is {}, expected 12", kvm.get_api_version()));
    }
    let vm = kvm.create_vm().map_err(refused("no virtual machine could be made"))?;
    let memory = guest_memory(&vm)?;
    let mut vcpu = vm.create_vcpu(0).map_err(refused("no virtual CPU could be made"))?;
    let cpuid = kvm.get_supported_cpuid(KVM_MAX_CPUID_ENTRIES).map_err(refused("CPUID"))?;
    vcpu.set_cpuid2(&cpuid).map_err(refused("CPUID"))?;

    // One page-table tree that maps the first 2 MiB onto themselves.
    for (at, entry) in [(0x1000, 0x2003_u64), (0x2000, 0x3003), (0x3000, 0x83)] {
        memory.get_mut(at..at + 8).ok_or("memory")?.copy_from_slice(&entry.to_le_bytes());
    }
    memory.get_mut(CODE_AT..CODE_AT + CODE.len()).ok_or("memory")?.copy_from_slice(CODE);
    let mut sregs = vcpu.get_sregs().map_err(refused("registers"))?;
    let code = kvm_segment { limit: u32::MAX, selector: 8, present: 1, type_: 11, s: 1, l: 1, g: 1, ..Default::default() };
    let data = kvm_segment { type_: 3, selector: 16, db: 1, l: 0, ..code };
    sregs.cs = code;
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    (sregs.cr3, sregs.cr4, sregs.cr0, sregs.efer) = (0x1000, 0x620, 0x8000_0033, 0x500);
    vcpu.set_sregs(&sregs).map_err(refused("registers"))?;
    let mut regs = vcpu.get_regs().map_err(refused("registers"))?;
    (regs.rip, regs.rsp, regs.rflags) = (CODE_AT as u64, 0x9000, 2);
    vcpu.set_regs(&regs).map_err(refused("registers"))?;

    for expected in [ROOT, 0x5a] {
        match vcpu.run() {
            Ok(VcpuExit::IoOut(PORT, [value])) if *value == expected => {
                if expected == ROOT {
                    computed();
                }
            }
            Ok(VcpuExit::IoOut(PORT, value)) => return Err(format!("a trial machine computed {value:?}, not {expected}")),
            Ok(VcpuExit::InternalError) => {
                return Err("it cannot execute ordinary ring-0 code (SSE, cmpxchg16b)".to_owned());
            }
            Ok(exit) => return Err(format!("a trial machine stopped with {exit:?}")),
            Err(error) => return Err(format!("a trial machine could not run: {error}")),
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "guest memory is a raw mapping that KVM is told about")]
fn guest_memory(vm: &kvm_ioctls::VmFd) -> Result<&'static mut [u8], String> {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    // SAFETY: a new anonymous mapping at an address of the system's choice; it stays mapped for the process's life.
    let address = unsafe { mmap_anonymous(std::ptr::null_mut(), MEMORY, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED) };
    let address = address.map_err(|error| format!("no memory for a trial machine: {error}"))?;
    let region = kvm_userspace_memory_region { memory_size: MEMORY as u64, userspace_addr: address.addr() as u64, ..Default::default() };
    // SAFETY: the region is exactly the mapping above, which is never unmapped.
    unsafe { vm.set_user_memory_region(region) }.map_err(|error| format!("guest memory: {error}"))?;
    // SAFETY: mapped, readable, writable, MEMORY bytes, initialised to zero; the guest only runs while this function's
    // caller does not touch the slice.
    Ok(unsafe { std::slice::from_raw_parts_mut(address.cast::<u8>(), MEMORY) })
}
