//! The signal frame: what a handler finds on its stack, and what `rt_sigreturn` reads back (sigreturn(2), asm/sigcontext.h).
//!
//! Pure layout: bytes in, bytes out. [`place`] finds room below a stack pointer, [`write`] fills the bytes to copy there and points the
//! registers at the handler; [`Saved::parse`] and [`FpuHeader::parse`] take a frame that the application may have changed apart, keeping only
//! what it may choose.
//!
//! From low to high addresses: return address, `ucontext`, `siginfo`, a gap, the floating-point area (64-byte aligned).

use crate::regs::{LINUX_USER_CS, LINUX_USER_SS, NO_SYSCALL, UserRegs};

/// Bytes below the stack pointer that belong to the interrupted function (System V ABI, 3.2.2).
pub const RED_ZONE: u64 = 128;
/// Bytes of the frame without its floating-point area.
pub const FRAME_BYTES: usize = INFO + 128;
/// Bytes from the frame's start that [`Saved::parse`] reads.
pub const SAVED_BYTES: usize = INFO;
/// Bytes of the legacy floating-point area (FXSAVE).
pub const LEGACY_BYTES: usize = 512;

/// Offsets in the frame.
const UC_FLAGS: usize = 8;
const UC_STACK: usize = 24;
const UC_REGS: usize = 48;
const UC_MASK: usize = 304;
const INFO: usize = 312;
/// Offsets in the register part.
const SELECTORS: usize = UC_REGS + 144;
const ERROR: usize = UC_REGS + 152;
const TRAP: usize = UC_REGS + 160;
const OLD_MASK: usize = UC_REGS + 168;
const CR2: usize = UC_REGS + 176;
const FPSTATE: usize = UC_REGS + 184;

/// The frame's floating-point area is an XSAVE one.
const UC_FP_XSTATE: u64 = 1;
/// The saved SS is meant and restored.
const UC_SIGCONTEXT_SS: u64 = 2;
const UC_STRICT_RESTORE_SS: u64 = 4;

/// Flags that rt_sigreturn takes from a frame, as Linux (FIX_EFLAGS): arithmetic, trap, direction, resume, alignment. Not nested task, with
/// which IRET would fault.
const FLAGS_FROM_FRAME: u64 = 0x5_0dd5;

/// Where the legacy area describes what follows it (`struct _fpx_sw_bytes`).
const SOFTWARE: usize = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;
const MAGIC2_BYTES: usize = 4;
/// The XSAVE header after the legacy area (SDM volume 1, 13.4.2).
const HEADER: usize = 512;
const MXCSR: usize = 24;
const MXCSR_VALID: u32 = 0xffff;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The frame's address: the handler's stack pointer.
    pub frame: u64,
    /// The floating-point area's address.
    pub fpu: u64,
    /// Bytes from `frame` to the end of the floating-point area.
    pub len: usize,
}

/// Puts a frame with `fpu_bytes` of floating-point state below `sp` (below the red zone, or the top of an alternate stack). `None` when the
/// address space ends before that.
pub fn place(sp: u64, fpu_bytes: usize) -> Option<Placement> {
    let fpu_len = (fpu_bytes + MAGIC2_BYTES) as u64;
    let fpu = sp.checked_sub(fpu_len)? & !63;
    // As if called: the stack is 16-byte aligned before the return address is pushed.
    let frame = (fpu.checked_sub(FRAME_BYTES as u64)? & !15).checked_sub(8)?;
    Some(Placement { frame, fpu, len: (fpu - frame + fpu_len) as usize })
}

/// What a frame records and where its handler is.
pub struct Request<'a> {
    /// Signal number.
    pub signal: i32,
    /// `siginfo_t`.
    pub info: &'a [u8; 128],
    /// Address of the handler.
    pub handler: u64,
    /// Where the handler returns to (`sa_restorer`).
    pub restorer: u64,
    /// `stack_t` of the alternate stack.
    pub alt_stack: &'a [u8; 24],
    /// Signal mask to go back to.
    pub mask: u64,
    /// Vector of the trap behind the signal, its error code and address; zeros when there was none.
    pub trap: (u64, u64, u64),
    /// XCR0; 0 when the floating-point area is a legacy one.
    pub fpu_features: u64,
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn get32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// The registers in the order of `struct sigcontext_64`.
fn in_order(regs: &mut UserRegs) -> [&mut u64; 17] {
    let UserRegs { r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, .. } = regs;
    [r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip]
}

/// Fills `bytes` (`placement.len` of them, the floating-point state already at its place, zeros elsewhere) with the frame of `regs` and makes
/// `regs` enter the handler. Copy the bytes to `placement.frame` before using the registers.
pub fn write(placement: Placement, bytes: &mut [u8], request: &Request<'_>, regs: &mut UserRegs) {
    let fpu = (placement.fpu - placement.frame) as usize;
    put(bytes, 0, request.restorer);
    let xstate = if request.fpu_features != 0 { UC_FP_XSTATE } else { 0 };
    put(bytes, UC_FLAGS, xstate | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS);
    bytes[UC_STACK..UC_STACK + 24].copy_from_slice(request.alt_stack);
    for (i, register) in in_order(regs).into_iter().enumerate() {
        put(bytes, UC_REGS + 8 * i, *register);
    }
    put(bytes, UC_REGS + 8 * 17, regs.rflags);
    // cs, gs, fs, ss: 16 bits each; the bases of FS and GS are not part of a frame.
    put(bytes, SELECTORS, LINUX_USER_CS | LINUX_USER_SS << 48);
    let (vector, error, address) = request.trap;
    put(bytes, ERROR, error);
    put(bytes, TRAP, vector);
    put(bytes, OLD_MASK, request.mask);
    put(bytes, CR2, address);
    put(bytes, FPSTATE, placement.fpu);
    put(bytes, UC_MASK, request.mask);
    bytes[INFO..INFO + 128].copy_from_slice(request.info);
    if request.fpu_features != 0 {
        let size = placement.len - fpu - MAGIC2_BYTES;
        put32(bytes, fpu + SOFTWARE, MAGIC1);
        put32(bytes, fpu + SOFTWARE + 4, (size + MAGIC2_BYTES) as u32);
        put(bytes, fpu + SOFTWARE + 8, request.fpu_features);
        put32(bytes, fpu + SOFTWARE + 16, size as u32);
        put32(bytes, fpu + size, MAGIC2);
    }
    regs.rdi = u64::from(request.signal.cast_unsigned());
    regs.rsi = placement.frame + INFO as u64;
    regs.rdx = placement.frame + UC_FLAGS as u64;
    regs.rax = 0;
    regs.rip = request.handler;
    regs.rsp = placement.frame;
    // Direction, resume and trap flags do not reach a handler.
    regs.rflags &= !0x1_0500;
    regs.orig_rax = NO_SYSCALL;
}

/// What `rt_sigreturn` restores from the first [`SAVED_BYTES`] of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    regs: UserRegs,
    /// The signal mask.
    pub mask: u64,
    /// `stack_t`.
    pub alt_stack: [u8; 24],
    /// Address of the floating-point area; 0 for the initial state.
    pub fpu: u64,
}

impl Saved {
    /// The frame whose return address the handler's `ret` has just popped: its address, for a thread whose stack pointer is `rsp`.
    pub fn address(rsp: u64) -> u64 {
        rsp.wrapping_sub(8)
    }

    /// Takes apart a frame's first bytes.
    pub fn parse(bytes: &[u8; SAVED_BYTES]) -> Saved {
        let mut regs = UserRegs::default();
        for (i, register) in in_order(&mut regs).into_iter().enumerate() {
            *register = get(bytes, UC_REGS + 8 * i);
        }
        regs.rflags = get(bytes, UC_REGS + 8 * 17);
        let mut alt_stack = [0; 24];
        alt_stack.copy_from_slice(&bytes[UC_STACK..UC_STACK + 24]);
        Saved { regs, mask: get(bytes, UC_MASK), alt_stack, fpu: get(bytes, FPSTATE) }
    }

    /// The instruction pointer to go on at; the caller refuses one that is not the application's.
    pub fn rip(&self) -> u64 {
        self.regs.rip
    }

    /// Puts the saved registers in force. Selectors stay the kernel's, flags are cut to what the application may set, and nothing is restarted.
    pub fn restore(&self, regs: &mut UserRegs) {
        let flags = self.regs.rflags & FLAGS_FROM_FRAME;
        *regs = UserRegs { rflags: flags | UserRegs::FLAGS_ALWAYS, orig_rax: NO_SYSCALL, cs: regs.cs, ss: regs.ss, ..self.regs };
    }
}

/// What the legacy area of a frame says about its floating-point state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FpuHeader {
    /// Bytes of XSAVE area to read; `None` when only the legacy area counts.
    pub xsave_bytes: Option<usize>,
}

impl FpuHeader {
    /// From the legacy area, for a CPU whose XSAVE area is `fpu_bytes` long. A description that does not fit is as none, as on Linux.
    pub fn parse(legacy: &[u8; LEGACY_BYTES], fpu_bytes: usize) -> FpuHeader {
        let size = get32(legacy, SOFTWARE + 16) as usize;
        let extended = get32(legacy, SOFTWARE + 4) as usize;
        let good = get32(legacy, SOFTWARE) == MAGIC1 && (LEGACY_BYTES + 64..=fpu_bytes).contains(&size) && extended >= size + MAGIC2_BYTES;
        FpuHeader { xsave_bytes: good.then_some(size) }
    }

    /// Whether the word behind the XSAVE area is the mark that it is complete.
    pub fn is_end_mark(word: u32) -> bool {
        word == MAGIC2
    }
}

/// Makes an area that came from the application loadable: reserved bits of MXCSR and of the header cleared, only components of `features`.
/// `area` is as long as the CPU's, its legacy part filled, and the rest too unless `xsave` is `None`.
pub fn sanitise_fpu(area: &mut [u8], features: u64, xsave: Option<usize>) {
    let mxcsr = get32(area, MXCSR) & MXCSR_VALID;
    put32(area, MXCSR, mxcsr);
    if features == 0 || area.len() < HEADER + 64 {
        return;
    }
    let present = match xsave {
        Some(_) => get(area, HEADER) & features,
        // Legacy state only: x87 and SSE.
        None => 3 & features,
    };
    area[HEADER..HEADER + 64].fill(0);
    put(area, HEADER, present);
}

impl UserRegs {
    /// The registers of a thread that clone made: 0 as result, its own stack when it is given one.
    pub fn set_clone_child(&mut self, stack: u64) {
        self.rax = 0;
        self.orig_rax = NO_SYSCALL;
        if stack != 0 {
            self.rsp = stack;
        }
    }

    /// Goes back to the `syscall` instruction, so that the call runs again with the same arguments.
    pub fn restart_syscall(&mut self) {
        self.rip = self.rip.wrapping_sub(2);
        self.rax = self.orig_rax;
        self.orig_rax = NO_SYSCALL;
    }

    /// The registers a program starts with: all zero but instruction and stack pointer (System V ABI, 3.4.1).
    pub fn program_start(entry: u64, stack: u64) -> UserRegs {
        UserRegs { rip: entry, rsp: stack, rflags: Self::FLAGS_ALWAYS, orig_rax: NO_SYSCALL, ..UserRegs::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn some_regs() -> UserRegs {
        let mut regs = UserRegs { rflags: 0x10646, cs: 8, ss: 16, orig_rax: 0, ..UserRegs::default() };
        for (i, register) in in_order(&mut regs).into_iter().enumerate() {
            *register = 0x1000 + i as u64;
        }
        regs
    }

    fn request<'a>(info: &'a [u8; 128], stack: &'a [u8; 24], features: u64) -> Request<'a> {
        Request {
            signal: 11,
            info,
            handler: 0x40_1000,
            restorer: 0x40_2000,
            alt_stack: stack,
            mask: 0x5,
            trap: (14, 6, 0xdead),
            fpu_features: features,
        }
    }

    #[test]
    fn a_frame_is_aligned_and_clear_of_what_is_above_it() {
        for sp in 0x7000_0000..0x7000_0080u64 {
            for fpu in [512, 576, 832, 2696] {
                let at = place(sp, fpu).unwrap();
                assert_eq!(at.frame % 16, 8);
                assert_eq!(at.fpu % 64, 0);
                assert!(at.frame + FRAME_BYTES as u64 <= at.fpu);
                assert!(at.frame + at.len as u64 <= sp);
            }
        }
        assert_eq!(place(100, 512), None);
    }

    #[test]
    fn offsets_are_those_of_the_c_headers() {
        // offsetof in glibc's ucontext_t, which begins 8 bytes into the frame; REG_* times 8 in gregs.
        let (info, stack) = ([0xaa; 128], [0xbb; 24]);
        let at = place(0x7000_0000, 832).unwrap();
        let mut bytes = vec![0; at.len];
        let mut regs = some_regs();
        let before = regs;
        write(at, &mut bytes, &request(&info, &stack, 7), &mut regs);
        let gregs = 8 + 40;
        assert_eq!(get(&bytes, gregs + 16 * 8), before.rip);
        assert_eq!(get(&bytes, gregs + 15 * 8), before.rsp);
        assert_eq!(get(&bytes, gregs + 13 * 8), before.rax);
        assert_eq!(get(&bytes, gregs + 17 * 8), before.rflags);
        assert_eq!(get(&bytes, gregs + 18 * 8), 0x2b_0000_0000_0033);
        assert_eq!(get(&bytes, gregs + 19 * 8), 6);
        assert_eq!(get(&bytes, gregs + 20 * 8), 14);
        assert_eq!(get(&bytes, gregs + 22 * 8), 0xdead);
        assert_eq!(get(&bytes, gregs + 23 * 8), at.fpu);
        assert_eq!(get(&bytes, 8 + 296), 0x5);
        assert_eq!(get(&bytes, 0), 0x40_2000);
        assert_eq!(regs.rdx, at.frame + 8);
        assert_eq!(regs.rsi, at.frame + 312);
        assert_eq!((regs.rdi, regs.rax, regs.rip, regs.rsp), (11, 0, 0x40_1000, at.frame));
        assert_eq!(regs.rflags & 0x1_0500, 0);
    }

    #[test]
    fn sigreturn_undoes_a_frame() {
        let (info, stack) = ([1; 128], [2; 24]);
        let at = place(0x7000_0000, 832).unwrap();
        let mut bytes = vec![0; at.len];
        let before = some_regs();
        let mut regs = before;
        write(at, &mut bytes, &request(&info, &stack, 7), &mut regs);
        assert_eq!(Saved::address(regs.rsp + 8), at.frame);
        let saved = Saved::parse(bytes[..SAVED_BYTES].try_into().unwrap());
        assert_eq!((saved.mask, saved.alt_stack, saved.fpu), (5, stack, at.fpu));
        saved.restore(&mut regs);
        assert_eq!(regs, UserRegs { orig_rax: NO_SYSCALL, rflags: before.rflags & FLAGS_FROM_FRAME | 0x202, ..before });
        let fpu = (at.fpu - at.frame) as usize;
        let legacy: &[u8; 512] = bytes[fpu..fpu + 512].try_into().unwrap();
        assert_eq!(FpuHeader::parse(legacy, 832).xsave_bytes, Some(832));
        assert_eq!(FpuHeader::parse(legacy, 700).xsave_bytes, None);
        assert!(FpuHeader::is_end_mark(get32(&bytes, fpu + 832)));
    }

    #[test]
    fn forged_state_is_cut_to_what_is_allowed() {
        let mut saved = Saved::parse(&[0xff; SAVED_BYTES]);
        saved.regs.rip = 0x1000;
        let mut regs = UserRegs { cs: 8, ss: 16, ..UserRegs::default() };
        saved.restore(&mut regs);
        // No I/O privilege, no nested task, interrupts on.
        assert_eq!((regs.cs, regs.ss, regs.rflags & 0x7000, regs.rflags & 0x200), (8, 16, 0, 0x200));
        let mut area = vec![0xff; 832];
        sanitise_fpu(&mut area, 7, Some(832));
        assert_eq!((get32(&area, 24), get(&area, 512)), (0xffff, 7));
        assert!(area[520..576].iter().all(|b| *b == 0));
        let mut area = vec![0xff; 832];
        sanitise_fpu(&mut area, 7, None);
        assert_eq!(get(&area, 512), 3);
    }
}
