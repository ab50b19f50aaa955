//! Real files, hostile files, stacks.

use crate::stack::{self, Request, aux};
use crate::*;
use alloc::vec::Vec;
use uapi::Errno;

const LIMIT: u64 = 0x7fff_ffff_f000;

fn put(bytes: &mut [u8], at: usize, value: u64, len: usize) {
    bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
}

/// A program with one code and one data segment.
fn sample() -> Vec<u8> {
    let mut file = alloc::vec![0u8; 0x3000];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    put(&mut file, 16, 2, 2);
    put(&mut file, 18, 62, 2);
    put(&mut file, 24, 0x401000, 8);
    put(&mut file, 32, 64, 8);
    put(&mut file, 54, 56, 2);
    put(&mut file, 56, 3, 2);
    let mut header = |i: usize, kind: u64, flags: u64, offset: u64, addr: u64, file_size: u64, mem_size: u64| {
        let at = 64 + 56 * i;
        put(&mut file, at, kind, 4);
        put(&mut file, at + 4, flags, 4);
        put(&mut file, at + 8, offset, 8);
        put(&mut file, at + 16, addr, 8);
        put(&mut file, at + 32, file_size, 8);
        put(&mut file, at + 40, mem_size, 8);
        put(&mut file, at + 48, 0x1000, 8);
    };
    header(0, 1, 5, 0, 0x400000, 0x1800, 0x1800);
    header(1, 1, 6, 0x1e10, 0x402e10, 0x300, 0x2000);
    header(2, 0x6474_e551, 6, 0, 0, 0, 0);
    file
}

fn parse(file: &[u8]) -> Result<Elf, Error> {
    Elf::parse(file, Machine::X86_64, LIMIT)
}

#[test]
fn segments_cover_file_tail_and_zero_pages() {
    let elf = parse(&sample()).unwrap();
    assert_eq!((elf.kind, elf.entry, elf.stack), (Kind::Fixed, 0x401000, StackKind::Plain));
    assert_eq!(elf.headers, Some(0x400040));
    let data = elf.segments[1];
    assert_eq!(data.file_pages(), Some((0x402000, 0x1000, 0x2000)));
    assert_eq!(data.tail(), Some((0x403110, 0xef0)));
    assert_eq!(data.zero_pages(), Some((0x404000, 0x1000)));
    assert_eq!(elf.segments[0].zero_pages(), None);
    assert_eq!(elf.span(), (0x400000, 0x405000));
    assert_eq!(elf.data_end(), 0x404e10);
    assert_eq!(elf.code(), (0x400000, 0x401800));
}

#[test]
fn the_running_test_is_a_program() {
    let file = std::fs::read("/proc/self/exe").unwrap();
    let machine = if cfg!(target_arch = "x86_64") { Machine::X86_64 } else { Machine::Aarch64 };
    let elf = Elf::parse(&file[..], machine, LIMIT).unwrap();
    assert_eq!(elf.kind, Kind::Relocatable);
    assert!(elf.interpreter.unwrap().starts_with(b"/lib"));
    assert!(elf.segments.len() >= 2 && elf.headers.is_some());
}

#[test]
fn every_cut_and_every_flipped_byte_of_the_headers_is_survived() {
    let good = sample();
    for len in 0..0x2200 {
        let _ = parse(&good[..len]);
    }
    assert_eq!(parse(&good[..0x2000]).unwrap_err().errno, Errno::ENOEXEC);
    for at in 0..64 + 3 * 56 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut file = good.clone();
            file[at] = value;
            if let Ok(elf) = parse(&file) {
                for segment in &elf.segments {
                    assert!(segment.page_end() <= LIMIT && segment.page_start() < segment.page_end());
                    let _ = (segment.file_pages(), segment.tail(), segment.zero_pages());
                }
            }
        }
    }
}

#[test]
fn lies_are_refused_with_a_reason() {
    let with = |at: usize, value: u64, len: usize| {
        let mut file = sample();
        put(&mut file, at, value, len);
        parse(&file).unwrap_err().reason
    };
    assert_eq!(with(18, 183, 2), "is for another CPU");
    assert_eq!(with(16, 1, 2), "is an ELF file, but no executable");
    assert_eq!(with(56, 0, 2), "has no program headers");
    assert_eq!(with(56, 0xffff, 2), "has too many program headers");
    assert_eq!(with(32, u64::MAX, 8), "is truncated: program headers lie behind the file");
    assert_eq!(with(64 + 16, LIMIT, 8), "has a segment outside the address space");
    assert_eq!(with(64 + 16, 0, 8), "has a segment at address 0");
    assert_eq!(with(64 + 16, 0x400001, 8), "has a segment that is not aligned to pages");
    assert_eq!(with(64 + 40, 8, 8), "has a segment that is larger in the file than in memory");
    assert_eq!(with(64 + 56 + 40, u64::MAX, 8), "has a segment outside the address space");
    assert_eq!(with(24, u64::MAX, 8), "begins outside the address space");
}

#[test]
fn random_bytes_never_panic() {
    // A linear congruential generator: the same bytes in every run.
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize
    };
    for _ in 0..20_000 {
        let mut file = sample();
        for _ in 0..next() % 6 + 1 {
            let at = next() % 232;
            file[at] = next() as u8;
        }
        file.truncate(next() % file.len());
        let _ = parse(&file);
        let _ = Script::parse(&file);
    }
}

#[test]
fn scripts() {
    let parse = |text: &[u8]| Script::parse(text).map(|s| (s.interpreter, s.argument));
    assert_eq!(parse(b"#!/bin/sh\necho"), Some((b"/bin/sh".to_vec(), None)));
    assert_eq!(parse(b"#! \t/usr/bin/env  python3 -u \nx"), Some((b"/usr/bin/env".to_vec(), Some(b"python3 -u".to_vec()))));
    assert_eq!(parse(b"#!/bin/sh"), Some((b"/bin/sh".to_vec(), None)));
    assert_eq!(parse(b"#!   \n/bin/sh"), None);
    assert_eq!(parse(b"#\n"), None);
    let mut long = b"#!/".to_vec();
    long.resize(300, b'a');
    assert_eq!(parse(&long), None);
    let mut cut = b"#!/bin/sh ".to_vec();
    cut.resize(300, b'a');
    assert_eq!(parse(&cut).unwrap().1.unwrap().len(), 255 - 10);
}

fn words(stack: &stack::Stack) -> Vec<u64> {
    stack.bytes.chunks_exact(8).map(|c| u64::from_le_bytes(c.try_into().unwrap())).collect()
}

#[test]
fn the_stack_is_as_the_abi_has_it() {
    let argv = [b"prog".to_vec(), b"".to_vec(), b"two words".to_vec()];
    let envp = [b"A=1".to_vec()];
    let top = 0x7fff_ffff_e000;
    let request = Request {
        argv: &argv,
        envp: &envp,
        exec_name: b"/bin/prog",
        platform: b"x86_64",
        random: [7; 16],
        aux: &[(aux::PAGESZ, 4096), (aux::ENTRY, 0x401000)],
        limit: 1 << 20,
    };
    let stack = stack::build(top, &request).unwrap();
    assert_eq!((stack.sp % 16, stack.bytes.len() as u64), (0, top - stack.sp));
    let string = |addr: u64| {
        let rest = &stack.bytes[(addr - stack.sp) as usize..];
        &rest[..rest.iter().position(|b| *b == 0).unwrap()]
    };
    let w = words(&stack);
    assert_eq!(w[0], 3);
    assert_eq!((string(w[1]), string(w[2]), string(w[3]), w[4]), (&b"prog"[..], &b""[..], &b"two words"[..], 0));
    assert_eq!((string(w[5]), w[6]), (&b"A=1"[..], 0));
    assert_eq!(&w[7..9], &[aux::PAGESZ, 4096]);
    let find = |key| stack.aux.iter().find(|(k, _)| *k == key).unwrap().1;
    assert_eq!(string(find(aux::EXECFN)), b"/bin/prog");
    assert_eq!(string(find(aux::PLATFORM)), b"x86_64");
    let random = (find(aux::RANDOM) - stack.sp) as usize;
    assert_eq!(stack.bytes[random..random + 16], [7; 16]);
    assert_eq!(w[7 + 2 * stack.aux.len()], aux::NULL);
    assert_eq!(stack.arguments, (w[1], w[5]));
    assert_eq!(stack.environment, (w[5], w[5] + 4));
    assert_eq!(stack::build(top, &Request { limit: 50, ..request }).unwrap_err(), Errno::E2BIG);
}
