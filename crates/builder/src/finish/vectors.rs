//! How many vector registers the kernel's own code uses.
//!
//! Entry code keeps the application's registers: six of them, or all. Which, it reads in the image, where the number found here is written; an image that
//! this was not done to keeps all. What touches the application's registers by design is named `arch_vectors_*` and does not count.

use iced_x86::{Decoder, DecoderOptions, Instruction, OpKind, Register};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SectionKind};

/// Where the kernel reads the number.
const SYMBOL: &str = "arch_vector_registers";

/// What keeps and restores the application's registers.
const BY_DESIGN: &str = "arch_vectors_";

fn parse(elf: &[u8]) -> Result<ElfFile64<'_, Endianness>, String> {
    ElfFile64::parse(elf).map_err(|error| format!("damaged ELF file: {error}"))
}

/// The highest vector register in code, plus one; 0 when there is none.
pub fn count(elf: &[u8]) -> Result<u8, String> {
    let file = parse(elf)?;
    let mut most = 0;
    for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
        let data = section.data().map_err(|error| format!("damaged ELF file: {error}"))?;
        let index = section.index();
        // Decoding begins anew at each name: data between functions must not shift what follows.
        let named = file.symbols().filter(|symbol| symbol.section_index() == Some(index));
        let mut starts: Vec<(u64, bool)> =
            named.filter_map(|symbol| Some((symbol.address(), symbol.name().ok()?.starts_with(BY_DESIGN)))).collect();
        starts.push((section.address(), false));
        // Of several names for one place the one that exempts it counts.
        starts.sort_by_key(|(address, is_exempt)| (*address, !is_exempt));
        starts.dedup_by_key(|(address, _)| *address);
        let ends = starts.iter().skip(1).map(|(address, _)| *address).chain([section.address() + data.len() as u64]);
        for ((start, is_exempt), end) in starts.iter().zip(ends) {
            let offset = |address: u64| address.checked_sub(section.address()).and_then(|offset| usize::try_from(offset).ok());
            let code = offset(*start).zip(offset(end)).and_then(|(from, to)| data.get(from..to));
            if let (Some(code), false) = (code, is_exempt) {
                most = most.max(in_code(code));
            }
        }
    }
    Ok(most)
}

fn in_code(code: &[u8]) -> u8 {
    let mut decoder = Decoder::new(64, code, DecoderOptions::NONE);
    let mut instruction = Instruction::default();
    let mut most = 0;
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        for operand in 0..instruction.op_count() {
            let register = match instruction.op_kind(operand) {
                OpKind::Register => instruction.op_register(operand),
                OpKind::Memory => instruction.memory_index(),
                _ => Register::None,
            };
            if register.is_vector_register() {
                most = most.max(u8::try_from(register.number() + 1).unwrap_or(u8::MAX));
            }
        }
    }
    most
}

/// Writes the number into the image.
pub fn write(elf: &mut [u8], vectors: u8) -> Result<(), String> {
    let file = parse(elf)?;
    let symbol =
        file.symbols().find(|symbol| symbol.name() == Ok(SYMBOL)).ok_or_else(|| format!("no kernel of Pith's: no symbol {SYMBOL}"))?;
    let section = symbol.section_index().and_then(|index| file.section_by_index(index).ok());
    let range = section.and_then(|section| Some((section.address(), section.file_range()?.0)));
    let offset = range.and_then(|(base, offset)| usize::try_from(offset + symbol.address().checked_sub(base)?).ok());
    let place = offset.and_then(|offset| elf.get_mut(offset));
    *place.ok_or_else(|| format!("{SYMBOL} is not in the file"))? = vectors;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_register_counts_whatever_its_width() {
        assert_eq!(in_code(&[0xc3]), 0);
        // movaps xmm0, xmm5; ret
        assert_eq!(in_code(&[0x0f, 0x28, 0xc5, 0xc3]), 6);
        // movaps xmm8, [rax]
        assert_eq!(in_code(&[0x44, 0x0f, 0x28, 0x00]), 9);
        // vpxor ymm15, ymm0, ymm0
        assert_eq!(in_code(&[0xc5, 0x7d, 0xef, 0xf8]), 16);
        // vgatherdps xmm0, [rax + xmm11*4], xmm1
        assert_eq!(in_code(&[0xc4, 0xa2, 0x71, 0x92, 0x04, 0x98]), 12);
    }
}
