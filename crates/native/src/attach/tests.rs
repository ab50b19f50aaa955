use super::*;
use crate::image::testing::{Header, file};
use crate::lay_out;

/// A kernel of one page of code, with the note at its beginning.
fn kernel() -> Vec<u8> {
    let mut note = Vec::new();
    note.extend([NOTE_NAME_BYTES, 32, NOTE_TYPE].into_iter().flat_map(u32::to_le_bytes));
    note.extend_from_slice(&NOTE_NAME);
    note.resize(note.len() + ATTACHED_BYTES, 0);
    let headers = [
        Header { kind: elf::PT_NOTE, flags: elf::PF_R, address: 0x10_0000, contents: note.clone(), memory: 52 },
        Header::load(0x10_1000, elf::PF_R | elf::PF_X, &[0xf4; 100], 0x1234),
        Header { kind: elf::PT_NULL, flags: 0, address: 0, contents: Vec::new(), memory: 0 },
    ];
    file(elf::ET_EXEC, 0x10_1000, &headers)
}

/// The area of an image, by its own program header.
fn area(image: &[u8]) -> (u64, Vec<u8>) {
    let elf = Elf::read(image).unwrap();
    let last = elf.loads().last().unwrap();
    (last.p_paddr(LittleEndian), elf.contents(last).unwrap().to_vec())
}

fn attached(image: &[u8]) -> Vec<u32> {
    let elf = Elf::read(image).unwrap();
    let at = elf.note(b"Pith", NOTE_TYPE, ATTACHED_BYTES).unwrap();
    image[at..at + ATTACHED_BYTES].chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect()
}

#[test]
fn payloads_lie_behind_the_image_and_the_note_says_where() {
    let initrd = vec![b'i'; 5000];
    let attachment = Attachment { initrd: Some(&initrd), command_line: "env.vars=[ A=1 ] -- /app", program: None };
    let image = attach(&kernel(), &attachment).unwrap();
    let (start, area) = area(&image);
    assert_eq!(start, 0x10_3000, "the first page behind the kernel's zeroed data");
    let line = u32::try_from(attachment.command_line.len()).unwrap();
    assert_eq!(attached(&image), [0x10_3000, 5000 + line, 0, 5000, 5000, line, 0, 0]);
    assert_eq!(area, [initrd.as_slice(), attachment.command_line.as_bytes()].concat());
    // The kernel itself is as it was.
    let (old, new) = (kernel(), image);
    assert!(old[0x2000..] == new[0x2000..old.len()]);
}

#[test]
fn a_program_and_files_lie_at_page_boundaries() {
    let mut headers = Header::load(0x40_0040, 4, &[0; 56], 56);
    headers.kind = elf::PT_PHDR;
    let program = file(elf::ET_EXEC, 0x40_0010, &[headers, Header::load(0x40_0000, 5, &[0x90; 4097], 4097)]);
    let laid_out = lay_out(&program, "app").unwrap();
    let attachment = Attachment { initrd: Some(b"files"), command_line: "", program: Some(&laid_out) };
    let image = attach(&kernel(), &attachment).unwrap();
    let (_, area) = area(&image);
    let words = attached(&image);
    assert_eq!(words[2..6], [8192, 5, 0, 0]);
    let table = Range { start: words[6], bytes: words[7] };
    let (_, mut segments, name) = pith_abi::attached::Program::read(table.of(&area)).unwrap();
    let segment = segments.next().unwrap();
    assert_eq!((segment.addr, segment.bytes, segment.start, segment.stored, segment.rights), (0x40_0000, 8192, 0, 8192, 5));
    assert_eq!((segments.next(), name), (None, b"app".as_slice()));
    assert_eq!((area[4096], area[4097], area[8192]), (0x90, 0, b'f'));
}

#[test]
fn what_cannot_be_attached_to_is_refused() {
    let with = |command_line| Attachment { initrd: Some(b"x"), command_line, program: None };
    assert_eq!(attach(b"#!/bin/sh", &with("")).unwrap_err().to_string(), "the kernel is no ELF file");
    let other = file(elf::ET_EXEC, 0x10_1000, &[Header::load(0x10_1000, 5, &[0xf4; 9], 9)]);
    assert_eq!(attach(&other, &with("")), Err(AttachError::NoNote));
    let once = attach(&kernel(), &with("")).unwrap();
    assert_eq!(attach(&once, &with("")), Err(AttachError::Twice));
    assert!(matches!(attach(&kernel(), &with("env.vars=[ A=1")), Err(AttachError::CommandLine(_))));
    assert_eq!(attach(&kernel(), &Attachment::default()).unwrap(), kernel());
}
