//! Archives (cpio, newc) as a hostile or careless hand would write them: every field as the caller says, nothing checked.

/// Regular file, executable by everybody.
pub const PROGRAM: u32 = 0o100_755;
/// Directory.
pub const DIRECTORY: u32 = 0o40_755;
/// Symbolic link.
pub const LINK: u32 = 0o120_777;

/// One entry; `size` is what the header claims, whatever `data` has.
pub fn entry(name: &str, mode: u32, data: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"070701".to_vec();
    for field in [1, mode as usize, 0, 0, 1, 0, size, 0, 0, 0, 0, name.len() + 1, 0] {
        out.extend(format!("{field:08X}").bytes());
    }
    out.extend(name.bytes());
    out.push(0);
    pad(&mut out);
    out.extend(data);
    pad(&mut out);
    out
}

/// An honest entry.
pub fn file(name: &str, mode: u32, data: &[u8]) -> Vec<u8> {
    entry(name, mode, data, data.len())
}

/// Entries and a trailer.
pub fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut out = entries.concat();
    out.extend(entry("TRAILER!!!", 0, &[], 0));
    out
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}
