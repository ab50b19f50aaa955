//! What the host attached to this image after it was linked (`pith_abi::attached`): found by a note, used where it lies.

use arch_x86_64::{DIRECT_MAP, KERNEL_BASE};
use pith_abi::attached::{Attached, NOTE_NAME, NOTE_NAME_BYTES, NOTE_TYPE, Range};

/// An ELF note; its descriptor is written by the host.
#[repr(C)]
struct Note {
    name_bytes: u32,
    bytes: u32,
    kind: u32,
    name: [u8; NOTE_NAME.len()],
    attached: Attached,
}

const NOTHING: Range = Range { start: 0, bytes: 0 };

#[used]
#[unsafe(link_section = ".note.pith")]
static NOTE: Note = Note {
    name_bytes: NOTE_NAME_BYTES,
    bytes: size_of::<Attached>() as u32,
    kind: NOTE_TYPE,
    name: NOTE_NAME,
    attached: Attached { area: NOTHING, initrd: NOTHING, command_line: NOTHING, program: NOTHING },
};

fn attached() -> Attached {
    let linked = &raw const NOTE.attached as u64;
    // SAFETY: the boot part of the image keeps physical addresses, and is mapped in the kernel window like the rest. Volatile, because the host changed what the
    // compiler believes to be constant.
    unsafe { ((linked + KERNEL_BASE) as *const Attached).read_volatile() }
}

/// The area's physical range: (start, end).
pub fn range() -> (u64, u64) {
    let area = attached().area;
    (area.start.into(), u64::from(area.start) + u64::from(area.bytes))
}

/// The bytes that `which` names.
fn part(which: impl FnOnce(&Attached) -> Range) -> &'static [u8] {
    let attached = attached();
    // SAFETY: the loader put the area there as part of the image, it is kept from the frame allocator, and nobody writes it.
    let area =
        unsafe { core::slice::from_raw_parts((u64::from(attached.area.start) + DIRECT_MAP) as *const u8, attached.area.bytes as usize) };
    which(&attached).of(area)
}

/// The root file system; empty when there is none.
pub fn initrd() -> &'static [u8] {
    part(|attached| attached.initrd)
}

/// The command line; empty when there is none.
pub fn command_line() -> &'static [u8] {
    part(|attached| attached.command_line)
}

/// The program's description ([`pith_abi::attached::Program`]); empty when there is none.
pub fn program() -> &'static [u8] {
    part(|attached| attached.program)
}

/// The bytes at `range` of the area.
pub fn bytes(range: Range) -> &'static [u8] {
    part(|_| range)
}
