//! What an archive has to be, by the digests that a Makefile.uk may give.

use crate::error::{Error, Result};
use sha2::Digest;
use std::fs::File;
use std::io::{self, Read, Seek};

/// How a digest is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, against damage only.
    Md5,
    /// SHA-1, against damage only.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// By its name in Makefile.uk, which ends variables (`NAME_ORIGIN_SHA256`).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "MD5" => Self::Md5,
            "SHA1" => Self::Sha1,
            "SHA256" => Self::Sha256,
            "SHA512" => Self::Sha512,
            _ => return None,
        })
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
        }
    }

    fn of(self, file: &mut File) -> io::Result<String> {
        match self {
            Self::Md5 => compute::<md5::Md5>(file),
            Self::Sha1 => compute::<sha1::Sha1>(file),
            Self::Sha256 => compute::<sha2::Sha256>(file),
            Self::Sha512 => compute::<sha2::Sha512>(file),
        }
    }
}

/// A digest that an archive has to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// Hexadecimal, in lower case.
    pub expected: String,
}

impl Checksum {
    /// Compares it with the whole of a file. `name` is for messages.
    ///
    /// # Errors
    /// It is another one; the file cannot be read.
    pub(crate) fn check(&self, name: &str, file: &mut File) -> Result<()> {
        let found = self.algorithm.of(file).map_err(Error::at(name.as_ref()))?;
        if found == self.expected {
            return Ok(());
        }
        let expected = self.expected.clone();
        Err(Error::Checksum { address: name.to_owned(), algorithm: self.algorithm.shown(), expected, found })
    }
}

fn compute<D: Digest>(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut hash = D::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn digests_of_nothing_and_abc() {
        // RFC 1321, RFC 3174, FIPS 180-4.
        for (name, text, expected) in [
            ("MD5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("SHA1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("SHA256", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (
                "SHA512",
                "abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            assert_eq!(Algorithm::named(name).unwrap().of(&mut file).unwrap(), expected, "{name}");
        }
        assert_eq!(Algorithm::named("CRC32"), None);
    }
}
