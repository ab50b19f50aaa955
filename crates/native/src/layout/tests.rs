use super::*;
use crate::image::testing::{Header, file};

fn headers(address: u64) -> Header {
    Header { kind: elf::PT_PHDR, flags: 4, address, contents: Vec::new(), memory: 0 }
}

fn refusal(kind: u16, entry: u64, list: &[Header]) -> String {
    lay_out(&file(kind, entry, list), "app").unwrap_err().to_string()
}

#[test]
fn contents_are_padded_to_pages_and_zeroed_data_are_only_counted() {
    let list = [
        headers(0x40_0040),
        Header::load(0x40_0000, 5, &[0x90; 0x1800], 0x1800),
        Header::load(0x40_2e10, 6, &[7; 0x300], 0x3000),
        Header::load(0x50_0000, 6, &[], 0x10),
    ];
    let laid_out = lay_out(&file(elf::ET_EXEC, 0x40_0100, &list), "app").unwrap();
    let shape: Vec<_> = laid_out.segments.iter().map(|s| (s.addr, s.bytes, s.start, s.stored)).collect();
    assert_eq!(shape, [(0x40_0000, 0x2000, 0, 0x2000), (0x40_2000, 0x4000, 0x2000, 0x2000), (0x50_0000, 0x1000, 0x4000, 0)]);
    assert_eq!(laid_out.pages.len(), 0x4000);
    let data = &laid_out.pages[0x2000..];
    assert!(data[..0xe10].iter().chain(&data[0x1110..]).all(|byte| *byte == 0), "what is not the program's reads as zero");
    assert!(data[0xe10..0x1110].iter().all(|byte| *byte == 7));
    let program = laid_out.program;
    assert_eq!((program.headers, program.header_count), (0x40_0040, 4));
    assert_eq!((program.data_end, program.code_start, program.code_end), (0x50_0010, 0x40_0000, 0x40_1800));
}

#[test]
fn other_programs_are_refused_with_the_way_out() {
    let load = || Header::load(0x40_0000, 5, &[0x90; 16], 16);
    let expected = "expected a static program at fixed addresses: link it with -static -no-pie";
    assert_eq!(
        refusal(elf::ET_DYN, 0x40_0000, &[headers(1), load()]),
        format!("app is a position-independent program or a library; {expected}")
    );
    let interpreter = Header { kind: elf::PT_INTERP, flags: 4, address: 0x40_1000, contents: b"/ld.so\0".to_vec(), memory: 7 };
    assert_eq!(refusal(elf::ET_EXEC, 0x40_0000, &[headers(1), load(), interpreter]), format!("app is dynamically linked; {expected}"));
    assert!(refusal(elf::ET_EXEC, 0x40_0010, &[headers(1), load()]).contains("begins outside its code"));
    assert!(refusal(elf::ET_EXEC, 0x40_0000, &[load()]).contains("program headers are in no loaded segment"));
    let low = refusal(elf::ET_EXEC, 0x1000, &[headers(1), Header::load(0x1000, 5, &[0; 9], 9)]);
    assert!(low.starts_with("app: the segment at 0x1000 lies outside"), "{low}");
    let shared = refusal(elf::ET_EXEC, 0x40_0000, &[headers(1), load(), Header::load(0x40_0800, 6, &[1], 1)]);
    assert!(shared.starts_with("app: the segment at 0x400800 shares a page with the one at 0x400000"), "{shared}");
}

#[test]
fn hostile_files_are_survived() {
    let good = file(elf::ET_EXEC, 0x40_0000, &[headers(0x40_0040), Header::load(0x40_0000, 5, &[0x90; 64], 64)]);
    for len in 0..good.len() {
        let _ = lay_out(&good[..len], "app");
    }
    for at in 0..64 + 2 * 56 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bad = good.clone();
            bad[at] = value;
            let _ = lay_out(&bad, "app");
        }
    }
}
