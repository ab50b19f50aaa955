//! Copies between kernel and application memory that survive a bad address.
//!
//! A page of the application may be absent (demand paging brings it in and the copy goes on) or invalid: then the page-fault handler asks
//! [`fixup`] where to continue, and the copy returns how many bytes it did not move.

use core::arch::global_asm;
use uapi::{Errno, Result};
use usermem::UserMemory;

/// One past the last address an application may use.
pub const USER_END: u64 = 0x7fff_ffff_f000;

global_asm!(
    r#"
.text
.global arch_user_copy
// rdi: destination, rsi: source, rdx: bytes; returns the number of bytes not copied
arch_user_copy:
    cmp rdx, 16
    jb 3f
    cmp rdx, 64
    jb 2f
1:  movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + 32]
    movups xmm3, [rsi + 48]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + 32], xmm2
    movups [rdi + 48], xmm3
    add rsi, 64
    add rdi, 64
    sub rdx, 64
    cmp rdx, 64
    jae 1b
    cmp rdx, 16
    jb 3f
2:  movups xmm0, [rsi]
    movups [rdi], xmm0
    add rsi, 16
    add rdi, 16
    sub rdx, 16
    cmp rdx, 16
    jae 2b
3:  cmp edx, 8
    jb 4f
    mov rax, [rsi]
    mov [rdi], rax
    add rsi, 8
    add rdi, 8
    sub edx, 8
4:  test edx, edx
    jz arch_user_copy_done
    // Byte by byte: the tail, and where a fault leads, so that a partial copy ends at the very byte.
arch_user_copy_slow:
    mov al, [rsi]
    mov [rdi], al
    inc rsi
    inc rdi
    dec rdx
    jnz arch_user_copy_slow
arch_user_copy_done:
    mov rax, rdx
    ret

.global arch_user_cmpxchg
// rdi: address, esi: old, edx: new; returns the value held, or -1 in all 64 bits
arch_user_cmpxchg:
    mov eax, esi
    lock cmpxchg [rdi], edx
    mov eax, eax
    ret
.global arch_user_load
arch_user_load:
    mov eax, [rdi]
    ret
arch_user_word_fault:
    mov rax, -1
    ret
arch_user_end:
"#
);

unsafe extern "C" {
    fn arch_user_copy(dst: *mut u8, src: *const u8, len: usize) -> usize;
    fn arch_user_copy_slow();
    fn arch_user_copy_done();
    fn arch_user_cmpxchg(addr: u64, old: u32, new: u32) -> u64;
    fn arch_user_load(addr: u64) -> u64;
    fn arch_user_word_fault();
    fn arch_user_end();
}

/// Where to go on after an unresolvable fault at kernel address `rip`; `None` when the fault is a bug and no user copy.
pub fn fixup(rip: u64) -> Option<u64> {
    let at = |f: unsafe extern "C" fn()| f as *const () as u64;
    let (slow, done) = (at(arch_user_copy_slow), at(arch_user_copy_done));
    if (arch_user_copy as *const () as u64..slow).contains(&rip) {
        Some(slow)
    } else if (slow..done).contains(&rip) {
        Some(done)
    } else if (arch_user_cmpxchg as *const () as u64..at(arch_user_end)).contains(&rip) {
        Some(at(arch_user_word_fault))
    } else {
        None
    }
}

/// The application's memory, through the page tables in use.
pub struct CurrentUserMemory;

fn clip(addr: u64, len: usize) -> usize {
    if addr >= USER_END { 0 } else { len.min((USER_END - addr) as usize) }
}

impl UserMemory for CurrentUserMemory {
    fn copy_in(&self, addr: u64, buf: &mut [u8]) -> usize {
        let len = clip(addr, buf.len());
        // SAFETY: `buf` is writable for `len` bytes; the source is below USER_END, and a fault there is caught.
        len - unsafe { arch_user_copy(buf.as_mut_ptr(), addr as *const u8, len) }
    }

    fn copy_out(&self, addr: u64, bytes: &[u8]) -> usize {
        let len = clip(addr, bytes.len());
        // SAFETY: `bytes` is readable for `len` bytes; the destination is below USER_END, never kernel memory, and a fault is caught.
        len - unsafe { arch_user_copy(addr as *mut u8, bytes.as_ptr(), len) }
    }

    fn compare_exchange_u32(&self, addr: u64, old: u32, new: u32) -> Result<u32> {
        word(addr, |addr| {
            // SAFETY: an aligned user address; a fault is caught.
            unsafe { arch_user_cmpxchg(addr, old, new) }
        })
    }

    fn load_u32(&self, addr: u64) -> Result<u32> {
        word(addr, |addr| {
            // SAFETY: an aligned user address; a fault is caught.
            unsafe { arch_user_load(addr) }
        })
    }
}

fn word(addr: u64, access: impl FnOnce(u64) -> u64) -> Result<u32> {
    if !addr.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    if addr >= USER_END {
        return Err(Errno::EFAULT);
    }
    u32::try_from(access(addr)).map_err(|_| Errno::EFAULT)
}
