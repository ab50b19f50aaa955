//! ELF files as a linker would not write them: a header and segments, every field as the caller says.

/// `e_machine` of x86_64.
pub const X86_64: u16 = 62;

/// A program header.
#[derive(Clone, Copy)]
pub struct Segment {
    /// `p_type`: 1 load, 3 interpreter.
    pub kind: u32,
    /// `p_flags`: 1 execute, 2 write, 4 read.
    pub flags: u32,
    /// Where in the file.
    pub offset: u64,
    /// Where in memory.
    pub address: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Bytes in memory.
    pub memory_size: u64,
    /// Alignment.
    pub align: u64,
}

impl Segment {
    /// The first page of the file at 4 MiB, which is where [`program`]'s code lies.
    pub const CODE: Segment =
        Segment { kind: 1, flags: 5, offset: 0, address: 0x40_0000, file_size: 0x1000, memory_size: 0x1000, align: 0x1000 };
}

/// Where the code of [`program`] lies in the file.
pub const CODE_OFFSET: u64 = 0x800;

/// An executable for `machine` that starts at `entry`. Its code, at [`CODE_OFFSET`] of its one page, is `exit_group(0)`.
pub fn program(machine: u16, entry: u64, segments: &[Segment]) -> Vec<u8> {
    let mut out = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [2, machine] {
        out.extend(half.to_le_bytes());
    }
    out.extend(1u32.to_le_bytes());
    for word in [entry, 64, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(0u32.to_le_bytes());
    for half in [64, 56, segments.len() as u16, 0, 0, 0] {
        out.extend(half.to_le_bytes());
    }
    for s in segments {
        out.extend(s.kind.to_le_bytes());
        out.extend(s.flags.to_le_bytes());
        for word in [s.offset, s.address, s.address, s.file_size, s.memory_size, s.align] {
            out.extend(word.to_le_bytes());
        }
    }
    out.resize(0x1000, 0);
    // mov eax, 231; xor edi, edi; syscall
    out[CODE_OFFSET as usize..][..9].copy_from_slice(&[0xb8, 231, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]);
    out
}
