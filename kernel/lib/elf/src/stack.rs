//! What a program finds on its stack (System V ABI, 3.4.1): argument count, pointers to arguments and environment, the auxiliary vector
//! (getauxval(3)), and the strings all of these point to.

use alloc::vec::Vec;
use uapi::{Errno, Result};

/// Keys of the auxiliary vector.
#[allow(missing_docs)]
pub mod aux {
    pub const NULL: u64 = 0;
    pub const PHDR: u64 = 3;
    pub const PHENT: u64 = 4;
    pub const PHNUM: u64 = 5;
    pub const PAGESZ: u64 = 6;
    pub const BASE: u64 = 7;
    pub const FLAGS: u64 = 8;
    pub const ENTRY: u64 = 9;
    pub const UID: u64 = 11;
    pub const EUID: u64 = 12;
    pub const GID: u64 = 13;
    pub const EGID: u64 = 14;
    pub const PLATFORM: u64 = 15;
    pub const HWCAP: u64 = 16;
    pub const CLKTCK: u64 = 17;
    pub const SECURE: u64 = 23;
    pub const RANDOM: u64 = 25;
    pub const HWCAP2: u64 = 26;
    pub const EXECFN: u64 = 31;
    pub const SYSINFO_EHDR: u64 = 33;
    pub const MINSIGSTKSZ: u64 = 51;
}

/// Longest single string with its NUL (MAX_ARG_STRLEN).
const MAX_STRING: usize = 128 << 10;

/// What goes on the stack.
pub struct Request<'a> {
    /// Arguments.
    pub argv: &'a [Vec<u8>],
    /// Environment.
    pub envp: &'a [Vec<u8>],
    /// The path it was started by (AT_EXECFN).
    pub exec_name: &'a [u8],
    /// The CPU's name (AT_PLATFORM).
    pub platform: &'a [u8],
    /// AT_RANDOM.
    pub random: [u8; 16],
    /// The auxiliary vector without the entries that point into the stack (EXECFN, PLATFORM, RANDOM) and without the final NULL.
    pub aux: &'a [(u64, u64)],
    /// Most bytes that arguments, environment and their pointers may take (a quarter of RLIMIT_STACK).
    pub limit: usize,
}

/// A stack to be copied to where it belongs.
#[derive(Debug, PartialEq, Eq)]
pub struct Stack {
    /// The stack pointer to start with: the address of the first of `bytes`. A multiple of 16.
    pub sp: u64,
    /// From `sp` to the top.
    pub bytes: Vec<u8>,
    /// The argument strings: first address and behind the last.
    pub arguments: (u64, u64),
    /// The environment strings.
    pub environment: (u64, u64),
    /// The auxiliary vector as it is on the stack, without the final NULL.
    pub aux: Vec<(u64, u64)>,
}

/// Lays the stack out below `top` (a multiple of 16). E2BIG when arguments and environment are too long; EINVAL for a string that holds a NUL.
pub fn build(top: u64, request: &Request<'_>) -> Result<Stack> {
    let strings = || request.argv.iter().chain(request.envp);
    let mut string_bytes = 0usize;
    for string in strings() {
        if string.len() >= MAX_STRING {
            return Err(Errno::E2BIG);
        }
        if string.contains(&0) {
            return Err(Errno::EINVAL);
        }
        string_bytes += string.len() + 1;
    }
    let pointers = request.argv.len() + request.envp.len();
    if string_bytes + 8 * pointers > request.limit || request.exec_name.len() >= MAX_STRING {
        return Err(Errno::E2BIG);
    }

    // From the top down: a null word, the path, environment, arguments; then platform and random bytes.
    let exec_name = top - 8 - (request.exec_name.len() as u64 + 1);
    let strings_start = exec_name - string_bytes as u64;
    let platform = (strings_start - (request.platform.len() as u64 + 1)) & !15;
    let random = platform - 16;
    let mut aux: Vec<(u64, u64)> = request.aux.to_vec();
    aux.extend([(aux::RANDOM, random), (aux::EXECFN, exec_name), (aux::PLATFORM, platform)]);
    // Count, arguments and null, environment and null, vector and null pair.
    let words = 1 + request.argv.len() + 1 + request.envp.len() + 1 + 2 * (aux.len() + 1);
    let sp = (random - 8 * words as u64) & !15;

    let mut bytes = Vec::new();
    bytes.try_reserve_exact((top - sp) as usize).map_err(|_| Errno::ENOMEM)?;
    let word = |bytes: &mut Vec<u8>, value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    word(&mut bytes, request.argv.len() as u64);
    let mut at = strings_start;
    let mut pointers_to = |bytes: &mut Vec<u8>, list: &[Vec<u8>]| {
        let start = at;
        for string in list {
            word(bytes, at);
            at += string.len() as u64 + 1;
        }
        word(bytes, 0);
        (start, at)
    };
    let arguments = pointers_to(&mut bytes, request.argv);
    let environment = pointers_to(&mut bytes, request.envp);
    for (key, value) in aux.iter().chain(&[(aux::NULL, 0)]) {
        word(&mut bytes, *key);
        word(&mut bytes, *value);
    }
    let pad_to = |bytes: &mut Vec<u8>, addr: u64| bytes.resize((addr - sp) as usize, 0);
    pad_to(&mut bytes, random);
    bytes.extend_from_slice(&request.random);
    bytes.extend_from_slice(request.platform);
    pad_to(&mut bytes, strings_start);
    for string in strings() {
        bytes.extend_from_slice(string);
        bytes.push(0);
    }
    bytes.extend_from_slice(request.exec_name);
    pad_to(&mut bytes, top);
    Ok(Stack { sp, bytes, arguments, environment, aux })
}
