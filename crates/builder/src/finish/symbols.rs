//! Names of the kernel's functions.

use object::read::elf::ElfFile64;
use object::{Object, ObjectSection, ObjectSymbol, SectionIndex, SectionKind};

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol {
    /// Its first byte.
    pub address: u64,
    /// Its length in bytes; 0 where assembly does not say.
    pub size: u64,
    /// Its name as people write it.
    pub name: String,
}

/// A name as people write it, without the hash that tells versions of a crate apart and the number of an optimiser's copy.
#[must_use]
pub fn demangled(name: &str) -> String {
    let copy = |name: &str| {
        name.rsplit_once('.').filter(|(_, number)| number.bytes().all(|b| b.is_ascii_digit())).map(|(name, _)| name.to_owned())
    };
    let name = copy(name).unwrap_or_else(|| name.to_owned());
    format!("{:#}", rustc_demangle::demangle(&name))
}

/// Every named place in code, sorted by address.
pub(crate) fn functions(elf: &[u8]) -> Result<Vec<Symbol>, String> {
    let file = ElfFile64::<object::Endianness>::parse(elf).map_err(|error| format!("damaged ELF file: {error}"))?;
    let code: Vec<SectionIndex> =
        file.sections().filter(|section| section.kind() == SectionKind::Text).map(|section| section.index()).collect();
    let named = file.symbols().filter(|symbol| symbol.section_index().is_some_and(|index| code.contains(&index)));
    let mut found: Vec<Symbol> = named
        .filter_map(|symbol| {
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            Some(Symbol { address: symbol.address(), size: symbol.size(), name: demangled(name) })
        })
        .collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// Lines of an address and a name, as crash reports are read with.
pub(crate) fn listing(elf: &[u8]) -> Result<String, String> {
    Ok(functions(elf)?.iter().map(|symbol| format!("{:016x}  {}\n", symbol.address, symbol.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_source() {
        assert_eq!(demangled("_ZN3vfs4walk17h0123456789abcdefE.181"), "vfs::walk");
        assert_eq!(demangled("_RNvC3vfs4walk"), "vfs::walk");
        assert_eq!(demangled("pvh_start"), "pvh_start");
    }
}
